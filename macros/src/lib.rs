//! `#[glassloop::main]` and `#[glassloop::test]`. Use them through glassloop, feature `macros`: what they expand to
//! stands there, in `src/macros/attributes.rs`.

mod arguments;
mod expand;
mod function;
mod time;

use proc_macro::TokenStream;

use arguments::Attribute;

#[doc = include_str!("main.md")]
#[proc_macro_attribute]
pub fn main(arguments: TokenStream, item: TokenStream) -> TokenStream {
    expand::expand(Attribute::Main, arguments.into(), item.into()).into()
}

#[doc = include_str!("test.md")]
#[proc_macro_attribute]
pub fn test(arguments: TokenStream, item: TokenStream) -> TokenStream {
    expand::expand(Attribute::Test, arguments.into(), item.into()).into()
}
