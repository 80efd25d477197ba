//! s390x, without facilities beyond those of the z10.
//!
//! Ordering: like x86, the machine lets only loads pass earlier stores. What the section reads after the gate is at least as new
//! as the gate, and what it reads through a pointer that all CPUs share at least as new as that; every store is a release.
//!
//! Sources: z/Architecture Principles of Operation, chapter 5 ("Storage-Operand Consistency") and 7; the signature is that of
//! `rseq-s390.h` in the kernel's selftests.

use super::{Backend, Constant, Emit, Reg, Source, Use, label};
use crate::ir::{BinOp, CmpOp, Order};
use crate::types::{Ty, Width};

pub(super) struct S390x;

impl Backend for S390x {
    const ARCH: &'static str = "s390x";
    // 16, less r0 (which is no address), the frame pointer, the stack pointer, and a margin.
    const REGISTERS: usize = 12;
    const CLASS: &'static str = "reg_addr";
    /// `trap4 4095(%r0)`.
    const SIGNATURE: &'static str = ".4byte 0xb2ff0fff";

    fn enter(emit: &mut Emit<'_>) {
        let (area, slot) = (emit.area(), emit.slot());
        let (base, shift, thread) = (emit.base(), emit.shift(), emit.thread());
        let (per_cpu, by_cid, gated) = (emit.per_cpu(), emit.by_cid(), emit.gated());
        thread_pointer(emit, &area);
        emit.line(format!("lg {area}, 0({thread},{area})"));
        emit.line(format!("larl {slot}, {}f", label::DESCRIPTOR));
        emit.line(format!("stg {slot}, 8({area})"));
        emit.line(format!("{}:", label::START));
        emit.line(format!(".if {per_cpu}"));
        emit.line(format!(".if {by_cid}"));
        thread_pointer(emit, &slot);
        emit.line(format!("lg {slot}, 8({thread},{slot})"));
        emit.line(format!("lgf {slot}, 0({slot},{area})"));
        emit.line(format!(".elseif {gated}"));
        emit.line(format!("lgf {slot}, 4({area})"));
        emit.line(".else");
        emit.line(format!("lgf {slot}, 0({area})"));
        emit.line(format!("ltgr {slot}, {slot}"));
        emit.line(format!("jgl {}f", label::ABORT));
        emit.line(format!("ltgr {base}, {base}"));
        emit.line(format!("jgl {}f", label::ABORT));
        emit.line(".endif");
        emit.line(format!("sllg {slot}, {slot}, {shift}"));
        emit.line(format!("agr {slot}, {base}"));
        emit.line(format!(".if {gated}"));
        emit.line(format!("chsi 0({slot}), 1"));
        emit.line(format!("jgne {}f", label::ABORT));
        emit.line(".endif");
        emit.line(".else");
        emit.line(format!("chsi 4({area}), 0"));
        emit.line(format!("jgl {}f", label::ABORT));
        emit.line(format!("lgr {slot}, {base}"));
        emit.line(".endif");
    }

    fn fits(usage: Use, constant: &Constant) -> bool {
        match (usage, constant) {
            (Use::Arithmetic(BinOp::Shl | BinOp::Shr), Constant::Literal(_)) => true,
            (Use::Arithmetic(BinOp::Add | BinOp::Sub), Constant::Literal(literal)) => {
                (-0x7fff_ffff..0x7fff_ffff).contains(literal)
            }
            (Use::Comparison, Constant::Literal(literal)) => (0..0x7fff_ffff).contains(literal),
            (Use::Comparison, Constant::Named { small, .. }) => *small,
            _ => false,
        }
    }

    fn constant(emit: &mut Emit<'_>, dst: &Reg, constant: &Constant) {
        if constant.literal().is_some_and(|literal| i32::try_from(literal).is_ok()) {
            return emit.line(format!("lgfi {dst}, {constant}"));
        }
        emit.line(format!("llihf {dst}, (({constant} >> 32) & 0xffffffff)"));
        emit.line(format!("oilf {dst}, ({constant} & 0xffffffff)"));
    }

    fn mov(emit: &mut Emit<'_>, dst: &Reg, src: &Reg) {
        emit.line(format!("lgr {dst}, {src}"));
    }

    fn binary(emit: &mut Emit<'_>, op: BinOp, signed: bool, dst: &Reg, a: &Reg, b: &Source) {
        if matches!(op, BinOp::Shl | BinOp::Shr) {
            let name = match (op, signed) {
                (BinOp::Shl, _) => "sllg",
                (_, false) => "srlg",
                (_, true) => "srag",
            };
            return emit.line(match b {
                Source::Register(amount) => format!("{name} {dst}, {a}, 0({amount})"),
                Source::Immediate(amount) => format!("{name} {dst}, {a}, {amount}"),
            });
        }
        if dst != a {
            Self::mov(emit, dst, a);
        }
        let name = match (op, b) {
            (BinOp::Add, Source::Immediate(_)) => "agfi",
            (BinOp::Sub, Source::Immediate(constant)) => {
                return emit.line(format!("agfi {dst}, -({constant})"));
            }
            (BinOp::Add, _) => "agr",
            (BinOp::Sub, _) => "sgr",
            (BinOp::And, _) => "ngr",
            (BinOp::Or, _) => "ogr",
            _ => "xgr",
        };
        emit.line(format!("{name} {dst}, {b}"));
    }

