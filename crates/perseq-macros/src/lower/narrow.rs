//! Machines whose registers have 32 bits: few registers, and a value of 64 bits needs two.
//!
//! Values do not live in registers there but in a *frame*, an array of 64-bit words on the caller's stack:
//!
//! ```text
//! 0  base of the slots                 3…  parameters
//! 1  address of the slot (low half)    …   values; a word is used again when its value is not needed any more
//! 2  address of the area (low half)
//! ```
//!
//! The machine that backends provide ([`Narrow`]) has an accumulator of 64 bits, a pair of registers; a pointer, one register;
//! and the frame, whose address is the one operand in a register of the compiler's choice. This module knows which words
//! they hold, and does not load again what is there already.
//!
//! Invariants, beside those of [`lower`](super):
//! - Words of the frame are canonical as 64-bit numbers.
//! - A word is read, here or by the code after the section, only if it was written before on every way there: values by the
//!   section, all others by the caller. So nothing else is initialised.
//! - A section branches out of itself for every exit, and there is no status: outputs are words of the frame.

use std::fmt;

use proc_macro2::{Ident, TokenStream};
use quote::quote;

use super::emit::{Constant, Emit, Lowered, operands};
use super::{
    BinOp, CmpOp, CommitOrder, Inst, Lower, Operand, Order, Place, Sequence, branch, describe_section, label,
    leave, ordered,
};
use crate::ir::{Base, Cond, Value};
use crate::types::{Ty, Width};

/// A word of the frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Word(usize);

impl Word {
    pub(crate) const BASE: Self = Self(0);
    pub(crate) const SLOT: Self = Self(1);
    pub(crate) const AREA: Self = Self(2);
    /// Where parameters begin.
    const PARAMS: usize = 3;
    /// Words that instructions of every backend can reach from the beginning of the frame.
    const MOST: usize = 500;

    /// Its offset in the frame in bytes.
    pub(crate) fn offset(self) -> usize {
        8 * self.0
    }
}

/// Where a number comes from.
#[derive(Clone, Debug)]
pub(crate) enum Term {
    Word(Word),
    Constant(Constant),
}

/// The low or high half of a constant, as an expression of the assembler.
pub(crate) struct Half<'c>(pub(crate) &'c Constant, pub(crate) bool);

impl fmt::Display for Half<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self(Constant::Literal(literal), false) => write!(f, "{}", *literal as u32),
            Self(Constant::Literal(literal), true) => write!(f, "{}", (*literal >> 32) as u32),
            Self(constant, false) => write!(f, "({constant} & 0xffffffff)"),
            Self(constant, true) => write!(f, "(({constant} >> 32) & 0xffffffff)"),
        }
    }
}

