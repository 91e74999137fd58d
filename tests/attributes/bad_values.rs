#[glassloop::test(start_paused = "true", seed = -1, timeout = 0)]
async fn three_at_once() {}

#[glassloop::test(seed = 18446744073709551616)]
async fn too_large() {}

#[glassloop::test(seed = SEED)]
async fn not_written_out() {}

#[glassloop::test(seed)]
async fn no_value() {}

#[glassloop::test(seed =)]
async fn no_value_either() {}

#[glassloop::test(timeout("3s"))]
async fn in_brackets() {}

#[glassloop::test(timeout = "soon")]
async fn no_time() {}

#[glassloop::test(timeout = -2)]
async fn in_the_past() {}

#[glassloop::test(timeout = 30s)]
async fn without_quotes() {}

#[glassloop::test(seeds = 0)]
async fn no_seeds() {}

#[glassloop::test(seeds = 7..3)]
async fn seeds_backwards() {}

#[glassloop::test(seeds = 3..)]
async fn seeds_without_end() {}

#[glassloop::test(seed = 1, seeds = 3)]
async fn seed_and_seeds() {}

#[glassloop::test(seed = 1, seed = 2)]
async fn a_seed_twice() {}

#[glassloop::test(crate = 7)]
async fn no_crate() {}
