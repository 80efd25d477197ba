//! What a group is made of. A group compares contestants that do the same job; it knows nothing of how
//! they are measured, and the [engine](super::engine) knows nothing of what they do.

use std::any::Any;
use std::sync::Arc;

use super::memory::Memory;

/// A group as the command line and the reports name it, and the function that sets it up.
#[derive(Clone, Copy)]
pub struct Group {
    /// The name on the command line and in JSON. It never changes.
    pub name: &'static str,
    /// One line for `--help` and above the table.
    pub about: &'static str,
    /// The contestant that the ratios refer to.
    pub reference: &'static str,
    /// Sets the contestants up, right before they are measured.
    pub build: fn(&Setup) -> Field,
}

/// What a group is told when it is set up.
pub struct Setup {
    /// The CPUs to measure on, one thread on each.
    pub cpus: Arc<[u32]>,
}

/// All that a group brings to the start.
#[derive(Default)]
pub struct Field {
    /// The contestants, in the order of the report.
    pub contestants: Vec<Contestant>,
    /// What a reader has to know to read the figures right.
    pub notes: Vec<String>,
    /// What things cost in memory; measured by the group itself.
    pub memory: Vec<Memory>,
}

/// A loop that runs its operation as often as it is told to. The number is a multiple of
/// [`Contestant::step`]. It is called once per batch; the operation itself is inlined into it.
pub type Op = Box<dyn FnMut(u64)>;

/// Makes the [`Op`] of one thread, on that thread; or says in a few words why there is none here.
type Make = Box<dyn Fn(&Seat) -> Result<Op, String> + Send + Sync>;

/// Makes what a run takes place amid.
type Amid = Box<dyn Fn() -> Box<dyn Any> + Send + Sync>;

/// What there is to say behind all runs.
type Remark = Box<dyn Fn() -> Option<String> + Send + Sync>;

/// One way to do the group's job.
pub struct Contestant {
    /// Its name: `perseq`, or what a user would use instead.
    pub name: &'static str,
    /// Which use of it this is; empty if the group has but one.
    pub variant: &'static str,
    /// How many threads do it at once.
    pub threads: Threads,
    /// How many operations one trip of the loop holds.
    pub step: u64,
    /// Sets it up on a thread.
    pub make: Make,
    /// What is there while it runs and is not measured itself: made before each run, dropped after it, when no
    /// thread runs its loop.
    pub amid: Option<Amid>,
    /// How many operations have taken effect so far, if that can be told: it must be all of them.
    pub total: Option<Box<dyn Fn() -> u64 + Send + Sync>>,
    /// What there is to say of it when all has been measured, if anything: a further note. Contestants may say the same.
    pub remark: Option<Remark>,
    /// What others have published for it.
    pub published: &'static [Published],
}

impl Contestant {
    /// A contestant without a check and without published figures.
    pub fn new(
        name: &'static str,
        variant: &'static str,
        threads: Threads,
        step: u64,
        make: impl Fn(&Seat) -> Result<Op, String> + Send + Sync + 'static,
    ) -> Self {
        Self {
            name,
            variant,
            threads,
            step,
            make: Box::new(make),
            amid: None,
            total: None,
            remark: None,
            published: &[],
        }
    }

    /// Adds what each run takes place amid: threads, for instance, or what tidies up when it is dropped.
    pub fn amid<G: 'static>(mut self, make: impl Fn() -> G + Send + Sync + 'static) -> Self {
        self.amid = Some(Box::new(move || Box::new(make())));
        self
    }

    /// Adds the check: `total` must come to the number of operations that were run.
    pub fn counted_by(mut self, total: impl Fn() -> u64 + Send + Sync + 'static) -> Self {
        self.total = Some(Box::new(total));
        self
    }

    /// Adds what there is to say when all has been measured.
    pub fn remark(mut self, remark: impl Fn() -> Option<String> + Send + Sync + 'static) -> Self {
        self.remark = Some(Box::new(remark));
        self
    }

    /// Adds published figures.
    pub fn published(mut self, figures: &'static [Published]) -> Self {
        self.published = figures;
        self
    }

    /// The name for messages.
    pub fn label(&self) -> String {
        match self.variant {
            "" => self.name.to_owned(),
            variant => format!("{}/{variant}", self.name),
        }
    }
}

/// The threads that run an operation at the same time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Threads {
    /// One, on the first CPU; the other CPUs are left idle.
    One,
    /// One on every CPU, all of them measured.
    All,
    /// So many, spread over all CPUs in turn, all of them measured: more than there are CPUs to run them.
    Many(usize),
    /// One that is measured, on the first CPU, and a companion that keeps the second one busy.
    Beside,
}

impl Threads {
    /// How many threads take part on `cpus` CPUs, or why they cannot.
    pub fn participants(self, cpus: usize) -> Result<usize, String> {
        match self {
            Self::One => Ok(1),
            Self::All | Self::Beside | Self::Many(_) if cpus < 2 => Err("needs two CPUs".to_owned()),
            Self::All => Ok(cpus),
            Self::Many(threads) => Ok(threads),
            Self::Beside => Ok(2),
        }
    }

    /// How many of them are measured, on `cpus` CPUs.
    pub const fn measured(self, cpus: usize) -> usize {
        match self {
            Self::One | Self::Beside => 1,
            Self::All => cpus,
            Self::Many(threads) => threads,
        }
    }
}

/// The place of a thread that runs a contestant.
pub struct Seat {
    /// Which of the participating threads this is, from 0.
    pub index: usize,
    /// The CPUs to measure on. Seat `index` is on the one of that index, and those beyond begin at the first again.
    pub cpus: Arc<[u32]>,
}

/// A figure that somebody has published, on a machine of theirs.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Published {
    /// Their machine.
    pub machine: PublishedOn,
    /// Nanoseconds per operation.
    pub ns: f64,
}

/// The machines of published figures.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PublishedOn {
    /// A server of 2014.
    XeonE5,
    /// A small ARM board of 2013.
    Cubietruck,
}

impl PublishedOn {
    /// Both, in the order of the reports.
    pub const ALL: [Self; 2] = [Self::XeonE5, Self::Cubietruck];

    /// A name short enough for the head of a column.
    pub const fn short(self) -> &'static str {
        match self {
            Self::XeonE5 => "E5-2630v3",
            Self::Cubietruck => "Cubietruck",
        }
    }

    /// The whole name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::XeonE5 => "Intel E5-2630 v3 @ 2.40 GHz",
            Self::Cubietruck => "ARMv7 Cubietruck",
        }
    }

    /// Where the figures were published.
    pub const fn source(self) -> &'static str {
        "Mathieu Desnoyers, Open Source Summit 2018 and Linux commit d7822b1e24f2"
    }
}

/// A figure for each of the machines of [`PublishedOn::ALL`].
pub const fn xeon(ns: f64) -> Published {
    Published { machine: PublishedOn::XeonE5, ns }
}

/// A figure for the ARM board.
pub const fn cubietruck(ns: f64) -> Published {
    Published { machine: PublishedOn::Cubietruck, ns }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_cpu_is_not_enough_for_two_threads() {
        assert_eq!(Threads::One.participants(1), Ok(1));
        assert_eq!(Threads::All.participants(4), Ok(4));
        assert_eq!(Threads::Beside.participants(4), Ok(2));
        assert!(Threads::All.participants(1).is_err());
        assert!(Threads::Beside.participants(1).is_err());
        assert_eq!(Threads::Beside.measured(4), 1);
        assert_eq!((Threads::Many(9).participants(4), Threads::Many(9).measured(4)), (Ok(9), 9));
    }
}
