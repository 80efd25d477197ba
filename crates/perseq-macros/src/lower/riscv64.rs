//! riscv64, without extensions beyond the base that Linux distributions require (`rv64gc`).
//!
//! Ordering: after the gate comes `fence r, rw`, so nothing after it is loaded before it: what an owner wrote before it opened
//! the gate with release is seen. Slots without a gate need no such order; their words are related by addresses. Before a
//! commit with release comes `fence rw, w`. A fence (membarrier) interrupts the CPU, and the barrier there makes what the
//! section stored visible to who called it.
//! Data that all CPUs share needs none either: what a pointer leads to is loaded from an address that depends on the
//! pointer, and so after it, and the item's words are not related otherwise. What was stored before a fence is seen by sections that
//! begin after it, as the interrupt's barrier comes between.
//!
//! Sources: The RISC-V Instruction Set Manual, volume I, "RVWMO Memory Consistency Model"; the signature is that of
//! `rseq-riscv.h` in the kernel's selftests.

use super::{Backend, Constant, Emit, Reg, Source, Use, label};
use crate::ir::{BinOp, CmpOp, Order};
use crate::types::{Ty, Width};

pub(super) struct Riscv64;

impl Backend for Riscv64 {
    const ARCH: &'static str = "riscv64";
    // 32, less zero, ra, sp, gp, tp, s0, s1 (LLVM's), and a margin.
    const REGISTERS: usize = 22;
    /// `csrw mhartid, x0`.
    const SIGNATURE: &'static str = ".4byte 0xf1401073";

    fn enter(emit: &mut Emit<'_>) {
        let (area, slot, temp) = (emit.area(), emit.slot(), emit.scratch("temp"));
        let (base, shift, thread) = (emit.base(), emit.shift(), emit.thread());
        let (per_cpu, by_cid, gated) = (emit.per_cpu(), emit.by_cid(), emit.gated());
        emit.line(format!("add {temp}, tp, {thread}"));
        emit.line(format!("ld {area}, 0({temp})"));
        emit.line(format!("lla {slot}, {}f", label::DESCRIPTOR));
        emit.line(format!("sd {slot}, 8({area})"));
        emit.line(format!("{}:", label::START));
        emit.line(format!(".if {per_cpu}"));
        emit.line(format!(".if {by_cid}"));
        emit.line(format!("ld {temp}, 8({temp})"));
        emit.line(format!("add {temp}, {temp}, {area}"));
        emit.line(format!("lw {slot}, 0({temp})"));
        emit.line(format!(".elseif {gated}"));
        emit.line(format!("lw {slot}, 4({area})"));
        emit.line(".else");
        emit.line(format!("lw {slot}, 0({area})"));
        emit.line(format!("or {temp}, {slot}, {base}"));
        emit.line(format!("bltz {temp}, {}f", label::ABORT));
        emit.line(".endif");
        emit.line(format!("slli {slot}, {slot}, {shift}"));
        emit.line(format!("add {slot}, {slot}, {base}"));
        emit.line(format!(".if {gated}"));
        emit.line(format!("lw {temp}, 0({slot})"));
        emit.line(format!("addi {temp}, {temp}, -1"));
        emit.line(format!("bnez {temp}, {}f", label::ABORT));
        emit.line("fence r, rw");
        emit.line(".endif");
        emit.line(".else");
        emit.line(format!("lw {temp}, 4({area})"));
        emit.line(format!("bltz {temp}, {}f", label::ABORT));
        emit.line(format!("mv {slot}, {base}"));
        emit.line(".endif");
    }

    fn fits(usage: Use, constant: &Constant) -> bool {
        constant.literal().is_some_and(|literal| match usage {
            Use::Arithmetic(BinOp::Shl | BinOp::Shr) => true,
            Use::Arithmetic(_) => (-2047..2048).contains(&literal),
            Use::Comparison => literal == 0,
        })
    }

    fn constant(emit: &mut Emit<'_>, dst: &Reg, constant: &Constant) {
        emit.line(format!("li {dst}, {constant}"));
    }

    fn mov(emit: &mut Emit<'_>, dst: &Reg, src: &Reg) {
        emit.line(format!("mv {dst}, {src}"));
    }

    fn binary(emit: &mut Emit<'_>, op: BinOp, signed: bool, dst: &Reg, a: &Reg, b: &Source) {
        if let (BinOp::Sub, Source::Immediate(Constant::Literal(literal))) = (op, b) {
            return emit.line(format!("addi {dst}, {a}, {}", -literal));
        }
        let name = match (op, signed) {
            (BinOp::Add, _) => "add",
            (BinOp::Sub, _) => "sub",
            (BinOp::And, _) => "and",
            (BinOp::Or, _) => "or",
            (BinOp::Xor, _) => "xor",
            (BinOp::Shl, _) => "sll",
            (BinOp::Shr, false) => "srl",
            (BinOp::Shr, true) => "sra",
        };
        let immediate = if matches!(b, Source::Immediate(_)) { "i" } else { "" };
        emit.line(format!("{name}{immediate} {dst}, {a}, {b}"));
    }

