//! What becomes of the function: itself, inside one of the same name that is not `async` and runs it.
//!
//! It stays an `async fn` with the user's own tokens, so that what the compiler says of its types stands where it would
//! without the attribute. (tokio makes an `async` block of the body: there a missing value is an error about a block.)

use proc_macro2::{Span, TokenStream};
use quote::{quote, quote_spanned};
use syn::spanned::Spanned;
use syn::{Error, ReturnType};

use crate::arguments::{self, Arguments, Attribute, Order};
use crate::function::{self, Function};

/// The item, with all errors behind it.
pub(crate) fn expand(attribute: Attribute, arguments: TokenStream, item: TokenStream) -> TokenStream {
    let mut errors = Vec::new();
    let arguments = arguments::parse(attribute, arguments, &mut errors);
    let mut expanded = match syn::parse2::<Function>(item.clone()) {
        Ok(function) => {
            let before = errors.len();
            function.check(attribute, &mut errors);
            if errors.len() > before { uncalled(&function) } else { called(attribute, &function, &arguments) }
        }
        Err(_) => {
            let words = format!("`#[{}]` is for an `async fn` with a body", attribute.name());
            errors.push(Error::new_spanned(&item, words));
            item
        }
    };
    expanded.extend(errors.iter().map(Error::to_compile_error));
    expanded
}

fn called(attribute: Attribute, function: &Function, arguments: &Arguments) -> TokenStream {
    let Function { attributes, visibility, signature, body } = function;
    let name = &signature.ident;
    let output = &signature.output;
    let glassloop = match &arguments.krate {
        Some(path) => quote!(#path),
        None => quote!(::glassloop),
    };
    let settings = settings(arguments);
    // Its place is what the loop says of the root: where it was spawned.
    let here = name.span();
    let (test, output, call) = match attribute {
        Attribute::Main => {
            let call = quote_spanned!(here=> __glassloop::main(#settings, #name()));
            (None, quote!(#output), call)
        }
        Attribute::Test => {
            let limit = limit(arguments);
            let path = quote!(::core::concat!(::core::module_path!(), "::", ::core::stringify!(#name)));
            let report = report(output);
            let call = quote_spanned!(here=> __glassloop::test(#path, #settings, #limit, #name, #report));
            let test = Some(quote!(#[::core::prelude::v1::test]));
            // The output itself may not be `Send`, and the test run on another thread: it is told as an exit code.
            let (output, call) = if function.returns_nothing() {
                (quote!(), quote!(let _ = #call;))
            } else {
                (quote!(-> ::std::process::ExitCode), call)
            };
            (test, output, call)
        }
    };
    quote! {
        #test
        #(#attributes)*
        #visibility fn #name() #output {
            #[allow(clippy::unused_async)]
            #signature #body
            // In a block of its own, where the body above does not see it.
            {
                use #glassloop::macros::attributes as __glassloop;
                #call
            }
        }
    }
}

/// As the user wrote it, `async` if it was not: so that one error does not bring others.
fn uncalled(function: &Function) -> TokenStream {
    let Function { attributes, visibility, signature, body } = function;
    let mut signature = signature.clone();
    signature.asyncness.get_or_insert_default();
    // Another attribute that runs it would say again what was said.
    let attributes = attributes.iter().filter(|attribute| !function::runs(attribute));
    if signature.ident != "main" {
        return quote!(#(#attributes)* #[allow(dead_code)] #visibility #signature #body);
    }
    quote! {
        #(#attributes)*
        #visibility fn main() {
            #[allow(dead_code)]
            #signature #body
        }
    }
}

fn settings(arguments: &Arguments) -> TokenStream {
    let Arguments { start_paused, order, .. } = arguments;
    let order = match order {
        Order::Fifo => quote!(__glassloop::Order::Fifo),
        Order::Seed(seed) => quote!(__glassloop::Order::Seed(#seed)),
        Order::Seeds(seeds) => {
            let (first, last) = (seeds.start(), seeds.end());
            quote!(__glassloop::Order::Seeds(#first..=#last))
        }
    };
    quote!(__glassloop::Settings { start_paused: #start_paused, order: #order })
}

fn limit(arguments: &Arguments) -> TokenStream {
    match arguments.timeout {
        Some(limit) => {
            let (seconds, nanos) = (limit.as_secs(), limit.subsec_nanos());
            quote!(::core::option::Option::Some(::core::time::Duration::new(#seconds, #nanos)))
        }
        None => quote!(::core::option::Option::None),
    }
}

/// What makes an exit code of an output. It stands where the type does: there the compiler says that it makes none, and
/// in a closure says so once.
fn report(output: &ReturnType) -> TokenStream {
    let span = match output {
        ReturnType::Type(_, output) => output.span(),
        ReturnType::Default => Span::call_site(),
    };
    // Located there, but of the expansion: of a closure of the user's clippy would say that it is redundant.
    let span = Span::call_site().located_at(span);
    quote_spanned!(span=> |output| ::std::process::Termination::report(output))
}
