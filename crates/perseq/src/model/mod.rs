//! Model checking: every schedule of a few threads on one CPU, explored (feature `model`, for tests).
//!
//! A [`Model`] has a few *logical threads*, each on a CPU, that call ordinary functions: sequences, collections,
//! [`exclusive`](crate::PerCpu::exclusive). Before each operation of a section (each load, stage, commit and copied
//! word, from the same intermediate form that the processor's instructions are made of) any of these may happen:
//!
//! - the thread is preempted: another thread of its CPU runs, and the section is aborted when the thread goes on;
//! - the section is aborted for itself, as by a signal;
//! - a thread on another CPU runs meanwhile, which aborts nothing, unless it fences.
//!
//! So are the steps of `exclusive`: before the gate closes, before the fence, before the closure. A section that was aborted may be
//! attempted again, any number of times, or the sequence takes its slow path. A handler of a signal is a thread of the same CPU that
//! runs from its beginning to its end while another is preempted, so it is among these schedules.
//!
//! A panic in a thread, an invariant that does not hold, and a deadlock are failures. The schedule that is shown has the fewest
//! interventions with which that can happen.
//!
//! ```
//! use perseq::model::Model;
//! use perseq::{PerCpu, sequence};
//!
//! struct Account { balance: u64, changes: u64 }
//!
//! sequence! {
//!     /// A stage into what others see: a mistake.
//!     fn pay_in(account: &PerCpu<Account>, amount: u64) {
//!         let changes: u64 = account.changes;
//!         let balance: u64 = account.balance;
//!         stage account.changes = changes + 1;
//!         commit account.balance = balance + amount;
//!     }
//! }
//!
//! let failure = Model::new(|| PerCpu::new(|_cpu| Account { balance: 0, changes: 0 }))
//!     .thread(|account| pay_in(account, 10))
//!     .thread(|account| pay_in(account, 10))
//!     .finally(|account| {
//!         account.exclusive(0, |account| assert_eq!(account.balance, 10 * account.changes)).unwrap();
//!     })
//!     .explore()
//!     .unwrap_err();
//! assert_eq!(failure.interventions(), 1); // one abort between stage and commit
//! println!("{failure}"); // shows where
//! ```
//!
//! # What it proves
//! For the threads, operations and CPUs of the model, and memory in which everybody sees stores in one order, the exploration is
//! exhaustive: states in which the same can follow are told by hashes of 64 bits, and expanded once ([`Explored::states`] counts
//! them). Aborts that have the same effect are tried once: at the beginning of a section, and after each store that it stages. Other than in
//! reality, a concurrency id is the number of the CPU, and waits have no time limit: so a wake that is missed shows as a deadlock.
//!
//! It does not see the order in which other processors see stores, takes code between two operations to run without
//! interruption, and leaves each thread on its CPU. What sequences access, the closure of `exclusive`, and what a
//! [`Lock`](crate::collections::lock::Lock) guards need no help. Code that shares memory in other ways must call [`shared_access`]
//! before it does: for an atomic or a lock of its own, and for what is in a node or a box that has come from another thread, if
//! anybody changes that. (A [`Mutex`](crate::collections::mutex) is one of those other ways.) Setup and threads must do the
//! same each time: no clock, no random numbers, no other threads. (Addresses may differ.) Each thread has a stack of 1 MiB, and signals
//! are held back while a schedule runs. Where a thread panics, what its destructors do is not explored.
//!
//! # Cost
//! A state costs about one run of a schedule from the beginning, some ten microseconds with optimisation, and 100 bytes or so. Their
//! number grows exponentially: three threads with three operations each have from ten thousand states (a counter) to a million (a
//! list, whose nodes differ). A model that has more than its [`limit`](Model::limit) is a failure.

mod decide;
mod explore;
pub(crate) mod hooks;
mod memory;
mod run;
#[doc(hidden)]
pub mod section;
mod thread;

use alloc::boxed::Box;
use alloc::rc::Rc;
use alloc::string::String;
use alloc::vec::Vec;
use core::cell::RefCell;
use core::fmt;

use explore::Explore;
use run::{Event, Parts, Ran, Verdict};

/// What a thread of a model does with the shared data.
type Code<'c, S> = Box<dyn Fn(&S) + 'c>;

/// A few logical threads over shared data. See the [module](self).
#[must_use = "a model proves nothing before it is checked"]
pub struct Model<'c, S> {
    setup: Box<dyn Fn() -> S + 'c>,
    threads: Vec<(u32, Code<'c, S>)>,
    invariant: Option<Code<'c, S>>,
    finally: Option<Code<'c, S>>,
    limit: usize,
}

impl<'c, S> Model<'c, S> {
    /// A model without threads. Each schedule begins with data that `setup` makes; sequences in it run on CPU 0.
    pub fn new(setup: impl Fn() -> S + 'c) -> Self {
        Self { setup: Box::new(setup), threads: Vec::new(), invariant: None, finally: None, limit: 2_000_000 }
    }

    /// Adds a thread on CPU 0.
    pub fn thread(self, code: impl Fn(&S) + 'c) -> Self {
        self.thread_on(0, code)
    }

    /// Adds a thread on another CPU. To run sequences there, the CPU must be a possible one of this machine; to use
    /// `exclusive` from there, any will do.
    pub fn thread_on(mut self, cpu: u32, code: impl Fn(&S) + 'c) -> Self {
        self.threads.push((cpu, Box::new(code)));
        self
    }

    /// What must hold, or else panic, in each state in which no thread owns a gate, and at the end. It may use sequences, which run on
    /// CPU 0, and `exclusive`, and must change nothing.
    pub fn invariant(mut self, holds: impl Fn(&S) + 'c) -> Self {
        self.invariant = Some(Box::new(holds));
        self
    }

