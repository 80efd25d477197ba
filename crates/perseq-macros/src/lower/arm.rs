//! arm: ARMv7-A in ARM mode, little-endian.
//!
//! The accumulator is r1:r0, the pointer r12; r2, r3 and lr are for what an instruction needs besides.
//!
//! Words of 64 bits are loaded by `ldrexd`, which alone is one access on every ARMv7, and stored by `ldrexd` and `strexd`. A
//! `strexd` may fail, for reasons of the processor's own. It is not tried again on the spot: after a commit that would be outside of
//! the section, and from there no way leads back into it, as the kernel, should it have looked at the thread in between, has
//! taken the section for finished and cleared `rseq_cs`: it would not abort it any more. So a section whose `strexd` fails
//! counts as aborted, for which there are further attempts and an end to them. The instruction after the section asks: a
//! thread that is interrupted between the two has committed or not, and its register still says which.
//!
//! Ordering: after the gate comes `dmb ish`, so nothing after it is loaded before it: what an owner wrote before it opened the
//! gate with release is seen. Slots without a gate need no such order; their words are related by addresses. Before a commit
//! with release comes `dmb ish`. A fence (membarrier) interrupts the CPU, and the barrier there makes what the section stored
//! visible to who called it.
//! Data that all CPUs share needs none either: what a pointer leads to is loaded from an address that depends on the
//! pointer, and so after it, and the item's words are not related otherwise. What was stored before a fence is seen by sections that
//! begin after it, as the interrupt's barrier comes between.
//!
//! `tsc()` is the virtual counter of the generic timer, which the first ARMv7 processors (Cortex-A8, A9) do not have: the
//! instruction is undefined there.
//!
//! Sources: Arm Architecture Reference Manual, ARMv7-A and ARMv7-R edition (DDI 0406), A3.4, A3.5.3 and A8; the signature is that
//! of `rseq-arm.h` in the kernel's selftests.

use super::emit::{Constant, Emit};
use super::label;
use super::narrow::{Half, Narrow, Term, Word};
use crate::ir::{BinOp, CmpOp, Order};
use crate::types::{Ty, Width};

pub(super) struct Arm;

