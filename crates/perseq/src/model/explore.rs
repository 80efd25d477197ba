//! Which schedules there are to run: those with the fewest interventions first.
//!
//! A schedule is told by its *script*: where something else happened than that the same thread went on. An intervention, a
//! thread that is preempted or a section that is aborted, costs one; who goes on when a thread cannot costs nothing. (A 0-1
//! breadth-first search: scripts that cost no more go to the front of the queue, others to the back.)
//!
//! Invariant: whatever state a script in the queue leads to, no cheaper script that leads there was found before it; a state is
//! expanded once at the lowest cost.

use alloc::collections::VecDeque;
use alloc::vec::Vec;
use core::hash::BuildHasherDefault;
use std::collections::HashMap;
use std::collections::hash_map::Entry;

use super::memory::Mixing;

/// What happens next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Choice {
    /// This thread runs.
    Run(usize),
    /// The thread whose turn it is goes on, and its section is aborted: it got a signal, or was preempted by something else.
    Abort,
    /// The section, which was aborted, is attempted again.
    Again,
    /// It was aborted again and again: the slow path is taken.
    GiveUp,
}

/// Deviations from the usual, by the number of the decision.
type Script = Vec<(u32, Choice)>;

/// A script, its cost, and the state it leads to.
type Planned = (Script, u32, u64);

/// See the [module](self).
#[derive(Default)]
pub(super) struct Explore {
    queue: VecDeque<Planned>,
    /// The lowest cost of each state.
    states: HashMap<u64, u32, BuildHasherDefault<Mixing>>,
    script: Script,
    cost: u32,
    /// How much of the script was followed.
    followed: usize,
    /// The rest of this schedule is known.
    known: bool,
    /// Schedules begun.
    pub(super) schedules: u64,
}

impl Explore {
    /// Begins the next schedule, if there is one: the first has an empty script.
    pub(super) fn next(&mut self) -> bool {
        let next = if self.schedules == 0 {
            Some((Script::new(), 0))
        } else {
            core::iter::from_fn(|| self.queue.pop_front())
                .find(|(_, cost, state)| self.states.get(state) == Some(cost))
                .map(|(script, cost, _)| (script, cost))
        };
        let Some((script, cost)) = next else { return false };
        (self.script, self.cost) = (script, cost);
        self.schedules += 1;
        self.again();
        self.known = false;
        true
    }

    /// Begins the same schedule again, without exploring.
    pub(super) fn again(&mut self) {
        (self.followed, self.known) = (0, true);
    }

    /// The interventions of this schedule.
    pub(super) fn cost(&self) -> u32 {
        self.cost
    }

    /// Different states so far.
    pub(super) fn states(&self) -> usize {
        self.states.len()
    }

    /// What the script says about a decision.
    pub(super) fn scripted(&mut self, decision: u32) -> Option<Choice> {
        let &(at, choice) = self.script.get(self.followed)?;
        (at == decision).then(|| {
            self.followed += 1;
            choice
        })
    }

    /// Whether the schedule is beyond its script, and where no other has been.
    pub(super) fn is_exploring(&self) -> bool {
        !self.known && self.followed == self.script.len()
    }

    /// Whether the state of the schedule has to be expanded.
    pub(super) fn is_new(&mut self, state: impl FnOnce() -> u64) -> bool {
        if !self.is_exploring() {
            return false;
        }
        let new = improve(self.states.entry(state()), self.cost);
        self.known = !new;
        new
    }

    /// Another choice is possible at a decision of this schedule.
    pub(super) fn note(&mut self, decision: u32, choice: Choice, cost: u32, state: u64) {
        let total = self.cost + cost;
        if !improve(self.states.entry(state), total) {
            return;
        }
        let mut script = self.script.clone();
        script.push((decision, choice));
        let planned = (script, total, state);
        if cost == 0 {
            self.queue.push_front(planned);
        } else {
            self.queue.push_back(planned);
        }
    }
}

/// Enters a cost if it is lower than the one known.
fn improve(entry: Entry<'_, u64, u32>, cost: u32) -> bool {
    match entry {
        Entry::Vacant(entry) => {
            entry.insert(cost);
            true
        }
        Entry::Occupied(mut entry) => {
            let better = cost < *entry.get();
            if better {
                entry.insert(cost);
            }
            better
        }
    }
}
