//! x86 of 32 bits, with SSE2 (i686).
//!
//! The accumulator is edx:eax, the pointer ecx. Words of memory are loaded and stored by one `movq` through a vector register if
//! they have 64 bits, which is one access where they are aligned.
//!
//! No instruction has addresses relative to itself: the descriptor's is formed from that of the global offset table, which
//! the caller knows. (The syntax is AT&T's because LLVM's reader of Intel's has none for that.)
//!
//! Ordering: as on x86-64. Sources: as there, and volume 3, section 10.1.1, for 64-bit accesses; System V ABI for i386.

use super::emit::{Constant, Emit};
use super::label;
use super::narrow::{Half, Narrow, Term, Word};
use crate::ir::{BinOp, CmpOp, Order};
use crate::types::{Ty, Width};

pub(super) struct X86;

impl Narrow for X86 {
    const ARCH: &'static str = "x86";
    const CLOBBERS: &'static [&'static str] = &["edx", "xmm0", "xmm1"];
    const HANDLERS_APART: bool = true;
    const SIGNATURE: &'static str = ".byte 0x0f, 0xb9, 0x3d, 0x53, 0x30, 0x05, 0x53";
    const ATT_SYNTAX: bool = true;

    fn enter(emit: &mut Emit<'_>) {
        let (per_cpu, shift, by_cid, gated) = (emit.per_cpu(), emit.shift(), emit.by_cid(), emit.gated());
        let base = low(emit, &Term::Word(Word::BASE));
        emit.anchor_in("eax");
        emit.thread_in("ecx");
        emit.line(format!("leal {}f@GOTOFF(%eax), %eax", label::DESCRIPTOR));
        emit.line("movl %gs:(%ecx), %edx");
        emit.line("movl %eax, 8(%edx)");
        emit.line(format!("{}:", label::START));
        emit.line(format!(".if {per_cpu}"));
        emit.line(format!("movl {base}, %eax"));
        emit.line(format!(".if {by_cid}"));
        emit.line("movl %gs:4(%ecx), %ecx");
        emit.line("movl (%edx,%ecx), %ecx");
        emit.line(format!(".elseif {gated}"));
        emit.line("movl 4(%edx), %ecx");
        emit.line(".else");
        emit.line("movl (%edx), %ecx");
        emit.line("testl %ecx, %ecx");
        emit.line(format!("js {}f", label::ABORT));
        emit.line("testb $1, %al");
        emit.line(format!("jnz {}f", label::ABORT));
        emit.line(".endif");
        emit.line(format!("shll ${shift}, %ecx"));
        emit.line("addl %eax, %ecx");
        emit.line(format!(".if {gated}"));
        emit.line("cmpl $1, (%ecx)");
        emit.line(format!("jne {}f", label::ABORT));
        emit.line(".endif");
        emit.line(".else");
        emit.line("cmpl $0, 4(%edx)");
        emit.line(format!("jl {}f", label::ABORT));
        emit.line(format!("movl {base}, %ecx"));
        emit.line(".endif");
        let (slot, area) = (low(emit, &Term::Word(Word::SLOT)), low(emit, &Term::Word(Word::AREA)));
        emit.line(format!("movl %ecx, {slot}"));
        emit.line(format!("movl %edx, {area}"));
    }

    fn get(emit: &mut Emit<'_>, term: &Term, wide: bool) {
        let (low, high) = (low(emit, term), high(emit, term));
        emit.line(format!("movl {low}, %eax"));
        if wide {
            emit.line(format!("movl {high}, %edx"));
        }
    }

    fn put(emit: &mut Emit<'_>, word: Word) {
        let (low, high) = (low(emit, &Term::Word(word)), high(emit, &Term::Word(word)));
        emit.line(format!("movl %eax, {low}"));
        emit.line(format!("movl %edx, {high}"));
    }

    fn point(emit: &mut Emit<'_>, term: &Term) {
        let low = low(emit, term);
        emit.line(format!("movl {low}, %ecx"));
    }

    fn binary(emit: &mut Emit<'_>, op: BinOp, wide: bool, term: &Term) {
        let names = match op {
            BinOp::Add => ["addl", "adcl"],
            BinOp::Sub => ["subl", "sbbl"],
            BinOp::And => ["andl"; 2],
            BinOp::Or => ["orl"; 2],
            _ => ["xorl"; 2],
        };
        let (low, high) = (low(emit, term), high(emit, term));
        emit.line(format!("{} {low}, %eax", names[0]));
        if wide {
            emit.line(format!("{} {high}, %edx", names[1]));
        }
    }

    fn shift(emit: &mut Emit<'_>, left: bool, signed: bool, wide: bool, amount: &Term, mask: u32) {
        let name = match (left, signed) {
            (true, _) => "shll",
            (false, false) => "shrl",
            (false, true) => "sarl",
        };
        let (to, from) = if left { ("%edx", "%eax") } else { ("%eax", "%edx") };
        let double = if left { "shldl" } else { "shrdl" };
        // Where the amount is 32 or more.
        let emptied = if !left && signed { "sarl $31, %edx".into() } else { format!("xorl {from}, {from}") };
        if let Term::Constant(amount) = amount {
            if !wide {
                return emit.line(format!("{name} $({amount} & {mask}), %eax"));
            }
            emit.line(format!(".if ({amount} & 32) == 0"));
            emit.line(format!("{double} $({amount} & 31), {from}, {to}"));
            emit.line(format!("{name} $({amount} & 31), {from}"));
            emit.line(".else");
            emit.line(format!("movl {from}, {to}"));
            emit.line(format!("{name} $({amount} & 31), {to}"));
            emit.line(emptied);
            return emit.line(".endif");
        }
        let amount = low(emit, amount);
        emit.line(format!("movl {amount}, %ecx"));
        // The processor takes amounts modulo 32.
        if mask < 31 {
            emit.line(format!("andl ${mask}, %ecx"));
        }
        if !wide {
            return emit.line(format!("{name} %cl, %eax"));
        }
        emit.line(format!("{double} %cl, {from}, {to}"));
        emit.line(format!("{name} %cl, {from}"));
        emit.line("testb $32, %cl");
        emit.line(format!("jz {}f", label::NEAR));
        emit.line(format!("movl {from}, {to}"));
        emit.line(emptied);
        emit.line(format!("{}:", label::NEAR));
    }

    fn multiply(emit: &mut Emit<'_>, by: &Constant) {
        emit.line(format!("imull ${by}, %eax, %eax"));
    }

    fn not(emit: &mut Emit<'_>, wide: bool) {
        emit.line("notl %eax");
        if wide {
            emit.line("notl %edx");
        }
    }

    fn neg(emit: &mut Emit<'_>, wide: bool) {
        emit.line("negl %eax");
        if wide {
            emit.line("adcl $0, %edx");
            emit.line("negl %edx");
        }
    }

    fn extend(emit: &mut Emit<'_>, width: Width, signed: bool) {
        match (width, signed) {
            (Width::W8, false) => emit.line("movzbl %al, %eax"),
            (Width::W8, true) => emit.line("movsbl %al, %eax"),
            (Width::W16, false) => emit.line("movzwl %ax, %eax"),
            (Width::W16, true) => emit.line("movswl %ax, %eax"),
            _ => {}
        }
        emit.line(if signed { "cltd" } else { "xorl %edx, %edx" });
    }

    fn load(emit: &mut Emit<'_>, offset: &Constant, ty: &Ty) {
        if ty.width == Width::W64 {
            emit.line(format!("movq {offset}(%ecx), %xmm0"));
            emit.line("movd %xmm0, %eax");
            emit.line("pshufd $1, %xmm0, %xmm0");
            return emit.line("movd %xmm0, %edx");
        }
        let name = match (ty.width, ty.signed) {
            (Width::W8, false) => "movzbl",
            (Width::W8, true) => "movsbl",
            (Width::W16, false) => "movzwl",
            (Width::W16, true) => "movswl",
            _ => "movl",
        };
        emit.line(format!("{name} {offset}(%ecx), %eax"));
        Self::extend(emit, Width::W32, ty.signed);
    }

    fn store(emit: &mut Emit<'_>, offset: &Constant, ty: &Ty, _order: Order) {
        let name = match ty.width {
            Width::W8 => "movb %al",
            Width::W16 => "movw %ax",
            Width::W32 | Width::Native => "movl %eax",
            Width::W64 => {
                emit.line("movd %eax, %xmm0");
                emit.line("movd %edx, %xmm1");
                emit.line("punpckldq %xmm1, %xmm0");
                "movq %xmm0"
            }
        };
        emit.line(format!("{name}, {offset}(%ecx)"));
    }

    fn branch(emit: &mut Emit<'_>, op: CmpOp, signed: bool, wide: bool, term: &Term, target: &str) {
        let (low, high) = (low(emit, term), high(emit, term));
        match (wide, op) {
            (false, _) => emit.line(format!("cmpl {low}, %eax")),
            (true, CmpOp::Eq | CmpOp::Ne) => {
                emit.line(format!("xorl {low}, %eax"));
                emit.line(format!("xorl {high}, %edx"));
                emit.line("orl %edx, %eax");
            }
            (true, _) => {
                emit.line(format!("cmpl {low}, %eax"));
                emit.line(format!("sbbl {high}, %edx"));
            }
        }
        let jump = match (op, signed) {
            (CmpOp::Eq, _) => "je",
            (CmpOp::Ne, _) => "jne",
            (CmpOp::Lt, false) => "jb",
            (CmpOp::Lt, true) => "jl",
            (_, false) => "jae",
            (_, true) => "jge",
        };
        emit.line(format!("{jump} {target}"));
    }

    fn jump(emit: &mut Emit<'_>, target: &str) {
        emit.line(format!("jmp {target}"));
    }

    fn clock(emit: &mut Emit<'_>) {
        emit.line("rdtsc");
    }

    fn counter(emit: &mut Emit<'_>, index: &Term) -> bool {
        Self::point(emit, index);
        emit.line("rdpmc");
        true
    }

    /// From eax on, to where edx is further; the end is in the word of the slot meanwhile.
    fn copy(emit: &mut Emit<'_>, dst: &Term, src: &Term, len: &Term) {
        let (words, bytes, copied) = (label::COPY_WORDS, label::COPY_BYTES, label::COPIED);
        let (dst, src, len) = (low(emit, dst), low(emit, src), low(emit, len));
        let end = high(emit, &Term::Word(Word::SLOT));
        emit.line(format!("movl {src}, %eax"));
        emit.line(format!("movl {len}, %ecx"));
        emit.line("addl %eax, %ecx");
        emit.line(format!("movl %ecx, {end}"));
        emit.line(format!("movl {dst}, %edx"));
        emit.line("subl %eax, %edx");
        emit.line(format!("{words}:"));
        emit.line(format!("movl {end}, %ecx"));
        emit.line("subl %eax, %ecx");
        emit.line("cmpl $8, %ecx");
        emit.line(format!("jb {bytes}f"));
        emit.line("movq (%eax), %xmm0");
        emit.line("movq %xmm0, (%eax,%edx)");
        emit.line("addl $8, %eax");
        emit.line(format!("jmp {words}b"));
        emit.line(format!("{bytes}:"));
        emit.line(format!("cmpl {end}, %eax"));
        emit.line(format!("je {copied}f"));
        emit.line("movb (%eax), %cl");
        emit.line("movb %cl, (%eax,%edx)");
        emit.line("incl %eax");
        emit.line(format!("jmp {bytes}b"));
        emit.line(format!("{copied}:"));
    }
}

/// The low half of a term.
fn low(emit: &mut Emit<'_>, term: &Term) -> String {
    match term {
        Term::Word(word) => format!("{}({})", word.offset(), emit.frame()),
        Term::Constant(constant) => format!("${}", Half(constant, false)),
    }
}

/// The high half of a term.
fn high(emit: &mut Emit<'_>, term: &Term) -> String {
    match term {
        Term::Word(word) => format!("{}({})", word.offset() + 4, emit.frame()),
        Term::Constant(constant) => format!("${}", Half(constant, true)),
    }
}