impl Narrow for Arm {
    const ARCH: &'static str = "arm";
    const CLOBBERS: &'static [&'static str] = &["r0", "r1", "r2", "r3", "lr"];
    /// `udf #24035`.
    const SIGNATURE: &'static str = ".inst 0xe7f5def3";

    fn enter(emit: &mut Emit<'_>) {
        let (per_cpu, shift, by_cid, gated) = (emit.per_cpu(), emit.shift(), emit.by_cid(), emit.gated());
        let (frame, descriptor, here) = (emit.frame(), label::DESCRIPTOR, label::NEAR);
        let (base, slot, area) = (Word::BASE.offset(), Word::SLOT.offset(), Word::AREA.offset());
        emit.thread_in("r12");
        emit.line("mrc p15, 0, r2, c13, c0, 3");
        emit.line("add r12, r12, r2");
        emit.line("ldr r0, [r12]");
        emit.line(format!("movw r1, #:lower16:({descriptor}f - ({here}f + 8))"));
        emit.line(format!("movt r1, #:upper16:({descriptor}f - ({here}f + 8))"));
        emit.line(format!("{here}: add r1, pc, r1"));
        emit.line("str r1, [r0, #8]");
        emit.line(format!("{}:", label::START));
        emit.line(format!(".if {per_cpu}"));
        emit.line(format!("ldr r3, [{frame}, #{base}]"));
        emit.line(format!(".if {by_cid}"));
        emit.line("ldr r2, [r12, #4]");
        emit.line("ldr r2, [r0, r2]");
        emit.line(format!(".elseif {gated}"));
        emit.line("ldr r2, [r0, #4]");
        emit.line(".else");
        emit.line("ldr r2, [r0]");
        emit.line("cmp r2, #0");
        emit.line(format!("blt {}f", label::ABORT));
        emit.line("tst r3, #1");
        emit.line(format!("bne {}f", label::ABORT));
        emit.line(".endif");
        emit.line(format!("add r12, r3, r2, lsl #{shift}"));
        emit.line(format!(".if {gated}"));
        emit.line("ldr r2, [r12]");
        emit.line("cmp r2, #1");
        emit.line(format!("bne {}f", label::ABORT));
        emit.line("dmb ish");
        emit.line(".endif");
        emit.line(".else");
        emit.line("ldr r2, [r0, #4]");
        emit.line("cmp r2, #0");
        emit.line(format!("blt {}f", label::ABORT));
        emit.line(format!("ldr r12, [{frame}, #{base}]"));
        emit.line(".endif");
        emit.line(format!("str r12, [{frame}, #{slot}]"));
        emit.line(format!("str r0, [{frame}, #{area}]"));
    }

    fn get(emit: &mut Emit<'_>, term: &Term, wide: bool) {
        read(emit, ["r0", "r1"], term, wide);
    }

    fn put(emit: &mut Emit<'_>, word: Word) {
        frame(emit, "str", ["r0", "r1"], word, true);
    }

    fn point(emit: &mut Emit<'_>, term: &Term) {
        read(emit, ["r12", ""], term, false);
    }

    fn binary(emit: &mut Emit<'_>, op: BinOp, wide: bool, term: &Term) {
        let names = match op {
            BinOp::Add => ["adds", "adc"],
            BinOp::Sub => ["subs", "sbc"],
            BinOp::And => ["and"; 2],
            BinOp::Or => ["orr"; 2],
            _ => ["eor"; 2],
        };
        read(emit, ["r2", "r3"], term, wide);
        emit.line(format!("{} r0, r0, r2", names[0]));
        if wide {
            emit.line(format!("{} r1, r1, r3", names[1]));
        }
    }

    /// Shifts by registers take amounts modulo 256, and from 32 on give what a shift by 32 gives.
    fn shift(emit: &mut Emit<'_>, left: bool, signed: bool, wide: bool, amount: &Term, mask: u32) {
        let (name, back) = match (left, signed) {
            (true, _) => ("lsl", "lsr"),
            (false, false) => ("lsr", "lsl"),
            (false, true) => ("asr", "lsl"),
        };
        read(emit, ["r2", ""], amount, false);
        emit.line(format!("and r2, r2, #{mask}"));
        if !wide {
            return emit.line(format!("{name} r0, r0, r2"));
        }
        let (to, from) = if left { ("r1", "r0") } else { ("r0", "r1") };
        emit.line("rsb r3, r2, #32");
        emit.line("subs lr, r2, #32");
        emit.line(format!("{} {to}, {to}, r2", if left { "lsl" } else { "lsr" }));
        emit.line(format!("orr {to}, {to}, {from}, {back} r3"));
        emit.line(format!("orrpl {to}, {to}, {from}, {name} lr"));
        emit.line(format!("{name} {from}, {from}, r2"));
    }

    fn multiply(emit: &mut Emit<'_>, by: &Constant) {
        constant(emit, "r2", by, false);
        emit.line("mul r0, r0, r2");
    }

    fn not(emit: &mut Emit<'_>, wide: bool) {
        emit.line("mvn r0, r0");
        if wide {
            emit.line("mvn r1, r1");
        }
    }

    fn neg(emit: &mut Emit<'_>, wide: bool) {
        emit.line("rsbs r0, r0, #0");
        if wide {
            emit.line("rsc r1, r1, #0");
        }
    }

    fn extend(emit: &mut Emit<'_>, width: Width, signed: bool) {
        match (width, signed) {
            (Width::W8, false) => emit.line("uxtb r0, r0"),
            (Width::W8, true) => emit.line("sxtb r0, r0"),
            (Width::W16, false) => emit.line("uxth r0, r0"),
            (Width::W16, true) => emit.line("sxth r0, r0"),
            _ => {}
        }
        emit.line(if signed { "asr r1, r0, #31" } else { "mov r1, #0" });
    }

    fn load(emit: &mut Emit<'_>, offset: &Constant, ty: &Ty) {
        if ty.width == Width::W64 {
            place(emit, offset);
            return emit.line("ldrexd r0, r1, [lr]");
        }
        let name = match (ty.width, ty.signed) {
            (Width::W8, false) => "ldrb",
            (Width::W8, true) => "ldrsb",
            (Width::W16, false) => "ldrh",
            (Width::W16, true) => "ldrsh",
            _ => "ldr",
        };
        access(emit, name, offset);
        Self::extend(emit, Width::W32, ty.signed);
    }

    fn store(emit: &mut Emit<'_>, offset: &Constant, ty: &Ty, order: Order) {
        if order == Order::Release {
            emit.line("dmb ish");
        }
        match ty.width {
            Width::W8 => access(emit, "strb", offset),
            Width::W16 => access(emit, "strh", offset),
            Width::W32 | Width::Native => access(emit, "str", offset),
            Width::W64 => {
                place(emit, offset);
                emit.line("ldrexd r2, r3, [lr]");
                emit.line("strexd r2, r0, r1, [lr]");
            }
        }
    }

    fn stored(emit: &mut Emit<'_>, ty: &Ty) {
        if ty.width == Width::W64 {
            emit.line("cmp r2, #0");
            emit.line(format!("bne {}f", label::ABORT));
        }
    }

    fn branch(emit: &mut Emit<'_>, op: CmpOp, signed: bool, wide: bool, term: &Term, target: &str) {
        read(emit, ["r2", "r3"], term, wide);
        emit.line("cmp r0, r2");
        match (wide, op) {
            (false, _) => {}
            (true, CmpOp::Eq | CmpOp::Ne) => emit.line("cmpeq r1, r3"),
            (true, _) => emit.line("sbcs lr, r1, r3"),
        }
        let condition = match (op, signed) {
            (CmpOp::Eq, _) => "eq",
            (CmpOp::Ne, _) => "ne",
            (CmpOp::Lt, false) => "lo",
            (CmpOp::Lt, true) => "lt",
            (_, false) => "hs",
            (_, true) => "ge",
        };
        emit.line(format!("b{condition} {target}"));
    }

    fn jump(emit: &mut Emit<'_>, target: &str) {
        emit.line(format!("b {target}"));
    }

    fn clock(emit: &mut Emit<'_>) {
        emit.line("mrrc p15, 1, r0, r1, c14");
    }

    fn copy(emit: &mut Emit<'_>, dst: &Term, src: &Term, len: &Term) {
        let (words, bytes, copied) = (label::COPY_WORDS, label::COPY_BYTES, label::COPIED);
        read(emit, ["r0", ""], src, false);
        read(emit, ["r1", ""], dst, false);
        read(emit, ["r2", ""], len, false);
        // What is done at once need not be aligned.
        for (label, size, suffix, done) in [(words, 4, "", bytes), (bytes, 1, "b", copied)] {
            emit.line(format!("{label}:"));
            emit.line(format!("cmp r2, #{size}"));
            emit.line(format!("blo {done}f"));
            emit.line(format!("ldr{suffix} r3, [r0], #{size}"));
            emit.line(format!("str{suffix} r3, [r1], #{size}"));
            emit.line(format!("sub r2, r2, #{size}"));
            emit.line(format!("b {label}b"));
        }
        emit.line(format!("{copied}:"));
    }
}

