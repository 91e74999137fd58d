//! Words and numbers of a story, for people.

use std::fmt::{self, Display, Formatter};
use std::panic::Location;
use std::path::Path;
use std::time::Duration;

use super::Life;
use crate::trace::Kind;

/// A duration in three digits at most: `1.25 s`, `40 ms`, `7 µs`.
pub(super) struct Time(pub(super) Duration);

impl Display for Time {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let nanos = self.0.as_nanos();
        // What rounds up to the next unit is told in that.
        let (unit, name) = match nanos {
            0 => return f.pad("0"),
            1..1_000 => (1, "ns"),
            1_000..999_500 => (1_000, "µs"),
            999_500..999_500_000 => (1_000_000, "ms"),
            999_500_000..59_950_000_000 => (1_000_000_000, "s"),
            59_950_000_000..3_597_000_000_000 => (60_000_000_000, "min"),
            _ => (3_600_000_000_000, "h"),
        };
        let hundredths = (nanos * 100 + unit / 2) / unit;
        let digits = match hundredths {
            0..1_000 => 2,
            1_000..10_000 => 1,
            _ => 0,
        };
        let number = format!("{:.digits$}", nanos as f64 / unit as f64);
        let number = if digits > 0 { number.trim_end_matches('0').trim_end_matches('.') } else { &number };
        f.pad(&format!("{number} {name}"))
    }
}

/// A part of a whole: `12 %`; what is neither nothing nor everything is never said to be.
pub(super) struct Share(pub(super) Duration, pub(super) Duration);

impl Display for Share {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let (part, whole) = (self.0.as_nanos(), self.1.as_nanos());
        match (part * 100 + whole / 2).checked_div(whole) {
            None => f.write_str("0 %"),
            Some(0) if part > 0 => f.write_str("under 1 %"),
            Some(100..) if part < whole => f.write_str("over 99 %"),
            Some(percent) => write!(f, "{percent} %"),
        }
    }
}

/// `1 poll`, `2 polls`.
pub(super) fn count(number: usize, thing: &str) -> String {
    format!("{number} {thing}{}", if number == 1 { "" } else { "s" })
}

/// A place in the source, without its folders: `main.rs:41`.
pub(super) fn short(site: &Location<'_>) -> String {
    let file = Path::new(site.file()).file_name().map_or(site.file().into(), |name| name.to_string_lossy());
    format!("{file}:{}", site.line())
}

impl Life {
    /// What a lane is called: the task's name, or what and whence it is.
    pub(super) fn label(&self) -> String {
        if let Some(name) = &self.name {
            return shown(name);
        }
        let site = self.site.map(short);
        match (self.kind, site) {
            (Kind::Root, _) => "root".to_owned(),
            (Kind::Blocking | Kind::Cpu, Some(site)) => format!("job {site}"),
            (Kind::Blocking | Kind::Cpu, None) => "job".to_owned(),
            (Kind::Task, Some(site)) => site,
            (Kind::Task, None) => "task".to_owned(),
        }
    }

    /// The same in this many columns. Of a place in the source the end tells more than the beginning.
    pub(super) fn fitted_label(&self, columns: usize) -> String {
        let label = self.label();
        if self.name.is_some() || width(&label) <= columns {
            return fitted(&label, columns);
        }
        let mirrored: String = fitted(&label.chars().rev().collect::<String>(), columns);
        mirrored.chars().rev().collect()
    }
}

/// A name that somebody chose, with what could steer a terminal written out.
pub(super) fn shown(name: &str) -> String {
    let mut shown = String::with_capacity(name.len());
    for char in name.chars() {
        match char {
            '"' | '\'' | '\\' => shown.push(char),
            char if is_mark(char) => shown.push(char),
            char => shown.extend(char.escape_debug()),
        }
    }
    shown
}

fn is_mark(char: char) -> bool {
    matches!(char, '\u{300}'..='\u{36f}')
}

