//! x86-64.
//!
//! | IR | instructions |
//! |---|---|
//! | arm | `lea`, `mov [area+8]` |
//! | slot | `movsxd` of `cpu_id`, `shl`, `add` |
//! | gate | `cmp dword ptr [slot], 1`, `jne`; slots without one: `jl` after the `add` |
//! | data that all CPUs share | instead of both: `cmp dword ptr [area+4], 0`, `jl`, `mov` of the base |
//! | load | `mov`, `movzx`, `movsx`, `movsxd` |
//! | `+ - & \| ^` | `add`, `sub`, `and`, `or`, `xor` |
//! | `<< >>` | `shl`, `shr`, `sar`; by a value through `cl` |
//! | exit | `cmp` or `test`, `jcc` |
//! | `tsc()` | `rdtsc` |
//! | `copy` | `movups`, 64 bytes at a time, then eight, then one |
//! | stage, commit, commit(release) | `mov` |
//!
//! The slot's address is formed in one register and used alone, `[slot + constant]`: an indexed store followed by a
//! load of the same word costs two to three times as much here.
//!
//! Slots without gates are refused by the sign of the address: a thread that is not registered reads
//! `UNREGISTERED_START` in `cpu_id_start`, and slots that are not made yet have the base `UNMADE`, and either makes the sum
//! negative, which no address of user space is. `add` and `jl` are one operation for the processor, so that costs nothing.
//!
//! Data that all CPUs share is refused by `cpu_id`, which is negative wherever the kernel does not know the thread.
//!
//! Ordering: x86 is TSO. Loads are not reordered with loads, so what the section reads after the gate is at
//! least as new as the gate, and what it reads through a shared pointer at least as new as that; stores are not reordered with stores, so the commit is seen after all that
//! was staged, and every store is a release.
//!
//! Sources: Intel SDM volume 2 and volume 3, section 9.2; the signature's encoding is that of
//! [`perseq_abi`](https://docs.rs/perseq-abi).

use super::{Backend, Constant, Emit, Reg, Source, Use, WIDE, label};
use crate::ir::{BinOp, CmpOp, Order};
use crate::types::{Ty, Width};

pub(super) struct X86_64;

