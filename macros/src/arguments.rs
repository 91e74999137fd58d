//! What stands in the brackets: `start_paused = true, seed = 42`.

use std::ops::RangeInclusive;
use std::time::Duration;

use proc_macro2::{Span, TokenStream, TokenTree};
use syn::ext::IdentExt;
use syn::parse::{Parse, ParseStream, Parser};
use syn::spanned::Spanned;
use syn::{Error, Expr, ExprLit, ExprRange, ExprUnary, Ident, Lit, Path, RangeLimits, Token, UnOp};

use crate::time;

/// Which of the two is written.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Attribute {
    Main,
    Test,
}

impl Attribute {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Attribute::Main => "glassloop::main",
            Attribute::Test => "glassloop::test",
        }
    }

    fn known(self) -> &'static str {
        match self {
            Attribute::Main => "`start_paused`, `seed`, `crate`",
            Attribute::Test => "`start_paused`, `seed`, `seeds`, `timeout`, `crate`",
        }
    }
}

/// In which order ready tasks are polled.
#[derive(Default)]
pub(crate) enum Order {
    #[default]
    Fifo,
    Seed(u64),
    Seeds(RangeInclusive<u64>),
}

#[derive(Default)]
pub(crate) struct Arguments {
    pub(crate) start_paused: bool,
    pub(crate) order: Order,
    pub(crate) timeout: Option<Duration>,
    /// glassloop, as the user's crate calls it.
    pub(crate) krate: Option<Path>,
}

/// One of them: its name, and what stands behind `=`.
struct Argument {
    name: Ident,
    value: Option<Expr>,
}

impl Parse for Argument {
    fn parse(input: ParseStream) -> syn::Result<Argument> {
        let words = "an argument is a name and a value, as `seed = 42`";
        let name = input.call(Ident::parse_any).map_err(|error| Error::new(error.span(), words))?;
        if input.peek(syn::token::Paren) {
            let words = format!("a value stands behind `=`: `{name} = …`");
            return Err(Error::new(name.span(), words));
        }
        let value = if input.parse::<Option<Token![=]>>()?.is_some() {
            if input.is_empty() || input.peek(Token![,]) {
                return Err(Error::new(name.span(), needs_value(&name)));
            }
            Some(input.parse()?)
        } else {
            None
        };
        Ok(Argument { name, value })
    }
}

/// Reads all arguments. What is wrong with any is noted in `errors`, and it counts as not given.
pub(crate) fn parse(attribute: Attribute, tokens: TokenStream, errors: &mut Vec<Error>) -> Arguments {
    let mut arguments = Arguments::default();
    let mut seen: Vec<Ident> = Vec::new();
    for tokens in split_at_commas(tokens) {
        let note = || {
            let Argument { name, value } = Argument::parse.parse2(tokens)?;
            if seen.contains(&name) {
                return Err(Error::new(name.span(), format!("`{name}` is given twice")));
            }
            seen.push(name.clone());
            arguments.set(attribute, &name, value)
        };
        errors.extend(note().err());
    }
    let find = |wanted: &str| seen.iter().find(|name| *name == wanted);
    if attribute == Attribute::Test
        && let (Some(_), Some(seeds)) = (find("seed"), find("seeds"))
    {
        let words = "`seed` is one seed and `seeds` are many; give one of the two";
        errors.push(Error::new(seeds.span(), words));
    }
    arguments
}

/// Each argument by itself, so that a mistake in one hides none in the next.
fn split_at_commas(tokens: TokenStream) -> Vec<TokenStream> {
    let mut parts = vec![TokenStream::new()];
    for token in tokens {
        match token {
            TokenTree::Punct(mark) if mark.as_char() == ',' => parts.push(TokenStream::new()),
            token => parts.last_mut().expect("there is one from the beginning").extend([token]),
        }
    }
    parts.retain(|part| !part.is_empty());
    parts
}

impl Arguments {
    fn set(&mut self, attribute: Attribute, name: &Ident, value: Option<Expr>) -> syn::Result<()> {
        let is_test = attribute == Attribute::Test;
        let text = name.to_string();
        if let Some(words) = refused(attribute, &text, value.as_ref()) {
            return Err(Error::new(name.span(), words));
        }
        let known = matches!(&*text, "start_paused" | "seed" | "crate")
            || is_test && matches!(&*text, "seeds" | "timeout");
        if !known {
            let words =
                format!("`{name}` is no argument of `#[{}]`; it knows {}", attribute.name(), attribute.known());
            return Err(Error::new(name.span(), words));
        }
        let value = value.ok_or_else(|| Error::new(name.span(), needs_value(name)))?;
        let value = ungrouped(value);
        match &*text {
            "start_paused" => self.start_paused = boolean(&value)?,
            "seed" => self.order = Order::Seed(seed(&value)?),
            "seeds" => self.order = Order::Seeds(seeds(&value)?),
            "timeout" => self.timeout = Some(timeout(&value)?),
            _ => self.krate = Some(krate(value)?),
        }
        Ok(())
    }
}

