//! `#[glassloop::main]` and `#[glassloop::test]`. Use them through glassloop, feature `macros`.