    fn not(emit: &mut Emit<'_>, dst: &Reg, src: &Reg) {
        emit.line(format!("not {dst}, {src}"));
    }

    fn neg(emit: &mut Emit<'_>, dst: &Reg, src: &Reg) {
        emit.line(format!("neg {dst}, {src}"));
    }

    fn extend(emit: &mut Emit<'_>, reg: &Reg, ty: &Ty) {
        let unused = match ty.width {
            Width::W8 => 56,
            Width::W16 => 48,
            _ => 32,
        };
        let back = if ty.signed { "srai" } else { "srli" };
        emit.line(format!("slli {reg}, {reg}, {unused}"));
        emit.line(format!("{back} {reg}, {reg}, {unused}"));
    }

    fn load(emit: &mut Emit<'_>, dst: &Reg, at: &Reg, offset: &Constant, ty: &Ty) {
        let name = match (ty.width, ty.signed) {
            (Width::W64 | Width::Native, _) => "ld",
            (Width::W32, false) => "lwu",
            (Width::W32, true) => "lw",
            (Width::W16, false) => "lhu",
            (Width::W16, true) => "lh",
            (Width::W8, false) => "lbu",
            (Width::W8, true) => "lb",
        };
        access(emit, name, dst, at, offset);
    }

    fn store(emit: &mut Emit<'_>, at: &Reg, offset: &Constant, value: &Reg, ty: &Ty, order: Order) {
        if order == Order::Release {
            emit.line("fence rw, w");
        }
        let name = match ty.width {
            Width::W64 | Width::Native => "sd",
            Width::W32 => "sw",
            Width::W16 => "sh",
            Width::W8 => "sb",
        };
        access(emit, name, value, at, offset);
    }

    fn address(emit: &mut Emit<'_>, dst: &Reg, at: &Reg, offset: &Constant) {
        if Self::fits(Use::Arithmetic(BinOp::Add), offset) {
            return emit.line(format!("addi {dst}, {at}, {offset}"));
        }
        let far = emit.scratch("far");
        emit.line(format!("li {far}, {offset}"));
        emit.line(format!("add {dst}, {at}, {far}"));
    }

    fn index(emit: &mut Emit<'_>, dst: &Reg, at: &Reg, offset: &Constant, index: &Reg, stride: &Constant) {
        let far = emit.scratch("far");
        emit.line(format!("li {far}, {stride}"));
        emit.line(format!("mul {dst}, {index}, {far}"));
        emit.line(format!("add {dst}, {dst}, {at}"));
        Self::address(emit, dst, &dst.clone(), offset);
    }

    fn transfer(emit: &mut Emit<'_>, dst: &Reg, src: &Reg, done: &Reg, data: &Reg, ty: &Ty) {
        let (load, store) = if ty.width == Width::W8 { ("lbu", "sb") } else { ("ld", "sd") };
        let place = emit.scratch("place");
        emit.line(format!("add {place}, {src}, {done}"));
        emit.line(format!("{load} {data}, 0({place})"));
        emit.line(format!("add {place}, {dst}, {done}"));
        emit.line(format!("{store} {data}, 0({place})"));
    }

    fn branch(emit: &mut Emit<'_>, op: CmpOp, signed: bool, a: &Reg, b: &Source, target: &str) {
        let a = a.to_string();
        // The only constant that fits is 0.
        let b = if matches!(b, Source::Immediate(_)) { "zero".to_string() } else { b.to_string() };
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
        emit.line(format!("j {target}"));
    }

    fn clock(emit: &mut Emit<'_>, dst: &Reg) {
        emit.line(format!("rdtime {dst}"));
    }
}

/// An access at `at + offset`, whose offset in an instruction has twelve bits.
fn access(emit: &mut Emit<'_>, name: &str, data: &Reg, at: &Reg, offset: &Constant) {
    let far = emit.scratch("far");
    emit.line(format!(".if {offset} < 2048"));
    emit.line(format!("{name} {data}, {offset}({at})"));
    emit.line(".else");
    emit.line(format!("li {far}, {offset}"));
    emit.line(format!("add {far}, {far}, {at}"));
    emit.line(format!("{name} {data}, 0({far})"));
    emit.line(".endif");
}
