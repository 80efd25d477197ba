//! One function out of the two forms of a sequence.
//!
//! ```text
//! fn name(slots, …) -> R {
//!     fn attempt(…) -> Option<(exit, outputs)>   the section, once, for each architecture
//!     fn portable(…) -> (exit, outputs)          the same over *mut T, which is protected
//!     fn slow(…) -> (exit, outputs)              cold: attempts again, then portable under that protection
//!     fn refused(…) -> R                         instead of it, if there is a `slow_path`: cold, the same again with that
//!
//!     match attempt(…) or slow(…) { exit 1 => { outputs; return …; } …, exit 0 => { outputs; tail } }
//! }
//! ```
//!
//! The attempt is inlined into the caller once; everything that is not the common case is behind one call.

use proc_macro2::{Span, TokenStream};
use quote::{format_ident, quote, quote_spanned};
use syn::{FnArg, GenericParam, Pat, Signature};

use crate::check::slots_param;
use crate::ir::Sequence;
use crate::lower::{self, model, portable};
use crate::parse::Source;

pub(crate) fn expand(source: &Source, sequence: &Sequence) -> syn::Result<TokenStream> {
    let Source { attrs, vis, sig, .. } = source;
    let (slots, slots_type) = slots_param(source)?;
    let unsafety = &sig.unsafety;
    let (generics, where_clause) = (&sig.generics.params, &sig.generics.where_clause);
    let turbofish = sig.generics.params.iter().filter_map(|param| match param {
        GenericParam::Type(ty) => Some(&ty.ident),
        GenericParam::Const(constant) => Some(&constant.ident),
        GenericParam::Lifetime(_) => None,
    });
    let turbofish = quote!(::<#(#turbofish),*>);
    let names: Vec<_> = sequence.params.iter().map(|param| &param.name).collect();
    let types: Vec<_> = sequence.params.iter().map(|param| &param.ty.rust).collect();
    let outputs = lower::output_types(sequence);
    let body = portable::lower(source, sequence);
    let modelled = model::lower(sequence, &sig.ident, slots);
    let settle = model::settle(sequence);

    let mut sections = TokenStream::new();
    for (arch, lower) in lower::BACKENDS.iter().copied() {
        let (arch, section) = (format_ident!("{arch}"), lower(sequence, &sig.ident)?.tokens);
        sections.extend(quote!(::perseq::__on! { #arch #section }));
    }

    // Where the data is not by CPU is known when the type is.
    let per_cpu = sequence
        .per_cpu
        .iter()
        .map(|&span| quote_spanned!(span=> const { ::perseq::section::per_cpu::<#slots_type>() };));

    let quiet = quote! {
        #[allow(
            unused,
            unconditional_panic,
            clippy::all,
            clippy::pedantic,
            clippy::undocumented_unsafe_blocks,
            clippy::multiple_unsafe_ops_per_block
        )]
    };
    // Errors point to the function; names are those of this expansion, wherever the function's own name comes from.
    let at = sig.ident.span().resolved_at(Span::call_site());
    let nested = quote_spanned! {at=>
        #quiet
        #[inline(always)]
        unsafe fn __attempt<#generics>(
            #slots: &#slots_type,
            #(#names: #types),*
        ) -> ::core::option::Option<(::core::primitive::u32, #outputs)> #where_clause {
            #(#per_cpu)*
            let __base = ::perseq::section::Slots::base(#slots);
            unsafe {
                ::perseq::__model! { #modelled }
                #sections
                ::perseq::__on! { none ::core::option::Option::None }
            }
        }
        #quiet
        #unsafety fn __portable<#generics>(
            #slots: *mut <#slots_type as ::perseq::section::Slots>::Item,
            __number: ::core::primitive::u32,
            __cpu: ::core::primitive::u32,
            #(#names: #types),*
        ) -> (::core::primitive::u32, #outputs) #where_clause {
            #body
        }
    };
    let exits = exits(sequence);
    let end = lower::bind_outputs(sequence, &sequence.exits[0], &format_ident!("__outputs"));
    let tail = &source.tail;
    let args: Vec<_> = sig
        .inputs
        .iter()
        .filter_map(|input| match input {
            FnArg::Typed(arg) => match &*arg.pat {
                Pat::Ident(name) => Some(&name.ident),
                _ => None,
            },
            FnArg::Receiver(_) => None,
        })
        .collect();
    // What the caller of an `unsafe fn` promises, it promises for what that calls.
    let in_unsafe = |call| if unsafety.is_some() { quote!(unsafe { #call }) } else { call };
    let slow = match &source.slow_path {
        None => quote! {
            #quiet
            #[cold]
            #[inline(never)]
            unsafe fn __slow<#generics>(
                #slots: &#slots_type,
                #(#names: #types),*
            ) -> (::core::primitive::u32, #outputs) #where_clause {
                ::perseq::__model! { let __path = ::perseq::section::model::SlowPath::begin(); }
                unsafe {
                    let __taken = match ::perseq::section::retry(|| __attempt #turbofish(#slots, #(#names),*)) {
                        ::core::option::Option::Some(taken) => return taken,
                        ::core::option::Option::None => ::perseq::section::Protected::protected(
                            #slots,
                            |__slot, __number, __cpu| __portable #turbofish(__slot, __number, __cpu, #(#names),*),
                        ),
                    };
                    ::perseq::__model! { #settle }
                    __taken
                }
            }
        },
        // With the parameters and the result of the function itself, in their registers: so the function jumps here, and saves no
        // register for the sake of it.
        Some(path) => {
            let sig = Signature { ident: format_ident!("__refused", span = at), ..sig.clone() };
            let track_caller = attrs.iter().filter(|attr| attr.path().is_ident("track_caller"));
            let call = in_unsafe(quote!(#path(#(#args),*)));
            quote! {
                #quiet
                #(#track_caller)*
                #[cold]
                #[inline(never)]
                #sig {
                    let __retried = unsafe { ::perseq::section::retry(|| __attempt #turbofish(#slots, #(#names),*)) };
                    let (__exit, __outputs) = match __retried {
                        ::core::option::Option::Some(taken) => taken,
                        ::core::option::Option::None => return #call,
                    };
                    #exits
                    #end
                    #tail
                }
            }
        }
    };
    let refused = match &source.slow_path {
        None => quote!(unsafe { __slow #turbofish(#slots, #(#names),*) }),
        Some(_) => {
            let call = in_unsafe(quote!(__refused #turbofish(#(#args),*)));
            quote!(return #call)
        }
    };
    Ok(quote_spanned! {at=>
        #(#attrs)*
        #[inline]
        #[allow(clippy::undocumented_unsafe_blocks, clippy::missing_inline_in_public_items)]
        #vis #sig {
            #nested
            #slow
            // SAFETY: the section was checked to touch only the slot that its gate guards (or, of data that all CPUs share, to
            // store nothing there), and what the caller of
            // an `unsafe fn` promises.
            #[allow(unused_variables)]
            let (__exit, __outputs) = match unsafe { __attempt #turbofish(#slots, #(#names),*) } {
                ::core::option::Option::Some(taken) => taken,
                ::core::option::Option::None => #refused,
            };
            #exits
            #end
            #tail
        }
    })
}

/// Branches to the code after each exit but the end.
fn exits(sequence: &Sequence) -> TokenStream {
    if sequence.exits.len() == 1 {
        return TokenStream::new();
    }
    let outputs = format_ident!("__outputs");
    let arms = sequence.exits.iter().enumerate().skip(1).map(|(number, exit)| {
        let number = number as u32;
        let (bind, then) = (lower::bind_outputs(sequence, exit, &outputs), &exit.then);
        quote!(#number => { #bind #then })
    });
    quote!(match __exit { #(#arms)* _ => {} })
}
