#[glassloop::main]
fn main() {
    glassloop::yield_now().await;
}
