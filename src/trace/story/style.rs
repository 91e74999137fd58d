//! Whether text may be coloured.

use std::ffi::OsStr;
use std::io::IsTerminal;

/// How a text for people looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Style {
    color: bool,
}

impl Style {
    /// Text alone: for a file, a pipe, a test.
    #[must_use]
    pub const fn plain() -> Style {
        Style { color: false }
    }

    /// With colours, as ANSI escape sequences: the eight that every terminal has, as its user set them.
    #[must_use]
    pub const fn color() -> Style {
        Style { color: true }
    }

    /// With colours if the text goes to a terminal that shows them and its user does not mind: `NO_COLOR` is unset or
    /// empty (see <https://no-color.org>), and `TERM` is not `dumb`.
    ///
    /// # Examples
    /// ```
    /// use glassloop::trace::story::Style;
    /// let style = Style::auto(&std::io::stdout());
    /// # let _ = style;
    /// ```
    #[must_use]
    pub fn auto(out: &impl IsTerminal) -> Style {
        let variable = |name| std::env::var_os(name);
        Style::of(out.is_terminal(), variable("NO_COLOR").as_deref(), variable("TERM").as_deref())
    }

    fn of(is_terminal: bool, no_color: Option<&OsStr>, term: Option<&OsStr>) -> Style {
        let minds = no_color.is_some_and(|value| !value.is_empty()) || term.is_some_and(|term| term == "dumb");
        Style { color: is_terminal && !minds }
    }

    /// Appends `text` in the colour of these ANSI parameters, if there are colours.
    pub(super) fn paint(self, into: &mut String, parameters: &str, text: &str) {
        if self.color && !parameters.is_empty() {
            into.extend(["\x1b[", parameters, "m", text, "\x1b[0m"]);
        } else {
            into.push_str(text);
        }
    }
}

/// How many columns a terminal has; `None` if `out` is no terminal, or one that does not say.
///
/// # Examples
/// ```
/// use glassloop::trace::story::{Style, width};
/// use std::io::stdout;
///
/// let recorder = glassloop::trace::Recorder::new();
/// let runtime = glassloop::Builder::new().observer(recorder.observer()).build().unwrap();
/// runtime.block_on(async {});
/// let columns = width(&stdout()).unwrap_or(100);
/// print!("{}", recorder.story().timeline(columns, Style::auto(&stdout())));
/// ```
#[cfg(unix)]
#[must_use]
pub fn width(out: &impl std::os::fd::AsFd) -> Option<usize> {
    let size = rustix::termios::tcgetwinsize(out).ok()?;
    Some(usize::from(size.ws_col)).filter(|columns| *columns > 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decided(is_terminal: bool, no_color: Option<&str>, term: Option<&str>) -> Style {
        Style::of(is_terminal, no_color.map(OsStr::new), term.map(OsStr::new))
    }

    #[test]
    fn only_a_terminal_is_coloured_and_only_if_no_color_is_empty_and_it_is_not_dumb() {
        assert_eq!(decided(true, None, Some("xterm")), Style::color());
        assert_eq!(decided(true, None, None), Style::color());
        assert_eq!(decided(true, Some(""), None), Style::color(), "set, but empty: as if it were not set");
        assert_eq!(decided(true, Some("0"), None), Style::plain(), "whatever its value is");
        assert_eq!(decided(true, None, Some("dumb")), Style::plain());
        assert_eq!(decided(false, None, Some("xterm")), Style::plain());
    }
}
