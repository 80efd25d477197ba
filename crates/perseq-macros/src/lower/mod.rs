//! From the IR to `asm!`: what all architectures share.
//!
//! A backend is one file here: it says how each primitive of [`Backend`] is written and how a section finds its slot, and knows
//! neither the IR nor Rust. This module walks the IR and lays out a section ([`narrow`] walks it for machines with 32-bit
//! registers, whose backends are of another kind):
//!
//! ```text
//!     area.rseq_cs = &descriptor
//! 4:  slot = base + (area.cpu_id << shift); leave to 7 unless the gate is open     (Backend::enter)
//!     (data that all CPUs share: slot = base; leave to 7 unless area.cpu_id ≥ 0)
//!     …
//!     commit
//! 5:  the end
//!     signature
//! 7:  abort handler
//! ```
//!
//! Invariants kept for every backend:
//! - Inputs (`base` and the parameters) are never written: after an abort they are whole.
//! - A backend gets no register beyond the budget of its architecture: what does not fit is an error here, not a
//!   failure of the compiler's register allocator.
//! - Every branch out of a section is listed in `__rseq_exit_point_array`, for debuggers.

mod emit;
pub(crate) mod model;
mod narrow;
pub(crate) mod portable;
mod registers;

mod aarch64;
mod arm;
mod loongarch64;
mod powerpc64;
mod riscv64;
mod s390x;
mod x86;
mod x86_64;

use proc_macro2::Ident;

pub(crate) use self::emit::{Constant, Emit, Lowered, Reg, Source, bind_outputs, output_types};
use crate::ir::{Base, BinOp, CmpOp, CommitOrder, Cond, Inst, Operand, Order, Place, Sequence};
use crate::types::{Ty, Width};

/// The backends there are, by the name of `cfg(target_arch)`.
pub(crate) const BACKENDS: &[(&str, Lower)] = &[
    backend::<x86_64::X86_64>(),
    backend::<aarch64::Aarch64>(),
    backend::<riscv64::Riscv64>(),
    backend::<s390x::S390x>(),
    backend::<powerpc64::Powerpc64>(),
    backend::<loongarch64::Loongarch64>(),
    narrow::backend::<x86::X86>(),
    narrow::backend::<arm::Arm>(),
];

const fn backend<B: Backend>() -> (&'static str, Lower) {
    (B::ARCH, lower::<B>)
}

/// Lowers a sequence for one architecture; the name is for errors.
pub(crate) type Lower = fn(&Sequence, &Ident) -> syn::Result<Lowered>;

/// What a constant is wanted for as an operand of an instruction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Use {
    Arithmetic(BinOp),
    Comparison,
}

