//! Statements to IR: names, types, places and the rule about `unsafe`.
//!
//! Invariant: a sequence that passes reads and writes nothing but its slot, unless it is an `unsafe fn`; where it writes
//! that or asks for its number is noted, as data that all CPUs share allows neither; every value has a type that is known here; every index into an array is checked against its length.

use std::collections::HashMap;

use proc_macro2::{Span, TokenStream, TokenTree};
use quote::{ToTokens, format_ident, quote, quote_spanned};
use syn::spanned::Spanned;
use syn::{Expr, ExprBinary, FnArg, Ident, Member, Pat, Type, UnOp};

use crate::ir::{
    Base, BinOp, CmpOp, CommitOrder, Cond, Const, Exit, Inst, Operand, Param, ParamInfo, Place, Sequence,
    Value, ValueInfo,
};
use crate::parse::{Source, Statement, is_path};
use crate::types::{Ty, Width};

/// Exits are numbered below `perseq::section::REFUSED`.
const MAX_EXITS: usize = 200;

pub(crate) fn check(source: &Source) -> syn::Result<Sequence> {
    let mut checker = Checker::new(source)?;
    for statement in &source.section {
        checker.statement(statement)?;
    }
    if checker.sequence.exits.len() > MAX_EXITS {
        return Err(syn::Error::new(
            source.sig.ident.span(),
            format!(
                "this sequence has more than {MAX_EXITS} ways out (returns and computed indices): split it"
            ),
        ));
    }
    let live = checker.live_in(&source.tail);
    checker.sequence.exits[0] = Exit { live, then: source.tail.clone() };
    Ok(checker.sequence)
}

/// The parameter that holds the slots: the first, a reference.
pub(crate) fn slots_param(source: &Source) -> syn::Result<(&Ident, &Type)> {
    const SHAPE: &str = "the first parameter of a sequence is the data it works on: `slots: &PerCpu<T>`";
    let Some(first) = source.sig.inputs.first() else {
        return Err(syn::Error::new(source.sig.ident.span(), SHAPE));
    };
    let FnArg::Typed(arg) = first else {
        return Err(syn::Error::new_spanned(
            first,
            format!("{SHAPE}; a method calls a sequence, it is not one"),
        ));
    };
    match (&*arg.pat, &*arg.ty) {
        (Pat::Ident(name), Type::Reference(reference)) if reference.mutability.is_none() => {
            Ok((&name.ident, &reference.elem))
        }
        (Pat::Ident(_), Type::Reference(reference)) => Err(syn::Error::new_spanned(
            reference,
            "take the slots by `&`: every thread shares them, and a sequence needs no `&mut`",
        )),
        _ => Err(syn::Error::new_spanned(arg, SHAPE)),
    }
}

/// What a name stands for inside the section.
enum Name {
    Slots,
    Value(Value),
    /// A parameter whose type fits in a register; passed to the section on its first use.
    Param(Box<Ty>),
    /// A parameter that the section cannot use.
    Opaque,
}

struct Checker<'a> {
    source: &'a Source,
    slots_type: &'a Type,
    names: HashMap<Ident, Name>,
    params: HashMap<Ident, Param>,
    /// Addresses of places with an index that is a name, by their text and type.
    addresses: HashMap<(String, String), Value>,
    sequence: Sequence,
}

impl<'a> Checker<'a> {
    fn new(source: &'a Source) -> syn::Result<Self> {
        let (slots, slots_type) = slots_param(source)?;
        reserved(slots)?;
        let mut names = HashMap::from([(slots.clone(), Name::Slots)]);
        for input in source.sig.inputs.iter().skip(1) {
            let FnArg::Typed(arg) = input else { continue };
            let Pat::Ident(name) = &*arg.pat else {
                return Err(syn::Error::new_spanned(
                    &arg.pat,
                    "give the parameters of a sequence plain names",
                ));
            };
            if let Type::Reference(reference) = &*arg.ty
                && names_percpu(&reference.elem)
            {
                return Err(syn::Error::new_spanned(
                    arg,
                    "a sequence works on one slot: put what must change together into one `PerCpu<T>`",
                ));
            }
            reserved(&name.ident)?;
            let kind = Ty::word(&arg.ty).map_or(Name::Opaque, |ty| Name::Param(Box::new(ty)));
            names.insert(name.ident.clone(), kind);
        }
        let exits = vec![Exit { live: Vec::new(), then: TokenStream::new() }];
        let sequence = Sequence {
            slots: slots_type.clone(),
            params: Vec::new(),
            values: Vec::new(),
            consts: Vec::new(),
            body: Vec::new(),
            exits,
            returns: Vec::new(),
            per_cpu: Vec::new(),
        };
        Ok(Self { source, slots_type, names, params: HashMap::new(), addresses: HashMap::new(), sequence })
    }

