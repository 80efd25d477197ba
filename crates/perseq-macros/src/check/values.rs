//! Expressions to values: what a section computes, and what it compares.

use quote::ToTokens;
use syn::spanned::Spanned;
use syn::{Expr, ExprBinary, Type, UnOp};

use super::{Checker, Name};
use crate::ir::{BinOp, CmpOp, Cond, Inst, Operand, Value};
use crate::parse::is_path;
use crate::types::{Ty, Width};

impl Checker<'_> {
    /// Computes `init` into a new value of type `ty`.
    pub(super) fn bind(&mut self, init: &Expr, ty: &Ty) -> syn::Result<Value> {
        if let Some(operand) = self.builtin(init, ty)? {
            return Ok(operand);
        }
        match self.operand(init, ty)? {
            // A value that is computed for this binding and no other.
            Operand::Value(value) if self.sequence.values[value.0].name.is_none() => Ok(value),
            src => {
                let dst = self.value(ty);
                self.sequence.body.push(Inst::Mov { dst, src });
                Ok(dst)
            }
        }
    }

    /// `tsc()`, `cpu_id()`, `slot_number()`, `rdpmc(i)`.
    fn builtin(&mut self, init: &Expr, ty: &Ty) -> syn::Result<Option<Value>> {
        let Expr::Call(call) = init else { return Ok(None) };
        let args: Vec<&Expr> = call.args.iter().collect();
        let (name, result, inst): (_, Type, Inst) = match args.as_slice() {
            [] if is_path(&call.func, "tsc") => {
                ("tsc", syn::parse_quote!(u64), Inst::Tsc { dst: Value(usize::MAX) })
            }
            [] if is_path(&call.func, "cpu_id") => {
                ("cpu_id", syn::parse_quote!(u32), Inst::CpuId { dst: Value(usize::MAX) })
            }
            [] if is_path(&call.func, "slot_number") => {
                self.sequence.per_cpu.push(call.span());
                ("slot_number", syn::parse_quote!(u32), Inst::SlotNumber { dst: Value(usize::MAX) })
            }
            [index] if is_path(&call.func, "rdpmc") => {
                self.require_unsafe(
                    call.span(),
                    "`rdpmc` traps where the counter is not open to user space",
                )?;
                let index = self.operand(index, &Ty::from_syn(&syn::parse_quote!(u32))?)?;
                ("rdpmc", syn::parse_quote!(u64), Inst::Rdpmc { dst: Value(usize::MAX), index })
            }
            _ => return Ok(None),
        };
        let wanted = Ty::from_syn(&result)?;
        if ty.is_pointer() || ty.signed || ty.width != wanted.width {
            return Err(syn::Error::new_spanned(
                &ty.rust,
                format!("`{name}` gives a `{}`", result.to_token_stream()),
            ));
        }
        let value = self.value(ty);
        self.sequence.body.push(match inst {
            Inst::Tsc { .. } => Inst::Tsc { dst: value },
            Inst::CpuId { .. } => Inst::CpuId { dst: value },
            Inst::SlotNumber { .. } => Inst::SlotNumber { dst: value },
            Inst::Rdpmc { index, .. } => Inst::Rdpmc { dst: value, index },
            other => other,
        });
        Ok(Some(value))
    }

    /// An expression as an operand of type `ty`.
    pub(super) fn operand(&mut self, expr: &Expr, ty: &Ty) -> syn::Result<Operand> {
        match expr {
            Expr::Paren(inner) => self.operand(&inner.expr, ty),
            Expr::Group(inner) => self.operand(&inner.expr, ty),
            Expr::Lit(lit) => literal(lit, ty),
            Expr::Const(_) => Ok(self.constant(expr, ty)),
            Expr::Path(path) => match path.path.get_ident().and_then(|ident| self.names.get(ident)) {
                Some(Name::Value(value)) => Ok(Operand::Value(*value)),
                Some(Name::Param(_)) => Ok(self.param(path.path.get_ident().expect("matched above"))),
                Some(Name::Slots) => {
                    Err(syn::Error::new_spanned(expr, "name a field of the slot, as in `slots.field`"))
                }
                Some(Name::Opaque) => Err(syn::Error::new_spanned(expr, OPAQUE)),
                None => Ok(self.constant(expr, ty)),
            },
            Expr::Field(_) | Expr::Index(_) | Expr::Unary(syn::ExprUnary { op: UnOp::Deref(_), .. }) => {
                let place = self.place(expr, ty)?;
                let dst = self.value(ty);
                self.sequence.body.push(Inst::Load { dst, place });
                Ok(Operand::Value(dst))
            }
            Expr::Unary(unary) => {
                if let (UnOp::Neg(_), Expr::Lit(lit)) = (&unary.op, &*unary.expr) {
                    let Operand::Imm(value) = literal(lit, ty)? else {
                        unreachable!("a literal is an immediate")
                    };
                    return Ok(Operand::Imm(-value));
                }
                let src = self.operand(&unary.expr, ty)?;
                let dst = self.value(ty);
                self.sequence.body.push(match unary.op {
                    UnOp::Not(_) => Inst::Not { dst, src },
                    UnOp::Neg(_) if ty.signed => Inst::Neg { dst, src },
                    _ => {
                        return Err(syn::Error::new_spanned(
                            expr,
                            "only a signed value can be negated: write `0 - value`, which wraps",
                        ));
                    }
                });
                Ok(Operand::Value(dst))
            }
            Expr::Binary(binary) => self.arithmetic(binary, ty),
            Expr::Cast(cast) => {
                let to = Ty::from_syn(&cast.ty)?;
                let Some(from) = self.type_of(&cast.expr)? else {
                    return match &*cast.expr {
                        // A literal is of whatever type is asked for.
                        Expr::Lit(_) => self.operand(&cast.expr, &to),
                        Expr::Path(_) if !self.is_known(&cast.expr) => Ok(self.constant(expr, &to)),
                        _ => Err(syn::Error::new_spanned(&cast.expr, CAST_OF_UNKNOWN)),
                    };
                };
                let src = self.operand(&cast.expr, &from)?;
                let dst = self.value(&to);
                self.sequence.body.push(Inst::Cast { dst, src });
                Ok(Operand::Value(dst))
            }
            Expr::RawAddr(raw) => {
                if matches!(raw.mutability, syn::PointerMutability::Mut(_)) && self.is_in_slots(&raw.expr) {
                    self.sequence.per_cpu.push(raw.span());
                }
                // An address may be that of anything, a byte for instance.
                let place = self.place(&raw.expr, &Ty::from_syn(&syn::parse_quote!(u8))?)?;
                let dst = self.value(ty);
                self.sequence.body.push(Inst::Address { dst, place });
                Ok(Operand::Value(dst))
            }
            Expr::Call(call) if is_null(call) => {
                if ty.is_pointer() {
                    Ok(Operand::Imm(0))
                } else {
                    Err(syn::Error::new_spanned(expr, "this is a pointer: compare or store it as one"))
                }
            }
            Expr::Call(call) if is_builtin(&call.func) => Err(syn::Error::new_spanned(
                expr,
                "bind the result of a built-in on its own, as in `let now: u64 = tsc();`",
            )),
            _ => Err(refuse(expr)),
        }
    }

    fn arithmetic(&mut self, binary: &ExprBinary, ty: &Ty) -> syn::Result<Operand> {
        use syn::BinOp as B;
        let op = match binary.op {
            B::Add(_) => BinOp::Add,
            B::Sub(_) => BinOp::Sub,
            B::BitAnd(_) => BinOp::And,
            B::BitOr(_) => BinOp::Or,
            B::BitXor(_) => BinOp::Xor,
            B::Shl(_) => BinOp::Shl,
            B::Shr(_) => BinOp::Shr,
            other => {
                return Err(syn::Error::new_spanned(
                    other,
                    "a sequence computes with `+ - & | ^ << >>`: do anything else before it",
                ));
            }
        };
        if ty.is_pointer() {
            return Err(syn::Error::new_spanned(
                binary,
                "no arithmetic on pointers: cast to usize and back, or take `&raw mut (*p).field[i]`",
            ));
        }
        let a = self.operand(&binary.left, ty)?;
        let shift = matches!(op, BinOp::Shl | BinOp::Shr);
        let b = if shift {
            let amount = match (self.type_of(&binary.right)?, &*binary.right) {
                (Some(amount), _) => amount,
                (None, Expr::Lit(_) | Expr::Path(_)) => Ty::from_syn(&syn::parse_quote!(u32))?,
                (None, place) => {
                    return Err(syn::Error::new_spanned(
                        place,
                        "the type of this amount is not known here: bind it with `let by: u32 = …` first",
                    ));
                }
            };
            let amount = self.operand(&binary.right, &amount)?;
            if let Operand::Imm(n) = amount
                && (n < 0 || n >= i128::from(bits(ty)))
            {
                return Err(syn::Error::new_spanned(
                    &binary.right,
                    format!(
                        "this shifts all bits out: a `{}` can be shifted by 0 to {} bits on every target",
                        ty.rust.to_token_stream(),
                        bits(ty) - 1
                    ),
                ));
            }
            amount
        } else {
            self.operand(&binary.right, ty)?
        };
        let dst = self.value(ty);
        self.sequence.body.push(Inst::Bin { dst, op, a, b });
        Ok(Operand::Value(dst))
    }

    /// A condition, of comparisons joined by `&&`, `||` and `!`.
    pub(super) fn condition(&mut self, expr: &Expr) -> syn::Result<Cond> {
        use syn::BinOp as B;
        match expr {
            Expr::Paren(inner) => self.condition(&inner.expr),
            Expr::Group(inner) => self.condition(&inner.expr),
            Expr::Unary(unary) if matches!(unary.op, UnOp::Not(_)) => {
                Ok(self.condition(&unary.expr)?.negate())
            }
            Expr::MethodCall(call) if call.method == "is_null" && call.args.is_empty() => {
                let ty = self.type_of(&call.receiver)?.filter(Ty::is_pointer).ok_or_else(|| {
                    syn::Error::new_spanned(&call.receiver, "`is_null` asks a raw pointer bound by `let`")
                })?;
                let a = self.operand(&call.receiver, &ty)?;
                Ok(Cond::Cmp { op: CmpOp::Eq, signed: false, a, b: Operand::Imm(0) })
            }
            Expr::Binary(binary) => {
                let op = match binary.op {
                    B::And(_) | B::Or(_) => {
                        let a = Box::new(self.condition(&binary.left)?);
                        let before = self.sequence.body.len();
                        let b = Box::new(self.condition(&binary.right)?);
                        if self.sequence.body.len() != before {
                            return Err(syn::Error::new_spanned(
                                &binary.right,
                                "this side would be computed whether it is needed or not: bind it with `let` before, or \
                                 leave in two steps, with an `if … { return …; }` for each",
                            ));
                        }
                        return Ok(match binary.op {
                            B::And(_) => Cond::And(a, b),
                            _ => Cond::Or(a, b),
                        });
                    }
                    B::Eq(_) => CmpOp::Eq,
                    B::Ne(_) => CmpOp::Ne,
                    B::Lt(_) => CmpOp::Lt,
                    B::Le(_) => CmpOp::Le,
                    B::Gt(_) => CmpOp::Gt,
                    B::Ge(_) => CmpOp::Ge,
                    _ => return Err(condition_error(expr)),
                };
                let ty = match self.type_of(&binary.left)? {
                    Some(ty) => ty,
                    None => self.type_of(&binary.right)?.ok_or_else(|| {
                        syn::Error::new_spanned(
                            binary,
                            "the type of this comparison is not known here: bind one side with \
                             `let name: type = …` first",
                        )
                    })?,
                };
                let a = self.operand(&binary.left, &ty)?;
                let b = self.operand(&binary.right, &ty)?;
                Ok(Cond::Cmp { op, signed: ty.signed, a, b })
            }
            _ => Err(condition_error(expr)),
        }
    }

    /// The type of an expression where the source says it: named values, parameters, casts, and what is
    /// computed from them.
    pub(super) fn type_of(&self, expr: &Expr) -> syn::Result<Option<Ty>> {
        Ok(match expr {
            Expr::Paren(inner) => self.type_of(&inner.expr)?,
            Expr::Group(inner) => self.type_of(&inner.expr)?,
            Expr::Path(path) => match path.path.get_ident().and_then(|ident| self.names.get(ident)) {
                Some(Name::Value(value)) => Some(self.sequence.values[value.0].ty.clone()),
                Some(Name::Param(ty)) => Some((**ty).clone()),
                _ => None,
            },
            Expr::Cast(cast) => Some(Ty::from_syn(&cast.ty)?),
            Expr::Unary(unary) if !matches!(unary.op, UnOp::Deref(_)) => self.type_of(&unary.expr)?,
            Expr::Unary(unary) => {
                self.type_of(&unary.expr)?.and_then(|ty| ty.pointee).as_ref().and_then(Ty::word)
            }
            Expr::Binary(binary) => match (self.type_of(&binary.left)?, &binary.op) {
                // The amount of a shift may be of any type.
                (None, syn::BinOp::Shl(_) | syn::BinOp::Shr(_)) => None,
                (None, _) => self.type_of(&binary.right)?,
                (ty, _) => ty,
            },
            Expr::Lit(syn::ExprLit { lit: syn::Lit::Int(int), .. }) if !int.suffix().is_empty() => {
                let suffix: Type = syn::parse_str(int.suffix())?;
                Ty::word(&suffix)
            }
            _ => None,
        })
    }

    /// A pointer operand: a named pointer or `&raw mut place`.
    pub(super) fn pointer(&mut self, expr: &Expr) -> syn::Result<Operand> {
        let ty = match expr {
            Expr::RawAddr(_) => Ty::from_syn(&syn::parse_quote!(*mut u8))?,
            _ => self.type_of(expr)?.filter(Ty::is_pointer).ok_or_else(|| {
                syn::Error::new_spanned(
                    expr,
                    "`copy` takes raw pointers: a name bound to one, or `&raw mut place`",
                )
            })?,
        };
        self.operand(expr, &ty)
    }

    /// Why `value`, whose type the source does not say, cannot be stored.
    pub(super) fn unknown_width(&self, value: &Expr) -> syn::Error {
        let why = match value {
            Expr::Lit(syn::ExprLit { lit: syn::Lit::Int(_), .. }) | Expr::Field(_) | Expr::Index(_) => {
                "the width of this store is not known here: write the type, as in `0 as u64`, or bind it with \
                 `let name: type = …` first"
            }
            Expr::Path(path) => match path.path.get_ident().and_then(|ident| self.names.get(ident)) {
                Some(Name::Opaque) => OPAQUE,
                _ => {
                    "this is neither a parameter nor a value bound above; if it is a constant, write its type, as in \
                     `LIMIT as u64`"
                }
            },
            Expr::Lit(_) => NOT_AN_INTEGER,
            Expr::Call(call) if is_null(call) => {
                "the type of this null pointer is not known here: bind it first, as in `let none: *mut T = null_mut();`"
            }
            Expr::Binary(_) | Expr::Unary(_) => {
                "the width of this store is not known here: bind the loads and constants in it with \
                 `let name: type = …` first"
            }
            _ => return refuse(value),
        };
        syn::Error::new_spanned(value, why)
    }
}

