//! The page's style and scripts without what only their readers here want.

/// A file without its indentation, its empty lines, and the lines that are comment: 9 KiB less of a binary. A comment
/// fills lines of its own, and no text goes over the end of a line.
macro_rules! bare {
    ($file:literal) => {{
        const FILE: &[u8] = include_bytes!($file);
        const LENGTH: usize = bare::left::<0>(FILE).1;
        const LEFT: [u8; LENGTH] = bare::left::<LENGTH>(FILE).0;
        &LEFT
    }};
}
pub(super) use bare;

/// The first `N` bytes of what is left of `file`, and how many there are.
pub(super) const fn left<const N: usize>(file: &[u8]) -> ([u8; N], usize) {
    let (mut left, mut length) = ([0; N], 0);
    let (mut at, mut in_comment) = (0, false);
    while at < file.len() {
        while file[at] == b' ' {
            at += 1;
        }
        let begin = at;
        while file[at] != b'\n' {
            at += 1;
        }
        at += 1;
        in_comment |= file[begin] == b'/' && file[begin + 1] == b'*';
        let is_out = in_comment || begin + 1 == at || (file[begin] == b'/' && file[begin + 1] == b'/');
        in_comment &= !(at - begin > 2 && file[at - 3] == b'*' && file[at - 2] == b'/');
        let mut from = if is_out { at } else { begin };
        while from < at {
            if length < N {
                left[length] = file[from];
            }
            (from, length) = (from + 1, length + 1);
        }
    }
    (left, length)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comments_blanks_and_indentation_go_and_code_stays() {
        let file = b"/* What it\n   is. */\n\n  a = b / 2; /* kept: after code */\n  // gone\n/** gone */\n/re/.test(c);\n}\n";
        let (left, length) = left::<200>(file);
        assert_eq!(
            left[..length].escape_ascii().to_string(),
            "a = b / 2; /* kept: after code */\\n/re/.test(c);\\n}\\n"
        );
    }

    #[test]
    fn no_comment_ends_before_code_and_no_text_goes_over_the_end_of_a_line() {
        let files = [
            include_str!("page.css"),
            include_str!("model.js"),
            include_str!("words.js"),
            include_str!("draw.js"),
            include_str!("around.js"),
            include_str!("panel.js"),
            include_str!("input.js"),
            include_str!("main.js"),
        ];
        for line in files.into_iter().flat_map(str::lines) {
            let behind = line.split_once("*/").map_or("", |(_, behind)| behind);
            let is_whole = line.matches('`').count() % 2 == 0 && !line.ends_with('\\');
            assert!(behind.is_empty() && is_whole, "{line}");
        }
    }
}
