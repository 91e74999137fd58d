//! The function below the attribute. Its body is not parsed: what is wrong there, the compiler says itself, and an
//! editor can complete what is half written.

use proc_macro2::{Group, TokenStream};
use syn::parse::{Parse, ParseStream};
use syn::{Error, ReturnType, Safety, Signature, Type, Visibility};

use crate::arguments::Attribute;

pub(crate) struct Function {
    pub(crate) attributes: Vec<syn::Attribute>,
    pub(crate) visibility: Visibility,
    pub(crate) signature: Signature,
    pub(crate) body: TokenStream,
}

impl Parse for Function {
    fn parse(input: ParseStream) -> syn::Result<Function> {
        let attributes = input.call(syn::Attribute::parse_outer)?;
        let visibility = input.parse()?;
        let signature = input.parse()?;
        let body: Group = input.parse()?;
        Ok(Function {
            attributes,
            visibility,
            signature,
            body: TokenStream::from(proc_macro2::TokenTree::from(body)),
        })
    }
}

impl Function {
    /// Whether it returns `()`.
    pub(crate) fn returns_nothing(&self) -> bool {
        match &self.signature.output {
            ReturnType::Default => true,
            ReturnType::Type(_, output) => matches!(&**output, Type::Tuple(tuple) if tuple.elems.is_empty()),
        }
    }

    /// What it may not be. It is expanded all the same, but not called.
    pub(crate) fn check(&self, attribute: Attribute, errors: &mut Vec<Error>) {
        let name = attribute.name();
        let it = match attribute {
            Attribute::Main => "what starts the loop",
            Attribute::Test => "a test",
        };
        let Signature { asyncness, safety, abi, fn_token, generics, inputs, .. } = &self.signature;
        let mut refuse = |error: Error| errors.push(error);
        if asyncness.is_none() {
            let words = format!("`#[{name}]` is for an `async fn`: write `async` before this `fn`");
            refuse(Error::new(fn_token.span, words));
        }
        if let Safety::Unsafe(word) = safety {
            refuse(Error::new(
                word.span,
                format!("{it} cannot be `unsafe`, for nobody calls it who could keep a promise"),
            ));
        }
        if let Some(abi) = abi {
            refuse(Error::new_spanned(abi, format!("{it} cannot be `extern`, for Rust alone calls it")));
        }
        if !generics.params.is_empty() {
            refuse(Error::new_spanned(
                &generics.params,
                format!("{it} has no caller who could choose these; write the types out"),
            ));
        } else if let Some(clause) = &generics.where_clause {
            refuse(Error::new_spanned(clause, format!("{it} has no generics that this could be about")));
        }
        if !inputs.is_empty() {
            let words = match attribute {
                Attribute::Main => {
                    "nobody gives these: what starts the loop takes no arguments. For a function that is \
                                    given some, write `fn` without `async`, and `glassloop::run(async move { … })` \
                                    in it"
                }
                Attribute::Test => {
                    "nobody gives these: a test takes no arguments. For the same with several values, \
                                    write an `async fn` without the attribute, and a test for each that awaits it"
                }
            };
            refuse(Error::new_spanned(inputs, words));
        }
        self.check_attributes(attribute, errors);
    }

    /// Another attribute that would run it as well.
    fn check_attributes(&self, attribute: Attribute, errors: &mut Vec<Error>) {
        let name = attribute.name();
        for other in self.attributes.iter().filter(|other| runs(other)) {
            let path = other.path();
            let words = match attribute {
                Attribute::Test if path.is_ident("test") => {
                    format!("`#[{name}]` makes it a test already; remove this")
                }
                _ => format!("one attribute runs a function, and `#[{name}]` does already; remove one"),
            };
            errors.push(Error::new_spanned(path, words));
        }
        let panics = self.attributes.iter().any(|other| other.path().is_ident("should_panic"));
        if let (Attribute::Test, true, ReturnType::Type(_, output)) = (attribute, panics, &self.signature.output)
            && !self.returns_nothing()
        {
            let words = "a test with `#[should_panic]` returns `()`, for an `Err` is no panic";
            errors.push(Error::new_spanned(output, words));
        }
    }
}

/// Whether this attribute runs the function: ours, another runtime's, or `#[test]`.
pub(crate) fn runs(attribute: &syn::Attribute) -> bool {
    let last = attribute.path().segments.last();
    last.is_some_and(|segment| segment.ident == "test" || segment.ident == "main")
}
