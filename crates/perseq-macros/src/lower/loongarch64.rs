//! loongarch64.
//!
//! Ordering: after the gate comes `dbar 0x14`, so nothing after it is loaded before it: what an owner wrote before it opened
//! the gate with release is seen. Slots without a gate need no such order; their words are related by addresses. Before a
//! commit with release comes `dbar 0x12`. A fence (membarrier) interrupts the CPU, and the barrier there makes what the
//! section stored visible to who called it.
//! Data that all CPUs share needs none either: what a pointer leads to is loaded from an address that depends on the
//! pointer, and so after it, and the item's words are not related otherwise. What was stored before a fence is seen by sections that
//! begin after it, as the interrupt's barrier comes between.
//!
//! Sources: LoongArch Reference Manual, volume 1, 2.2.8 (hints of `dbar`); the signature is that of librseq.

use super::{Backend, Constant, Emit, Reg, Source, Use, label};
use crate::ir::{BinOp, CmpOp, Order};
use crate::types::{Ty, Width};

pub(super) struct Loongarch64;

impl Backend for Loongarch64 {
    const ARCH: &'static str = "loongarch64";
    // 32, less zero, ra, tp, sp, r21, fp, s8 (LLVM's), and a margin.
    const REGISTERS: usize = 22;
    /// `break 0x10`.
    const SIGNATURE: &'static str = ".4byte 0x002a0010";

    fn enter(emit: &mut Emit<'_>) {
        let (area, slot, temp) = (emit.area(), emit.slot(), emit.scratch("temp"));
        let (base, shift, thread) = (emit.base(), emit.shift(), emit.thread());
        let (per_cpu, by_cid, gated) = (emit.per_cpu(), emit.by_cid(), emit.gated());
        emit.line(format!("add.d {temp}, $tp, {thread}"));
        emit.line(format!("ld.d {area}, {temp}, 0"));
        emit.line(format!("la.pcrel {slot}, {}f", label::DESCRIPTOR));
        emit.line(format!("st.d {slot}, {area}, 8"));
        emit.line(format!("{}:", label::START));
        emit.line(format!(".if {per_cpu}"));
        emit.line(format!(".if {by_cid}"));
        emit.line(format!("ld.d {temp}, {temp}, 8"));
        emit.line(format!("add.d {temp}, {temp}, {area}"));
        emit.line(format!("ld.w {slot}, {temp}, 0"));
        emit.line(format!(".elseif {gated}"));
        emit.line(format!("ld.w {slot}, {area}, 4"));
        emit.line(".else");
        emit.line(format!("ld.w {slot}, {area}, 0"));
        emit.line(format!("or {temp}, {slot}, {base}"));
        emit.line(format!("bltz {temp}, {}f", label::ABORT));
        emit.line(".endif");
        emit.line(format!("slli.d {slot}, {slot}, {shift}"));
        emit.line(format!("add.d {slot}, {slot}, {base}"));
        emit.line(format!(".if {gated}"));
        emit.line(format!("ld.w {temp}, {slot}, 0"));
        emit.line(format!("addi.d {temp}, {temp}, -1"));
        emit.line(format!("bnez {temp}, {}f", label::ABORT));
        emit.line("dbar 0x14");
        emit.line(".endif");
        emit.line(".else");
        emit.line(format!("ld.w {temp}, {area}, 4"));
        emit.line(format!("bltz {temp}, {}f", label::ABORT));
        emit.line(format!("move {slot}, {base}"));
        emit.line(".endif");
    }

    fn fits(usage: Use, constant: &Constant) -> bool {
        constant.literal().is_some_and(|literal| match usage {
            Use::Arithmetic(BinOp::Shl | BinOp::Shr) => true,
            Use::Arithmetic(BinOp::Add | BinOp::Sub) => (-2047..2048).contains(&literal),
            Use::Arithmetic(_) => (0..4096).contains(&literal),
            Use::Comparison => literal == 0,
        })
    }

    fn constant(emit: &mut Emit<'_>, dst: &Reg, constant: &Constant) {
        emit.line(format!("li.d {dst}, {constant}"));
    }

    fn mov(emit: &mut Emit<'_>, dst: &Reg, src: &Reg) {
        emit.line(format!("move {dst}, {src}"));
    }

    fn binary(emit: &mut Emit<'_>, op: BinOp, signed: bool, dst: &Reg, a: &Reg, b: &Source) {
        if let (BinOp::Sub, Source::Immediate(Constant::Literal(literal))) = (op, b) {
            return emit.line(format!("addi.d {dst}, {a}, {}", -literal));
        }
        let (name, suffix) = match (op, signed) {
            (BinOp::Add, _) => ("add", ".d"),
            (BinOp::Sub, _) => ("sub", ".d"),
            (BinOp::And, _) => ("and", ""),
            (BinOp::Or, _) => ("or", ""),
            (BinOp::Xor, _) => ("xor", ""),
            (BinOp::Shl, _) => ("sll", ".d"),
            (BinOp::Shr, false) => ("srl", ".d"),
            (BinOp::Shr, true) => ("sra", ".d"),
        };
        let immediate = if matches!(b, Source::Immediate(_)) { "i" } else { "" };
        emit.line(format!("{name}{immediate}{suffix} {dst}, {a}, {b}"));
    }

