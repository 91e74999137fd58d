//! The line of time above the lanes.

use std::time::Duration;

use super::Scale;
use crate::trace::story::Style;
use crate::trace::story::words::{Time, width};

/// Ticks stand at least this many columns apart.
const APART: u32 = 10;

/// The times of the ticks and, below them, where they stand.
pub(super) fn draw(text: &mut String, scale: &Scale, indent: usize, style: Style) {
    let mut times = String::new();
    let mut ruler: Vec<char> = vec!['─'; scale.columns];
    let step = step(scale.length * APART / scale.columns as u32);
    let mut at = Duration::ZERO;
    while at < scale.length {
        let column = scale.column(scale.begin + at);
        let time = Time(at).to_string();
        ruler[column] = if column == 0 { '┌' } else { '┬' };
        // Two ticks share no column, for they stand apart.
        if column + width(&time) <= scale.columns {
            times.extend(std::iter::repeat_n(' ', column.saturating_sub(width(&times))));
            times += &time;
        }
        at += step;
    }
    for line in [times, ruler.into_iter().collect()] {
        text.extend(std::iter::repeat_n(' ', indent));
        style.paint(text, "2", &line);
        text.push('\n');
    }
}

/// The least of 1, 2, 5, 10 … nanoseconds that is not less than `least`.
fn step(least: Duration) -> Duration {
    let mut power = 1;
    loop {
        for digit in [1, 2, 5] {
            let step = Duration::from_nanos(power * digit);
            if step >= least {
                return step;
            }
        }
        power = power.saturating_mul(10);
    }
}