/// Moves a term to a register, or to two that follow each other, of which the first is even.
fn read(emit: &mut Emit<'_>, to: [&str; 2], term: &Term, wide: bool) {
    match term {
        Term::Word(word) => frame(emit, "ldr", to, *word, wide),
        Term::Constant(number) => {
            constant(emit, to[0], number, false);
            if wide {
                constant(emit, to[1], number, true);
            }
        }
    }
}

/// Loads or stores a word of the frame.
fn frame(emit: &mut Emit<'_>, name: &str, [low, high]: [&str; 2], word: Word, wide: bool) {
    let (frame, offset) = (emit.frame(), word.offset());
    // The offset in an instruction that moves two registers has eight bits.
    if wide && offset < 256 {
        return emit.line(format!("{name}d {low}, {high}, [{frame}, #{offset}]"));
    }
    emit.line(format!("{name} {low}, [{frame}, #{offset}]"));
    if wide {
        emit.line(format!("{name} {high}, [{frame}, #{}]", offset + 4));
    }
}

/// Register = low or high half of a constant.
fn constant(emit: &mut Emit<'_>, dst: &str, number: &Constant, high: bool) {
    let half = Half(number, high);
    emit.line(format!("movw {dst}, #({half} & 0xffff)"));
    if number.literal().is_none_or(|literal| (literal >> if high { 48 } else { 16 }) & 0xffff != 0) {
        emit.line(format!("movt {dst}, #({half} >> 16)"));
    }
}

/// An access of r0 at the pointer plus `offset`. Some have eight bits for that, some twelve.
fn access(emit: &mut Emit<'_>, name: &str, offset: &Constant) {
    emit.line(format!(".if {offset} < 256"));
    emit.line(format!("{name} r0, [r12, #{offset}]"));
    emit.line(".else");
    constant(emit, "lr", offset, false);
    emit.line(format!("{name} r0, [r12, lr]"));
    emit.line(".endif");
}

/// lr = pointer + `offset`, for accesses that have none.
fn place(emit: &mut Emit<'_>, offset: &Constant) {
    emit.line(format!(".if {offset} < 256"));
    emit.line(format!("add lr, r12, #{offset}"));
    emit.line(".else");
    constant(emit, "lr", offset, false);
    emit.line("add lr, r12, lr");
    emit.line(".endif");
}
