#[glassloop::test]
fn not_async() {
    glassloop::yield_now().await;
}

#[glassloop::test]
async fn with_arguments(n: u32) {
    assert_eq!(n, 1);
}

#[glassloop::test]
async fn generic<T>()
where
    T: Default,
{
    let _ = T::default();
}

#[glassloop::test]
async unsafe fn not_safe() {}

#[glassloop::test]
async extern "C" fn foreign() {}

#[glassloop::test]
struct NoFunction;

struct Holder;

impl Holder {
    #[glassloop::main]
    async fn method(&self) {}
}

#[glassloop::test]
#[should_panic]
async fn should_panic_and_returns_a_result() -> Result<(), std::fmt::Error> {
    Ok(())
}
