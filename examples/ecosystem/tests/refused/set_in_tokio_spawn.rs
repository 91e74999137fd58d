fn main() {
    tokio::spawn(async {
        let mut tasks = glassloop::JoinSet::new();
        tasks.spawn(async { 1 });
        tasks.join_next().await;
    });
}

// error: future cannot be sent between threads safely
//   line 2: future created by async block is not `Send`
//   help: the trait `Send` is not implemented for `dyn StaysOnItsLoop`
//   note: future is not `Send` as this value is used across an await
//   line 5: await occurs here, with `mut tasks` maybe used later
//   line 3: has type `glassloop::JoinSet<i32>` which is not `Send`
//   note: required by a bound in `tokio::spawn`
