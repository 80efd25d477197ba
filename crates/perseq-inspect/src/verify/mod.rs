//! The rules, and what a section does.
//!
//! [`Rule`] lists them. A file that declares no exit points for a section is taken not to use them: its branches out are
//! reported, and break no rule. Where instructions are not decoded, the rules about them are left out, and a note says so.

mod arming;
mod code;
mod descriptor;
mod loops;

use std::fmt;

use crate::arch::Decoder;
use crate::code::Op;
use crate::find::CriticalSection;
use crate::image::{CODE, Image, Symbol};

/// What a critical section must hold to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Rule {
    /// The architecture's signature stands right before `abort_ip`, or the kernel kills the process.
    Signature,
    /// `abort_ip` is code, and outside the section, or the kernel kills the process.
    AbortHandler,
    /// `version` and `flags` are 0, or the kernel kills the process.
    VersionFlags,
    /// The descriptor lies at a multiple of 32 bytes, and addresses of code at multiples of what instructions need.
    Alignment,
    /// The section is code, not empty, and not absurdly long.
    Range,
    /// The section consists of whole instructions, and branches inside it lead to such.
    Decodable,
    /// The section makes no system call, or the kernel kills the process.
    SystemCall,
    /// The section calls no function: a thread that is preempted there is outside the section.
    Call,
    /// Every branch has a target that can be known.
    IndirectJump,
    /// Every backward branch belongs to a loop that counts.
    Loop,
    /// A section that stores anything, but to the stack, ends with a store, in one access: the commit.
    Commit,
    /// The descriptor's address is stored by the instruction right before `start_ip`: a thread that is preempted in between would not be
    /// aborted.
    Arming,
    /// A branch out of the section leads to the abort handler, the end of the section, or an exit point that the file declares.
    ExitPoints,
    /// The entries of `__rseq_cs_ptr_array` and `__rseq_exit_point_array` lead to sections.
    Arrays,
}

impl Rule {
    /// All rules.
    pub const ALL: [Self; 14] = [
        Self::Signature,
        Self::AbortHandler,
        Self::VersionFlags,
        Self::Alignment,
        Self::Range,
        Self::Decodable,
        Self::SystemCall,
        Self::Call,
        Self::IndirectJump,
        Self::Loop,
        Self::Commit,
        Self::Arming,
        Self::ExitPoints,
        Self::Arrays,
    ];

    /// Its name in reports, which stays as it is.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Signature => "signature",
            Self::AbortHandler => "abort-handler",
            Self::VersionFlags => "version-flags",
            Self::Alignment => "alignment",
            Self::Range => "range",
            Self::Decodable => "decodable",
            Self::SystemCall => "system-call",
            Self::Call => "call",
            Self::IndirectJump => "indirect-jump",
            Self::Loop => "loop",
            Self::Commit => "commit",
            Self::Arming => "arming",
            Self::ExitPoints => "exit-points",
            Self::Arrays => "arrays",
        }
    }
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A rule that is broken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// The rule.
    pub rule: Rule,
    /// Where: an instruction, or the descriptor.
    pub at: u64,
    /// How, in one sentence.
    pub explanation: String,
}

/// An instruction, for people.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Instruction {
    /// Where it is.
    pub address: u64,
    /// How many bytes it has.
    pub len: u8,
    /// As it is written in assembly, in the syntax of the processor's maker.
    pub text: String,
    /// Where it branches to, if it does.
    pub branches_to: Option<u64>,
}

/// A store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Store {
    /// The instruction.
    pub at: u64,
    /// How many bytes it stores; 0 if that is not known.
    pub bytes: u32,
    /// Where to, as an expression of registers.
    pub target: String,
    /// It goes to the thread's own stack, which is no data of a CPU: where registers are few, values are kept there.
    pub on_stack: bool,
}

/// A branch out of a section.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Exit {
    /// The branch.
    pub from: u64,
    /// Where it leads to.
    pub to: u64,
    /// The descriptor or `__rseq_exit_point_array` names that place.
    pub declared: bool,
}

