//! The types a value in a section may have: what one general register holds.
//!
//! Invariant: a value in a register is *canonical*: zero-extended to the register if its type is unsigned or
//! a pointer, sign-extended if it is signed. So one full-width comparison is right for every type.

use syn::{Type, TypePtr};

/// Bits of a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Width {
    W8,
    W16,
    W32,
    W64,
    /// As wide as a pointer of the target.
    Native,
}

/// The type of a value.
#[derive(Clone, Debug)]
pub(crate) struct Ty {
    pub(crate) width: Width,
    pub(crate) signed: bool,
    /// For a raw pointer, the type it points to.
    pub(crate) pointee: Option<Type>,
    /// The type as written.
    pub(crate) rust: Type,
}

impl Ty {
    /// The type named by `ty`, or an error that lists the types there are.
    pub(crate) fn from_syn(ty: &Type) -> syn::Result<Self> {
        Self::word(ty).ok_or_else(|| {
            syn::Error::new_spanned(
                ty,
                "a value in a sequence must fit in a register: use u8 to u64, i8 to i64, usize, isize, \
                 `*mut T` or `*const T`",
            )
        })
    }

    /// The type named by `ty` if it is one that a register can hold.
    pub(crate) fn word(ty: &Type) -> Option<Self> {
        let (width, signed, pointee) = match ty {
            Type::Ptr(TypePtr { elem, .. }) => (Width::Native, false, Some((**elem).clone())),
            Type::Path(path) if path.qself.is_none() => {
                let name = path.path.get_ident()?.to_string();
                let (width, signed) = match name.as_str() {
                    "u8" => (Width::W8, false),
                    "u16" => (Width::W16, false),
                    "u32" => (Width::W32, false),
                    "u64" => (Width::W64, false),
                    "usize" => (Width::Native, false),
                    "i8" => (Width::W8, true),
                    "i16" => (Width::W16, true),
                    "i32" => (Width::W32, true),
                    "i64" => (Width::W64, true),
                    "isize" => (Width::Native, true),
                    _ => return None,
                };
                (width, signed, None)
            }
            Type::Paren(inner) => return Self::word(&inner.elem),
            Type::Group(inner) => return Self::word(&inner.elem),
            _ => return None,
        };
        Some(Self { width, signed, pointee, rust: ty.clone() })
    }

    /// The integer type of this name.
    pub(crate) fn named(name: &str) -> Self {
        let ident = syn::Ident::new(name, proc_macro2::Span::call_site());
        Self::word(&syn::parse_quote!(#ident)).expect("the name of an integer type")
    }

    pub(crate) fn is_pointer(&self) -> bool {
        self.pointee.is_some()
    }
}