const OPAQUE: &str =
    "a parameter used in a sequence must fit in a register: pass an integer or a raw pointer";

const CAST_OF_UNKNOWN: &str = "the type of what is cast is not known here: bind it first, as in `let narrow: u32 = slots.field;`, \
                               and cast that";

const NOT_AN_INTEGER: &str = "a literal in a sequence is an integer: compute anything else before it";

/// Bits of `ty`, for checking literal shifts; a native word is taken as 32, which every target has.
fn bits(ty: &Ty) -> u32 {
    match ty.width {
        Width::W8 => 8,
        Width::W16 => 16,
        Width::W32 | Width::Native => 32,
        Width::W64 => 64,
    }
}

fn literal(lit: &syn::ExprLit, ty: &Ty) -> syn::Result<Operand> {
    let syn::Lit::Int(int) = &lit.lit else {
        return Err(syn::Error::new_spanned(lit, NOT_AN_INTEGER));
    };
    if ty.is_pointer() && int.base10_parse::<u64>()? != 0 {
        return Err(syn::Error::new_spanned(lit, "the only literal pointer is null: `ptr::null_mut()`"));
    }
    Ok(Operand::Imm(int.base10_parse()?))
}

/// Whether `call` is `null()` or `null_mut()`, by whatever path: the portable form puts a null there itself.
pub(crate) fn is_null(call: &syn::ExprCall) -> bool {
    matches!(&*call.func, Expr::Path(path) if call.args.is_empty()
        && path.path.segments.last().is_some_and(|last| last.ident == "null" || last.ident == "null_mut"))
}

