//! Plain Rust over a slot that the caller owns, or shared data that it has protected: the slow path, and the type checker of the fast one.
//!
//! It is generated from the source, not from the IR, so that the compiler sees the user's own tokens: a field
//! that does not exist, a private one or a type that does not match is reported where it was written.
//!
//! Every load and store is a relaxed atomic (the commit a release if it says so), because other threads may read
//! the words of a slot at any time, just as they may while the section runs.

use proc_macro2::TokenStream;
use quote::{ToTokens, format_ident, quote, quote_spanned};
use syn::spanned::Spanned;
use syn::{Expr, Ident, UnOp};

use crate::check::is_null;
use crate::ir::{CommitOrder, Order, Sequence, Value};
use crate::parse::{Source, Statement, is_path};

/// The statements of the slow path; they evaluate to `(exit, (outputs…))`.
pub(crate) fn lower(source: &Source, sequence: &Sequence) -> TokenStream {
    let mut statements = checks(source, sequence);
    let mut defined = Vec::new();
    let mut returns = sequence.returns.iter();
    for statement in &source.section {
        statements.extend(match statement {
            Statement::Let { name, ty, init } => {
                let init = value(init);
                defined.push(name);
                quote!(let #name: #ty = #init;)
            }
            Statement::Exit { cond, .. } => {
                let cond = condition(cond);
                let exit = *returns.next().expect("an exit for each return") as u32;
                let outputs = outputs(sequence, &defined);
                quote!(if #cond { return (#exit, #outputs); })
            }
            Statement::Stage { place, value } => store(place, value, &CommitOrder::Is(Order::Relaxed)),
            Statement::Commit { order, place, value } => store(place, value, order),
            Statement::Copy { dst, src, len, span } => {
                let (dst, src, len) = (value(dst), value(src), value(len));
                quote_spanned! {*span=>
                    // SAFETY: the caller of this `unsafe fn` promises both ranges.
                    unsafe { ::perseq::section::copy(#dst.cast::<::core::primitive::u8>(), #src.cast::<::core::primitive::u8>() as *const u8, #len) };
                }
            }
        });
    }
    let outputs = outputs(sequence, &defined);
    quote!(#statements (0, #outputs))
}

/// What the assembly takes for granted and the compiler can check: that each integer type is the one of its name, and
/// that places in the slot are fields a reference may be taken of (not of a union, not misaligned).
fn checks(source: &Source, sequence: &Sequence) -> TokenStream {
    let mut checks = TokenStream::new();
    let params = sequence.params.iter().map(|param| &param.ty);
    let mut seen = Vec::new();
    for ty in sequence.values.iter().map(|value| &value.ty).chain(params) {
        let (rust, name) = (&ty.rust, ty.rust.to_token_stream().to_string());
        if !ty.is_pointer() && !seen.contains(&name) {
            checks.extend(
                quote_spanned!(rust.span()=> const _: fn(#rust) -> ::core::primitive::#rust = |word| word;),
            );
            seen.push(name);
        }
    }
    let slots = &sequence.slots;
    let mut fields = Vec::new();
    for statement in &source.section {
        match statement {
            Statement::Let { init: init @ (Expr::Field(_) | Expr::Index(_)), .. } => {
                fields.extend(field(init))
            }
            Statement::Stage { place, .. } | Statement::Commit { place, .. } => fields.extend(field(place)),
            _ => {}
        }
    }
    quote! {
        #checks
        let _ = |__whole: &<#slots as ::perseq::section::Slots>::Item| { #(let _ = &(*__whole) #fields;)* };
    }
}

/// The path from the slot to a place, with every index 0; `None` if it is rooted elsewhere.
fn field(expr: &Expr) -> Option<TokenStream> {
    match expr {
        Expr::Field(field) => {
            let (base, member) = (self::field(&field.base)?, &field.member);
            Some(quote_spanned!(expr.span()=> #base.#member))
        }
        Expr::Index(index) => {
            let base = self::field(&index.expr)?;
            Some(quote_spanned!(expr.span()=> #base[0]))
        }
        Expr::Paren(inner) => self::field(&inner.expr),
        Expr::Path(_) => Some(TokenStream::new()),
        _ => None,
    }
}

/// The outputs as a tuple; what is not computed yet is zero, and no exit taken here reads it.
fn outputs(sequence: &Sequence, defined: &[&Ident]) -> TokenStream {
    let outputs = sequence.outputs().into_iter().map(|Value(at)| match &sequence.values[at].name {
        Some(name) if defined.contains(&name) => name.to_token_stream(),
        _ => quote!(::perseq::section::Word::ZERO),
    });
    quote!((#(#outputs,)*))
}

fn store(to: &Expr, what: &Expr, order: &CommitOrder<Expr>) -> TokenStream {
    let span = to.span();
    let Place { indices, at } = place(to);
    let what = value(what);
    let relaxed = quote_spanned!(span=> ::perseq::section::store);
    let release = quote_spanned!(span=> ::perseq::section::store_release);
    let function = match order {
        CommitOrder::Is(Order::Relaxed) => relaxed,
        CommitOrder::Is(Order::Release) => release,
        CommitOrder::ReleaseIf(constant) => {
            quote_spanned!(span=> (if #constant { #release } else { #relaxed }))
        }
    };
    quote_spanned! {span=> {
        let __value = #what;
        #indices
        // SAFETY: the place is a word of the slot, which is ours, or one that the caller of this `unsafe fn`
        // promises.
        unsafe { #function(&raw mut #at, __value) };
    }}
}

/// A place in Rust.
struct Place {
    /// Binds the indices, outside of any `unsafe` block.
    indices: TokenStream,
    at: TokenStream,
}

fn place(expr: &Expr) -> Place {
    fn visit(expr: &Expr, indices: &mut Vec<TokenStream>) -> TokenStream {
        let span = expr.span();
        match expr {
            Expr::Field(field) => {
                let (base, member) = (visit(&field.base, indices), &field.member);
                quote_spanned!(span=> #base.#member)
            }
            Expr::Index(index) => {
                let base = visit(&index.expr, indices);
                indices.push(value(&index.index));
                let name = index_name(indices.len() - 1);
                quote_spanned!(span=> #base[#name])
            }
            Expr::Paren(inner) => {
                let inner = visit(&inner.expr, indices);
                quote_spanned!(span=> (#inner))
            }
            Expr::Unary(unary) if matches!(unary.op, UnOp::Deref(_)) => {
                let pointer = value(&unary.expr);
                quote_spanned!(span=> (*#pointer))
            }
            // The root: the slot.
            other => quote_spanned!(span=> (*#other)),
        }
    }
    let mut values = Vec::new();
    let at = visit(expr, &mut values);
    let names = (0..values.len()).map(index_name);
    let indices = quote!(#(let #names = #values;)*);
    Place { indices, at }
}

fn index_name(number: usize) -> Ident {
    format_ident!("__at{number}")
}

fn value(expr: &Expr) -> TokenStream {
    let span = expr.span();
    match expr {
        Expr::Field(_) | Expr::Index(_) | Expr::Unary(syn::ExprUnary { op: UnOp::Deref(_), .. }) => {
            let Place { indices, at } = place(expr);
            quote_spanned! {span=> {
                #indices
                // SAFETY: the place is a word of the slot, which is ours, or one that the caller of this
                // `unsafe fn` promises.
                unsafe { ::perseq::section::load(&raw const #at) }
            }}
        }
        Expr::Paren(inner) => {
            let inner = value(&inner.expr);
            quote_spanned!(span=> (#inner))
        }
        Expr::Group(inner) => value(&inner.expr),
        Expr::Unary(unary) => {
            let inner = value(&unary.expr);
            match (&unary.op, &*unary.expr) {
                (UnOp::Neg(_), Expr::Lit(_)) => expr.to_token_stream(),
                (UnOp::Neg(_), _) => quote_spanned!(span=> ::perseq::section::neg(#inner)),
                (op, _) => quote_spanned!(span=> #op #inner),
            }
        }
        Expr::Binary(binary) => {
            use syn::BinOp as B;
            let (a, b) = (value(&binary.left), value(&binary.right));
            let function = match binary.op {
                B::Add(_) => quote_spanned!(span=> add),
                B::Sub(_) => quote_spanned!(span=> sub),
                B::Shl(_) => quote_spanned!(span=> shl),
                B::Shr(_) => quote_spanned!(span=> shr),
                op => return quote_spanned!(span=> (#a #op #b)),
            };
            match binary.op {
                B::Shl(_) | B::Shr(_) => {
                    quote_spanned!(span=> ::perseq::section::#function(#a, (#b) as ::core::primitive::u32))
                }
                _ => quote_spanned!(span=> ::perseq::section::#function(#a, #b)),
            }
        }
        Expr::Cast(cast) => {
            let (inner, ty) = (value(&cast.expr), &cast.ty);
            quote_spanned!(span=> ((#inner) as #ty))
        }
        Expr::RawAddr(raw) => {
            let mutability = &raw.mutability;
            let Place { indices, at } = place(&raw.expr);
            quote_spanned! {span=> {
                #indices
                // SAFETY: only an address is formed, inside the slot or an object that the caller promises.
                unsafe { &raw #mutability #at }
            }}
        }
        Expr::Call(call) if is_null(call) => quote_spanned!(span=> ::perseq::section::Word::ZERO),
        Expr::Call(call) if is_path(&call.func, "tsc") => quote_spanned!(span=> ::perseq::section::tsc()),
        Expr::Call(call) if is_path(&call.func, "cpu_id") => quote!(__cpu),
        Expr::Call(call) if is_path(&call.func, "slot_number") => quote!(__number),
        Expr::Call(call) if is_path(&call.func, "rdpmc") => {
            let index = call.args.first().map(value);
            quote_spanned! {span=>
                // SAFETY: the caller of this `unsafe fn` promises that the counter is open to user space.
                unsafe { ::perseq::section::rdpmc(#index) }
            }
        }
        other => other.to_token_stream(),
    }
}

fn condition(expr: &Expr) -> TokenStream {
    let span = expr.span();
    match expr {
        Expr::Paren(inner) => {
            let inner = condition(&inner.expr);
            quote_spanned!(span=> (#inner))
        }
        Expr::Group(inner) => condition(&inner.expr),
        Expr::Unary(unary) if matches!(unary.op, UnOp::Not(_)) => {
            let inner = condition(&unary.expr);
            quote_spanned!(span=> !(#inner))
        }
        Expr::MethodCall(call) => {
            let receiver = value(&call.receiver);
            quote_spanned!(span=> (#receiver).is_null())
        }
        Expr::Binary(binary) => {
            use syn::BinOp as B;
            let op = &binary.op;
            let (a, b) = match op {
                B::And(_) | B::Or(_) => (condition(&binary.left), condition(&binary.right)),
                _ => (value(&binary.left), value(&binary.right)),
            };
            quote_spanned!(span=> (#a #op #b))
        }
        other => other.to_token_stream(),
    }
}
