//! A length of time, as it is written in an attribute.

use std::time::Duration;

use syn::Lit;

/// What a time-out may be.
pub(crate) const FORM: &str =
    "a number with a unit, as \"500ms\", \"30s\" or \"2m\", or a number of seconds, as 30 or 0.5";

/// The length that `literal` names; the error is a sentence's beginning that `FORM` ends.
pub(crate) fn parse(literal: &Lit) -> Option<Duration> {
    match literal {
        Lit::Str(text) => with_unit(&text.value()),
        Lit::Int(number) if number.suffix().is_empty() => seconds(number.base10_digits()),
        Lit::Float(number) if number.suffix().is_empty() => seconds(number.base10_digits()),
        _ => None,
    }
}

fn with_unit(text: &str) -> Option<Duration> {
    let text = text.trim();
    let (number, unit) = text.split_at(text.find(|c: char| c.is_ascii_alphabetic())?);
    let in_seconds = match unit {
        "us" => 1e-6,
        "ms" => 1e-3,
        "s" => 1.0,
        "m" | "min" => 60.0,
        "h" => 3600.0,
        _ => return None,
    };
    scaled(number.trim(), in_seconds)
}

fn seconds(number: &str) -> Option<Duration> {
    scaled(number, 1.0)
}

fn scaled(number: &str, by: f64) -> Option<Duration> {
    let is_plain = number.chars().all(|c| c.is_ascii_digit() || c == '.');
    let number: f64 = if is_plain { number.parse().ok()? } else { return None };
    let rounded = (number * by * 1e9).round() / 1e9; // 0.1 s is no sum of powers of two
    Duration::try_from_secs_f64(rounded).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_length_is_a_number_and_a_unit_or_a_number_of_seconds() {
        let parsed = |text: &str| parse(&syn::parse_str(text).unwrap());
        for (text, length) in [
            ("\"30s\"", Duration::from_secs(30)),
            ("\" 2 m \"", Duration::from_secs(120)),
            ("\"1.5h\"", Duration::from_secs(5400)),
            ("\"250ms\"", Duration::from_millis(250)),
            ("\"7us\"", Duration::from_micros(7)),
            ("30", Duration::from_secs(30)),
            ("1_000", Duration::from_secs(1000)),
            ("0.1", Duration::from_millis(100)),
        ] {
            assert_eq!(parsed(text), Some(length), "{text}");
        }
        for text in ["\"30\"", "\"s\"", "\"-1s\"", "\"soon\"", "\"\"", "\"infs\"", "\"3e2s\"", "30s", "true"] {
            assert_eq!(parsed(text), None, "{text}");
        }
    }
}