/// How an architecture writes the primitives that sections consist of. Where something is said to be `wide` it has 64 bits, else
/// it is the low half, and the high half of the accumulator is then anything.
pub(crate) trait Narrow {
    /// As in `cfg(target_arch = "…")`.
    const ARCH: &'static str;
    /// Registers beside those that [`enter`](Self::enter) claims.
    const CLOBBERS: &'static [&'static str];
    /// See [`Backend`](super::Backend).
    const HANDLERS_APART: bool = false;
    /// What stands right before an abort handler.
    const SIGNATURE: &'static str;
    /// The syntax is AT&T's.
    const ATT_SYNTAX: bool = false;

    /// Points the area's `rseq_cs` to the descriptor, at [`label::DESCRIPTOR`]; then, from [`label::START`] on, finds the slot and leaves to
    /// [`label::ABORT`] unless it may be used. What is loaded afterwards is at least as new as the gate. If the data is not per CPU, the
    /// slot is at the base, and may be used by whoever is registered. The pointer then holds the slot's address, and so does [`Word::SLOT`]; [`Word::AREA`] the area's.
    fn enter(emit: &mut Emit<'_>);
    /// Accumulator = term.
    fn get(emit: &mut Emit<'_>, term: &Term, wide: bool);
    /// Word = all of the accumulator.
    fn put(emit: &mut Emit<'_>, word: Word);
    /// Pointer = term.
    fn point(emit: &mut Emit<'_>, term: &Term);
    /// Accumulator = accumulator op term; not for shifts.
    fn binary(emit: &mut Emit<'_>, op: BinOp, wide: bool, term: &Term);
    /// Shifts the accumulator, of which the low half is canonical, by `amount & mask`. May change the pointer.
    fn shift(emit: &mut Emit<'_>, left: bool, signed: bool, wide: bool, amount: &Term, mask: u32);
    /// Multiplies the low half.
    fn multiply(emit: &mut Emit<'_>, by: &Constant);
    /// Accumulator = !accumulator.
    fn not(emit: &mut Emit<'_>, wide: bool);
    /// Accumulator = -accumulator.
    fn neg(emit: &mut Emit<'_>, wide: bool);
    /// Extends what is not wide to all of the accumulator.
    fn extend(emit: &mut Emit<'_>, width: Width, signed: bool);
    /// Accumulator = *(pointer + offset), extended; by one access.
    fn load(emit: &mut Emit<'_>, offset: &Constant, ty: &Ty);
    /// *(pointer + offset) = accumulator, by one access in the last instruction.
    fn store(emit: &mut Emit<'_>, offset: &Constant, ty: &Ty, order: Order);
    /// What must follow a store, after a commit outside the section: goes to [`label::ABORT`] if the store has failed.
    fn stored(_emit: &mut Emit<'_>, _ty: &Ty) {}
    /// Branches if accumulator op term; only for `Eq`, `Ne`, `Lt` and `Ge`. May change what is wide.
    fn branch(emit: &mut Emit<'_>, op: CmpOp, signed: bool, wide: bool, term: &Term, target: &str);
    /// Branches always, as far as a function may be long.
    fn jump(emit: &mut Emit<'_>, target: &str);
    /// Accumulator = the counter that `tsc()` stands for.
    fn clock(emit: &mut Emit<'_>);
    /// Accumulator = the performance counter `index`; says whether there is such an instruction. May change the pointer.
    fn counter(_emit: &mut Emit<'_>, _index: &Term) -> bool {
        false
    }
    /// Copies `len` bytes upwards, several at a time and then one at a time. May change accumulator and pointer.
    fn copy(emit: &mut Emit<'_>, dst: &Term, src: &Term, len: &Term);
}

pub(super) const fn backend<N: Narrow>() -> (&'static str, Lower) {
    (N::ARCH, lower::<N>)
}

/// Walks over the IR.
struct Walker<'a> {
    emit: Emit<'a>,
    /// The word in the accumulator, and whether all of it is there.
    held: Option<(Word, bool)>,
    /// The word in the pointer.
    pointer: Option<Word>,
}

impl<'a> AsMut<Emit<'a>> for Walker<'a> {
    fn as_mut(&mut self) -> &mut Emit<'a> {
        &mut self.emit
    }
}

/// Lowers `sequence` for one architecture. `__base` and the parameters must be in scope under their names.
fn lower<N: Narrow>(sequence: &Sequence, name: &Ident) -> syn::Result<Lowered> {
    let mut walker = Walker { emit: Emit::new(sequence, true), held: None, pointer: Some(Word::SLOT) };
    if words(&walker.emit) > Word::MOST {
        return Err(syn::Error::new(
            name.span(),
            format!("this sequence has too many values for {}", N::ARCH),
        ));
    }
    N::enter(&mut walker.emit);
    for register in N::CLOBBERS {
        walker.emit.fixed(register);
    }
    for inst in &sequence.body {
        if !instruction::<N>(&mut walker, inst) {
            return Ok(Lowered::missing(&format!("there is no rdpmc(index) on {}", N::ARCH)));
        }
    }
    let mut emit = walker.emit;
    emit.line(format!("{}:", label::POST_COMMIT));
    if let Some(Inst::Commit { ty, .. }) = sequence.body.last() {
        N::stored(&mut emit, ty);
    }
    leave(&mut emit, N::HANDLERS_APART, N::SIGNATURE, N::jump, |_, _| {});
    describe_section(&mut emit);
    Ok(finish(&emit, N::ATT_SYNTAX))
}

/// The word of a value.
fn word(emit: &Emit<'_>, value: Value) -> Word {
    Word(Word::PARAMS + emit.sequence.params.len() + emit.number(value))
}

/// How many words the frame has.
fn words(emit: &Emit<'_>) -> usize {
    let values = (0..emit.sequence.values.len()).map(|value| word(emit, Value(value)).0 + 1);
    values.max().unwrap_or(Word::PARAMS + emit.sequence.params.len())
}

fn is_wide(ty: &Ty) -> bool {
    ty.width == Width::W64
}

impl<'a> Walker<'a> {
    fn term(&mut self, operand: &Operand) -> Term {
        match operand {
            Operand::Value(value) => Term::Word(word(&self.emit, *value)),
            Operand::Param(param) => Term::Word(Word(Word::PARAMS + param.0)),
            Operand::Imm(literal) => Term::Constant(Constant::Literal(*literal as i64)),
            Operand::Const(index) => Term::Constant(self.emit.constant(*index)),
        }
    }

    /// Whether an operand has 64 bits, if it says.
    fn wide(&self, operand: &Operand) -> Option<bool> {
        match operand {
            Operand::Value(value) => Some(is_wide(&self.emit.sequence.values[value.0].ty)),
            Operand::Param(param) => Some(is_wide(&self.emit.sequence.params[param.0].ty)),
            Operand::Imm(_) | Operand::Const(_) => None,
        }
    }

    /// Accumulator = operand. Whoever changes it then puts it somewhere.
    fn get<N: Narrow>(&mut self, operand: &Operand, wide: bool) {
        let term = self.term(operand);
        match (&term, self.held) {
            (Term::Word(word), Some((held, all))) if held == *word && all >= wide => return,
            (Term::Word(word), _) => self.held = Some((*word, wide)),
            (Term::Constant(_), _) => self.held = None,
        }
        N::get(&mut self.emit, &term, wide);
    }

    /// Value = accumulator.
    fn put<N: Narrow>(&mut self, dst: Value) {
        let word = word(&self.emit, dst);
        N::put(&mut self.emit, word);
        self.held = Some((word, true));
        if self.pointer == Some(word) {
            self.pointer = None;
        }
    }

    /// Value = accumulator, of which only what the type has is computed.
    fn put_extended<N: Narrow>(&mut self, dst: Value) {
        let ty = self.emit.ty(dst);
        if !is_wide(&ty) {
            N::extend(&mut self.emit, ty.width, ty.signed);
        }
        self.put::<N>(dst);
    }

    /// Pointer = base of the place; gives the offset.
    fn point<N: Narrow>(&mut self, place: &Place) -> Constant {
        let term = self.base(place);
        match term {
            Term::Word(word) if self.pointer == Some(word) => {}
            _ => N::point(&mut self.emit, &term),
        }
        self.pointer = match term {
            Term::Word(word) => Some(word),
            Term::Constant(_) => None,
        };
        self.emit.size(place.offset)
    }

    fn base(&mut self, place: &Place) -> Term {
        match &place.base {
            Base::Slot => Term::Word(Word::SLOT),
            Base::Pointer(pointer) => self.term(pointer),
        }
    }

    fn store<N: Narrow>(&mut self, place: &Place, value: &Operand, ty: &Ty, order: &CommitOrder<usize>) {
        self.get::<N>(value, is_wide(ty));
        let offset = self.point::<N>(place);
        ordered(&mut self.emit, order, |emit, order| N::store(emit, &offset, ty, order));
    }
}

/// Writes one instruction of the IR; says whether the architecture has it.
fn instruction<N: Narrow>(walker: &mut Walker<'_>, inst: &Inst) -> bool {
    match inst {
        Inst::Load { dst, place } => {
            let (ty, offset) = (walker.emit.ty(*dst), walker.point::<N>(place));
            N::load(&mut walker.emit, &offset, &ty);
            walker.put::<N>(*dst);
        }
        Inst::Mov { dst, src } => {
            walker.get::<N>(src, true);
            walker.put::<N>(*dst);
        }
        Inst::Cast { dst, src } => {
            walker.get::<N>(src, is_wide(&walker.emit.ty(*dst)));
            walker.put_extended::<N>(*dst);
        }
        Inst::Not { dst, src } => {
            let wide = is_wide(&walker.emit.ty(*dst));
            walker.get::<N>(src, wide);
            N::not(&mut walker.emit, wide);
            walker.put_extended::<N>(*dst);
        }
        Inst::Neg { dst, src } => {
            let wide = is_wide(&walker.emit.ty(*dst));
            walker.get::<N>(src, wide);
            N::neg(&mut walker.emit, wide);
            walker.put_extended::<N>(*dst);
        }
        Inst::Bin { dst, op, a, b } => {
            let ty = walker.emit.ty(*dst);
            let wide = is_wide(&ty);
            walker.get::<N>(a, wide);
            let b = walker.term(b);
            if matches!(op, BinOp::Shl | BinOp::Shr) {
                let mask = match ty.width {
                    Width::W64 => 63,
                    Width::W32 | Width::Native => 31,
                    Width::W16 => 15,
                    Width::W8 => 7,
                };
                N::shift(&mut walker.emit, *op == BinOp::Shl, ty.signed, wide, &b, mask);
                walker.pointer = None;
            } else {
                N::binary(&mut walker.emit, *op, wide, &b);
            }
            walker.put_extended::<N>(*dst);
        }
        Inst::Address { dst, place } => {
            let (base, offset) = (walker.base(place), walker.emit.size(place.offset));
            N::get(&mut walker.emit, &base, false);
            N::binary(&mut walker.emit, BinOp::Add, false, &Term::Constant(offset));
            walker.put_extended::<N>(*dst);
        }
        Inst::Index { dst, place, index, stride } => {
            walker.get::<N>(index, false);
            let (stride, base) = (walker.emit.size(*stride), walker.base(place));
            let offset = Term::Constant(walker.emit.size(place.offset));
            N::multiply(&mut walker.emit, &stride);
            N::binary(&mut walker.emit, BinOp::Add, false, &base);
            N::binary(&mut walker.emit, BinOp::Add, false, &offset);
            walker.put_extended::<N>(*dst);
        }
        Inst::Tsc { dst } => {
            N::clock(&mut walker.emit);
            walker.put::<N>(*dst);
        }
        Inst::Rdpmc { dst, index } => {
            let index = walker.term(index);
            if !N::counter(&mut walker.emit, &index) {
                return false;
            }
            walker.pointer = None;
            walker.put::<N>(*dst);
        }
        Inst::CpuId { dst } => {
            let ty = walker.emit.ty(*dst);
            N::point(&mut walker.emit, &Term::Word(Word::AREA));
            walker.pointer = None;
            N::load(&mut walker.emit, &Constant::Literal(4), &ty);
            walker.put::<N>(*dst);
        }
        Inst::SlotNumber { dst } => {
            let shift = Term::Constant(walker.emit.shift());
            N::get(&mut walker.emit, &Term::Word(Word::SLOT), false);
            N::binary(&mut walker.emit, BinOp::Sub, false, &Term::Word(Word::BASE));
            N::shift(&mut walker.emit, false, false, false, &shift, 31);
            walker.pointer = None;
            walker.put_extended::<N>(*dst);
        }
        Inst::Copy { dst, src, len } => {
            let (dst, src, len) = (walker.term(dst), walker.term(src), walker.term(len));
            N::copy(&mut walker.emit, &dst, &src, &len);
            (walker.held, walker.pointer) = (None, None);
        }
        Inst::ExitIf { cond, exit } => {
            let target = format!("{}f", label::EXITS + exit);
            match cond {
                Cond::Cmp { .. } => branch(walker, cond, &target, true, compare::<N>),
                _ => branch(walker, cond, &target, true, compare_afresh::<N>),
            }
        }
        Inst::Bounds { index, len, exit } => {
            let target = format!("{}f", label::EXITS + exit);
            compare::<N>(walker, CmpOp::Ge, false, (index, &Operand::Const(*len)), &target);
        }
        Inst::Stage { place, value, ty } => {
            walker.store::<N>(place, value, ty, &CommitOrder::Is(Order::Relaxed));
            N::stored(&mut walker.emit, ty);
        }
        Inst::Commit { place, value, ty, order } => walker.store::<N>(place, value, ty, order),
    }
    true
}

/// Branches to `target` if `a op b`.
fn compare<N: Narrow>(
    walker: &mut Walker<'_>,
    op: CmpOp,
    signed: bool,
    (a, b): (&Operand, &Operand),
    target: &str,
) {
    let (op, a, b) = match op {
        CmpOp::Le => (CmpOp::Ge, b, a),
        CmpOp::Gt => (CmpOp::Lt, b, a),
        op => (op, a, b),
    };
    let wide = walker.wide(a).or_else(|| walker.wide(b)).unwrap_or(true);
    walker.get::<N>(a, wide);
    let b = walker.term(b);
    N::branch(&mut walker.emit, op, signed, wide, &b, target);
    if wide {
        walker.held = None;
    }
}

/// [`compare`] where control may come from several places.
fn compare_afresh<N: Narrow>(
    walker: &mut Walker<'_>,
    op: CmpOp,
    signed: bool,
    operands: (&Operand, &Operand),
    target: &str,
) {
    walker.held = None;
    compare::<N>(walker, op, signed, operands, target);
    walker.held = None;
}

/// Writes the frame and the `asm!` invocation.
fn finish(emit: &Emit<'_>, att_syntax: bool) -> Lowered {
    let sequence = emit.sequence;
    let outputs = sequence.outputs();
    let taken = |exit: usize| {
        let (number, live) = (exit as u32, &sequence.exits[exit].live);
        let results = outputs.iter().map(|value| {
            let (rust, at) = (&sequence.values[value.0].ty.rust, word(emit, *value).0);
            let address =
                sequence.values[value.0].ty.is_pointer().then(|| quote!(as ::core::primitive::usize));
            if live.contains(value) {
                quote!(unsafe { __frame[#at].assume_init() } #address as #rust)
            } else {
                quote!(<#rust as ::perseq::section::Word>::ZERO)
            }
        });
        quote!(::core::option::Option::Some((#number, (#(#results,)*))))
    };
    let (specs, mut text) = operands(emit, "reg", taken);
    let mut inputs = vec![
        quote!(__frame[0] = ::core::mem::MaybeUninit::new(__base as ::core::primitive::usize as ::core::primitive::u64);),
    ];
    for (param, info) in sequence.params.iter().enumerate() {
        let (at, name) = (Word::PARAMS + param, &info.name);
        let wide = match (info.ty.is_pointer(), info.ty.signed) {
            (true, _) => quote!(as ::core::primitive::usize),
            (false, true) => quote!(as ::core::primitive::i64),
            (false, false) => quote!(),
        };
        inputs.push(
            quote!(__frame[#at] = ::core::mem::MaybeUninit::new(#name #wide as ::core::primitive::u64);),
        );
    }
    text.push_str(&describe_frame(emit));
    let (lines, words, end) = (&emit.lines, words(emit), taken(0));
    let syntax = att_syntax.then(|| quote!(att_syntax,));
    let tokens: TokenStream = quote! {
        let mut __frame = [const { ::core::mem::MaybeUninit::<::core::primitive::u64>::uninit() }; #words];
        #(#inputs)*
        ::core::arch::asm!(#(#lines,)* #(#specs,)* options(#syntax nostack));
        #end
    };
    Lowered { tokens, text }
}

/// What is in the frame, for people.
fn describe_frame(emit: &Emit<'_>) -> String {
    let sequence = emit.sequence;
    let mut text = String::new();
    let mut line = |word: Word, what: &str| text.push_str(&format!("# frame + {} = {what}\n", word.offset()));
    line(Word::BASE, "in: address of slot 0");
    line(Word::SLOT, "address of the slot");
    line(Word::AREA, "address of the area");
    for (param, info) in sequence.params.iter().enumerate() {
        line(Word(Word::PARAMS + param), &format!("in: {}", info.name));
    }
    let outputs = sequence.outputs();
    for at in Word::PARAMS + sequence.params.len()..words(emit) {
        let held = || (0..sequence.values.len()).map(Value).filter(|value| word(emit, *value) == Word(at));
        let names = held().map(|value| {
            let name = sequence.values[value.0].name.as_ref();
            name.map_or_else(|| "_".into(), ToString::to_string)
        });
        let out = if held().any(|value| outputs.contains(&value)) { "out: " } else { "" };
        line(Word(at), &format!("{out}{}", names.collect::<Vec<_>>().join(", ")));
    }
    text
}
