//! The text of a section in the making, and the `asm!` invocation it becomes.
//!
//! Invariant: every operand that the text names is declared, and none else; inputs are `in` registers (or words of the frame, see
//! [`narrow`](super::narrow)) and are never written, so after an abort they are whole.

use std::collections::BTreeMap;
use std::fmt;

use proc_macro2::{Ident, TokenStream};
use quote::{ToTokens, format_ident, quote};
use syn::ext::IdentExt;

use super::registers::Registers;
use crate::ir::{Exit, Inst, Operand, Sequence, Value};
use crate::types::Ty;

/// A register, as the text names it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Reg(String);

impl fmt::Display for Reg {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{{{}}}", self.0)
    }
}

impl Reg {
    /// A part of the register, by the letter that `asm!` knows it by on the architecture.
    pub(crate) fn part(&self, modifier: char) -> String {
        format!("{{{}:{modifier}}}", self.0)
    }
}

/// A number that is known when the section is assembled.
#[derive(Clone, Debug)]
pub(crate) enum Constant {
    /// Known now.
    Literal(i64),
    /// A constant expression of Rust; `small` if it is known to be from 0 to `i32::MAX`.
    Named { name: String, small: bool },
}

impl Constant {
    /// Its value, if that is known now.
    pub(crate) fn literal(&self) -> Option<i64> {
        match self {
            Self::Literal(literal) => Some(*literal),
            Self::Named { .. } => None,
        }
    }
}

impl fmt::Display for Constant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Literal(literal) => write!(f, "{literal}"),
            Self::Named { name, .. } => write!(f, "{{{name}}}"),
        }
    }
}

/// The second operand of an instruction.
#[derive(Clone, Debug)]
pub(crate) enum Source {
    Register(Reg),
    Immediate(Constant),
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Register(register) => register.fmt(f),
            Self::Immediate(constant) => constant.fmt(f),
        }
    }
}

/// The text of a section in the making, and the operands it names.
pub(crate) struct Emit<'a> {
    pub(crate) sequence: &'a Sequence,
    pub(super) lines: Vec<String>,
    registers: Registers,
    /// Operands that the text named so far, by name; printed in this order.
    operands: BTreeMap<String, OperandKind>,
    /// Registers by name, and what arrives there.
    fixed: Vec<(&'static str, Option<OperandKind>)>,
    /// A vector register that the text writes.
    vector: Option<&'static str>,
    frame: bool,
    fresh: usize,
    /// The instruction that is being written, counted from 1; 0 is what comes before.
    at: usize,
    /// The scratch registers it has asked for, by what it calls them.
    borrowed: Vec<(String, Reg)>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum OperandKind {
    Base,
    Param(usize),
    Scratch,
    Memory,
    Status,
    Register(usize),
    Const(usize),
    Shift,
    PerCpu,
    ByCid,
    Gated,
    Thread,
    Anchor,
    Frame,
    Refused,
    Exit(usize),
}

impl OperandKind {
    /// It takes a register.
    fn is_register(&self) -> bool {
        match self {
            Self::Base
            | Self::Param(_)
            | Self::Scratch
            | Self::Memory
            | Self::Status
            | Self::Register(_)
            | Self::Thread
            | Self::Anchor
            | Self::Frame => true,
            Self::Const(_)
            | Self::Shift
            | Self::PerCpu
            | Self::ByCid
            | Self::Gated
            | Self::Refused
            | Self::Exit(_) => false,
        }
    }
}

impl<'a> AsMut<Emit<'a>> for Emit<'a> {
    fn as_mut(&mut self) -> &mut Emit<'a> {
        self
    }
}

impl<'a> Emit<'a> {
    /// For a machine whose values live in registers, or in a frame.
    pub(super) fn new(sequence: &'a Sequence, frame: bool) -> Self {
        Self {
            sequence,
            lines: Vec::new(),
            registers: Registers::allocate(sequence, !frame),
            operands: BTreeMap::new(),
            fixed: Vec::new(),
            vector: None,
            frame,
            fresh: 0,
            at: 0,
            borrowed: Vec::new(),
        }
    }

