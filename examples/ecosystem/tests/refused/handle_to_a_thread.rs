fn main() {
    glassloop::run(async {
        let task = glassloop::spawn(async { 6 * 7 });
        std::thread::spawn(move || drop(task));
    });
}

// error: `dyn StaysOnItsLoop` cannot be sent between threads safely
//   line 4: `dyn StaysOnItsLoop` cannot be sent between threads safely
//   line 4: required by a bound introduced by this call
//   help: the trait `Send` is not implemented for `dyn StaysOnItsLoop`
//   note: required for `glassloop::cell::reference::TaskRef` to implement `Send`
//   note: required because it appears within the type `glassloop::cell::joined::Joined<i32>`
//   note: required because it appears within the type `glassloop::JoinHandle<i32>`
//   note: required because it's used within this closure
//   note: required by a bound in `std::thread::spawn`