fn is_builtin(func: &Expr) -> bool {
    ["tsc", "cpu_id", "slot_number", "rdpmc", "copy"].iter().any(|name| is_path(func, name))
}

fn condition_error(expr: &Expr) -> syn::Error {
    syn::Error::new_spanned(
        expr,
        "a condition in a sequence compares values: `a == b`, `a < b`, `p.is_null()`, joined by `&&`, `||` and `!`",
    )
}

/// Why an expression cannot stand in a section.
pub(super) fn refuse(expr: &Expr) -> syn::Error {
    let why = match expr {
        Expr::Call(_) | Expr::MethodCall(_) => {
            "a sequence cannot call: compute the value before and pass it as a parameter, or move the call after \
             the commit"
        }
        Expr::Macro(_) => "a sequence cannot run a macro: move it before the sequence or after the commit",
        Expr::If(_) | Expr::Match(_) => {
            "a sequence cannot choose between values: leave with `if condition { return value; }`, or decide \
             outside"
        }
        Expr::While(_) | Expr::ForLoop(_) | Expr::Loop(_) => "a sequence cannot loop",
        Expr::Block(_) | Expr::Unsafe(_) => "a sequence has no blocks: write its statements one by one",
        Expr::Reference(_) => "a sequence forms no references: use `&raw mut place` or `&raw const place`",
        Expr::Closure(_) | Expr::Struct(_) | Expr::Tuple(_) | Expr::Array(_) => {
            "a value in a sequence is one word: build this after the commit"
        }
        _ => "this cannot stand in a sequence: use names, literals, places, `+ - & | ^ << >>` and casts",
    };
    syn::Error::new_spanned(expr, why)
}