/// All that is known about a critical section.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report {
    /// What its descriptor says.
    pub section: CriticalSection,
    /// The function that it is in.
    pub symbol: Option<Symbol>,
    /// Its instructions; `None` if they are not decoded for this architecture, or are no code.
    pub instructions: Option<Vec<Instruction>>,
    /// The stores before the commit.
    pub staged: Vec<Store>,
    /// The last instruction, if that is a store.
    pub commit: Option<Store>,
    /// The branches out.
    pub exits: Vec<Exit>,
    /// The instruction right before the section, if it is known.
    pub before: Option<Instruction>,
    /// What breaks rules, in the order of [`Rule::ALL`].
    pub violations: Vec<Violation>,
    /// What else should be known, a sentence each.
    pub notes: Vec<String>,
}

/// A section whose instructions are read.
struct Body<'d> {
    decoder: &'static dyn Decoder,
    start: u64,
    code: &'d [u8],
    /// By address.
    ops: Vec<(u64, Op)>,
    /// Where something is that is no instruction.
    undecoded: Option<u64>,
}

impl<'d> Body<'d> {
    /// Reads a section; `None` if it is no code of an architecture that is decoded.
    fn read(image: &Image<'d>, section: &CriticalSection) -> Option<Self> {
        let decoder = image.arch.decoder?;
        let len = usize::try_from(section.post_commit_offset).ok().filter(|len| *len as u64 <= CODE)?;
        let code = image.code(section.start_ip)?.get(..len)?;
        let mut body = Self { decoder, start: section.start_ip, code, ops: Vec::new(), undecoded: None };
        let mut at = section.start_ip;
        while at < section.start_ip.saturating_add(len as u64) {
            let Some(op) = body.rest(at).and_then(|code| decoder.decode(code, at)).filter(|op| op.len > 0)
            else {
                body.undecoded = Some(at);
                break;
            };
            body.ops.push((at, op));
            at += u64::from(op.len);
        }
        Some(body)
    }

    /// The code from an address to the end of the section.
    fn rest(&self, at: u64) -> Option<&'d [u8]> {
        self.code.get(usize::try_from(at.checked_sub(self.start)?).ok()?..)
    }

    fn text(&self, at: u64) -> String {
        self.rest(at).map_or_else(String::new, |code| self.decoder.text(code, at))
    }

    fn target(&self, at: u64) -> String {
        self.rest(at).map_or_else(String::new, |code| self.decoder.target(code, at))
    }

    fn instruction(&self, at: u64, op: &Op) -> Instruction {
        let branches_to = match op.flow {
            crate::code::Flow::Branch { target, .. } => Some(target),
            _ => None,
        };
        Instruction { address: at, len: op.len, text: self.text(at), branches_to }
    }
}

/// Applies all rules to a section.
pub(crate) fn report(image: &Image<'_>, section: &CriticalSection) -> Report {
    let mut report = Report {
        symbol: image.symbol(section.start_ip),
        section: section.clone(),
        instructions: None,
        staged: Vec::new(),
        commit: None,
        exits: Vec::new(),
        before: None,
        violations: Vec::new(),
        notes: Vec::new(),
    };
    descriptor::check(image, &mut report);
    if image.arch.decoder.is_none() {
        report.notes.push(format!(
            "instructions of {} are not decoded: only the descriptor is verified",
            image.arch.name
        ));
    } else if let Some(body) = Body::read(image, section) {
        let registers = arming::check(image, &body, &mut report);
        code::check(image, &body, registers, &mut report);
        loops::check(&body, &mut report);
    }
    report.violations.sort_by_key(|violation| violation.rule);
    report
}

impl Report {
    fn violation(&mut self, rule: Rule, at: u64, explanation: impl Into<String>) {
        self.violations.push(Violation { rule, at, explanation: explanation.into() });
    }
}