    fn statement(&mut self, statement: &Statement) -> syn::Result<()> {
        match statement {
            Statement::Let { name, ty, init } => {
                let ty = Ty::from_syn(ty)?;
                reserved(name)?;
                if self.names.contains_key(name) {
                    return Err(syn::Error::new_spanned(
                        name,
                        "this name is taken: a sequence does not shadow",
                    ));
                }
                let value = self.bind(init, &ty)?;
                self.sequence.values[value.0].name = Some(name.clone());
                self.names.insert(name.clone(), Name::Value(value));
            }
            Statement::Exit { cond, value } => {
                let then = value.as_ref().map(ToTokens::to_token_stream).unwrap_or_default();
                let live = self.live_in(&then);
                let exit = self.exit(live, quote!(return #then;));
                self.sequence.returns.push(exit);
                self.exit_if(cond, exit)?;
            }
            Statement::Stage { place, value } => {
                let (place, value, ty) = self.store(place, value)?;
                self.sequence.body.push(Inst::Stage { place, value, ty });
            }
            Statement::Commit { order, place, value } => {
                let (place, value, ty) = self.store(place, value)?;
                let order = self.order(order)?;
                self.sequence.body.push(Inst::Commit { place, value, ty, order });
            }
            Statement::Copy { dst, src, len, span } => {
                self.require_unsafe(*span, "`copy` follows raw pointers")?;
                let dst = self.pointer(dst)?;
                let src = self.pointer(src)?;
                let len = self.operand(len, &Ty::named("usize"))?;
                self.sequence.body.push(Inst::Copy { dst, src, len });
            }
        }
        Ok(())
    }

    fn order(&mut self, order: &CommitOrder<Expr>) -> syn::Result<CommitOrder<usize>> {
        let constant = match order {
            CommitOrder::Is(order) => return Ok(CommitOrder::Is(*order)),
            CommitOrder::ReleaseIf(constant) => constant,
        };
        if self.is_known(constant) {
            return Err(syn::Error::new_spanned(
                constant,
                "the order of a commit is compiled into it: this must be a constant, a const parameter for instance",
            ));
        }
        let tokens = quote_spanned! {constant.span()=> {
            let release: ::core::primitive::bool = #constant;
            release as ::core::primitive::u8
        }};
        Ok(CommitOrder::ReleaseIf(self.constant_of(tokens, format!("1 if {}", plain(constant)))))
    }

    /// Leaves through `exit` if `cond` holds. The right side of an outermost `||` is computed only if the left does not hold.
    fn exit_if(&mut self, cond: &Expr, exit: usize) -> syn::Result<()> {
        match cond {
            Expr::Paren(inner) => self.exit_if(&inner.expr, exit),
            Expr::Binary(ExprBinary { left, op: syn::BinOp::Or(_), right, .. }) => {
                self.exit_if(left, exit)?;
                self.exit_if(right, exit)
            }
            _ => {
                let cond = self.condition(cond)?;
                self.sequence.body.push(Inst::ExitIf { cond, exit });
                Ok(())
            }
        }
    }

    /// Computes `init` into a new value of type `ty`.
    fn bind(&mut self, init: &Expr, ty: &Ty) -> syn::Result<Value> {
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
    fn operand(&mut self, expr: &Expr, ty: &Ty) -> syn::Result<Operand> {
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
    fn condition(&mut self, expr: &Expr) -> syn::Result<Cond> {
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
    fn type_of(&self, expr: &Expr) -> syn::Result<Option<Ty>> {
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
    fn pointer(&mut self, expr: &Expr) -> syn::Result<Operand> {
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

    fn store(&mut self, place: &Expr, value: &Expr) -> syn::Result<(Place, Operand, Ty)> {
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

    /// Why `value`, whose type the source does not say, cannot be stored.
    fn unknown_width(&self, value: &Expr) -> syn::Error {
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

    /// A place that holds a `ty`: `slots.field.field[index].field`, `(*pointer).field…` or `*pointer`.
    ///
    /// The compiler computes its offset from the path with every computed index 0; what an index adds goes into an address of
    /// its own, which later statements with the same place use again.
    fn place(&mut self, expr: &Expr, ty: &Ty) -> syn::Result<Place> {
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
    fn is_known(&self, expr: &Expr) -> bool {
        matches!(expr, Expr::Path(path)
            if path.path.get_ident().is_some_and(|ident| self.names.contains_key(ident)))
    }

    /// Whether a place is rooted in the slots, and not behind a pointer.
    fn is_in_slots(&self, place: &Expr) -> bool {
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

    fn require_unsafe(&self, span: Span, why: &str) -> syn::Result<()> {
        if self.source.sig.unsafety.is_some() {
            return Ok(());
        }
        Err(syn::Error::new(
            span,
            format!("{why}, so it must be an `unsafe fn` that says in `# Safety` what its callers promise"),
        ))
    }

    fn value(&mut self, ty: &Ty) -> Value {
        self.sequence.values.push(ValueInfo { ty: ty.clone(), name: None });
        Value(self.sequence.values.len() - 1)
    }

    fn param(&mut self, name: &Ident) -> Operand {
        let Some(Name::Param(ty)) = self.names.get(name) else { unreachable!("only parameters get here") };
        let params = &mut self.sequence.params;
        let param = *self.params.entry(name.clone()).or_insert_with(|| {
            params.push(ParamInfo { name: name.clone(), ty: (**ty).clone() });
            Param(params.len() - 1)
        });
        Operand::Param(param)
    }

    fn constant(&mut self, expr: &Expr, ty: &Ty) -> Operand {
        let rust = &ty.rust;
        let wide = if ty.signed { quote!(::core::primitive::i64) } else { quote!(::core::primitive::u64) };
        let tokens = quote_spanned!(expr.span()=> { let constant: #rust = #expr; constant as #wide });
        Operand::Const(self.constant_of(tokens, plain(expr)))
    }

    fn constant_of(&mut self, tokens: TokenStream, about: String) -> usize {
        self.sequence.consts.push(Const { tokens, about });
        self.sequence.consts.len() - 1
    }

    fn exit(&mut self, live: Vec<Value>, then: TokenStream) -> usize {
        self.sequence.exits.push(Exit { live, then });
        self.sequence.exits.len() - 1
    }

    /// The values of the section whose names occur in `tokens`.
    fn live_in(&self, tokens: &TokenStream) -> Vec<Value> {
        fn visit(tokens: TokenStream, names: &HashMap<Ident, Name>, live: &mut Vec<Value>) {
            for tree in tokens {
                match tree {
                    TokenTree::Ident(ident) => {
                        if let Some(Name::Value(value)) = names.get(&ident) {
                            live.push(*value);
                        }
                    }
                    TokenTree::Group(group) => visit(group.stream(), names, live),
                    // `{name}` in a format string; a name too many does no harm.
                    TokenTree::Literal(literal) => {
                        let text = literal.to_string();
                        for part in text.split('{').skip(1) {
                            let name = part.split(|c: char| c != '_' && !c.is_alphanumeric()).next();
                            let name = name.and_then(|name| syn::parse_str::<Ident>(name).ok());
                            if let Some(Name::Value(value)) = name.and_then(|name| names.get(&name)) {
                                live.push(*value);
                            }
                        }
                    }
                    _ => {}
                }
            }
        }
        let mut live = Vec::new();
        visit(tokens.clone(), &self.names, &mut live);
        live.sort_unstable();
        live.dedup();
        live
    }
}

const OPAQUE: &str =
    "a parameter used in a sequence must fit in a register: pass an integer or a raw pointer";
const CAST_OF_UNKNOWN: &str = "the type of what is cast is not known here: bind it first, as in `let narrow: u32 = slots.field;`, \
                               and cast that";
const NOT_AN_INTEGER: &str = "a literal in a sequence is an integer: compute anything else before it";

enum Step<'e> {
    Field(&'e Member),
    Index(&'e Expr),
}

/// Bits of `ty`, for checking literal shifts; a native word is taken as 32, which every target has.
fn bits(ty: &Ty) -> u32 {
    match ty.width {
        Width::W8 => 8,
        Width::W16 => 16,
        Width::W32 | Width::Native => 32,
        Width::W64 => 64,
    }
}

/// An expression in one line, for people.
fn plain(expr: &Expr) -> String {
    expr.to_token_stream().to_string().replace(" . ", ".").replace("* ", "*")
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

/// Names that the expansion uses for itself.
fn reserved(name: &Ident) -> syn::Result<()> {
    if name.to_string().starts_with("__") {
        return Err(syn::Error::new_spanned(
            name,
            "names that begin with `__` belong to the macro: choose another",
        ));
    }
    Ok(())
}

fn names_percpu(ty: &Type) -> bool {
    matches!(ty, Type::Path(path)
        if path.path.segments.last().is_some_and(|last| last.ident == "PerCpu" || last.ident == "PerCid"))
}

fn condition_error(expr: &Expr) -> syn::Error {
    syn::Error::new_spanned(
        expr,
        "a condition in a sequence compares values: `a == b`, `a < b`, `p.is_null()`, joined by `&&`, `||` and `!`",
    )
}

/// Why an expression cannot stand in a section.
fn refuse(expr: &Expr) -> syn::Error {
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
