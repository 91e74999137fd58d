#[glassloop::main]
#[glassloop::main]
async fn main() {}
