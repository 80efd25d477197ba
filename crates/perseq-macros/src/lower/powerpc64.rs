//! powerpc64, of either byte order.
//!
//! Ordering: after the branch on the gate comes `isync`, so nothing after it is loaded before it: what an owner wrote before it
//! opened the gate with release is seen. Slots without a gate need no such order; their words are related by addresses.
//! Before a commit with release comes `lwsync`. A fence (membarrier) interrupts the CPU, and the barrier there makes what
//! the section stored visible to who called it.
//! Data that all CPUs share needs none either: what a pointer leads to is loaded from an address that depends on the
//! pointer, and so after it, and the item's words are not related otherwise. What was stored before a fence is seen by sections that
//! begin after it, as the interrupt's barrier comes between.
//!
//! The address of the descriptor is taken from the program counter, through the link register: the table of contents is not
//! at hand in inline assembly.
//!
//! Sources: Power ISA 3.0B, book II, chapter 1.7 and appendix B.2; the signature is that of `rseq-ppc.h` in the kernel's selftests.

use super::{Backend, Constant, Emit, Reg, Source, Use, label};
use crate::ir::{BinOp, CmpOp, Order};
use crate::types::{Ty, Width};

pub(super) struct Powerpc64;

impl Backend for Powerpc64 {
    const ARCH: &'static str = "powerpc64";
    // 32, less r0 (which is no address), the stack pointer, r2, r13, r29, r30, r31, and a margin.
    const REGISTERS: usize = 22;
    const CLASS: &'static str = "reg_nonzero";
    const CLOBBERS: &'static [&'static str] = &["cr0", "xer", "lr"];
    /// `twui r5, 11`.
    const SIGNATURE: &'static str = ".4byte 0x0fe5000b";

    fn enter(emit: &mut Emit<'_>) {
        let (area, slot, temp) = (emit.area(), emit.slot(), emit.scratch("temp"));
        let (base, shift, thread) = (emit.base(), emit.shift(), emit.thread());
        let (per_cpu, by_cid, gated) = (emit.per_cpu(), emit.by_cid(), emit.gated());
        let (descriptor, here) = (label::DESCRIPTOR, label::NEAR);
        emit.line(format!("ldx {area}, 13, {thread}"));
        emit.line(format!("bcl 20, 31, {here}f"));
        emit.line(format!("{here}:"));
        emit.line(format!("mflr {slot}"));
        emit.line(format!("addis {slot}, {slot}, ({descriptor}f - {here}b)@ha"));
        emit.line(format!("addi {slot}, {slot}, ({descriptor}f - {here}b)@l"));
        emit.line(format!("std {slot}, 8({area})"));
        emit.line(format!("{}:", label::START));
        emit.line(format!(".if {per_cpu}"));
        emit.line(format!(".if {by_cid}"));
        emit.line(format!("add {temp}, 13, {thread}"));
        emit.line(format!("ld {temp}, 8({temp})"));
        emit.line(format!("lwax {slot}, {area}, {temp}"));
        emit.line(format!(".elseif {gated}"));
        emit.line(format!("lwa {slot}, 4({area})"));
        emit.line(".else");
        emit.line(format!("lwa {slot}, 0({area})"));
        emit.line(format!("or {temp}, {slot}, {base}"));
        emit.line(format!("cmpdi {temp}, 0"));
        emit.line(format!("blt {}f", label::ABORT));
        emit.line(".endif");
        emit.line(format!("sldi {slot}, {slot}, {shift}"));
        emit.line(format!("add {slot}, {slot}, {base}"));
        emit.line(format!(".if {gated}"));
        emit.line(format!("lwz {temp}, 0({slot})"));
        emit.line(format!("cmpwi {temp}, 1"));
        emit.line(format!("bne {}f", label::ABORT));
        emit.line("isync");
        emit.line(".endif");
        emit.line(".else");
        emit.line(format!("lwz {temp}, 4({area})"));
        emit.line(format!("cmpwi {temp}, 0"));
        emit.line(format!("blt {}f", label::ABORT));
        emit.line(format!("mr {slot}, {base}"));
        emit.line(".endif");
    }

    fn fits(usage: Use, constant: &Constant) -> bool {
        constant.literal().is_some_and(|literal| match usage {
            Use::Arithmetic(BinOp::Shl | BinOp::Shr) => true,
            Use::Arithmetic(_) | Use::Comparison => (0..0x7fff).contains(&literal),
        })
    }

    fn constant(emit: &mut Emit<'_>, dst: &Reg, constant: &Constant) {
        if let Some(-0x8000..=0x7fff) = constant.literal() {
            return emit.line(format!("li {dst}, {constant}"));
        }
        if !matches!(constant, Constant::Named { small: true, .. }) {
            emit.line(format!("lis {dst}, (({constant} >> 48) & 0xffff)"));
            emit.line(format!("ori {dst}, {dst}, (({constant} >> 32) & 0xffff)"));
            emit.line(format!("sldi {dst}, {dst}, 32"));
        } else {
            emit.line(format!("li {dst}, 0"));
        }
        emit.line(format!("oris {dst}, {dst}, (({constant} >> 16) & 0xffff)"));
        emit.line(format!("ori {dst}, {dst}, ({constant} & 0xffff)"));
    }

    fn mov(emit: &mut Emit<'_>, dst: &Reg, src: &Reg) {
        emit.line(format!("mr {dst}, {src}"));
    }

    fn binary(emit: &mut Emit<'_>, op: BinOp, signed: bool, dst: &Reg, a: &Reg, b: &Source) {
        let immediate = matches!(b, Source::Immediate(_));
        let name = match (op, signed, immediate) {
            (BinOp::Add, _, false) => "add",
            (BinOp::Add, _, true) => "addi",
            (BinOp::Sub, _, false) => "sub",
            (BinOp::Sub, _, true) => "subi",
            (BinOp::And, _, false) => "and",
            (BinOp::And, _, true) => "andi.",
            (BinOp::Or, _, false) => "or",
            (BinOp::Or, _, true) => "ori",
            (BinOp::Xor, _, false) => "xor",
            (BinOp::Xor, _, true) => "xori",
            (BinOp::Shl, _, false) => "sld",
            (BinOp::Shl, _, true) => "sldi",
            (BinOp::Shr, false, false) => "srd",
            (BinOp::Shr, false, true) => "srdi",
            (BinOp::Shr, true, false) => "srad",
            (BinOp::Shr, true, true) => "sradi",
        };
        emit.line(format!("{name} {dst}, {a}, {b}"));
    }

    fn not(emit: &mut Emit<'_>, dst: &Reg, src: &Reg) {
        emit.line(format!("nor {dst}, {src}, {src}"));
    }

    fn neg(emit: &mut Emit<'_>, dst: &Reg, src: &Reg) {
        emit.line(format!("neg {dst}, {src}"));
    }

    fn extend(emit: &mut Emit<'_>, reg: &Reg, ty: &Ty) {
        emit.line(match (ty.width, ty.signed) {
            (Width::W8, false) => format!("clrldi {reg}, {reg}, 56"),
            (Width::W8, true) => format!("extsb {reg}, {reg}"),
            (Width::W16, false) => format!("clrldi {reg}, {reg}, 48"),
            (Width::W16, true) => format!("extsh {reg}, {reg}"),
            (_, false) => format!("clrldi {reg}, {reg}, 32"),
            (_, true) => format!("extsw {reg}, {reg}"),
        });
    }

    fn load(emit: &mut Emit<'_>, dst: &Reg, at: &Reg, offset: &Constant, ty: &Ty) {
        let name = match (ty.width, ty.signed) {
            (Width::W64 | Width::Native, _) => "ld",
            (Width::W32, false) => "lwz",
            (Width::W32, true) => "lwa",
            (Width::W16, false) => "lhz",
            (Width::W16, true) => "lha",
            (Width::W8, _) => "lbz",
        };
        access(emit, name, dst, at, offset);
        if ty.width == Width::W8 && ty.signed {
            emit.line(format!("extsb {dst}, {dst}"));
        }
    }

    fn store(emit: &mut Emit<'_>, at: &Reg, offset: &Constant, value: &Reg, ty: &Ty, order: Order) {
        if order == Order::Release {
            emit.line("lwsync");
        }
        let name = match ty.width {
            Width::W64 | Width::Native => "std",
            Width::W32 => "stw",
            Width::W16 => "sth",
            Width::W8 => "stb",
        };
        access(emit, name, value, at, offset);
    }

    fn address(emit: &mut Emit<'_>, dst: &Reg, at: &Reg, offset: &Constant) {
        if Self::fits(Use::Arithmetic(BinOp::Add), offset) {
            return emit.line(format!("addi {dst}, {at}, {offset}"));
        }
        let far = emit.scratch("far");
        Self::constant(emit, &far, offset);
        emit.line(format!("add {dst}, {at}, {far}"));
    }

    fn index(emit: &mut Emit<'_>, dst: &Reg, at: &Reg, offset: &Constant, index: &Reg, stride: &Constant) {
        let far = emit.scratch("far");
        Self::constant(emit, &far, stride);
        emit.line(format!("mulld {dst}, {index}, {far}"));
        emit.line(format!("add {dst}, {dst}, {at}"));
        Self::address(emit, dst, &dst.clone(), offset);
    }

    fn transfer(emit: &mut Emit<'_>, dst: &Reg, src: &Reg, done: &Reg, data: &Reg, ty: &Ty) {
        let (load, store) = if ty.width == Width::W8 { ("lbzx", "stbx") } else { ("ldx", "stdx") };
        emit.line(format!("{load} {data}, {src}, {done}"));
        emit.line(format!("{store} {data}, {dst}, {done}"));
    }

    fn branch(emit: &mut Emit<'_>, op: CmpOp, signed: bool, a: &Reg, b: &Source, target: &str) {
        let name = match (b, signed) {
            (Source::Register(_), true) => "cmpd",
            (Source::Register(_), false) => "cmpld",
            (Source::Immediate(_), true) => "cmpdi",
            (Source::Immediate(_), false) => "cmpldi",
        };
        let condition = match op {
            CmpOp::Eq => "eq",
            CmpOp::Ne => "ne",
            CmpOp::Lt => "lt",
            CmpOp::Le => "le",
            CmpOp::Gt => "gt",
            CmpOp::Ge => "ge",
        };
        emit.line(format!("{name} {a}, {b}"));
        emit.line(format!("b{condition} {target}"));
    }

    fn jump(emit: &mut Emit<'_>, target: &str) {
        emit.line(format!("b {target}"));
    }

    fn clock(emit: &mut Emit<'_>, dst: &Reg) {
        emit.line(format!("mftb {dst}"));
    }
}

/// An access at `at + offset`, whose offset in an instruction has sixteen bits, with sign.
fn access(emit: &mut Emit<'_>, name: &str, data: &Reg, at: &Reg, offset: &Constant) {
    let far = emit.scratch("far");
    emit.line(format!(".if {offset} < 32768"));
    emit.line(format!("{name} {data}, {offset}({at})"));
    emit.line(".else");
    Powerpc64::constant(emit, &far, offset);
    emit.line(format!("{name}x {data}, {at}, {far}"));
    emit.line(".endif");
}