/// What the other attribute, or tokio's, takes, and this one does not: why, and what to do.
fn refused(attribute: Attribute, name: &str, value: Option<&Expr>) -> Option<String> {
    let literal = match value {
        Some(Expr::Lit(ExprLit { lit: Lit::Str(text), .. })) => Some(text.value()),
        _ => None,
    };
    let more =
        "for more cores give each a thread and a runtime of its own, and CPU work to `glassloop::spawn_cpu`";
    let words = match name {
        "flavor" | "multi_thread" | "current_thread" => match literal.as_deref().unwrap_or(name) {
            "current_thread" | "local" => "a loop of glassloop always is one thread; leave this out".to_owned(),
            _ => format!(
                "a loop of glassloop is one thread, so there is no other flavor; leave this out, and {more}"
            ),
        },
        "worker_threads" | "core_threads" => {
            format!("a loop of glassloop is one thread and has no workers; leave this out, and {more}")
        }
        "unhandled_panic" => {
            "what is done about a failure that nobody sees is said by `Builder::on_unhandled`; build \
                              the runtime with `glassloop::Builder` and call its `block_on`"
                .to_owned()
        }
        "timeout" if attribute == Attribute::Main => {
            "`timeout` is for tests; put `glassloop::time::timeout` around \
                                                      what may take too long"
                .to_owned()
        }
        "seeds" if attribute == Attribute::Main => {
            "`seeds` is for tests, for a program runs once; give it one: `seed = 7`".to_owned()
        }
        _ => return None,
    };
    Some(words)
}

fn needs_value(name: &Ident) -> String {
    let example = match &*name.to_string() {
        "start_paused" => "true",
        "seed" => "42",
        "seeds" => "10",
        "timeout" => "\"30s\"",
        "crate" => "\"renamed\"",
        _ => "…",
    };
    format!("`{name}` needs a value: `{name} = {example}`")
}

/// Without the invisible brackets that a `macro_rules!` puts around what it was given.
fn ungrouped(mut value: Expr) -> Expr {
    while let Expr::Group(group) = value {
        value = *group.expr;
    }
    value
}

fn boolean(value: &Expr) -> syn::Result<bool> {
    match value {
        Expr::Lit(ExprLit { lit: Lit::Bool(value), .. }) => Ok(value.value),
        other => Err(Error::new_spanned(other, "`start_paused` is `true` or `false`")),
    }
}

fn seed(value: &Expr) -> syn::Result<u64> {
    number(value, "`seed` is a number from 0 to 18446744073709551615, as 42, written out")
}

fn number(value: &Expr, words: &str) -> syn::Result<u64> {
    match value {
        Expr::Lit(ExprLit { lit: Lit::Int(value), .. }) if matches!(value.suffix(), "" | "u64") => {
            value.base10_parse().map_err(|_| Error::new_spanned(value, words))
        }
        Expr::Group(group) => number(&group.expr, words),
        other => Err(Error::new_spanned(other, words)),
    }
}

fn seeds(value: &Expr) -> syn::Result<RangeInclusive<u64>> {
    const FORM: &str = "`seeds` is how many, as 10, or which, as 0..10, written out";
    const NONE: &str = "`seeds` holds none, so the test would never run; give it at least one";
    let none = || Error::new_spanned(value, NONE);
    let range = match value {
        Expr::Range(ExprRange { start: Some(start), limits, end: Some(end), .. }) => {
            let (start, end) = (number(start, FORM)?, number(end, FORM)?);
            match limits {
                RangeLimits::HalfOpen(_) => start..=end.checked_sub(1).ok_or_else(none)?,
                RangeLimits::Closed(_) => start..=end,
            }
        }
        other => 0..=number(other, FORM)?.checked_sub(1).ok_or_else(none)?,
    };
    if range.is_empty() { Err(none()) } else { Ok(range) }
}

fn timeout(value: &Expr) -> syn::Result<Duration> {
    let wrong = || Error::new_spanned(value, format!("`timeout` is {}", time::FORM));
    match value {
        Expr::Lit(ExprLit { lit, .. }) => match time::parse(lit) {
            Some(Duration::ZERO) => Err(Error::new_spanned(
                lit,
                "a `timeout` of 0 would stop the test before it begins; for no limit leave it out",
            )),
            Some(limit) => Ok(limit),
            None => Err(wrong()),
        },
        Expr::Unary(ExprUnary { op: UnOp::Neg(_), .. }) => {
            Err(Error::new_spanned(value, "a `timeout` lies ahead, and cannot be negative"))
        }
        _ => Err(wrong()),
    }
}

fn krate(value: Expr) -> syn::Result<Path> {
    let words = "`crate` is glassloop's name in this crate, as \"renamed\" or \"other::glassloop\"";
    let span: Span = value.span();
    match value {
        Expr::Lit(ExprLit { lit: Lit::Str(path), .. }) => {
            path.parse_with(Path::parse_mod_style).map_err(|_| Error::new(span, words))
        }
        Expr::Path(path) if path.qself.is_none() => Ok(path.path),
        _ => Err(Error::new(span, words)),
    }
}
