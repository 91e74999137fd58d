#[glassloop::main(flavor = "multi_thread", worker_threads = 4, seed = "x", timeout = "3s", seeds = 3, colour)]
async fn main() {
    glassloop::yield_now().await;
}
