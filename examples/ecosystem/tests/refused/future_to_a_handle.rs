fn main() {
    let remote = glassloop::Handle::current().spawn(async { 1 });
}

// error: expected a `FnOnce()` closure, found `{async block@future_to_a_handle.rs:2:53: 2:58}`
//   line 2: expected an `FnOnce()` closure, found `{async block@future_to_a_handle.rs:2:53: 2:58}`
//   line 2: required by a bound introduced by this call
//   help: the trait `FnOnce()` is not implemented for `{async block@future_to_a_handle.rs:2:53: 2:58}`
//   note: wrap the `{async block@future_to_a_handle.rs:2:53: 2:58}` in a closure with no arguments: `|| { /* code */ }`
//   note: required by a bound in `glassloop::join::remote::<impl Handle>::spawn`
