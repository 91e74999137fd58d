use glassloop::sync::Mutex;

#[axum::debug_handler]
async fn handler() -> String {
    let numbers = Mutex::new(vec![1]);
    let guard = numbers.lock().await;
    glassloop::yield_now().await;
    format!("{guard:?}")
}

fn main() {
    let _ = handler();
}

// error: future cannot be sent between threads safely
//   line 3: future returned by `handler` is not `Send`
//   help: the trait `Send` is not implemented for `dyn StaysOnItsLoop`
//   note: future is not `Send` as this value is used across an await
//   line 6: await occurs here, with `numbers` maybe used later
//   line 5: has type `glassloop::sync::Mutex<Vec<i32>>` which is not `Send`
//   note: required by a bound in `__axum_macros_check_handler_future::check`
//   line 3: required by this bound in `check`
