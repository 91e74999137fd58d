#[glassloop::test(crate = "nowhere")]
async fn named_wrongly() {}

#[glassloop::test(crate = "not a path")]
async fn not_a_path() {}
