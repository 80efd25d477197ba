//! Instructions of any architecture, reduced to what the rules are about.
//!
//! Decoders make an [`Op`] of each instruction; all rules are written over those. What an instruction computes is kept only as
//! far as two questions need: whether a loop counts ([`verify::loops`](crate::verify)), and which address a register holds.

/// Where control goes after an instruction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Flow {
    /// To the next one.
    Next,
    /// To an address; if `conditional`, or to the next one.
    Branch { target: u64, conditional: bool },
    /// To a function.
    Call,
    /// To an address that is known only when it runs; returns are among these.
    Indirect,
    /// Into the kernel, which comes back.
    SystemCall,
    /// Into the kernel, which does not.
    Trap,
}

/// A register: an index below 128. General registers come first, in the architecture's order.
pub(crate) type Reg = u8;

/// The flags of a comparison.
pub(crate) const FLAGS: Reg = 32;
/// All registers that have no index of their own.
pub(crate) const OTHERS: Reg = 33;
/// The first vector register.
pub(crate) const VECTORS: Reg = 64;

/// A set of registers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Regs(pub(crate) u128);

impl Regs {
    /// Every register, for instructions of which nothing better is known.
    pub(crate) const ALL: Self = Self(u128::MAX);

    pub(crate) fn of(registers: impl IntoIterator<Item = Reg>) -> Self {
        let mut set = Self::default();
        registers.into_iter().for_each(|register| set.add(register));
        set
    }

    pub(crate) fn add(&mut self, register: Reg) {
        self.0 |= 1 << (register & 127);
    }

    pub(crate) fn has(self, register: Reg) -> bool {
        self.0 >> (register & 127) & 1 != 0
    }

    pub(crate) fn iter(self) -> impl Iterator<Item = Reg> {
        let mut rest = self.0;
        std::iter::from_fn(move || {
            let lowest = (rest != 0).then(|| rest.trailing_zeros() as Reg)?;
            rest &= rest - 1;
            Some(lowest)
        })
    }
}

/// What an instruction computes: what it writes to registers and flags, or what a branch tests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Value {
    /// A constant, in `dst`.
    Constant { dst: Reg, value: u64 },
    /// `src + by`, in `dst`.
    Plus { dst: Reg, src: Reg, by: i64 },
    /// A sum or difference of what it reads, or a comparison of these.
    Sum,
    /// Anything else.
    Other,
}

/// What is stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stored {
    /// A register.
    Register(Reg),
    /// A constant.
    Constant(u64),
    /// Something else.
    Unknown,
}

/// A store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct StoreOp {
    /// How many bytes; 0 if that is not known.
    pub(crate) bytes: u32,
    pub(crate) what: Stored,
    /// The registers that form its address.
    pub(crate) address: Regs,
    /// A store-conditional.
    pub(crate) may_fail: bool,
    /// Several accesses, between which a thread may be preempted.
    pub(crate) repeats: bool,
}

/// An instruction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Op {
    pub(crate) len: u8,
    pub(crate) flow: Flow,
    pub(crate) store: Option<StoreOp>,
    /// It loads from memory, at an address that these registers form.
    pub(crate) load: Option<Regs>,
    /// Registers that it reads, those of addresses included.
    pub(crate) reads: Regs,
    pub(crate) writes: Regs,
    pub(crate) value: Value,
    /// It repeats itself as often as a register says, which it counts down.
    pub(crate) counts_down: bool,
}

impl Op {
    /// An instruction that does nothing.
    pub(crate) const fn new(len: u8) -> Self {
        Self {
            len,
            flow: Flow::Next,
            store: None,
            load: None,
            reads: Regs(0),
            writes: Regs(0),
            value: Value::Other,
            counts_down: false,
        }
    }
}

/// What is known about a register.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Known {
    /// Its content.
    Constant(u64),
    /// An address on the thread's stack.
    Stack,
}

/// What is known about registers, as instructions go by.
///
/// Instructions are followed in the order of their addresses: a branch that comes from elsewhere is not seen.
#[derive(Clone)]
pub(crate) struct Registers {
    known: [Option<Known>; 128],
    stack_pointer: Reg,
}

impl Registers {
    pub(crate) fn new(stack_pointer: Reg) -> Self {
        Self { known: [None; 128], stack_pointer }
    }

    pub(crate) fn get(&self, register: Reg) -> Option<Known> {
        if register == self.stack_pointer {
            return Some(Known::Stack);
        }
        self.known.get(usize::from(register)).copied().flatten()
    }

    /// Whether a store goes to the stack.
    pub(crate) fn is_on_stack(&self, store: &StoreOp) -> bool {
        store.address != Regs::default()
            && store.address.iter().all(|register| self.get(register) == Some(Known::Stack))
    }

    pub(crate) fn follow(&mut self, op: &Op) {
        let known = match op.value {
            Value::Constant { dst, value } => Some((dst, Some(Known::Constant(value)))),
            Value::Plus { dst, src, by } => {
                let sum = self.get(src).map(|known| match known {
                    Known::Constant(value) => Known::Constant(value.wrapping_add_signed(by)),
                    Known::Stack => Known::Stack,
                });
                Some((dst, sum))
            }
            _ => None,
        };
        for register in op.writes.iter() {
            self.known[usize::from(register)] = None;
        }
        if let Some((dst, known)) = known {
            self.known[usize::from(dst & 127)] = known;
        }
    }
}
