//! From the IR to Rust that asks a model checker before each operation: a backend whose machine is
//! `perseq::section::model::Section`.
//!
//! A value is what a register holds, canonical in 64 bits (see [`types`](crate::types)); a place is an address. So what is
//! explored is what the backends of processors are made from, and not the source a second time.

use proc_macro2::{Ident, TokenStream};
use quote::{format_ident, quote};

use crate::ir::{Base, BinOp, CmpOp, Cond, Inst, Operand, Place, Sequence, Value};
use crate::types::Ty;

/// Statements that run the section if the thread is one of a model: they return what `__attempt` returns.
pub(crate) fn lower(sequence: &Sequence, name: &Ident, slots: &Ident) -> TokenStream {
    let walk = Walk { sequence };
    let name = name.to_string();
    let mut defined = Vec::new();
    let mut body = TokenStream::new();
    for inst in &sequence.body {
        body.extend(walk.instruction(inst, &defined));
        defined.extend(inst.defines());
    }
    let end = walk.leave(0, &defined);
    quote! {
        if let ::core::option::Option::Some(mut __section) = ::perseq::section::model::Section::begin(#name) {
            let __slot = __section.enter(#slots)?;
            #body
            return #end;
        }
    }
}

struct Walk<'s> {
    sequence: &'s Sequence,
}