/// How an architecture writes the primitives that sections consist of. Values in registers are canonical (see
/// [`types`](crate::types)) and 64 bits wide.
pub(crate) trait Backend {
    /// As in `cfg(target_arch = "…")`.
    const ARCH: &'static str;
    /// Registers that a section may use in all, inputs included.
    const REGISTERS: usize;
    /// The class of registers that can hold addresses too.
    const CLASS: &'static str = "reg";
    /// Registers that instructions write beside their operands, where `asm!` does not take that for granted.
    const CLOBBERS: &'static [&'static str] = &[];
    /// Abort handlers are kept out of the way, in a section of their own; else they follow the section, which jumps over
    /// them, because no conditional branch reaches further.
    const HANDLERS_APART: bool = false;
    /// What stands right before an abort handler.
    const SIGNATURE: &'static str;

    /// Points the area's `rseq_cs` to the descriptor, at [`label::DESCRIPTOR`]; then, from [`label::START`] on, finds the slot and leaves to
    /// [`label::ABORT`] unless it may be used. What is loaded afterwards is at least as new as the gate. If the data is not
    /// per CPU, the slot is at the base, and may be used by whoever is registered.
    fn enter(emit: &mut Emit<'_>);
    /// Whether a constant can be an operand as it is.
    fn fits(usage: Use, constant: &Constant) -> bool;
    /// `dst = constant`.
    fn constant(emit: &mut Emit<'_>, dst: &Reg, constant: &Constant);
    /// `dst = src`.
    fn mov(emit: &mut Emit<'_>, dst: &Reg, src: &Reg);
    /// `dst = a op b`; `b` is not `dst` unless `a` is too, and the amount of a shift is below the width.
    fn binary(emit: &mut Emit<'_>, op: BinOp, signed: bool, dst: &Reg, a: &Reg, b: &Source);
    /// `dst = !src`.
    fn not(emit: &mut Emit<'_>, dst: &Reg, src: &Reg);
    /// `dst = -src`.
    fn neg(emit: &mut Emit<'_>, dst: &Reg, src: &Reg);
    /// Extends the low bits of a register to its whole width; never called for 64 bits.
    fn extend(emit: &mut Emit<'_>, reg: &Reg, ty: &Ty);
    /// `dst = *(at + offset)`, extended.
    fn load(emit: &mut Emit<'_>, dst: &Reg, at: &Reg, offset: &Constant, ty: &Ty);
    /// `*(at + offset) = value`, in one instruction, the last one.
    fn store(emit: &mut Emit<'_>, at: &Reg, offset: &Constant, value: &Reg, ty: &Ty, order: Order);
    /// `dst = at + offset`.
    fn address(emit: &mut Emit<'_>, dst: &Reg, at: &Reg, offset: &Constant);
    /// `dst = at + offset + index * stride`; `dst` is none of them.
    fn index(emit: &mut Emit<'_>, dst: &Reg, at: &Reg, offset: &Constant, index: &Reg, stride: &Constant);
    /// Moves a word from `src + done` to `dst + done`, through `data`.
    fn transfer(emit: &mut Emit<'_>, dst: &Reg, src: &Reg, done: &Reg, data: &Reg, ty: &Ty);
    /// Moves [`WIDE`] bytes from `src + done` to `dst + done`, if that takes fewer instructions than words.
    const TRANSFER_WIDE: Option<fn(&mut Emit<'_>, dst: &Reg, src: &Reg, done: &Reg)> = None;
    /// Branches if `a op b`.
    fn branch(emit: &mut Emit<'_>, op: CmpOp, signed: bool, a: &Reg, b: &Source, target: &str);
    /// Branches always, as far as a function may be long.
    fn jump(emit: &mut Emit<'_>, target: &str);
    /// `dst` = the counter that `tsc()` stands for.
    fn clock(emit: &mut Emit<'_>, dst: &Reg);
    /// `dst` = the performance counter `index`; says whether there is such an instruction.
    fn counter(_emit: &mut Emit<'_>, _dst: &Reg, _index: &Source) -> bool {
        false
    }
}

/// Local labels of a section. Numeric labels may repeat in a function into which several sections are inlined.
pub(crate) mod label {
    pub(crate) const DESCRIPTOR: &str = "3";
    pub(crate) const START: &str = "4";
    pub(super) const POST_COMMIT: &str = "5";
    pub(super) const LEAVE: &str = "6";
    pub(crate) const ABORT: &str = "7";
    pub(super) const CS_ENTRY: &str = "8";
    pub(super) const EXIT_ENTRY: &str = "9";
    pub(super) const COPY_WIDE: &str = "21";
    pub(super) const COPY_WORDS: &str = "22";
    pub(super) const COPY_BYTES: &str = "23";
    pub(super) const COPIED: &str = "24";
    /// For a backend's own use, where it is near.
    pub(crate) const NEAR: &str = "25";
    /// Exit `n` of a section without outputs is at label `EXITS + n`.
    pub(super) const EXITS: usize = 300;
    /// Labels inside conditions.
    pub(super) const SKIPS: usize = 600;
}

/// Lowers `sequence` for one architecture. `__base` and the parameters must be in scope under their names.
fn lower<B: Backend>(sequence: &Sequence, name: &Ident) -> syn::Result<Lowered> {
    let mut emit = Emit::new(sequence, false);
    for register in B::CLOBBERS {
        emit.fixed(register);
    }
    B::enter(&mut emit);
    for inst in emit.body() {
        emit.next();
        if !instruction::<B>(&mut emit, inst) {
            return Ok(Lowered::missing(&format!("there is no rdpmc(index) on {}", B::ARCH)));
        }
    }
    emit.line(format!("{}:", label::POST_COMMIT));
    leave(&mut emit, B::HANDLERS_APART, B::SIGNATURE, B::jump, report::<B>);
    describe_section(&mut emit);
    let needed = emit.registers_used();
    if needed > B::REGISTERS + B::CLOBBERS.len() {
        return Err(syn::Error::new(
            name.span(),
            format!(
                "this sequence needs {needed} registers, but may use {} on {}: use fewer values after the \
                 section, compute with fewer at a time, or pass a pointer to several parameters",
                B::REGISTERS,
                B::ARCH
            ),
        ));
    }
    Ok(emit::finish(&emit, B::CLASS))
}

/// Writes the status of a section with outputs.
fn report<B: Backend>(emit: &mut Emit<'_>, status: u8) {
    let register = emit.status();
    B::constant(emit, &register, &Constant::Literal(i64::from(status)));
}

/// Leaves the section that has just ended, and lays down its abort handler.
fn leave(
    emit: &mut Emit<'_>,
    handlers_apart: bool,
    signature: &str,
    jump: fn(&mut Emit<'_>, &str),
    report: fn(&mut Emit<'_>, u8),
) {
    let (forwards, backwards) = (format!("{}f", label::LEAVE), format!("{}b", label::LEAVE));
    if emit.has_status() {
        report(emit, 0);
    }
    emit.line(".ifndef .Lperseq_site");
    emit.line(".set .Lperseq_site, 0");
    emit.line(".endif");
    emit.line(".set .Lperseq_site, .Lperseq_site + 1");
    if handlers_apart {
        emit.line(format!("{}:", label::LEAVE));
        emit.line(".pushsection __rseq_failure, \"ax\", %progbits, unique, .Lperseq_site");
    } else {
        jump(emit, &forwards);
    }
    emit.line(signature);
    if handlers_apart {
        name_handler(emit);
    }
    emit.line(format!("{}:", label::ABORT));
    if emit.has_status() {
        report(emit, emit::REFUSED);
        if handlers_apart {
            jump(emit, &backwards);
        }
    } else {
        let refused = emit.refused();
        jump(emit, &refused);
        for exit in 1..emit.sequence.exits.len() {
            let target = emit.exit(exit);
            emit.line(format!("{}:", label::EXITS + exit));
            jump(emit, &target);
        }
    }
    if handlers_apart {
        emit.line(".popsection");
    } else {
        emit.line(format!("{}:", label::LEAVE));
    }
}

/// Gives an abort handler that is apart a name of its own: without a symbol, a debugger that finds itself there does not know how
/// far to step.
fn name_handler(emit: &mut Emit<'_>) {
    for line in [
        ".altmacro",
        ".macro perseq_name site",
        ".type perseq_abort_\\site, %function",
        "perseq_abort_\\site:",
        ".endm",
        "perseq_name %.Lperseq_site",
        ".purgem perseq_name",
        ".noaltmacro",
    ] {
        emit.line(line);
    }
}

/// Lays down what the kernel and debuggers read about the section.
///
/// Each site has sections of its own, so that a linker which drops the function drops these too; the relocations of type NONE
/// keep the array entries for as long as the descriptor lives.
fn describe_section(emit: &mut Emit<'_>) {
    let (start, abort) = (label::START, label::ABORT);
    // Addresses have 64 bits here on every machine.
    let (address, high) = if emit.has_frame() { (".4byte", ", 0") } else { (".8byte", "") };
    let mut targets = vec![abort.to_string()];
    if !emit.has_status() {
        targets.extend((1..emit.sequence.exits.len()).map(|exit| (label::EXITS + exit).to_string()));
    } else if emit.sequence.exits.len() > 1 {
        targets.push(label::LEAVE.to_string());
    }
    emit.line(".pushsection __rseq_cs, \"aw\", %progbits, unique, .Lperseq_site");
    emit.line(".balign 32");
    emit.line(format!("{}:", label::DESCRIPTOR));
    emit.line(".4byte 0, 0");
    let length = format!("({}b - {start}b)", label::POST_COMMIT);
    emit.line(format!("{address} {start}b{high}, {length}{high}, {abort}b{high}"));
    emit.line(format!(".reloc 0, BFD_RELOC_NONE, {}f", label::CS_ENTRY));
    emit.line(format!(".reloc 0, BFD_RELOC_NONE, {}f", label::EXIT_ENTRY));
    emit.line(".popsection");
    emit.line(".pushsection __rseq_cs_ptr_array, \"aw\", %progbits, unique, .Lperseq_site");
    emit.line(".balign 8");
    emit.line(format!("{}:", label::CS_ENTRY));
    emit.line(format!("{address} {}b{high}", label::DESCRIPTOR));
    emit.line(".popsection");
    emit.line(".pushsection __rseq_exit_point_array, \"aw\", %progbits, unique, .Lperseq_site");
    emit.line(".balign 8");
    emit.line(format!("{}:", label::EXIT_ENTRY));
    for target in targets {
        emit.line(format!("{address} {start}b{high}, {target}b{high}"));
    }
    emit.line(".popsection");
}

/// Writes one instruction of the IR; says whether the architecture has it.
fn instruction<B: Backend>(emit: &mut Emit<'_>, inst: &Inst) -> bool {
    match inst {
        Inst::Load { dst, place } => {
            let (at, offset) = address::<B>(emit, place);
            let (ty, dst) = (emit.ty(*dst), emit.value(*dst));
            B::load(emit, &dst, &at, &offset, &ty);
        }
        Inst::Mov { dst, src } => {
            let dst = emit.value(*dst);
            mov::<B>(emit, &dst, src);
        }
        Inst::Cast { dst, src } => {
            let (ty, dst) = (emit.ty(*dst), emit.value(*dst));
            mov::<B>(emit, &dst, src);
            canonical::<B>(emit, &dst, &ty);
        }
        Inst::Not { dst, src } => {
            let (ty, dst) = (emit.ty(*dst), emit.value(*dst));
            let src = in_register::<B>(emit, src, "operand");
            B::not(emit, &dst, &src);
            canonical::<B>(emit, &dst, &ty);
        }
        Inst::Neg { dst, src } => {
            let (ty, dst) = (emit.ty(*dst), emit.value(*dst));
            let src = in_register::<B>(emit, src, "operand");
            B::neg(emit, &dst, &src);
            canonical::<B>(emit, &dst, &ty);
        }
        Inst::Bin { dst, op, a, b } => {
            let (ty, dst) = (emit.ty(*dst), emit.value(*dst));
            // The result may take the place of `a`, never that of `b`.
            let a = match emit.source(a) {
                Source::Register(a) => a,
                Source::Immediate(constant) => {
                    B::constant(emit, &dst, &constant);
                    dst.clone()
                }
            };
            let b = match op {
                BinOp::Shl | BinOp::Shr => amount::<B>(emit, b, &ty),
                _ => source::<B>(emit, b, Use::Arithmetic(*op)),
            };
            B::binary(emit, *op, ty.signed, &dst, &a, &b);
            // Bitwise operations and right shifts of canonical values are canonical already.
            if matches!(op, BinOp::Add | BinOp::Sub | BinOp::Shl) {
                canonical::<B>(emit, &dst, &ty);
            }
        }
        Inst::Address { dst, place } => {
            let (at, offset) = address::<B>(emit, place);
            let dst = emit.value(*dst);
            B::address(emit, &dst, &at, &offset);
        }
        Inst::Index { dst, place, index, stride } => {
            let (at, offset) = address::<B>(emit, place);
            let index = in_register::<B>(emit, index, "index");
            let (dst, stride) = (emit.value(*dst), emit.size(*stride));
            B::index(emit, &dst, &at, &offset, &index, &stride);
        }
        Inst::Tsc { dst } => {
            let dst = emit.value(*dst);
            B::clock(emit, &dst);
        }
        Inst::Rdpmc { dst, index } => {
            let (index, dst) = (emit.source(index), emit.value(*dst));
            return B::counter(emit, &dst, &index);
        }
        Inst::CpuId { dst } => {
            let (ty, dst, area) = (emit.ty(*dst), emit.value(*dst), emit.area());
            B::load(emit, &dst, &area, &Constant::Literal(4), &ty);
        }
        Inst::SlotNumber { dst } => {
            let (dst, slot) = (emit.value(*dst), emit.slot());
            let (base, shift) = (Source::Register(emit.base()), Source::Immediate(emit.shift()));
            B::binary(emit, BinOp::Sub, false, &dst, &slot, &base);
            B::binary(emit, BinOp::Shr, false, &dst, &dst, &shift);
        }
        Inst::Copy { dst, src, len } => copy::<B>(emit, dst, src, len),
        Inst::ExitIf { cond, exit } => {
            let target = exit_target::<B>(emit, *exit);
            branch(emit, cond, &target, true, compare::<B>);
        }
        Inst::Bounds { index, len, exit } => {
            let target = exit_target::<B>(emit, *exit);
            let index = in_register::<B>(emit, index, "index");
            let len = emit.size(*len);
            let len = constant_source::<B>(emit, len, Use::Comparison);
            B::branch(emit, CmpOp::Ge, false, &index, &len, &target);
        }
        Inst::Stage { place, value, ty } => {
            store::<B>(emit, place, value, ty, &CommitOrder::Is(Order::Relaxed));
        }
        Inst::Commit { place, value, ty, order } => store::<B>(emit, place, value, ty, order),
    }
    true
}

/// Calls `store` with the order, or with each of both for the assembler to choose.
fn ordered<'a, W: AsMut<Emit<'a>>>(
    walker: &mut W,
    order: &CommitOrder<usize>,
    mut store: impl FnMut(&mut W, Order),
) {
    match order {
        CommitOrder::Is(order) => store(walker, *order),
        CommitOrder::ReleaseIf(constant) => {
            let release = walker.as_mut().size(*constant);
            walker.as_mut().line(format!(".if {release}"));
            store(walker, Order::Release);
            walker.as_mut().line(".else");
            store(walker, Order::Relaxed);
            walker.as_mut().line(".endif");
        }
    }
}

/// The base and the offset of a place.
fn address<B: Backend>(emit: &mut Emit<'_>, place: &Place) -> (Reg, Constant) {
    let base = match &place.base {
        Base::Slot => emit.slot(),
        Base::Pointer(pointer) => in_register::<B>(emit, pointer, "pointer"),
    };
    (base, emit.size(place.offset))
}

fn store<B: Backend>(
    emit: &mut Emit<'_>,
    place: &Place,
    value: &Operand,
    ty: &Ty,
    order: &CommitOrder<usize>,
) {
    let (at, offset) = address::<B>(emit, place);
    let value = in_register::<B>(emit, value, "stored");
    ordered(emit, order, |emit, order| B::store(emit, &at, &offset, &value, ty, order));
}

/// Moves an operand to a register, unless it is there already.
fn mov<B: Backend>(emit: &mut Emit<'_>, dst: &Reg, src: &Operand) {
    match emit.source(src) {
        Source::Register(src) if src == *dst => {}
        Source::Register(src) => B::mov(emit, dst, &src),
        Source::Immediate(constant) => B::constant(emit, dst, &constant),
    }
}

/// An operand in a register; a constant is moved to a scratch register called `name`.
fn in_register<B: Backend>(emit: &mut Emit<'_>, operand: &Operand, name: &str) -> Reg {
    match emit.source(operand) {
        Source::Register(register) => register,
        Source::Immediate(constant) => {
            let scratch = emit.scratch(name);
            B::constant(emit, &scratch, &constant);
            scratch
        }
    }
}

/// A second operand: a register, or a constant that the instruction takes.
fn source<B: Backend>(emit: &mut Emit<'_>, operand: &Operand, usage: Use) -> Source {
    match emit.source(operand) {
        Source::Immediate(constant) => constant_source::<B>(emit, constant, usage),
        register => register,
    }
}

fn constant_source<B: Backend>(emit: &mut Emit<'_>, constant: Constant, usage: Use) -> Source {
    if B::fits(usage, &constant) {
        return Source::Immediate(constant);
    }
    let scratch = emit.scratch("constant");
    B::constant(emit, &scratch, &constant);
    Source::Register(scratch)
}

/// The amount of a shift, modulo the width, as Rust's `wrapping_shl` and `wrapping_shr` take it.
fn amount<B: Backend>(emit: &mut Emit<'_>, operand: &Operand, ty: &Ty) -> Source {
    let mask = match ty.width {
        Width::W64 | Width::Native => 63,
        Width::W32 => 31,
        Width::W16 => 15,
        Width::W8 => 7,
    };
    match emit.source(operand) {
        Source::Immediate(Constant::Literal(literal)) => Source::Immediate(Constant::Literal(literal & mask)),
        Source::Immediate(constant) => {
            let scratch = emit.scratch("amount");
            B::constant(emit, &scratch, &constant);
            masked::<B>(emit, &scratch.clone(), mask)
        }
        Source::Register(amount) => masked::<B>(emit, &amount, mask),
    }
}

fn masked<B: Backend>(emit: &mut Emit<'_>, amount: &Reg, mask: i64) -> Source {
    let scratch = emit.scratch("amount");
    let and = Use::Arithmetic(BinOp::And);
    let mask = constant_source::<B>(emit, Constant::Literal(mask), and);
    B::binary(emit, BinOp::And, false, &scratch, amount, &mask);
    Source::Register(scratch)
}

/// Makes a register canonical for its type.
fn canonical<B: Backend>(emit: &mut Emit<'_>, reg: &Reg, ty: &Ty) {
    if !matches!(ty.width, Width::W64 | Width::Native) {
        B::extend(emit, reg, ty);
    }
}

/// Where exit `exit` branches to. A section with outputs reports its exit in the status register, which is set
/// before the branch so that there is one branch and no stub.
fn exit_target<B: Backend>(emit: &mut Emit<'_>, exit: usize) -> String {
    if emit.has_status() {
        let status = emit.status();
        B::constant(emit, &status, &Constant::Literal(exit as i64));
        format!("{}f", label::LEAVE)
    } else {
        format!("{}f", label::EXITS + exit)
    }
}

/// Branches to `target` if `a op b`.
fn compare<B: Backend>(
    emit: &mut Emit<'_>,
    op: CmpOp,
    signed: bool,
    (a, b): (&Operand, &Operand),
    target: &str,
) {
    let a = in_register::<B>(emit, a, "left");
    let b = source::<B>(emit, b, Use::Comparison);
    B::branch(emit, op, signed, &a, &b, target);
}

/// How a comparison is written: whether it is of signed values, its operands, and where it branches to if it holds.
type Compare<W> = fn(&mut W, CmpOp, bool, (&Operand, &Operand), &str);

/// Branches to `target` if `cond` is `sense`.
fn branch<'a, W: AsMut<Emit<'a>>>(
    walker: &mut W,
    cond: &Cond,
    target: &str,
    sense: bool,
    compare: Compare<W>,
) {
    match (cond, sense) {
        (Cond::Cmp { op, signed, a, b }, _) => {
            let op = if sense { *op } else { op.negate() };
            compare(walker, op, *signed, (a, b), target);
        }
        // Either suffices.
        (Cond::Or(a, b), true) | (Cond::And(a, b), false) => {
            branch(walker, a, target, sense, compare);
            branch(walker, b, target, sense, compare);
        }
        // Both are needed: the first, if it fails, skips the second.
        (Cond::And(a, b), true) | (Cond::Or(a, b), false) => {
            let skip = label::SKIPS + walker.as_mut().fresh();
            branch(walker, a, &format!("{skip}f"), !sense, compare);
            branch(walker, b, target, sense, compare);
            walker.as_mut().line(format!("{skip}:"));
        }
    }
}

/// Bytes that are copied at once where there are so many. A smaller record was often written by words a moment ago, and a processor
/// is slow to load at once what it has not stored at once.
const WIDE: i64 = 64;

/// Copies upwards, in the largest pieces that fit; bounded by `len`.
fn copy<B: Backend>(emit: &mut Emit<'_>, dst: &Operand, src: &Operand, len: &Operand) {
    let dst = in_register::<B>(emit, dst, "to");
    let src = in_register::<B>(emit, src, "from");
    let len = Source::Register(in_register::<B>(emit, len, "length"));
    let (done, data) = (emit.scratch("done"), emit.scratch("data"));
    let (wide, words) = (label::COPY_WIDE, label::COPY_WORDS);
    let (bytes, copied) = (label::COPY_BYTES, label::COPIED);
    B::constant(emit, &done, &Constant::Literal(0));
    let mut pieces = |width: i64, here: &str, then: &str, transfer: &dyn Fn(&mut Emit<'_>)| {
        emit.line(format!("{here}:"));
        if width == 1 {
            B::branch(emit, CmpOp::Ge, false, &done, &len, &format!("{then}f"));
        } else {
            B::address(emit, &data, &done, &Constant::Literal(width));
            B::branch(emit, CmpOp::Gt, false, &data, &len, &format!("{then}f"));
        }
        transfer(emit);
        B::binary(emit, BinOp::Add, false, &done, &done, &Source::Immediate(Constant::Literal(width)));
        B::jump(emit, &format!("{here}b"));
    };
    if let Some(transfer) = B::TRANSFER_WIDE {
        pieces(WIDE, wide, words, &|emit| transfer(emit, &dst, &src, &done));
    }
    pieces(8, words, bytes, &|emit| B::transfer(emit, &dst, &src, &done, &data, &Ty::named("u64")));
    pieces(1, bytes, copied, &|emit| B::transfer(emit, &dst, &src, &done, &data, &Ty::named("u8")));
    emit.line(format!("{copied}:"));
}