    fn not(emit: &mut Emit<'_>, dst: &Reg, src: &Reg) {
        if dst != src {
            Self::mov(emit, dst, src);
        }
        emit.line(format!("xihf {dst}, 0xffffffff"));
        emit.line(format!("xilf {dst}, 0xffffffff"));
    }

    fn neg(emit: &mut Emit<'_>, dst: &Reg, src: &Reg) {
        emit.line(format!("lcgr {dst}, {src}"));
    }

    fn extend(emit: &mut Emit<'_>, reg: &Reg, ty: &Ty) {
        let name = match (ty.width, ty.signed) {
            (Width::W8, false) => "llgcr",
            (Width::W8, true) => "lgbr",
            (Width::W16, false) => "llghr",
            (Width::W16, true) => "lghr",
            (_, false) => "llgfr",
            (_, true) => "lgfr",
        };
        emit.line(format!("{name} {reg}, {reg}"));
    }

    fn load(emit: &mut Emit<'_>, dst: &Reg, at: &Reg, offset: &Constant, ty: &Ty) {
        access(emit, load_name(ty), dst, at, offset);
    }

    fn store(emit: &mut Emit<'_>, at: &Reg, offset: &Constant, value: &Reg, ty: &Ty, _order: Order) {
        access(emit, store_name(ty), value, at, offset);
    }

    fn address(emit: &mut Emit<'_>, dst: &Reg, at: &Reg, offset: &Constant) {
        if let Some(0..=0x7ffff) = offset.literal() {
            return emit.line(format!("lay {dst}, {offset}({at})"));
        }
        if dst != at {
            Self::mov(emit, dst, at);
        }
        emit.line(format!("agfi {dst}, {offset}"));
    }

    fn index(emit: &mut Emit<'_>, dst: &Reg, at: &Reg, offset: &Constant, index: &Reg, stride: &Constant) {
        emit.line(format!("lgfi {dst}, {stride}"));
        emit.line(format!("msgr {dst}, {index}"));
        emit.line(format!("agr {dst}, {at}"));
        emit.line(format!("agfi {dst}, {offset}"));
    }

    fn transfer(emit: &mut Emit<'_>, dst: &Reg, src: &Reg, done: &Reg, data: &Reg, ty: &Ty) {
        emit.line(format!("{} {data}, 0({done},{src})", load_name(ty)));
        emit.line(format!("{} {data}, 0({done},{dst})", store_name(ty)));
    }

    fn branch(emit: &mut Emit<'_>, op: CmpOp, signed: bool, a: &Reg, b: &Source, target: &str) {
        let name = match (b, signed) {
            (Source::Register(_), true) => "cgr",
            (Source::Register(_), false) => "clgr",
            (Source::Immediate(_), true) => "cgfi",
            (Source::Immediate(_), false) => "clgfi",
        };
        let condition = match op {
            CmpOp::Eq => "e",
            CmpOp::Ne => "ne",
            CmpOp::Lt => "l",
            CmpOp::Le => "nh",
            CmpOp::Gt => "h",
            CmpOp::Ge => "nl",
        };
        emit.line(format!("{name} {a}, {b}"));
        emit.line(format!("jg{condition} {target}"));
    }

    fn jump(emit: &mut Emit<'_>, target: &str) {
        emit.line(format!("jg {target}"));
    }

    fn clock(emit: &mut Emit<'_>, dst: &Reg) {
        let memory = emit.memory();
        emit.line(format!("stckf 0({memory})"));
        emit.line(format!("lg {dst}, 0({memory})"));
    }
}

/// Joins the two access registers that hold the thread pointer.
fn thread_pointer(emit: &mut Emit<'_>, dst: &Reg) {
    emit.line(format!("ear {dst}, %a0"));
    emit.line(format!("sllg {dst}, {dst}, 32"));
    emit.line(format!("ear {dst}, %a1"));
}

fn load_name(ty: &Ty) -> &'static str {
    match (ty.width, ty.signed) {
        (Width::W64 | Width::Native, _) => "lg",
        (Width::W32, false) => "llgf",
        (Width::W32, true) => "lgf",
        (Width::W16, false) => "llgh",
        (Width::W16, true) => "lgh",
        (Width::W8, false) => "llgc",
        (Width::W8, true) => "lgb",
    }
}

fn store_name(ty: &Ty) -> &'static str {
    match ty.width {
        Width::W64 | Width::Native => "stg",
        Width::W32 => "sty",
        Width::W16 => "sthy",
        Width::W8 => "stcy",
    }
}

/// An access at `at + offset`, whose offset in an instruction has twenty bits.
fn access(emit: &mut Emit<'_>, name: &str, data: &Reg, at: &Reg, offset: &Constant) {
    let far = emit.scratch("far");
    emit.line(format!(".if {offset} < 524288"));
    emit.line(format!("{name} {data}, {offset}({at})"));
    emit.line(".else");
    emit.line(format!("lgfi {far}, {offset}"));
    emit.line(format!("{name} {data}, 0({far},{at})"));
    emit.line(".endif");
}