impl Backend for X86_64 {
    const ARCH: &'static str = "x86_64";
    // 16, less the stack pointer, the frame pointer, rbx (reserved by LLVM) and a margin for code that is
    // compiled without optimisation.
    const REGISTERS: usize = 11;
    const HANDLERS_APART: bool = true;
    const TRANSFER_WIDE: Option<fn(&mut Emit<'_>, &Reg, &Reg, &Reg)> = Some(|emit, dst, src, done| {
        emit.vector("xmm0");
        for at in (0..WIDE).step_by(16) {
            emit.line(format!("movups xmm0, xmmword ptr [{src} + {done} + {at}]"));
            emit.line(format!("movups xmmword ptr [{dst} + {done} + {at}], xmm0"));
        }
    });
    const SIGNATURE: &'static str = ".byte 0x0f, 0xb9, 0x3d, 0x53, 0x30, 0x05, 0x53";

    fn enter(emit: &mut Emit<'_>) {
        let (area, slot) = (emit.area(), emit.slot());
        let (base, shift, thread) = (emit.base(), emit.shift(), emit.thread());
        let (per_cpu, by_cid, gated) = (emit.per_cpu(), emit.by_cid(), emit.gated());
        emit.line(format!("mov {area}, qword ptr fs:[{thread}]"));
        emit.line(format!("lea {slot}, [rip + {}f]", label::DESCRIPTOR));
        emit.line(format!("mov qword ptr [{area} + 8], {slot}"));
        emit.line(format!("{}:", label::START));
        emit.line(format!(".if {per_cpu}"));
        emit.line(format!(".if {by_cid}"));
        emit.line(format!("mov {slot}, qword ptr fs:[{thread} + 8]"));
        emit.line(format!("movsxd {slot}, dword ptr [{area} + {slot}]"));
        emit.line(format!(".elseif {gated}"));
        emit.line(format!("movsxd {slot}, dword ptr [{area} + 4]"));
        emit.line(".else");
        emit.line(format!("movsxd {slot}, dword ptr [{area}]"));
        emit.line(".endif");
        emit.line(format!("shl {slot}, {shift}"));
        emit.line(format!("add {slot}, {base}"));
        emit.line(format!(".if {gated}"));
        emit.line(format!("cmp dword ptr [{slot}], 1"));
        emit.line(format!("jne {}f", label::ABORT));
        emit.line(".else");
        emit.line(format!("jl {}f", label::ABORT));
        emit.line(".endif");
        emit.line(".else");
        emit.line(format!("cmp dword ptr [{area} + 4], 0"));
        emit.line(format!("jl {}f", label::ABORT));
        emit.line(format!("mov {slot}, {base}"));
        emit.line(".endif");
    }

    fn fits(usage: Use, constant: &Constant) -> bool {
        match constant {
            Constant::Literal(literal) => i32::try_from(*literal).is_ok(),
            Constant::Named { small, .. } => *small && usage == Use::Comparison,
        }
    }

    fn constant(emit: &mut Emit<'_>, dst: &Reg, constant: &Constant) {
        let low = dst.part('e');
        emit.line(match constant.literal() {
            Some(0) => format!("xor {low}, {low}"),
            Some(literal) if u32::try_from(literal).is_ok() => format!("mov {low}, {literal}"),
            _ => format!("mov {dst}, {constant}"),
        });
    }

    fn mov(emit: &mut Emit<'_>, dst: &Reg, src: &Reg) {
        emit.line(format!("mov {dst}, {src}"));
    }

    fn binary(emit: &mut Emit<'_>, op: BinOp, signed: bool, dst: &Reg, a: &Reg, b: &Source) {
        if dst != a {
            Self::mov(emit, dst, a);
        }
        let name = match (op, signed) {
            (BinOp::Add, _) => "add",
            (BinOp::Sub, _) => "sub",
            (BinOp::And, _) => "and",
            (BinOp::Or, _) => "or",
            (BinOp::Xor, _) => "xor",
            (BinOp::Shl, _) => "shl",
            (BinOp::Shr, false) => "shr",
            (BinOp::Shr, true) => "sar",
        };
        match (op, b) {
            (BinOp::Shl | BinOp::Shr, Source::Register(amount)) => {
                emit.fixed("rcx");
                emit.line(format!("mov rcx, {amount}"));
                emit.line(format!("{name} {dst}, cl"));
            }
            _ => emit.line(format!("{name} {dst}, {b}")),
        }
    }

    fn not(emit: &mut Emit<'_>, dst: &Reg, src: &Reg) {
        if dst != src {
            Self::mov(emit, dst, src);
        }
        emit.line(format!("not {dst}"));
    }

    fn neg(emit: &mut Emit<'_>, dst: &Reg, src: &Reg) {
        if dst != src {
            Self::mov(emit, dst, src);
        }
        emit.line(format!("neg {dst}"));
    }

    fn extend(emit: &mut Emit<'_>, reg: &Reg, ty: &Ty) {
        let low = reg.part('e');
        emit.line(match (ty.width, ty.signed) {
            (Width::W8, false) => format!("movzx {low}, {}", reg.part('l')),
            (Width::W8, true) => format!("movsx {reg}, {}", reg.part('l')),
            (Width::W16, false) => format!("movzx {low}, {}", reg.part('x')),
            (Width::W16, true) => format!("movsx {reg}, {}", reg.part('x')),
            (_, false) => format!("mov {low}, {low}"),
            (_, true) => format!("movsxd {reg}, {low}"),
        });
    }

    fn load(emit: &mut Emit<'_>, dst: &Reg, at: &Reg, offset: &Constant, ty: &Ty) {
        load_from(emit, dst, &format!("{at} + {offset}"), ty);
    }

    fn store(emit: &mut Emit<'_>, at: &Reg, offset: &Constant, value: &Reg, ty: &Ty, _order: Order) {
        store_to(emit, &format!("{at} + {offset}"), value, ty);
    }

    fn address(emit: &mut Emit<'_>, dst: &Reg, at: &Reg, offset: &Constant) {
        emit.line(format!("lea {dst}, [{at} + {offset}]"));
    }

    fn index(emit: &mut Emit<'_>, dst: &Reg, at: &Reg, offset: &Constant, index: &Reg, stride: &Constant) {
        let scales = [1, 2, 4, 8].map(|scale| format!("{stride} == {scale}")).join(" || ");
        emit.line(format!(".if {scales}"));
        emit.line(format!("lea {dst}, [{index} * {stride} + {at} + {offset}]"));
        emit.line(".else");
        emit.line(format!("imul {dst}, {index}, {stride}"));
        emit.line(format!("lea {dst}, [{dst} + {at} + {offset}]"));
        emit.line(".endif");
    }

    fn transfer(emit: &mut Emit<'_>, dst: &Reg, src: &Reg, done: &Reg, data: &Reg, ty: &Ty) {
        load_from(emit, data, &format!("{src} + {done}"), ty);
        store_to(emit, &format!("{dst} + {done}"), data, ty);
    }

    fn branch(emit: &mut Emit<'_>, op: CmpOp, signed: bool, a: &Reg, b: &Source, target: &str) {
        match b {
            Source::Immediate(Constant::Literal(0)) if matches!(op, CmpOp::Eq | CmpOp::Ne) => {
                emit.line(format!("test {a}, {a}"));
            }
            _ => emit.line(format!("cmp {a}, {b}")),
        }
        let jump = match (op, signed) {
            (CmpOp::Eq, _) => "je",
            (CmpOp::Ne, _) => "jne",
            (CmpOp::Lt, false) => "jb",
            (CmpOp::Le, false) => "jbe",
            (CmpOp::Gt, false) => "ja",
            (CmpOp::Ge, false) => "jae",
            (CmpOp::Lt, true) => "jl",
            (CmpOp::Le, true) => "jle",
            (CmpOp::Gt, true) => "jg",
            (CmpOp::Ge, true) => "jge",
        };
        emit.line(format!("{jump} {target}"));
    }

    fn jump(emit: &mut Emit<'_>, target: &str) {
        emit.line(format!("jmp {target}"));
    }

    fn clock(emit: &mut Emit<'_>, dst: &Reg) {
        emit.line("rdtsc");
        edx_eax(emit, dst);
    }

    fn counter(emit: &mut Emit<'_>, dst: &Reg, index: &Source) -> bool {
        emit.fixed("rcx");
        emit.line(format!("mov rcx, {index}"));
        emit.line("rdpmc");
        edx_eax(emit, dst);
        true
    }
}

