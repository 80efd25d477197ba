//! aarch64, of either byte order.
//!
//! Ordering: the gate is loaded with `ldar`, so nothing after it is loaded before it: what an owner wrote before it opened the
//! gate with release is seen. Slots without a gate need no such order; their words are related by addresses. A commit with
//! release is `stlr`: what was loaded and staged before is visible before it. A fence (membarrier) interrupts the CPU, and
//! the interrupt's barrier makes what the section stored visible to who called it.
//! Data that all CPUs share needs none either: what a pointer leads to is loaded from an address that depends on the
//! pointer, and so after it, and the item's words are not related otherwise. What was stored before a fence is seen by sections that
//! begin after it, as the interrupt's barrier comes between.
//!
//! Sources: Arm ARM (DDI 0487), B2.3 and C6; the signature is that of `rseq-arm64.h` in the kernel's selftests.

use super::{Backend, Constant, Emit, Reg, Source, Use, label};
use crate::ir::{BinOp, CmpOp, Order};
use crate::types::{Ty, Width};

pub(super) struct Aarch64;

impl Backend for Aarch64 {
    const ARCH: &'static str = "aarch64";
    // 31, less the link register, the frame pointer, x18, x19 (LLVM's), and a margin.
    const REGISTERS: usize = 24;
    /// `brk #0x45e0`.
    const SIGNATURE: &'static str = ".inst 0xd428bc00";

    fn enter(emit: &mut Emit<'_>) {
        let (area, slot, temp) = (emit.area(), emit.slot(), emit.scratch("temp"));
        let (base, shift, thread) = (emit.base(), emit.shift(), emit.thread());
        let (per_cpu, by_cid, gated) = (emit.per_cpu(), emit.by_cid(), emit.gated());
        emit.line(format!("mrs {temp}, tpidr_el0"));
        emit.line(format!("ldr {area}, [{temp}, {thread}]"));
        emit.line(format!("adrp {slot}, {}f", label::DESCRIPTOR));
        emit.line(format!("add {slot}, {slot}, :lo12:{}f", label::DESCRIPTOR));
        emit.line(format!("str {slot}, [{area}, #8]"));
        emit.line(format!("{}:", label::START));
        emit.line(format!(".if {per_cpu}"));
        emit.line(format!(".if {by_cid}"));
        emit.line(format!("add {temp}, {temp}, {thread}"));
        emit.line(format!("ldr {temp}, [{temp}, #8]"));
        emit.line(format!("ldrsw {slot}, [{area}, {temp}]"));
        emit.line(format!(".elseif {gated}"));
        emit.line(format!("ldrsw {slot}, [{area}, #4]"));
        emit.line(".else");
        emit.line(format!("ldrsw {slot}, [{area}]"));
        emit.line(format!("orr {temp}, {slot}, {base}"));
        emit.line(format!("tbnz {temp}, #63, {}f", label::ABORT));
        emit.line(".endif");
        emit.line(format!("add {slot}, {base}, {slot}, lsl #{shift}"));
        emit.line(format!(".if {gated}"));
        emit.line(format!("ldar {}, [{slot}]", temp.part('w')));
        emit.line(format!("cmp {}, #1", temp.part('w')));
        emit.line(format!("b.ne {}f", label::ABORT));
        emit.line(".endif");
        emit.line(".else");
        emit.line(format!("ldr {}, [{area}, #4]", temp.part('w')));
        emit.line(format!("tbnz {}, #31, {}f", temp.part('w'), label::ABORT));
        emit.line(format!("mov {slot}, {base}"));
        emit.line(".endif");
    }

    fn fits(usage: Use, constant: &Constant) -> bool {
        constant.literal().is_some_and(|literal| match usage {
            Use::Arithmetic(BinOp::Add | BinOp::Sub) | Use::Comparison => (0..4096).contains(&literal),
            Use::Arithmetic(BinOp::Shl | BinOp::Shr) => true,
            // Masks of consecutive bits can be encoded.
            Use::Arithmetic(BinOp::And) => literal > 0 && (literal & (literal + 1)) == 0,
            Use::Arithmetic(BinOp::Or | BinOp::Xor) => false,
        })
    }

    fn constant(emit: &mut Emit<'_>, dst: &Reg, constant: &Constant) {
        if let Some(literal @ 0..=0xffff) = constant.literal() {
            return emit.line(format!("mov {dst}, #{literal}"));
        }
        emit.line(format!("movz {dst}, #({constant} & 0xffff)"));
        let shifts: &[u32] =
            if let Constant::Named { small: true, .. } = constant { &[16] } else { &[16, 32, 48] };
        for shift in shifts {
            emit.line(format!("movk {dst}, #(({constant} >> {shift}) & 0xffff), lsl #{shift}"));
        }
    }

    fn mov(emit: &mut Emit<'_>, dst: &Reg, src: &Reg) {
        emit.line(format!("mov {dst}, {src}"));
    }

    fn binary(emit: &mut Emit<'_>, op: BinOp, signed: bool, dst: &Reg, a: &Reg, b: &Source) {
        let name = match (op, signed) {
            (BinOp::Add, _) => "add",
            (BinOp::Sub, _) => "sub",
            (BinOp::And, _) => "and",
            (BinOp::Or, _) => "orr",
            (BinOp::Xor, _) => "eor",
            (BinOp::Shl, _) => "lsl",
            (BinOp::Shr, false) => "lsr",
            (BinOp::Shr, true) => "asr",
        };
        emit.line(format!("{name} {dst}, {a}, {b}"));
    }

