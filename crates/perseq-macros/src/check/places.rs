//! Places: where in the slot, or behind which pointer, a section loads and stores.

use proc_macro2::{Span, TokenStream};
use quote::{ToTokens, format_ident, quote, quote_spanned};
use syn::spanned::Spanned;
use syn::{Expr, Member, UnOp};

use super::values::refuse;
use super::{Checker, Name, plain};
use crate::ir::{Base, Inst, Operand, Place, Value};
use crate::types::{Ty, Width};

impl Checker<'_> {
    pub(super) fn store(&mut self, place: &Expr, value: &Expr) -> syn::Result<(Place, Operand, Ty)> {
        let ty = match self.type_of(value)? {
            Some(ty) => ty,
            None => self.type_of(place)?.ok_or_else(|| self.unknown_width(value))?,
        };
        let value = self.operand(value, &ty)?;
        if self.is_in_slots(place) {
            self.sequence.per_cpu.push(place.span());
        }
        let place = self.place(place, &ty)?;
        Ok((place, value, ty))
    }

    /// A place that holds a `ty`: `slots.field.field[index].field`, `(*pointer).field…` or `*pointer`.
    ///
    /// The compiler computes its offset from the path with every computed index 0; what an index adds goes into an address of
    /// its own, which later statements with the same place use again.
    pub(super) fn place(&mut self, expr: &Expr, ty: &Ty) -> syn::Result<Place> {
        let span = expr.span();
        let text = plain(expr);
        // What is aligned for one type may not be for another.
        let key = (text.clone(), ty.rust.to_token_stream().to_string());
        if let Some(address) = self.addresses.get(&key) {
            let base = Base::Pointer(Operand::Value(*address));
            let offset = self.constant_of(quote!(0), "0".into());
            return Ok(Place { base, offset });
        }
        let mut path = Vec::new();
        let (base, root) = self.root(expr, &mut path)?;
        path.reverse();
        let mut zeroed = TokenStream::new();
        let mut index = None;
        for step in path {
            match step {
                Step::Field(member) => zeroed.extend(quote_spanned!(member.span()=> .#member)),
                Step::Index(at @ Expr::Lit(_)) => zeroed.extend(quote_spanned!(at.span()=> [#at])),
                Step::Index(at) => {
                    if index.is_some() {
                        return Err(syn::Error::new_spanned(
                            at,
                            "one computed index a place: flatten the array, or take the address of the row first",
                        ));
                    }
                    index = Some((at, self.index(at, ty, &root, &zeroed, &text)?));
                    zeroed.extend(quote_spanned!(at.span()=> [0]));
                }
            }
        }
        let word = &ty.rust;
        let aligned = if matches!(base, Base::Slot) { quote!(word_offset) } else { quote!(pointee_offset) };
        let mut offset = quote_spanned! {span=> {
            let whole = ::core::mem::MaybeUninit::<#root>::uninit();
            let base = whole.as_ptr();
            // SAFETY: both addresses lie inside `whole`; nothing is read.
            #[allow(unused_unsafe)]
            let offset = unsafe { (&raw const (*base) #zeroed).cast::<::core::primitive::u8>().offset_from(base.cast::<::core::primitive::u8>()) };
            ::perseq::section::#aligned::<#root, #word>(offset as ::core::primitive::usize)
        }};
        if matches!(base, Base::Slot) {
            let slots = self.slots_type;
            offset = quote_spanned!(span=> <#slots as ::perseq::section::Slots>::VALUE_OFFSET + #offset);
        }
        let offset = self.constant_of(offset, format!("offset of {text}"));
        let place = Place { base, offset };
        let Some((at, (index, stride))) = index else { return Ok(place) };
        let dst = self.value(&Ty::named("usize"));
        self.sequence.body.push(Inst::Index { dst, place, index, stride });
        // Only an index that is a name stays the same throughout.
        if matches!(at, Expr::Path(_)) {
            self.addresses.insert(key, dst);
        }
        let offset = self.constant_of(quote!(0), "0".into());
        Ok(Place { base: Base::Pointer(Operand::Value(dst)), offset })
    }

    /// A computed index: checked against the length of the array at `array` in `root`. Gives the index and the size of an
    /// element.
    fn index(
        &mut self,
        at: &Expr,
        ty: &Ty,
        root: &TokenStream,
        array: &TokenStream,
        text: &str,
    ) -> syn::Result<(Operand, usize)> {
        if let Some(ty) = self.type_of(at)?
            && (ty.width != Width::Native || ty.signed || ty.is_pointer())
        {
            return Err(syn::Error::new_spanned(
                at,
                format!(
                    "an index in a sequence is a `usize`, this is a `{}`: take the parameter as `usize`, or bind \
                     `let at: usize = value as usize;` first",
                    ty.rust.to_token_stream()
                ),
            ));
        }
        let value = self.operand(at, &Ty::named("usize"))?;
        let measure = |what: TokenStream| {
            quote_spanned! {at.span()=> {
                let whole = ::core::mem::MaybeUninit::<#root>::uninit();
                // SAFETY: only an address inside `whole` is formed; nothing is read.
                #[allow(unused_unsafe)]
                let array = unsafe { &raw const (*whole.as_ptr()) #array };
                #what(array)
            }}
        };
        let len = measure(quote!(::perseq::section::array_len));
        let (live, shown) = self.show(&value);
        // Computed by the compiler even where it optimises nothing: `whole` would be on the stack.
        let then = quote_spanned!(at.span()=> ::perseq::section::index_out_of_bounds(#shown, const { #len }));
        let exit = self.exit(live, then);
        let len = self.constant_of(len, format!("length of the array in {text}"));
        self.sequence.body.push(Inst::Bounds { index: value.clone(), len, exit });
        let word = &ty.rust;
        let stride = measure(quote!(::perseq::section::element_stride::<#word, _, _>));
        let stride = self.constant_of(stride, format!("size of an element in {text}"));
        Ok((value, stride))
    }

    /// Follows a place to what it is rooted in; `path` gets the steps, last first.
    fn root<'e>(&mut self, expr: &'e Expr, path: &mut Vec<Step<'e>>) -> syn::Result<(Base, TokenStream)> {
        match expr {
            Expr::Field(field) => {
                path.push(Step::Field(&field.member));
                self.root(&field.base, path)
            }
            Expr::Index(index) => {
                path.push(Step::Index(&index.index));
                self.root(&index.expr, path)
            }
            Expr::Paren(inner) => self.root(&inner.expr, path),
            Expr::Group(inner) => self.root(&inner.expr, path),
            Expr::Unary(unary) if matches!(unary.op, UnOp::Deref(_)) => {
                self.require_unsafe(expr.span(), "this sequence follows a raw pointer")?;
                let ty = self.type_of(&unary.expr)?;
                let Some(pointee) = ty.as_ref().and_then(|ty| ty.pointee.clone()) else {
                    return Err(syn::Error::new_spanned(
                        &unary.expr,
                        "follow a raw pointer that has a name and a type: `let node: *mut Node = slots.top;`",
                    ));
                };
                let pointer = self.operand(&unary.expr, &ty.expect("has a pointee"))?;
                Ok((Base::Pointer(pointer), pointee.to_token_stream()))
            }
            Expr::Path(name) => match name.path.get_ident().and_then(|ident| self.names.get(ident)) {
                Some(Name::Slots) => {
                    let slots = self.slots_type;
                    Ok((Base::Slot, quote!(<#slots as ::perseq::section::Slots>::Item)))
                }
                Some(Name::Value(_) | Name::Param(_)) => Err(syn::Error::new_spanned(
                    expr,
                    "a value has no fields: to go through a raw pointer write `(*pointer).field`",
                )),
                _ => Err(syn::Error::new_spanned(
                    expr,
                    "a place in a sequence begins at the slots (`slots.field`) or at a raw pointer (`(*pointer).field`)",
                )),
            },
            Expr::MethodCall(_) | Expr::Call(_) => Err(refuse(expr)),
            _ => Err(syn::Error::new_spanned(
                expr,
                "a place in a sequence begins at the slots (`slots.field`) or at a raw pointer (`(*pointer).field`)",
            )),
        }
    }

    /// How the code after the section names an operand: the values that keeps alive, and the expression.
    fn show(&mut self, operand: &Operand) -> (Vec<Value>, TokenStream) {
        match operand {
            Operand::Value(value) => {
                let name = self.sequence.values[value.0]
                    .name
                    .get_or_insert_with(|| format_ident!("__index{}", value.0, span = Span::mixed_site()))
                    .to_token_stream();
                (vec![*value], name)
            }
            Operand::Param(param) => (Vec::new(), self.sequence.params[param.0].name.to_token_stream()),
            Operand::Imm(value) => {
                (Vec::new(), proc_macro2::Literal::i128_unsuffixed(*value).to_token_stream())
            }
            Operand::Const(constant) => {
                let tokens = &self.sequence.consts[*constant].tokens;
                (Vec::new(), quote!((#tokens) as ::core::primitive::usize))
            }
        }
    }

    /// Whether `expr` is a name that the function binds, and so no constant.
    pub(super) fn is_known(&self, expr: &Expr) -> bool {
        matches!(expr, Expr::Path(path)
            if path.path.get_ident().is_some_and(|ident| self.names.contains_key(ident)))
    }

    /// Whether a place is rooted in the slots, and not behind a pointer.
    pub(super) fn is_in_slots(&self, place: &Expr) -> bool {
        match place {
            Expr::Field(field) => self.is_in_slots(&field.base),
            Expr::Index(index) => self.is_in_slots(&index.expr),
            Expr::Paren(inner) => self.is_in_slots(&inner.expr),
            Expr::Group(inner) => self.is_in_slots(&inner.expr),
            Expr::Path(path) => {
                let name = path.path.get_ident().and_then(|ident| self.names.get(ident));
                matches!(name, Some(Name::Slots))
            }
            _ => false,
        }
    }
}

enum Step<'e> {
    Field(&'e Member),
    Index(&'e Expr),
}
