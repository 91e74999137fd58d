use glassloop::{io, stream, task, task_local, time};
use std::future::{Ready, ready};

task_local!(static LEVEL: u32);

fn to_a_thread(_: impl Send) {}

fn main() {
    let now = ready(());
    let (scope, heir) = (LEVEL.scope(1, now.clone()), task::inherit(now.clone()));
    let deadline = time::deadline_at(time::Instant::now(), now);
    let stream = stream::generate(|_: stream::Yielder<u8>| -> Ready<()> { ready(()) });
    let (reader, writer) = io::duplex(1).0.into_split();
    to_a_thread(scope);
    to_a_thread(heir);
    to_a_thread(deadline);
    to_a_thread(stream);
    to_a_thread(reader);
    to_a_thread(writer);
    to_a_thread(io::stdin());
}

// error: `dyn StaysOnItsLoop` cannot be sent between threads safely
//   line 14: `dyn StaysOnItsLoop` cannot be sent between threads safely
//   line 14: required by a bound introduced by this call
//   help: the trait `Send` is not implemented for `dyn StaysOnItsLoop`
//   note: required for `glassloop::cell::stays::Stays<Rc<(dyn Any + 'static)>>` to implement `Send`
//   note: required because it appears within the type `TaskLocalFuture<u32, std::future::Ready<()>>`
//   note: required by a bound in `to_a_thread`
//   line 6: required by this bound in `to_a_thread`
// error: `dyn StaysOnItsLoop` cannot be sent between threads safely
//   line 15: `dyn StaysOnItsLoop` cannot be sent between threads safely
//   line 15: required by a bound introduced by this call
//   help: the trait `Send` is not implemented for `dyn StaysOnItsLoop`
//   note: required for `glassloop::cell::stays::Stays<Option<Rc<Vec<glassloop::task::context::Binding>>>>` to implement `Send`
//   note: required because it appears within the type `Inherit<std::future::Ready<()>>`
//   note: required by a bound in `to_a_thread`
//   line 6: required by this bound in `to_a_thread`
// error: `dyn StaysOnItsLoop` cannot be sent between threads safely
//   line 16: `dyn StaysOnItsLoop` cannot be sent between threads safely
//   line 16: required by a bound introduced by this call
//   help: the trait `Send` is not implemented for `dyn StaysOnItsLoop`
//   note: required for `glassloop::cell::stays::Stays<Rc<(dyn Any + 'static)>>` to implement `Send`
//   note: required because it appears within the type `TaskLocalFuture<glassloop::time::Instant, std::future::Ready<()>>`
//   note: required because it appears within the type `Deadline<std::future::Ready<()>>`
//   note: required by a bound in `to_a_thread`
//   line 6: required by this bound in `to_a_thread`
// error: `dyn StaysOnItsLoop` cannot be sent between threads safely
//   line 17: `dyn StaysOnItsLoop` cannot be sent between threads safely
//   line 17: required by a bound introduced by this call
//   help: the trait `Send` is not implemented for `dyn StaysOnItsLoop`
//   note: required for `glassloop::cell::stays::Stays<Rc<stream::generate::Place<u8>>>` to implement `Send`
//   note: required because it appears within the type `stream::generate::Body<u8, std::future::Ready<()>>`
//   note: required because it appears within the type `Generate<u8, std::future::Ready<()>>`
//   note: required by a bound in `to_a_thread`
//   line 6: required by this bound in `to_a_thread`
// error: `dyn StaysOnItsLoop` cannot be sent between threads safely
//   line 18: `dyn StaysOnItsLoop` cannot be sent between threads safely
//   line 18: required by a bound introduced by this call
//   help: the trait `Send` is not implemented for `dyn StaysOnItsLoop`
//   note: required for `glassloop::cell::stays::Stays<Rc<glassloop::io::duplex::Pipe>>` to implement `Send`
//   note: required because it appears within the type `SimplexReader`
//   note: required by a bound in `to_a_thread`
//   line 6: required by this bound in `to_a_thread`
// error: `dyn StaysOnItsLoop` cannot be sent between threads safely
//   line 19: `dyn StaysOnItsLoop` cannot be sent between threads safely
//   line 19: required by a bound introduced by this call
//   help: the trait `Send` is not implemented for `dyn StaysOnItsLoop`
//   note: required for `glassloop::cell::stays::Stays<Rc<glassloop::io::duplex::Pipe>>` to implement `Send`
//   note: required because it appears within the type `SimplexWriter`
//   note: required by a bound in `to_a_thread`
//   line 6: required by this bound in `to_a_thread`
// error: `dyn StaysOnItsLoop` cannot be sent between threads safely
//   line 20: `dyn StaysOnItsLoop` cannot be sent between threads safely
//   line 20: required by a bound introduced by this call
//   help: the trait `Send` is not implemented for `dyn StaysOnItsLoop`
//   note: required for `glassloop::cell::reference::TaskRef` to implement `Send`
//   note: required because it appears within the type `glassloop::cell::joined::Joined<Result<VecDeque<u8>, std::io::Error>>`
//   note: required because it appears within the type `glassloop::JoinHandle<Result<VecDeque<u8>, std::io::Error>>`
//   note: required because it appears within the type `Option<glassloop::JoinHandle<Result<VecDeque<u8>, std::io::Error>>>`
//   note: required because it appears within the type `glassloop::io::Stdin`
//   note: required by a bound in `to_a_thread`
//   line 6: required by this bound in `to_a_thread`
