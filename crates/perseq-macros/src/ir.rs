//! The intermediate representation: what a section does, in the order it does it, for no architecture.
//!
//! Invariants, established by `check` and relied on by every backend:
//! - Straight-line code: the only branches are [`Inst::ExitIf`] and [`Inst::Bounds`], which leave the section, and
//!   the bounded loop inside [`Inst::Copy`].
//! - Every [`Value`] is defined once, before its uses.
//! - At most one [`Inst::Commit`], and it is the last instruction.
//! - Whatever is stored before it is a stage: it stays when the section restarts.

use proc_macro2::{Span, TokenStream};

use crate::types::Ty;

/// A value computed inside the section; an index into [`Sequence::values`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Value(pub(crate) usize);

/// A parameter of the function, whole at every restart; an index into [`Sequence::params`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Param(pub(crate) usize);

/// Where an instruction takes an input from.
#[derive(Clone, Debug)]
pub(crate) enum Operand {
    Value(Value),
    Param(Param),
    /// A literal.
    Imm(i128),
    /// A constant expression of Rust, cast to an integer of the target.
    Const(usize),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum BinOp {
    Add,
    Sub,
    And,
    Or,
    Xor,
    Shl,
    Shr,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum CmpOp {
    Eq,
    Ne,
    Lt,
    Le,
    Gt,
    Ge,
}

impl CmpOp {
    /// The comparison that holds exactly when this one does not.
    pub(crate) fn negate(self) -> Self {
        match self {
            Self::Eq => Self::Ne,
            Self::Ne => Self::Eq,
            Self::Lt => Self::Ge,
            Self::Ge => Self::Lt,
            Self::Gt => Self::Le,
            Self::Le => Self::Gt,
        }
    }
}

/// The address of a word: a base and a constant offset.
#[derive(Clone, Debug)]
pub(crate) struct Place {
    pub(crate) base: Base,
    /// Constant byte offset: an index into [`Sequence::consts`].
    pub(crate) offset: usize,
}

#[derive(Clone, Debug)]
pub(crate) enum Base {
    /// The running CPU's slot.
    Slot,
    /// A raw pointer.
    Pointer(Operand),
}

#[derive(Clone, Debug)]
pub(crate) enum Cond {
    Cmp { op: CmpOp, signed: bool, a: Operand, b: Operand },
    And(Box<Cond>, Box<Cond>),
    Or(Box<Cond>, Box<Cond>),
}

impl Cond {
    pub(crate) fn negate(self) -> Self {
        match self {
            Self::Cmp { op, signed, a, b } => Self::Cmp { op: op.negate(), signed, a, b },
            Self::And(a, b) => Self::Or(Box::new(a.negate()), Box::new(b.negate())),
            Self::Or(a, b) => Self::And(Box::new(a.negate()), Box::new(b.negate())),
        }
    }

    /// Calls `f` with every operand.
    pub(crate) fn operands<'a>(&'a self, f: &mut impl FnMut(&'a Operand)) {
        match self {
            Self::Cmp { a, b, .. } => {
                f(a);
                f(b);
            }
            Self::And(a, b) | Self::Or(a, b) => {
                a.operands(f);
                b.operands(f);
            }
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Order {
    Relaxed,
    Release,
}

/// The order of a commit.
#[derive(Clone, Debug)]
pub(crate) enum CommitOrder<C> {
    Is(Order),
    /// Release if a constant of the caller's choice, a parameter of a generic function for instance, says so.
    ReleaseIf(C),
}

#[derive(Clone, Debug)]
pub(crate) enum Inst {
    Load {
        dst: Value,
        place: Place,
    },
    Mov {
        dst: Value,
        src: Operand,
    },
    Bin {
        dst: Value,
        op: BinOp,
        a: Operand,
        b: Operand,
    },
    Not {
        dst: Value,
        src: Operand,
    },
    Neg {
        dst: Value,
        src: Operand,
    },
    /// Canonical value of the source, made canonical for the type of `dst`.
    Cast {
        dst: Value,
        src: Operand,
    },
    /// The address of a place.
    Address {
        dst: Value,
        place: Place,
    },
    /// The address of a place plus `index * stride`; the index is in bounds, the stride an index into
    /// [`Sequence::consts`].
    Index {
        dst: Value,
        place: Place,
        index: Operand,
        stride: usize,
    },
    /// The time stamp counter.
    Tsc {
        dst: Value,
    },
    /// A performance counter.
    Rdpmc {
        dst: Value,
        index: Operand,
    },
    /// The CPU the section runs on.
    CpuId {
        dst: Value,
    },
    /// The number of the slot the section works on.
    SlotNumber {
        dst: Value,
    },
    /// Copies `len` bytes upwards.
    Copy {
        dst: Operand,
        src: Operand,
        len: Operand,
    },
    /// Leaves through exit `exit` if the condition holds.
    ExitIf {
        cond: Cond,
        exit: usize,
    },
    /// Leaves through exit `exit` unless `index < len`.
    Bounds {
        index: Operand,
        len: usize,
        exit: usize,
    },
    Stage {
        place: Place,
        value: Operand,
        ty: Ty,
    },
    Commit {
        place: Place,
        value: Operand,
        ty: Ty,
        /// An index into [`Sequence::consts`] if it depends on a constant.
        order: CommitOrder<usize>,
    },
}

impl Inst {
    /// The value this instruction defines.
    pub(crate) fn defines(&self) -> Option<Value> {
        match self {
            Self::Load { dst, .. }
            | Self::Mov { dst, .. }
            | Self::Bin { dst, .. }
            | Self::Not { dst, .. }
            | Self::Neg { dst, .. }
            | Self::Cast { dst, .. }
            | Self::Address { dst, .. }
            | Self::Index { dst, .. }
            | Self::Tsc { dst }
            | Self::Rdpmc { dst, .. }
            | Self::CpuId { dst }
            | Self::SlotNumber { dst } => Some(*dst),
            _ => None,
        }
    }

    /// Calls `f` with every operand this instruction reads.
    pub(crate) fn operands<'a>(&'a self, f: &mut impl FnMut(&'a Operand)) {
        fn place<'a>(place: &'a Place, f: &mut impl FnMut(&'a Operand)) {
            if let Base::Pointer(base) = &place.base {
                f(base);
            }
        }
        match self {
            Self::Load { place: at, .. } | Self::Address { place: at, .. } => place(at, f),
            Self::Index { place: at, index, .. } => {
                place(at, f);
                f(index);
            }
            Self::Mov { src, .. }
            | Self::Not { src, .. }
            | Self::Neg { src, .. }
            | Self::Cast { src, .. } => f(src),
            Self::Rdpmc { index, .. } | Self::Bounds { index, .. } => f(index),
            Self::Bin { a, b, .. } => {
                f(a);
                f(b);
            }
            Self::Copy { dst, src, len } => {
                f(dst);
                f(src);
                f(len);
            }
            Self::ExitIf { cond, .. } => cond.operands(f),
            Self::Stage { place: at, value, .. } | Self::Commit { place: at, value, .. } => {
                place(at, f);
                f(value);
            }
            Self::Tsc { .. } | Self::CpuId { .. } | Self::SlotNumber { .. } => {}
        }
    }
}

/// A parameter that the section reads.
#[derive(Clone, Debug)]
pub(crate) struct ParamInfo {
    pub(crate) name: syn::Ident,
    pub(crate) ty: Ty,
}

/// A value of the section: its type, and its name if the source gave it one.
#[derive(Clone, Debug)]
pub(crate) struct ValueInfo {
    pub(crate) ty: Ty,
    pub(crate) name: Option<syn::Ident>,
}

/// A constant expression of integer type.
#[derive(Clone, Debug)]
pub(crate) struct Const {
    pub(crate) tokens: TokenStream,
    /// What it stands for, for people.
    pub(crate) about: String,
}

/// What happens after the section has been left in one particular way. Exit 0 is the end of the section.
#[derive(Clone, Debug)]
pub(crate) struct Exit {
    /// Values that the code after the section reads.
    pub(crate) live: Vec<Value>,
    /// The code after the section.
    pub(crate) then: TokenStream,
}

/// A checked sequence.
#[derive(Clone, Debug)]
pub(crate) struct Sequence {
    /// The type of the slots: `PerCpu<T>`.
    pub(crate) slots: syn::Type,
    pub(crate) params: Vec<ParamInfo>,
    pub(crate) values: Vec<ValueInfo>,
    /// Constant expressions of integer type, evaluated by the compiler.
    pub(crate) consts: Vec<Const>,
    pub(crate) body: Vec<Inst>,
    pub(crate) exits: Vec<Exit>,
    /// The exit of each `if … { return …; }`, in the order of the source.
    pub(crate) returns: Vec<usize>,
    /// Where the source does what is for slots only, and not for data that all CPUs share.
    pub(crate) per_cpu: Vec<Span>,
}

impl Sequence {
    /// Values that any exit reads, in the order they are defined: what the section gives back.
    pub(crate) fn outputs(&self) -> Vec<Value> {
        let mut outputs: Vec<Value> = self.exits.iter().flat_map(|exit| exit.live.iter().copied()).collect();
        outputs.sort_unstable();
        outputs.dedup();
        outputs
    }
}
