//! What the table makes of samples.

use glassloop_benches::{Aim, Figure, Row, figure};

fn row(medians: &[(&str, f64)]) -> Row {
    let figures = medians.iter().map(|&(rival, median)| Figure::of(rival, vec![median])).collect();
    let [name, work, unit] = ["a-row", "work", "ns"].map(str::to_owned);
    Row { name, place: 1, work, unit, aim: Aim::AtMost(30.0), figures, missing: Vec::new() }
}

#[test]
fn samples_in_any_order_give_the_median_between_its_quartiles() {
    let found = Figure::of("tokio", vec![9.0, 1.0, 5.0, 7.0, 3.0]);
    assert_eq!((found.low, found.median, found.high, found.samples), (3.0, 5.0, 7.0, 5));
}

#[test]
fn the_best_peer_is_neither_the_floor_nor_glassloop_nor_of_another_language() {
    let row = row(&[("floor", 1.0), ("glassloop", 2.0), ("uvloop", 3.0), ("tokio", 9.0), ("monoio", 8.0)]);
    assert_eq!(row.best_peer().map(|best| &*best.rival), Some("monoio"));
}

#[test]
fn a_line_names_the_ratios_and_whether_the_aim_is_met() {
    let row = row(&[("floor", 20.0), ("glassloop", 25.0), ("smol", 50.0), ("tokio", 250.0)]);
    let expected =
        "work, ns: glassloop 25; floor 20 (×1.25); best peer smol 50 (×0.50); tokio 250 (×0.10); aim ≤ 30: met";
    assert_eq!(row.line(), expected);
}

#[test]
fn one_above_the_aim_is_missed() {
    assert_eq!(Aim::AtMost(30.0).met(30.1), Some(false));
    assert_eq!(Aim::AtLeast(50.0).met(49.9), Some(false));
}

#[test]
fn figures_have_three_digits_and_no_empty_ones() {
    assert_eq!([1.0 / 3.0, 9.998, 27.93, 30.0, 1684.7].map(figure), ["0.33", "10", "27.9", "30", "1685"]);
}
