//! A recorded run as one page of HTML that fetches nothing: what ran, why, and what it waited for.
//!
//! The page's head forbids every request, so a browser holds that promise; the story stands in it as JSON (`data`),
//! and the scripts draw it. They are ordinary files, put one after the other: `model` reads the JSON, `words` makes
//! sentences, `draw` and `around` paint, `panel` and `input` are what a reader touches, `main` wires them.
//! No text of the story is ever read as markup: `data` escapes `<`, and the scripts make text nodes alone.

mod bare;
mod data;

use std::io::{self, Write};

use super::story::Story;
use bare::bare;

const PAGE: &str = include_str!("page.html");
const STYLE: &[u8] = bare!("page.css");
const SCRIPTS: [&[u8]; 7] = [
    bare!("model.js"),
    bare!("words.js"),
    bare!("draw.js"),
    bare!("around.js"),
    bare!("panel.js"),
    bare!("input.js"),
    bare!("main.js"),
];

/// Writes the page that shows `story`.
pub(crate) fn write(story: &Story, out: &mut dyn Write) -> io::Result<()> {
    let mut rest = PAGE;
    while let Some((before, after)) = rest.split_once("{{") {
        out.write_all(before.as_bytes())?;
        let (slot, after) = after.split_once("}}").expect("page.html closes its slots");
        match slot {
            "css" => out.write_all(STYLE)?,
            "js" => SCRIPTS.iter().try_for_each(|script| out.write_all(script))?,
            _ => data::write(story, out)?,
        }
        rest = after;
    }
    out.write_all(rest.as_bytes())
}