fn load_from(emit: &mut Emit<'_>, dst: &Reg, at: &str, ty: &Ty) {
    let low = dst.part('e');
    emit.line(match (ty.width, ty.signed) {
        (Width::W64 | Width::Native, _) => format!("mov {dst}, qword ptr [{at}]"),
        (Width::W32, false) => format!("mov {low}, dword ptr [{at}]"),
        (Width::W32, true) => format!("movsxd {dst}, dword ptr [{at}]"),
        (Width::W16, false) => format!("movzx {low}, word ptr [{at}]"),
        (Width::W16, true) => format!("movsx {dst}, word ptr [{at}]"),
        (Width::W8, false) => format!("movzx {low}, byte ptr [{at}]"),
        (Width::W8, true) => format!("movsx {dst}, byte ptr [{at}]"),
    });
}

fn store_to(emit: &mut Emit<'_>, at: &str, value: &Reg, ty: &Ty) {
    emit.line(match ty.width {
        Width::W64 | Width::Native => format!("mov qword ptr [{at}], {value}"),
        Width::W32 => format!("mov dword ptr [{at}], {}", value.part('e')),
        Width::W16 => format!("mov word ptr [{at}], {}", value.part('x')),
        Width::W8 => format!("mov byte ptr [{at}], {}", value.part('l')),
    });
}

/// Joins the two halves that `rdtsc` and `rdpmc` leave.
fn edx_eax(emit: &mut Emit<'_>, dst: &Reg) {
    emit.fixed("rax");
    emit.fixed("rdx");
    emit.line("shl rdx, 32");
    emit.line("or rax, rdx");
    emit.line(format!("mov {dst}, rax"));
}
