//! `sequence!`: a restartable sequence written once in a checked subset of Rust, lowered to inline assembly
//! for each architecture and to plain Rust for the slow path.
//!
//! The stages, one module each, and what each one guarantees to the next:
//!
//! 1. `parse`: the source becomes statements of the subset (`parse::Source`); anything else is an
//!    error on its own span that says what to write instead.
//! 2. `check`: names and types are resolved and the statements become the `ir`: straight-line code over
//!    typed values, whose only branches lead out. What the IR cannot express, a backend cannot emit.
//! 3. `lower`: each backend turns the IR into a template and operands for `asm!`; `lower::portable` turns the
//!    *source* into Rust over a slot that the caller owns. The compiler checks the portable form, so a field that does not exist, a type
//!    that does not match or a private field is reported there, on the user's own tokens.
//! 4. `expand`: both forms are put into one function.
//!
//! Users reach this macro as `perseq::sequence!`, where its language is documented.

mod check;
mod expand;
#[cfg(test)]
mod golden;
mod ir;
mod lower;
mod parse;
mod types;

/// See `perseq::sequence!`.
#[proc_macro]
pub fn sequence(input: proc_macro::TokenStream) -> proc_macro::TokenStream {
    expand(input.into()).unwrap_or_else(|error| error.into_compile_error()).into()
}

fn expand(input: proc_macro2::TokenStream) -> syn::Result<proc_macro2::TokenStream> {
    let sources: parse::Sources = syn::parse2(input)?;
    let mut out = proc_macro2::TokenStream::new();
    for source in sources.0 {
        let sequence = check::check(&source)?;
        out.extend(expand::expand(&source, &sequence)?);
    }
    Ok(out)
}
