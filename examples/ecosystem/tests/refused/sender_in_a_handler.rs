use glassloop::sync::mpsc::channel;

#[axum::debug_handler]
async fn handler() -> &'static str {
    let (sender, _receiver) = channel(1);
    sender.send(1).await.unwrap();
    "sent"
}

fn main() {
    let _ = handler();
}

// error: future cannot be sent between threads safely
//   line 3: future returned by `handler` is not `Send`
//   help: the trait `Send` is not implemented for `dyn StaysOnItsLoop`
//   note: future is not `Send` as this value is used across an await
//   line 6: await occurs here, with `sender` maybe used later
//   line 5: has type `glassloop::sync::mpsc::Sender<i32>` which is not `Send`
//   note: required by a bound in `__axum_macros_check_handler_future::check`
//   line 3: required by this bound in `check`
