#[glassloop::test(paused = true)]
async fn unknown() {}

#[glassloop::test(flavor = "current_thread")]
async fn flavor() {}

#[glassloop::test(flavor = "multi_thread", worker_threads = 2, unhandled_panic = "shutdown_runtime")]
async fn of_tokio() {}

#[glassloop::test(multi_thread)]
async fn of_an_older_tokio() {}

#[glassloop::test(7)]
async fn no_name() {}
