//! Writes JSON by RFC 8259, by hand: the exports, the page and the dump need a few calls, and no crate for them.

use std::fmt::{self, Display};
use std::io::{self, Write};
use std::time::Duration;

/// Writes one JSON value, from left to right. An error of the writer beneath is kept, and told by [`Json::finish`], so
/// that who writes a value need not ask after each piece.
///
/// Text may stand inside a page's `<script>` as it is: `<` and the two line ends that JavaScript alone knows are
/// escaped too, which the RFC allows.
///
/// What writes knows neither the writer's type nor the value's, and stands in a binary once: with types it stood there
/// for each piece that is written: 46 KiB more.
pub(crate) struct Json<'a> {
    out: &'a mut dyn Write,
    /// A value stands before, in the same object or array.
    after_value: bool,
    new_line: bool,
    failed: Option<io::Error>,
}

impl<'a> Json<'a> {
    pub(crate) fn new(out: &'a mut dyn Write) -> Json<'a> {
        Json { out, after_value: false, new_line: false, failed: None }
    }

    /// Whether the writer took everything.
    pub(crate) fn finish(self) -> io::Result<()> {
        self.failed.map_or(Ok(()), Err)
    }

    /// `{…}`, with members by [`key`](Json::key) or [`member`](Json::member).
    pub(crate) fn object(&mut self, fill: impl FnOnce(&mut Json<'a>)) {
        self.open("{");
        fill(self);
        self.close("}");
    }

    /// `[…]`.
    pub(crate) fn array(&mut self, fill: impl FnOnce(&mut Json<'a>)) {
        self.open("[");
        fill(self);
        self.close("]");
    }

    /// The name of the member whose value is written next.
    #[inline(never)]
    pub(crate) fn key(&mut self, key: &str) -> &mut Json<'a> {
        self.shown(&key);
        self.raw(":");
        self.after_value = false;
        self
    }

    /// A member whose value is what `value` shows, as text.
    pub(crate) fn member(&mut self, key: &str, value: impl Display) {
        self.key(key).shown(&value);
    }

    /// A string: what `value` shows.
    pub(crate) fn text(&mut self, value: impl Display) {
        self.shown(&value);
    }

    pub(crate) fn number(&mut self, number: u64) {
        self.value(&number);
    }

    /// A number that may be less than 0.
    pub(crate) fn signed(&mut self, number: i64) {
        self.value(&number);
    }

    /// A time as microseconds with three digits after the point: exact, where a double would round.
    pub(crate) fn micros(&mut self, time: Duration) {
        let nanos = nanos(time);
        self.value(&format_args!("{}.{:03}", nanos / 1000, nanos % 1000));
    }

    pub(crate) fn bool(&mut self, truth: bool) {
        self.value(&truth);
    }

    pub(crate) fn null(&mut self) {
        self.value(&"null");
    }

    /// What comes next begins on a line of its own, for people and for `diff`.
    pub(crate) fn line(&mut self) {
        self.new_line = true;
    }

    #[inline(never)]
    fn open(&mut self, bracket: &str) {
        self.value(&bracket);
        self.after_value = false;
    }

    #[inline(never)]
    fn close(&mut self, bracket: &str) {
        self.end_line();
        self.raw(bracket);
        self.after_value = true;
    }

    #[inline(never)]
    fn shown(&mut self, value: &dyn Display) {
        self.value(&"\"");
        // An error of the writer is kept by `raw`; another one would be a `Display` that fails, and shows nothing more.
        let _ = fmt::Write::write_fmt(&mut Escaped(self), format_args!("{value}"));
        self.raw("\"");
    }

    #[inline(never)]
    fn value(&mut self, begin: &dyn Display) {
        if std::mem::replace(&mut self.after_value, true) {
            self.raw(",");
        }
        self.end_line();
        if self.failed.is_none() {
            self.failed = write!(self.out, "{begin}").err();
        }
    }

    fn end_line(&mut self) {
        if std::mem::take(&mut self.new_line) {
            self.raw("\n");
        }
    }

    #[inline(never)]
    fn raw(&mut self, text: &str) {
        if self.failed.is_none() {
            self.failed = self.out.write_all(text.as_bytes()).err();
        }
    }
}

/// 584 years fit.
pub(crate) fn nanos(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}

/// The inside of a string.
struct Escaped<'a, 'b>(&'a mut Json<'b>);

impl fmt::Write for Escaped<'_, '_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let mut plain = 0;
        for (at, found) in text.char_indices() {
            let short = match found {
                '"' => "\\\"",
                '\\' => "\\\\",
                '\n' => "\\n",
                '\r' => "\\r",
                '\t' => "\\t",
                '\0'..='\x1f' | '<' | '\x7f' | '\u{2028}' | '\u{2029}' => "",
                _ => continue,
            };
            self.0.raw(&text[plain..at]);
            match short {
                "" => self.0.raw(&format!("\\u{:04x}", u32::from(found))),
                short => self.0.raw(short),
            }
            plain = at + found.len_utf8();
        }
        self.0.raw(&text[plain..]);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(fill: impl FnOnce(&mut Json<'_>)) -> String {
        let mut text = Vec::new();
        let mut json = Json::new(&mut text);
        fill(&mut json);
        json.finish().unwrap();
        String::from_utf8(text).unwrap()
    }

    #[test]
    fn commas_stand_between_values_and_nowhere_else() {
        let text = written(|json| {
            json.object(|json| {
                json.key("none").null();
                json.key("list").array(|json| {
                    json.number(1);
                    json.array(|_| {});
                    json.object(|_| {});
                    json.bool(true);
                });
                json.line();
                json.member("name", 7);
                json.line();
            });
        });
        assert_eq!(text, "{\"none\":null,\"list\":[1,[],{},true],\n\"name\":\"7\"\n}");
    }

    #[test]
    fn hostile_text_is_escaped() {
        let text = written(|json| json.text("\"\\\n\r\t\0\x1f\x7f</script>\u{2028}\u{2029}ä🦀"));
        assert_eq!(text, r#""\"\\\n\r\t\u0000\u001f\u007f\u003c/script>\u2028\u2029ä🦀""#);
    }

    #[test]
    fn nanoseconds_are_exact_as_microseconds() {
        let text = written(|json| json.micros(Duration::from_nanos(u64::MAX)));
        assert_eq!(text, "18446744073709551.615");
        assert_eq!(written(|json| json.micros(Duration::from_nanos(7))), "0.007");
    }

    #[test]
    fn the_first_error_of_the_writer_is_told_at_the_end() {
        let mut two = [0; 2];
        let mut two = &mut two[..];
        let mut json = Json::new(&mut two);
        json.text("long");
        json.number(1);
        assert_eq!(json.finish().err().map(|error| error.kind()), Some(io::ErrorKind::WriteZero));
    }
}