/// How many columns a terminal gives a character. The common ranges; a rare one costs a crooked lane.
fn columns(char: char) -> usize {
    match char {
        _ if is_mark(char) => 0,
        '\u{1100}'..='\u{115f}' // Hangul
        | '\u{2e80}'..='\u{303e}' | '\u{3041}'..='\u{4dbf}' | '\u{4e00}'..='\u{a4cf}' // Kana, Han, Yi
        | '\u{ac00}'..='\u{d7a3}' | '\u{f900}'..='\u{faff}' | '\u{fe30}'..='\u{fe6f}'
        | '\u{ff00}'..='\u{ff60}' | '\u{ffe0}'..='\u{ffe6}' // full-width forms
        | '\u{1f300}'..='\u{1f64f}' | '\u{1f680}'..='\u{1f6ff}' | '\u{1f900}'..='\u{1f9ff}' // pictures
        | '\u{20000}'..='\u{3fffd}' => 2,
        _ => 1,
    }
}

/// How many columns a text takes.
pub(super) fn width(text: &str) -> usize {
    text.chars().map(columns).sum()
}

/// The text in exactly this many columns: cut, with a sign that it is, or filled up.
pub(super) fn fitted(text: &str, to: usize) -> String {
    let whole = width(text);
    if whole <= to {
        return format!("{text}{:pad$}", "", pad = to - whole);
    }
    let mut fitted = String::new();
    let mut left = to.saturating_sub(1);
    for char in text.chars() {
        match left.checked_sub(columns(char)) {
            Some(rest) => left = rest,
            None => break,
        }
        fitted.push(char);
    }
    if to > 0 {
        fitted.push('…');
    }
    format!("{fitted}{:left$}", "")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_has_three_digits_at_most_and_no_zeros_at_its_end() {
        let said = |nanos| Time(Duration::from_nanos(nanos)).to_string();
        let cases = [
            (0, "0"),
            (999, "999 ns"),
            (1_000, "1 µs"),
            (1_250, "1.25 µs"),
            (12_340, "12.3 µs"),
            (999_499, "999 µs"),
            (999_500, "1 ms"),
            (40_000_000, "40 ms"),
            (999_999_999, "1 s"),
            (59_940_000_000, "59.9 s"),
            (59_960_000_000, "1 min"),
            (90_000_000_000, "1.5 min"),
            (3_599_000_000_000, "1 h"),
            (360_000_000_000_000, "100 h"),
        ];
        for (nanos, wanted) in cases {
            assert_eq!(said(nanos), wanted, "{nanos}");
        }
    }

    #[test]
    fn a_share_is_never_rounded_to_nothing_or_all() {
        let said = |part, whole| Share(Duration::from_nanos(part), Duration::from_nanos(whole)).to_string();
        assert_eq!(
            [said(0, 9), said(1, 1000), said(1, 2), said(999, 1000), said(7, 7)].join(", "),
            "0 %, under 1 %, 50 %, over 99 %, 100 %"
        );
        assert_eq!(said(0, 0), "0 %");
    }

    #[test]
    fn a_name_that_could_steer_a_terminal_is_written_out() {
        assert_eq!(shown("a\u{1b}[31m\r\nb\u{202e}"), "a\\u{1b}[31m\\r\\nb\\u{202e}");
        assert_eq!(shown("über \"日本\" o\\o"), "über \"日本\" o\\o");
    }

    #[test]
    fn a_name_is_cut_between_characters_to_the_columns_that_they_take() {
        assert_eq!(fitted("resize", 6), "resize");
        assert_eq!(fitted("resize", 8), "resize  ");
        assert_eq!(fitted("resize", 5), "resi…");
        assert_eq!(fitted("日本語の名前", 6), "日本… ");
        assert_eq!(fitted("日本語の名前", 5), "日本…");
        assert_eq!(fitted("e\u{301}a\u{300}", 2), "e\u{301}a\u{300}");
        assert_eq!(fitted("abc", 0), "");
    }
}