    /// What must hold, or else panic, when all threads have ended.
    pub fn finally(mut self, holds: impl Fn(&S) + 'c) -> Self {
        self.finally = Some(Box::new(holds));
        self
    }

    /// How many states there may be: 2 million, unless said otherwise, which take some 200 MiB.
    pub fn limit(mut self, states: usize) -> Self {
        self.limit = states;
        self
    }

    /// Explores every schedule.
    ///
    /// # Errors
    /// The first that fails, one of those with the fewest interventions.
    pub fn explore(&self) -> Result<Explored, Failure> {
        let parts = Parts {
            setup: &*self.setup,
            threads: self.threads.iter().map(|(cpu, code)| (*cpu, &**code)).collect(),
            invariant: self.invariant.as_deref(),
            finally: self.finally.as_deref(),
        };
        let explore = Rc::new(RefCell::new(Explore::default()));
        let (mut stacks, mut longest) = (Vec::new(), 0);
        while explore.borrow_mut().next() {
            let Ran { verdict, decisions, .. } = run::run(&parts, &explore, false, &mut stacks);
            longest = longest.max(decisions);
            if let Some(verdict) = verdict {
                explore.borrow_mut().again();
                let again = run::run(&parts, &explore, true, &mut stacks);
                let verdict = if again.verdict.is_some() { verdict } else { Verdict::Unrepeatable };
                let interventions = explore.borrow().cost();
                return Err(Failure { verdict, events: again.events, interventions });
            }
            if explore.borrow().states() > self.limit {
                return Err(Failure {
                    verdict: Verdict::TooLarge(self.limit),
                    events: Vec::new(),
                    interventions: 0,
                });
            }
        }
        let explore = explore.borrow();
        Ok(Explored { states: explore.states(), schedules: explore.schedules, longest })
    }

    /// [`explore`](Self::explore), for tests.
    ///
    /// # Panics
    /// If a schedule fails; the message shows it.
    #[track_caller]
    pub fn check(&self) -> Explored {
        match self.explore() {
            Ok(explored) => explored,
            Err(failure) => panic!("{failure}"),
        }
    }
}

impl<S> fmt::Debug for Model<'_, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Model").field("threads", &self.threads.len()).finish_non_exhaustive()
    }
}

/// A point at which other threads of a model may run, followed by an access to shared memory that the model is not told
/// otherwise: by an atomic, or behind a lock of the caller's own. Elsewhere it does nothing.
pub fn shared_access() {
    hooks::step("access shared memory");
    hooks::plain();
}

/// Tells a model where an object of its setup lies, if words hold its address as a number: addresses differ each time, and states are
/// told without them. Pointers need no such help. Elsewhere it does nothing.
pub fn known<T: ?Sized>(object: &T) {
    hooks::region(core::ptr::from_ref(object).cast(), size_of_val(object));
}

/// What was explored without a failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Explored {
    states: usize,
    schedules: u64,
    longest: u32,
}

impl Explored {
    /// Different states.
    #[must_use]
    pub fn states(&self) -> usize {
        self.states
    }

    /// Schedules that were run to reach them.
    #[must_use]
    pub fn schedules(&self) -> u64 {
        self.schedules
    }
}

impl fmt::Display for Explored {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { states, schedules, longest } = self;
        write!(f, "{states} states by {schedules} schedules, of {longest} steps at most")
    }
}

/// How many steps of a schedule are shown.
const SHOWN: usize = 200;

/// A schedule that fails.
#[derive(Clone, Debug)]
pub struct Failure {
    verdict: Verdict,
    events: Vec<Event>,
    interventions: u32,
}

impl Failure {
    /// How many preemptions and aborts it takes: no schedule with fewer fails.
    #[must_use]
    pub fn interventions(&self) -> u32 {
        self.interventions
    }

    /// What went wrong: the message of the panic, for one.
    #[must_use]
    pub fn message(&self) -> String {
        alloc::format!("{}", self.verdict)
    }
}

impl core::error::Error for Failure {}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "the model fails: {}", self.verdict)?;
        if self.events.is_empty() {
            return Ok(());
        }
        writeln!(
            f,
            "The schedule, which has as few interventions as there can be ({}):",
            self.interventions
        )?;
        let skipped = self.events.len().saturating_sub(SHOWN);
        if skipped > 0 {
            writeln!(f, "  … {skipped} steps before")?;
        }
        self.events[skipped..].iter().try_for_each(|event| writeln!(f, "  {event}"))
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Panicked { thread: Some(thread), message } => {
                write!(f, "thread {thread} panicked: {message}")
            }
            Self::Panicked { thread: None, message } => write!(f, "what must hold does not: {message}"),
            Self::Deadlock => f.write_str("a deadlock: no thread can go on"),
            Self::Endless => {
                f.write_str("a schedule does not end: threads wait for each other in a loop, perhaps")
            }
            Self::Unrepeatable => {
                f.write_str("the model does not do the same each time, so its schedules cannot be explored")
            }
            Self::TooLarge(limit) => write!(
                f,
                "more than {limit} states: use fewer threads or operations, or raise `Model::limit`"
            ),
        }
    }
}

impl fmt::Display for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Step { thread, cpu, what } => {
                write!(f, "thread {thread} on CPU {cpu}: {}", what.trim_end())
            }
            Self::Remark(what) => write!(f, "    {what}"),
            Self::Preempted { thread, by, aborts: true } => {
                write!(f, "-- thread {by} preempts thread {thread}, whose section will be aborted")
            }
            Self::Preempted { thread, by, aborts: false } => {
                write!(f, "-- thread {by} goes on before thread {thread} does")
            }
            Self::Aborted { thread } => write!(f, "thread {thread}: its section is aborted"),
        }
    }
}
