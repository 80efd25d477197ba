//! Who goes on, and how: by the script of the schedule, and beyond its end as usual, where [`Explore`](super::explore::Explore) notes
//! what else could have happened. With the key of the state that is then (see [`run`](super::run)).
//!
//! Invariant: of the sections of one CPU at most one is not doomed, that of the thread that ran there last.

use alloc::vec::Vec;

use super::explore::Choice;
use super::memory::mix;
use super::run::{Event, Run, Verdict};
use super::thread::{Failed, State};

/// Steps of one schedule after which it is taken to be endless.
const ENDLESS: u32 = 10_000;

impl Run {
    /// Chooses who goes on and how: by the script, or the same thread, if it can. `None` at the end.
    pub(super) fn decide(&self, invariant: &dyn Fn() -> bool) -> Option<usize> {
        let number = self.decisions.get();
        self.decisions.set(number + 1);
        if number == ENDLESS {
            self.judge(Verdict::Endless);
        }
        let options = self.options();
        if options.is_empty() && self.threads.borrow().iter().any(|thread| thread.state != State::Done) {
            self.judge(Verdict::Deadlock);
        }
        if self.verdict.borrow().is_some() {
            return None;
        }
        let Some(&(usual, _)) = options.first() else {
            invariant();
            return None;
        };
        let scripted = self.explore.borrow_mut().scripted(number);
        let choice = scripted.unwrap_or(usual);
        if !options.iter().any(|&(option, _)| option == choice) {
            self.judge(Verdict::Unrepeatable);
            return None;
        }
        // Where nothing else can happen, the state is not worth remembering.
        let new = scripted.is_none()
            && if options.len() > 1 {
                self.explore.borrow_mut().is_new(|| self.key(usual))
            } else {
                self.explore.borrow().is_exploring()
            };
        if new {
            for &(option, cost) in &options[1..] {
                self.explore.borrow_mut().note(number, option, cost, self.key(option));
            }
        }
        if (new || self.events.is_some()) && self.owned.get() == 0 && !invariant() {
            return None;
        }
        self.choose(choice);
        self.turn.get()
    }

    /// What can happen now, the usual first, each with what it costs.
    fn options(&self) -> Vec<(Choice, u32)> {
        let threads = self.threads.borrow();
        let me = self.turn.get().filter(|&me| threads[me].state == State::Ready);
        if me.is_some_and(|me| threads[me].failed.is_some()) {
            return [(Choice::Again, 0), (Choice::GiveUp, 1)].into();
        }
        let mut options = Vec::new();
        let count = threads.len();
        let others = (1..=count).map(|step| (self.turn.get().unwrap_or(count - 1) + step) % count);
        let others = others.filter(|&other| Some(other) != me && threads[other].state == State::Ready);
        let others = others
            .filter(|&other| self.doomed_by(Choice::Run(other)).is_none_or(|doomed| threads[doomed].exposed));
        if let Some(me) = me {
            options.push((Choice::Run(me), 0));
            if threads[me].section.is_some() && !threads[me].doomed && threads[me].exposed {
                options.push((Choice::Abort, 1));
            }
        }
        let cost = u32::from(me.is_some());
        options.extend(others.map(|other| (Choice::Run(other), cost)));
        options
    }

    fn choose(&self, choice: Choice) {
        let before = self.turn.get();
        let doomed = self.doomed_by(choice);
        if let Some(doomed) = doomed {
            self.threads.borrow_mut()[doomed].doomed = true;
        }
        let next = match choice {
            Choice::Run(next) => next,
            Choice::Abort | Choice::GiveUp => return,
            Choice::Again => return self.thread(|me| me.failed = None).unwrap_or(()),
        };
        if let Some(thread) = before
            && thread != next
            && self.threads.borrow()[thread].state == State::Ready
        {
            self.note(|| Event::Preempted { thread, by: next, aborts: doomed.is_some() });
        }
        self.turn.set(Some(next));
    }

    /// The thread whose section a choice will abort: one, as those on its CPU that began before it are doomed already.
    fn doomed_by(&self, choice: Choice) -> Option<usize> {
        match choice {
            Choice::Abort => self.turn.get(),
            Choice::Again | Choice::GiveUp => None,
            Choice::Run(next) => {
                let threads = self.threads.borrow();
                (0..threads.len()).find(|&other| {
                    let thread = &threads[other];
                    other != next
                        && thread.cpu == threads[next].cpu
                        && thread.section.is_some()
                        && !thread.doomed
                })
            }
        }
    }

    /// The state in which the choice has been made: see the [module](self).
    fn key(&self, choice: Choice) -> u64 {
        let doomed = self.doomed_by(choice);
        let turn = match choice {
            Choice::Run(next) => Some(next),
            Choice::Abort | Choice::Again | Choice::GiveUp => self.turn.get(),
        };
        let memory = self.memory.borrow().hash(self.clock.get());
        let key = mix(mix(memory, self.untold.get()), turn.map_or(0, |turn| turn as u64 + 1));
        self.threads.borrow().iter().enumerate().fold(key, |key, (number, thread)| {
            let section = match thread.section {
                None => 0,
                Some(_) if thread.doomed || doomed == Some(number) => 1,
                Some(section) => mix(section, 4),
            };
            let state = match thread.state {
                State::Ready => 0,
                State::Waiting(_) => 1,
                State::Done => 2,
            };
            let failed = match thread.failed {
                None => 0,
                Some(_) if choice == Choice::Again && turn == Some(number) => 0,
                Some(Failed::Aborted) if choice == Choice::GiveUp && turn == Some(number) => 4,
                Some(Failed::Aborted) => 8,
                Some(Failed::Refused) => 12,
            };
            mix(mix(mix(key, thread.history), section), failed | state)
        })
    }
}