    /// Begins the next instruction: scratch registers are free again.
    pub(super) fn next(&mut self) {
        self.at += 1;
        self.borrowed.clear();
    }

    /// Appends a line of assembly.
    pub(crate) fn line(&mut self, line: impl Into<String>) {
        self.lines.push(line.into());
    }

    /// The sequence gives something back in registers: it then reports the exit it took in one more, because `asm!` cannot
    /// have both outputs and labels.
    pub(crate) fn has_status(&self) -> bool {
        !self.frame && !self.sequence.outputs().is_empty()
    }

    /// Values live in a frame.
    pub(crate) fn has_frame(&self) -> bool {
        self.frame
    }

    fn named(&mut self, name: impl Into<String>, kind: OperandKind) -> String {
        let name = name.into();
        self.operands.insert(name.clone(), kind);
        name
    }

    fn small(&mut self, name: impl Into<String>, kind: OperandKind) -> Constant {
        Constant::Named { name: self.named(name, kind), small: true }
    }

    /// The register with the address of the slot numbered 0.
    pub(crate) fn base(&mut self) -> Reg {
        Reg(self.named("base", OperandKind::Base))
    }

    /// A scratch register for this instruction, distinct from all others that it uses.
    pub(crate) fn scratch(&mut self, name: &str) -> Reg {
        if let Some((_, register)) = self.borrowed.iter().find(|(borrowed, _)| borrowed == name) {
            return register.clone();
        }
        let free = self.registers.free(self.at).map(|free| (format!("v{free}"), OperandKind::Register(free)));
        let further = (0..).map(|number| (format!("scratch{number}"), OperandKind::Scratch));
        let (register, kind) = free
            .chain(further)
            .find(|(register, _)| self.borrowed.iter().all(|(_, taken)| taken.0 != *register))
            .expect("there are always further ones");
        let register = Reg(self.named(register, kind));
        self.borrowed.push((name.to_string(), register.clone()));
        register
    }

    /// The register with the address of the thread's area, until that is not needed any more.
    pub(crate) fn area(&mut self) -> Reg {
        self.register(Registers::AREA)
    }

    /// The register with the address of the slot.
    pub(crate) fn slot(&mut self) -> Reg {
        Reg(self.named("slot", OperandKind::Scratch))
    }

    /// The register with the address of eight bytes of memory, for instructions that give their result nowhere else.
    pub(crate) fn memory(&mut self) -> Reg {
        Reg(self.named("memory", OperandKind::Memory))
    }

    /// The register that reports the exit.
    pub(crate) fn status(&mut self) -> Reg {
        Reg(self.named("status", OperandKind::Status))
    }

    /// The register of a value.
    pub(crate) fn value(&mut self, value: Value) -> Reg {
        self.register(self.registers.of[&value])
    }

    fn register(&mut self, register: usize) -> Reg {
        Reg(self.named(format!("v{register}"), OperandKind::Register(register)))
    }

    /// The register that a value would have in a machine with as many as it takes.
    pub(super) fn number(&self, value: Value) -> usize {
        self.registers.of[&value]
    }

    /// The type of a value.
    pub(crate) fn ty(&self, value: Value) -> Ty {
        self.sequence.values[value.0].ty.clone()
    }

    /// A register or a constant.
    pub(crate) fn source(&mut self, operand: &Operand) -> Source {
        match operand {
            Operand::Value(value) => Source::Register(self.value(*value)),
            Operand::Param(param) => {
                let name = self.sequence.params[param.0].name.unraw().to_string();
                Source::Register(Reg(self.named(format!("p_{name}"), OperandKind::Param(param.0))))
            }
            // The bits of an unsigned literal above `i64::MAX` are those of a negative one.
            Operand::Imm(literal) => Source::Immediate(Constant::Literal(*literal as i64)),
            Operand::Const(index) => Source::Immediate(self.constant(*index)),
        }
    }

    /// A constant expression.
    pub(crate) fn constant(&mut self, index: usize) -> Constant {
        Constant::Named { name: self.named(format!("c{index}"), OperandKind::Const(index)), small: false }
    }