    fn not(emit: &mut Emit<'_>, dst: &Reg, src: &Reg) {
        emit.line(format!("mvn {dst}, {src}"));
    }

    fn neg(emit: &mut Emit<'_>, dst: &Reg, src: &Reg) {
        emit.line(format!("neg {dst}, {src}"));
    }

    fn extend(emit: &mut Emit<'_>, reg: &Reg, ty: &Ty) {
        let low = reg.part('w');
        emit.line(match (ty.width, ty.signed) {
            (Width::W8, false) => format!("uxtb {low}, {low}"),
            (Width::W8, true) => format!("sxtb {reg}, {low}"),
            (Width::W16, false) => format!("uxth {low}, {low}"),
            (Width::W16, true) => format!("sxth {reg}, {low}"),
            (_, false) => format!("mov {low}, {low}"),
            (_, true) => format!("sxtw {reg}, {low}"),
        });
    }

    fn load(emit: &mut Emit<'_>, dst: &Reg, at: &Reg, offset: &Constant, ty: &Ty) {
        let low = dst.part('w');
        let (load, size) = match (ty.width, ty.signed) {
            (Width::W64 | Width::Native, _) => (format!("ldr {dst}"), 8),
            (Width::W32, false) => (format!("ldr {low}"), 4),
            (Width::W32, true) => (format!("ldrsw {dst}"), 4),
            (Width::W16, false) => (format!("ldrh {low}"), 2),
            (Width::W16, true) => (format!("ldrsh {dst}"), 2),
            (Width::W8, false) => (format!("ldrb {low}"), 1),
            (Width::W8, true) => (format!("ldrsb {dst}"), 1),
        };
        access(emit, &load, at, offset, size);
    }

    fn store(emit: &mut Emit<'_>, at: &Reg, offset: &Constant, value: &Reg, ty: &Ty, order: Order) {
        let low = value.part('w');
        let (suffix, value, size) = match ty.width {
            Width::W64 | Width::Native => ("", value.to_string(), 8),
            Width::W32 => ("", low, 4),
            Width::W16 => ("h", low, 2),
            Width::W8 => ("b", low, 1),
        };
        match order {
            Order::Relaxed => access(emit, &format!("str{suffix} {value}"), at, offset, size),
            Order::Release => {
                let place = emit.scratch("place");
                Self::address(emit, &place, at, offset);
                emit.line(format!("stlr{suffix} {value}, [{place}]"));
            }
        }
    }

    fn address(emit: &mut Emit<'_>, dst: &Reg, at: &Reg, offset: &Constant) {
        if Self::fits(Use::Arithmetic(BinOp::Add), offset) {
            return emit.line(format!("add {dst}, {at}, #{offset}"));
        }
        let far = emit.scratch("far");
        emit.line(format!(".if {offset} < 4096"));
        emit.line(format!("add {dst}, {at}, #{offset}"));
        emit.line(".else");
        Self::constant(emit, &far, offset);
        emit.line(format!("add {dst}, {at}, {far}"));
        emit.line(".endif");
    }

    fn index(emit: &mut Emit<'_>, dst: &Reg, at: &Reg, offset: &Constant, index: &Reg, stride: &Constant) {
        let far = emit.scratch("far");
        Self::constant(emit, &far, stride);
        emit.line(format!("madd {dst}, {index}, {far}, {at}"));
        Self::address(emit, &dst.clone(), dst, offset);
    }

    fn transfer(emit: &mut Emit<'_>, dst: &Reg, src: &Reg, done: &Reg, data: &Reg, ty: &Ty) {
        let (suffix, data) = match ty.width {
            Width::W8 => ("b", data.part('w')),
            _ => ("", data.to_string()),
        };
        emit.line(format!("ldr{suffix} {data}, [{src}, {done}]"));
        emit.line(format!("str{suffix} {data}, [{dst}, {done}]"));
    }

    fn branch(emit: &mut Emit<'_>, op: CmpOp, signed: bool, a: &Reg, b: &Source, target: &str) {
        let condition = match (op, signed) {
            (CmpOp::Eq, _) => "eq",
            (CmpOp::Ne, _) => "ne",
            (CmpOp::Lt, false) => "lo",
            (CmpOp::Le, false) => "ls",
            (CmpOp::Gt, false) => "hi",
            (CmpOp::Ge, false) => "hs",
            (CmpOp::Lt, true) => "lt",
            (CmpOp::Le, true) => "le",
            (CmpOp::Gt, true) => "gt",
            (CmpOp::Ge, true) => "ge",
        };
        emit.line(format!("cmp {a}, {b}"));
        emit.line(format!("b.{condition} {target}"));
    }

    fn jump(emit: &mut Emit<'_>, target: &str) {
        emit.line(format!("b {target}"));
    }

    fn clock(emit: &mut Emit<'_>, dst: &Reg) {
        emit.line(format!("mrs {dst}, cntvct_el0"));
    }
}

/// An access of `size` bytes at `at + offset`. The offset in an instruction counts in units of the size.
fn access(emit: &mut Emit<'_>, instruction: &str, at: &Reg, offset: &Constant, size: u32) {
    let far = emit.scratch("far");
    emit.line(format!(".if {offset} < {} && {offset} % {size} == 0", 4096 * size));
    emit.line(format!("{instruction}, [{at}, #{offset}]"));
    emit.line(".else");
    Aarch64::constant(emit, &far, offset);
    emit.line(format!("{instruction}, [{at}, {far}]"));
    emit.line(".endif");
}