impl Walk<'_> {
    fn instruction(&self, inst: &Inst, defined: &[Value]) -> TokenStream {
        match inst {
            Inst::Load { dst, place } => {
                let (at, what, kind) = (self.address(place), self.describe(place), kind(self.ty(*dst)));
                self.define(*dst, &quote!(__section.load(#at, #kind, #what)?))
            }
            Inst::Mov { dst, src } => self.define(*dst, &self.operand(src)),
            Inst::Cast { dst, src } => self.canonical(*dst, &self.operand(src)),
            Inst::Not { dst, src } => {
                let src = self.operand(src);
                self.canonical(*dst, &quote!(!#src))
            }
            Inst::Neg { dst, src } => {
                let src = self.operand(src);
                self.canonical(*dst, &quote!(#src.wrapping_neg()))
            }
            Inst::Bin { dst, op, a, b } => self.binary(*dst, *op, a, b),
            Inst::Address { dst, place } => self.define(*dst, &self.address(place)),
            Inst::Index { dst, place, index, stride } => {
                let (at, index) = (self.address(place), self.operand(index));
                let stride = self.constant(*stride);
                self.define(*dst, &quote!(#at.wrapping_add(#index.wrapping_mul(#stride))))
            }
            Inst::Tsc { dst } => self.define(*dst, &quote!(__section.clock("tsc()")?)),
            Inst::Rdpmc { dst, .. } => self.define(*dst, &quote!(__section.clock("rdpmc()")?)),
            Inst::CpuId { dst } => self.define(*dst, &quote!(__section.cpu())),
            Inst::SlotNumber { dst } => self.define(*dst, &quote!(__section.slot_number())),
            Inst::Copy { dst, src, len } => {
                let (dst, src, len) = (self.operand(dst), self.operand(src), self.operand(len));
                quote!(__section.copy(#dst, #src, #len)?;)
            }
            Inst::ExitIf { cond, exit } => {
                let (cond, leave) = (self.condition(cond), self.leave(*exit, defined));
                quote!(if #cond { return #leave; })
            }
            Inst::Bounds { index, len, exit } => {
                let (index, len) = (self.operand(index), self.constant(*len));
                let leave = self.leave(*exit, defined);
                quote!(if #index >= #len { return #leave; })
            }
            Inst::Stage { place, value, ty } => {
                let (at, what, value) = (self.address(place), self.describe(place), self.operand(value));
                let kind = kind(ty);
                quote!(__section.stage(#at, #kind, #value, #what)?;)
            }
            Inst::Commit { place, value, ty, .. } => {
                let (at, what, value) = (self.address(place), self.describe(place), self.operand(value));
                let kind = kind(ty);
                quote!(__section.commit(#at, #kind, #value, #what)?;)
            }
        }
    }

    fn binary(&self, dst: Value, op: BinOp, a: &Operand, b: &Operand) -> TokenStream {
        let (a, b) = (self.operand(a), self.operand(b));
        let ty = self.ty(dst);
        let rust = &ty.rust;
        // Modulo the width, as Rust's `wrapping_shl` and `wrapping_shr` take it.
        let amount = quote!((#b & (8 * ::core::mem::size_of::<#rust>() as ::core::primitive::u64 - 1)));
        let value = match op {
            BinOp::Add => quote!(#a.wrapping_add(#b)),
            BinOp::Sub => quote!(#a.wrapping_sub(#b)),
            BinOp::And => quote!((#a & #b)),
            BinOp::Or => quote!((#a | #b)),
            BinOp::Xor => quote!((#a ^ #b)),
            BinOp::Shl => quote!((#a << #amount)),
            BinOp::Shr if ty.signed => {
                quote!(((#a as ::core::primitive::i64) >> #amount) as ::core::primitive::u64)
            }
            BinOp::Shr => quote!((#a >> #amount)),
        };
        self.canonical(dst, &value)
    }

    fn condition(&self, cond: &Cond) -> TokenStream {
        match cond {
            Cond::Cmp { op, signed, a, b } => {
                let (a, b) = (self.operand(a), self.operand(b));
                let op = match op {
                    CmpOp::Eq => quote!(==),
                    CmpOp::Ne => quote!(!=),
                    CmpOp::Lt => quote!(<),
                    CmpOp::Le => quote!(<=),
                    CmpOp::Gt => quote!(>),
                    CmpOp::Ge => quote!(>=),
                };
                if *signed {
                    quote!(((#a as ::core::primitive::i64) #op (#b as ::core::primitive::i64)))
                } else {
                    quote!((#a #op #b))
                }
            }
            Cond::And(a, b) => {
                let (a, b) = (self.condition(a), self.condition(b));
                quote!((#a && #b))
            }
            Cond::Or(a, b) => {
                let (a, b) = (self.condition(a), self.condition(b));
                quote!((#a || #b))
            }
        }
    }

    /// Leaves the section; values that are not computed yet are zero, and no exit taken here reads them.
    fn leave(&self, exit: usize, defined: &[Value]) -> TokenStream {
        let outputs = self.sequence.outputs().into_iter().map(|output| {
            let rust = &self.ty(output).rust;
            let value = if defined.contains(&output) { value(output) } else { quote!(0) };
            if self.ty(output).is_pointer() {
                quote!((#value as ::core::primitive::usize) as #rust)
            } else {
                quote!(#value as #rust)
            }
        });
        let exit = exit as u32;
        let results = self.sequence.outputs().into_iter().filter(|output| defined.contains(output));
        let results = results.map(|output| {
            let (value, pointer) = (value(output), self.ty(output).is_pointer());
            quote!((#value, #pointer))
        });
        quote!({
            __section.leave(#exit, &[#(#results),*]);
            ::core::option::Option::Some((#exit, (#(#outputs,)*)))
        })
    }

    fn define(&self, dst: Value, init: &TokenStream) -> TokenStream {
        let name = value(dst);
        quote!(let #name: ::core::primitive::u64 = #init;)
    }

    fn canonical(&self, dst: Value, init: &TokenStream) -> TokenStream {
        let kind = kind(self.ty(dst));
        self.define(dst, &quote!(#kind.canonical(#init)))
    }

    fn operand(&self, operand: &Operand) -> TokenStream {
        match operand {
            Operand::Value(of) => value(*of),
            Operand::Param(param) => {
                let info = &self.sequence.params[param.0];
                let name = &info.name;
                if info.ty.signed {
                    quote!((#name as ::core::primitive::i64 as ::core::primitive::u64))
                } else if info.ty.is_pointer() {
                    quote!((#name as ::core::primitive::usize as ::core::primitive::u64))
                } else {
                    quote!((#name as ::core::primitive::u64))
                }
            }
            Operand::Imm(literal) => {
                let bits = *literal as u64;
                quote!(#bits)
            }
            Operand::Const(index) => self.constant(*index),
        }
    }

    fn constant(&self, index: usize) -> TokenStream {
        let tokens = &self.sequence.consts[index].tokens;
        quote!(((#tokens) as ::core::primitive::i64 as ::core::primitive::u64))
    }

    fn address(&self, place: &Place) -> TokenStream {
        let base = match &place.base {
            Base::Slot => quote!(__slot),
            Base::Pointer(operand) => self.operand(operand),
        };
        let offset = self.constant(place.offset);
        quote!(#base.wrapping_add(#offset))
    }

    /// The place as the source names it.
    fn describe(&self, place: &Place) -> String {
        let about = &self.sequence.consts[place.offset].about;
        about.strip_prefix("offset of ").unwrap_or(about).to_string()
    }

    fn ty(&self, value: Value) -> &Ty {
        &self.sequence.values[value.0].ty
    }
}

/// The variable that stands for the register of a value.
fn value(Value(number): Value) -> TokenStream {
    let name = format_ident!("__v{number}");
    quote!(#name)
}

/// What a register of this type holds.
fn kind(ty: &Ty) -> TokenStream {
    let (rust, signed, pointer) = (&ty.rust, ty.signed, ty.is_pointer());
    quote!(::perseq::section::model::Kind {
        bytes: ::core::mem::size_of::<#rust>(),
        signed: #signed,
        pointer: #pointer,
    })
}

/// Tells what came of the slow path `__path`: its exit and outputs are `__taken`.
pub(crate) fn settle(sequence: &Sequence) -> TokenStream {
    let results = sequence.outputs().into_iter().enumerate().map(|(at, output)| {
        let (ty, at) = (&sequence.values[output.0].ty, syn::Index::from(at));
        if ty.is_pointer() {
            quote!((__taken.1.#at as ::core::primitive::usize as ::core::primitive::u64, true))
        } else {
            quote!((__taken.1.#at as ::core::primitive::u64, false))
        }
    });
    quote!(__path.end(__taken.0, &[#(#results),*]);)
}