    fn not(emit: &mut Emit<'_>, dst: &Reg, src: &Reg) {
        emit.line(format!("nor {dst}, {src}, $zero"));
    }

    fn neg(emit: &mut Emit<'_>, dst: &Reg, src: &Reg) {
        emit.line(format!("sub.d {dst}, $zero, {src}"));
    }

    fn extend(emit: &mut Emit<'_>, reg: &Reg, ty: &Ty) {
        emit.line(match (ty.width, ty.signed) {
            (Width::W8, false) => format!("andi {reg}, {reg}, 255"),
            (Width::W8, true) => format!("ext.w.b {reg}, {reg}"),
            (Width::W16, false) => format!("bstrpick.d {reg}, {reg}, 15, 0"),
            (Width::W16, true) => format!("ext.w.h {reg}, {reg}"),
            (_, false) => format!("bstrpick.d {reg}, {reg}, 31, 0"),
            (_, true) => format!("slli.w {reg}, {reg}, 0"),
        });
    }

    fn load(emit: &mut Emit<'_>, dst: &Reg, at: &Reg, offset: &Constant, ty: &Ty) {
        let name = match (ty.width, ty.signed) {
            (Width::W64 | Width::Native, _) => "ld.d",
            (Width::W32, false) => "ld.wu",
            (Width::W32, true) => "ld.w",
            (Width::W16, false) => "ld.hu",
            (Width::W16, true) => "ld.h",
            (Width::W8, false) => "ld.bu",
            (Width::W8, true) => "ld.b",
        };
        access(emit, name, dst, at, offset);
    }

    fn store(emit: &mut Emit<'_>, at: &Reg, offset: &Constant, value: &Reg, ty: &Ty, order: Order) {
        if order == Order::Release {
            emit.line("dbar 0x12");
        }
        let name = match ty.width {
            Width::W64 | Width::Native => "st.d",
            Width::W32 => "st.w",
            Width::W16 => "st.h",
            Width::W8 => "st.b",
        };
        access(emit, name, value, at, offset);
    }

    fn address(emit: &mut Emit<'_>, dst: &Reg, at: &Reg, offset: &Constant) {
        if Self::fits(Use::Arithmetic(BinOp::Add), offset) {
            return emit.line(format!("addi.d {dst}, {at}, {offset}"));
        }
        let far = emit.scratch("far");
        emit.line(format!("li.d {far}, {offset}"));
        emit.line(format!("add.d {dst}, {at}, {far}"));
    }

    fn index(emit: &mut Emit<'_>, dst: &Reg, at: &Reg, offset: &Constant, index: &Reg, stride: &Constant) {
        let far = emit.scratch("far");
        emit.line(format!("li.d {far}, {stride}"));
        emit.line(format!("mul.d {dst}, {index}, {far}"));
        emit.line(format!("add.d {dst}, {dst}, {at}"));
        Self::address(emit, dst, &dst.clone(), offset);
    }

    fn transfer(emit: &mut Emit<'_>, dst: &Reg, src: &Reg, done: &Reg, data: &Reg, ty: &Ty) {
        let (load, store) = if ty.width == Width::W8 { ("ldx.bu", "stx.b") } else { ("ldx.d", "stx.d") };
        emit.line(format!("{load} {data}, {src}, {done}"));
        emit.line(format!("{store} {data}, {dst}, {done}"));
    }

    fn branch(emit: &mut Emit<'_>, op: CmpOp, signed: bool, a: &Reg, b: &Source, target: &str) {
        let a = a.to_string();
        // The only constant that fits is 0.
        let b = if matches!(b, Source::Immediate(_)) { "$zero".to_string() } else { b.to_string() };
        let unsigned = if signed { "" } else { "u" };
        emit.line(match op {
            CmpOp::Eq => format!("beq {a}, {b}, {target}"),
            CmpOp::Ne => format!("bne {a}, {b}, {target}"),
            CmpOp::Lt => format!("blt{unsigned} {a}, {b}, {target}"),
            CmpOp::Le => format!("bge{unsigned} {b}, {a}, {target}"),
            CmpOp::Gt => format!("blt{unsigned} {b}, {a}, {target}"),
            CmpOp::Ge => format!("bge{unsigned} {a}, {b}, {target}"),
        });
    }

    fn jump(emit: &mut Emit<'_>, target: &str) {
        emit.line(format!("b {target}"));
    }

    fn clock(emit: &mut Emit<'_>, dst: &Reg) {
        emit.line(format!("rdtime.d {dst}, $zero"));
    }
}

/// An access at `at + offset`, whose offset in an instruction has twelve bits.
fn access(emit: &mut Emit<'_>, name: &str, data: &Reg, at: &Reg, offset: &Constant) {
    let far = emit.scratch("far");
    emit.line(format!(".if {offset} < 2048"));
    emit.line(format!("{name} {data}, {at}, {offset}"));
    emit.line(".else");
    emit.line(format!("li.d {far}, {offset}"));
    emit.line(format!("add.d {far}, {far}, {at}"));
    emit.line(format!("{name} {data}, {far}, 0"));
    emit.line(".endif");
}