    /// A constant expression that is an offset, a size or a length.
    pub(crate) fn size(&mut self, index: usize) -> Constant {
        self.small(format!("c{index}"), OperandKind::Const(index))
    }

    /// The binary logarithm of the distance between slots.
    pub(crate) fn shift(&mut self) -> Constant {
        self.small("shift", OperandKind::Shift)
    }

    /// 1 if there are slots, 0 if there is one item that all CPUs share.
    pub(crate) fn per_cpu(&mut self) -> Constant {
        self.small("per_cpu", OperandKind::PerCpu)
    }

    /// 1 if slots are numbered by concurrency id, 0 if by CPU.
    pub(crate) fn by_cid(&mut self) -> Constant {
        self.small("by_cid", OperandKind::ByCid)
    }

    /// 1 if slots have gates, 0 if not.
    pub(crate) fn gated(&mut self) -> Constant {
        self.small("gated", OperandKind::Gated)
    }

    /// The register with the offset of the thread block from the thread pointer.
    pub(crate) fn thread(&mut self) -> Reg {
        Reg(self.named("thread", OperandKind::Thread))
    }

    /// Where a section without outputs goes when it is refused or aborted.
    pub(crate) fn refused(&mut self) -> String {
        format!("{{{}}}", self.named("refused", OperandKind::Refused))
    }

    /// Where a section without outputs goes for exit `exit`.
    pub(crate) fn exit(&mut self, exit: usize) -> String {
        format!("{{{}}}", self.named(format!("exit{exit}"), OperandKind::Exit(exit)))
    }

    /// The register with the address of the frame.
    pub(crate) fn frame(&mut self) -> Reg {
        Reg(self.named("frame", OperandKind::Frame))
    }

    /// Claims a register by its name, for instructions that allow no other.
    pub(crate) fn fixed(&mut self, name: &'static str) {
        if !self.fixed.iter().any(|(fixed, _)| *fixed == name) {
            self.fixed.push((name, None));
        }
    }

    /// Claims a vector register by its name: there are enough of those, and it counts for none.
    pub(crate) fn vector(&mut self, name: &'static str) {
        self.vector = Some(name);
    }

    /// Claims a register by its name, in which the offset of the thread block arrives.
    pub(crate) fn thread_in(&mut self, name: &'static str) {
        self.fixed.push((name, Some(OperandKind::Thread)));
    }

    /// Claims a register by its name, in which the address arrives that others are relative to, where instructions are not.
    pub(crate) fn anchor_in(&mut self, name: &'static str) {
        self.fixed.push((name, Some(OperandKind::Anchor)));
    }

    /// A number that no other label of this section has.
    pub(crate) fn fresh(&mut self) -> usize {
        self.fresh += 1;
        self.fresh
    }

    /// Instructions of the section.
    pub(crate) fn body(&self) -> &'a [Inst] {
        &self.sequence.body
    }

    /// How many general registers the text uses, those included that `asm!` is told by name.
    pub(super) fn registers_used(&self) -> usize {
        self.fixed.len() + self.operands.values().filter(|kind| kind.is_register()).count()
    }
}

/// A lowered section: the statements that run it once.
pub(crate) struct Lowered {
    /// Evaluates to `Some((exit, (outputs…)))`, or to `None` if the section was refused or aborted.
    pub(crate) tokens: TokenStream,
    /// Assembly text with its operands, as a person reads it.
    #[cfg_attr(not(test), expect(dead_code, reason = "read by the golden tests"))]
    pub(crate) text: String,
}

