#[axum::debug_handler]
async fn handler() -> String {
    let task = glassloop::spawn(async { 6 * 7 });
    task.await.unwrap().to_string()
}

fn main() {
    let _ = handler();
}

// error: future cannot be sent between threads safely
//   line 1: future returned by `handler` is not `Send`
//   help: the trait `Send` is not implemented for `dyn StaysOnItsLoop`
//   note: future is not `Send` as it awaits another future which is not `Send`
//   line 4: await occurs here on type `glassloop::JoinHandle<i32>`, which is not `Send`
//   note: required by a bound in `__axum_macros_check_handler_future::check`
//   line 1: required by this bound in `check`
