use axum::Router;
use glassloop::sync::mpsc::Sender;

fn main() {
    let _ = Router::<Sender<u32>>::new();
}

// error: the function or associated item `new` exists for struct `Router<glassloop::sync::mpsc::Sender<u32>>`, but its trait bounds were not satisfied
//   line 5: function or associated item cannot be called on `Router<glassloop::sync::mpsc::Sender<u32>>` due to unsatisfied trait bounds
//   note: the following trait bounds were not satisfied:
// `dyn StaysOnItsLoop: Send`
// which is required by `glassloop::sync::mpsc::Sender<u32>: Send`
// `dyn StaysOnItsLoop: Send`
// which is required by `glassloop::sync::mpsc::Sender<u32>: std::marker::Sync`