impl Lowered {
    /// A section that the architecture has no instructions for: an error where it is compiled for that.
    pub(super) fn missing(why: &str) -> Self {
        Self { tokens: quote!(::core::compile_error!(#why)), text: format!("# {why}\n") }
    }
}

/// The status of a section that was refused or aborted, as `perseq::section` knows it. Exits are numbered below it.
pub(super) const REFUSED: u8 = 255;

/// The operands as `asm!` takes them, and the text as a person reads it; `exit` says what is done at an exit.
pub(super) fn operands(
    emit: &Emit<'_>,
    class: &str,
    exit: impl Fn(usize) -> TokenStream,
) -> (Vec<TokenStream>, String) {
    let class = format_ident!("{class}");
    let sequence = emit.sequence;
    let outputs = sequence.outputs();
    let slots = &sequence.slots;
    let mut specs = Vec::new();
    let mut text = emit.lines.join("\n");
    text.push('\n');
    for (name, kind) in &emit.operands {
        let ident = format_ident!("{name}");
        let spec = match kind {
            OperandKind::Base => quote!(in(#class) __base),
            OperandKind::Param(param) => {
                let info = &sequence.params[*param];
                let value = &info.name;
                let wide = if info.ty.is_pointer() {
                    quote!()
                } else if info.ty.signed {
                    quote!(as ::core::primitive::i64)
                } else {
                    quote!(as ::core::primitive::u64)
                };
                quote!(in(#class) #value #wide)
            }
            OperandKind::Scratch => quote!(out(#class) _),
            OperandKind::Memory => quote!(in(#class) &raw mut __memory),
            OperandKind::Status => quote!(out(#class) __status),
            OperandKind::Register(register) => {
                match outputs.iter().find(|value| emit.registers.of[value] == *register) {
                    Some(value) => {
                        let out = output(*value);
                        quote!(out(#class) #out)
                    }
                    None => quote!(out(#class) _),
                }
            }
            OperandKind::Const(index) => {
                let constant = &sequence.consts[*index].tokens;
                quote!(const #constant)
            }
            OperandKind::Shift => quote!(const <#slots as ::perseq::section::Slots>::SHIFT),
            OperandKind::PerCpu => {
                quote!(const <#slots as ::perseq::section::Slots>::PER_CPU as ::core::primitive::u8)
            }
            OperandKind::ByCid => {
                quote!(const <#slots as ::perseq::section::Slots>::BY_CID as ::core::primitive::u8)
            }
            OperandKind::Gated => {
                quote!(const <#slots as ::perseq::section::Slots>::GATED as ::core::primitive::u8)
            }
            OperandKind::Thread | OperandKind::Anchor | OperandKind::Frame => {
                let input = input(kind);
                quote!(in(#class) #input)
            }
            OperandKind::Refused => quote!(label { return ::core::option::Option::None }),
            OperandKind::Exit(number) => {
                let taken = exit(*number);
                quote!(label { return #taken })
            }
        };
        text.push_str(&format!("# {name} = {}\n", describe(emit, kind)));
        specs.push(quote!(#ident = #spec));
    }
    for (name, kind) in &emit.fixed {
        match kind {
            Some(kind) => {
                let input = input(kind);
                specs.push(quote!(inout(#name) #input => _));
                text.push_str(&format!("# {name} = {}, clobbered\n", describe(emit, kind)));
            }
            None => {
                specs.push(quote!(out(#name) _));
                text.push_str(&format!("# clobbers {name}\n"));
            }
        }
    }
    if let Some(name) = emit.vector {
        specs.push(quote!(out(#name) _));
        text.push_str(&format!("# clobbers {name}\n"));
    }
    (specs, text)
}

/// What arrives in a register that is no value of the source.
fn input(kind: &OperandKind) -> TokenStream {
    match kind {
        OperandKind::Thread => quote!(::perseq::section::thread_offset()),
        OperandKind::Anchor => quote!(::perseq::section::anchor()),
        _ => quote!(__frame.as_mut_ptr()),
    }
}

/// Writes the `asm!` invocation of a section whose values live in registers.
pub(super) fn finish(emit: &Emit<'_>, class: &str) -> Lowered {
    let sequence = emit.sequence;
    let outputs = sequence.outputs();
    let (specs, text) = operands(emit, class, |exit| {
        let exit = exit as u32;
        quote!(::core::option::Option::Some((#exit, ())))
    });
    let lines = &emit.lines;
    let declare = outputs.iter().map(|value| {
        let out = output(*value);
        let ty = &sequence.values[value.0].ty;
        let rust = if ty.is_pointer() { ty.rust.to_token_stream() } else { quote!(::core::primitive::u64) };
        quote!(let #out: #rust;)
    });
    let status = emit.has_status();
    let declare_status = status.then(|| quote!(let __status: ::core::primitive::u64;));
    let memory = emit.operands.values().any(|kind| *kind == OperandKind::Memory);
    let declare_memory = memory.then(|| quote!(let mut __memory: ::core::primitive::u64 = 0;));
    let results = outputs.iter().map(|value| {
        let out = output(*value);
        let ty = &sequence.values[value.0].ty;
        let rust = &ty.rust;
        if ty.is_pointer() { quote!(#out) } else { quote!(#out as #rust) }
    });
    let taken = if status {
        quote! {
            if __status == ::perseq::section::REFUSED {
                return ::core::option::Option::None;
            }
            ::core::option::Option::Some((__status as ::core::primitive::u32, (#(#results,)*)))
        }
    } else {
        quote!(::core::option::Option::Some((0, ())))
    };
    let tokens = quote! {
        #(#declare)*
        #declare_status
        #declare_memory
        ::core::arch::asm!(#(#lines,)* #(#specs,)* options(nostack));
        #taken
    };
    Lowered { tokens, text }
}

/// The variable that receives an output.
fn output(value: Value) -> Ident {
    format_ident!("__out{}", value.0)
}

/// The types of the outputs, as a tuple.
pub(crate) fn output_types(sequence: &Sequence) -> TokenStream {
    let types = sequence.outputs().into_iter().map(|value| sequence.values[value.0].ty.rust.clone());
    quote!((#(#types,)*))
}

/// Binds the outputs that `exit` uses to the names of the source.
pub(crate) fn bind_outputs(sequence: &Sequence, exit: &Exit, outputs: &Ident) -> TokenStream {
    let all = sequence.outputs();
    let lets = exit.live.iter().map(|value| {
        let at =
            syn::Index::from(all.iter().position(|output| output == value).expect("live values are outputs"));
        let info = &sequence.values[value.0];
        let (name, ty) = (&info.name, &info.ty.rust);
        quote!(let #name: #ty = #outputs.#at;)
    });
    quote!(#(#lets)*)
}

fn describe(emit: &Emit<'_>, kind: &OperandKind) -> String {
    let sequence = emit.sequence;
    match kind {
        OperandKind::Base => "in: address of slot 0".into(),
        OperandKind::Param(param) => {
            let info = &sequence.params[*param];
            format!("in: {}: {}", info.name, plain(&info.ty.rust.to_token_stream()))
        }
        OperandKind::Scratch => "scratch".into(),
        OperandKind::Memory => "in: address of eight bytes".into(),
        OperandKind::Status => "out: the exit taken".into(),
        OperandKind::Register(register) => {
            let held = emit.registers.of.iter().filter(|(_, of)| *of == register).map(|(value, _)| {
                let info = &sequence.values[value.0];
                info.name.as_ref().map_or_else(|| "_".into(), ToString::to_string)
            });
            let area = (*register == Registers::AREA).then(|| "address of the area".to_string());
            let outputs = sequence.outputs();
            let out = outputs.iter().any(|value| emit.registers.of[value] == *register);
            let held = area.into_iter().chain(held).collect::<Vec<_>>().join(", ");
            format!("{}{held}", if out { "out: " } else { "" })
        }
        OperandKind::Const(index) => format!("const: {}", sequence.consts[*index].about),
        OperandKind::Shift => "const: log2 of the distance between slots".into(),
        OperandKind::PerCpu => "const: 1 if there is an item for each CPU".into(),
        OperandKind::ByCid => "const: 1 if slots are numbered by concurrency id".into(),
        OperandKind::Gated => "const: 1 if slots have gates".into(),
        OperandKind::Thread => "in: offset of the thread block from the thread pointer".into(),
        OperandKind::Anchor => "in: the address that others are relative to".into(),
        OperandKind::Frame => "in: address of the frame".into(),
        OperandKind::Refused => "label: refused or aborted".into(),
        OperandKind::Exit(exit) => format!("label: exit {exit}"),
    }
}

/// Tokens in one line.
fn plain(tokens: &TokenStream) -> String {
    tokens.to_string().split_whitespace().collect::<Vec<_>>().join(" ")
}
