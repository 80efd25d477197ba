//! Abort injection: every instruction of every critical section of this binary, aborted exactly there.
//!
//! A critical section is right if it takes effect once, wherever it is aborted and whatever others do on its CPU at that
//! moment. So:
//!
//! 1. [`sections`] finds every section that is linked into the running binary, by the table that debuggers use
//!    (`__rseq_cs_ptr_array`), and splits it into instructions.
//! 2. [`trap`] aborts the calling thread at an instruction: a trap instruction written over it ([`patch`]) delivers a
//!    signal there, which makes the kernel abort the section. In the handler an *interference* runs: what another
//!    thread of the same CPU would do at exactly this point.
//! 3. [`campaign`] runs each *scenario* (an operation, its interference and what must hold afterwards) with an abort at each
//!    instruction, once and at every attempt, and with an interference right after the section, where it must not abort any
//!    more: a section that ends before its commit is found there. First it aborts every section at its start, to learn which
//!    sections each scenario reaches, and which have to abort for others to be reached: the attempts after the first are sections of
//!    their own.
//!
//! A section or an instruction that no scenario reaches is a failure which names it. So a new sequence needs a
//! scenario, and nothing else.

mod arch;
mod campaign;
mod names;
mod patch;
mod sections;
mod trap;

pub use campaign::{Failure, Outcome, Report, Scenario, sweep};
pub use names::Name;
pub use patch::permitted;
pub use sections::{Instruction, Section, find};
pub use trap::{Plan, Repeat, Trap};
