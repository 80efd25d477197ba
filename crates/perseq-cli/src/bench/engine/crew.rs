//! The threads that run contestants: one for each CPU, pinned to it.
//!
//! Seat 0 leads. It measures what runs on one thread all by itself, while the others sleep. For what runs on
//! several, it writes an order, lets the others out of a barrier that they sleep in, and all who take part
//! start together from a second one that spins. The first who has run its batches stops the rest, so that at no
//! time a thread is measured whose rivals have finished.
//!
//! A crowd, more threads than CPUs, is hired for one run: it would disturb the others even asleep, by being woken for every order. It runs
//! for a given time, as its threads take turns of milliseconds, and its figure comes from all that it has done.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Barrier, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use crate::bench::group::{Contestant, Op, Seat, Threads};
use crate::sys;

/// How long a crowd runs in place of each batch.
const SPELL: Duration = Duration::from_micros(2500);

/// What the threads share.
pub struct Crew<'a> {
    contestants: &'a [Contestant],
    cpus: Arc<[u32]>,
    /// Where the followers sleep until there is an order, and where all meet when it is done.
    gather: Barrier,
    order: Mutex<Order>,
    /// Participants that are ready to start.
    ready: AtomicUsize,
    stop: AtomicBool,
    /// What each seat has done in the last order.
    done: Vec<Mutex<Stint>>,
    /// Contestants that could not be set up, with the reason.
    unfit: Mutex<Vec<(usize, String)>>,
    unpinned: AtomicBool,
}

/// What the followers are to do.
#[derive(Clone, Copy)]
enum Order {
    Run(Batches),
    GoHome,
}

/// A contestant, and how often to run it.
#[derive(Clone, Copy, Debug)]
pub struct Batches {
    /// Which contestant.
    pub contestant: usize,
    /// Operations in one batch.
    pub operations: u64,
    /// Batches at most.
    pub batches: u64,
}

/// What one thread did, and how long it took.
#[derive(Clone, Copy, Debug, Default)]
struct Stint {
    operations: u64,
    time: Duration,
}

/// What a run of batches came to.
#[derive(Clone, Copy, Debug)]
pub struct Run {
    /// Nanoseconds per operation and measured thread.
    pub ns: f64,
    /// Operations of all threads, measured or not.
    pub operations: u64,
}

/// The leading seat, with its loops.
pub struct Leader<'a> {
    crew: &'a Crew<'a>,
    ops: Vec<Option<Op>>,
}

impl<'a> Crew<'a> {
    /// A crew for these contestants, with a seat on each of these CPUs.
    pub fn new(contestants: &'a [Contestant], cpus: &Arc<[u32]>) -> Self {
        Self {
            contestants,
            cpus: Arc::clone(cpus),
            gather: Barrier::new(cpus.len()),
            order: Mutex::new(Order::GoHome),
            ready: AtomicUsize::new(0),
            stop: AtomicBool::new(false),
            done: cpus.iter().map(|_| Mutex::default()).collect(),
            unfit: Mutex::default(),
            unpinned: AtomicBool::new(false),
        }
    }

    /// Takes the leading seat on the calling thread. Every other seat must be taken too.
    pub fn lead(&'a self) -> Leader<'a> {
        let ops = self.take_seat(0);
        self.gather.wait();
        Leader { crew: self, ops }
    }

    /// Takes another seat on the calling thread, and stays until the leader has finished.
    pub fn follow(&self, index: usize) {
        let _guard = EndTogether;
        let mut ops = self.take_seat(index);
        self.gather.wait();
        loop {
            self.gather.wait();
            let Order::Run(batches) = *locked(&self.order) else { return };
            if let Ok(participants) = self.threads(batches).participants(self.cpus.len())
                && index < participants
            {
                self.take_part(index, participants, batches, &mut ops);
            }
            self.gather.wait();
        }
    }

    /// Why contestants could not be set up.
    pub fn unfit(&self) -> Vec<(usize, String)> {
        locked(&self.unfit).clone()
    }

    /// Whether a thread could not be pinned to its CPU.
    pub fn is_unpinned(&self) -> bool {
        self.unpinned.load(Ordering::Relaxed)
    }

    fn threads(&self, batches: Batches) -> Threads {
        self.contestants[batches.contestant].threads
    }

    /// Pins the calling thread and sets up its contestants.
    fn take_seat(&self, index: usize) -> Vec<Option<Op>> {
        if sys::pin(&self.cpus[index..=index]).is_err() {
            self.unpinned.store(true, Ordering::Relaxed);
        }
        let seat = Seat { index, cpus: Arc::clone(&self.cpus) };
        let set_up = |(at, contestant): (usize, &Contestant)| {
            let made = match contestant.threads.participants(self.cpus.len()) {
                Ok(participants) if index < participants => (contestant.make)(&seat),
                Ok(_) => return None,
                Err(reason) => Err(reason),
            };
            made.map_err(|reason| {
                let mut unfit = locked(&self.unfit);
                if unfit.iter().all(|&(known, _)| known != at) {
                    unfit.push((at, reason));
                }
            })
            .ok()
        };
        self.contestants.iter().enumerate().map(set_up).collect()
    }

    /// Runs a contestant on `threads` threads that share the CPUs. They watch the time themselves: whoever else did might wait
    /// long for a CPU. It passes from when the first begins until the last has ended, and they are busy all the while.
    fn crowd(&self, threads: usize, batches: Batches) -> Run {
        let contestant = &self.contestants[batches.contestant];
        let spell = SPELL * u32::try_from(batches.batches).unwrap_or(u32::MAX);
        let (start, stop) = (Barrier::new(threads), AtomicBool::new(false));
        thread::scope(|scope| {
            let member = |index: usize| {
                let (start, stop) = (&start, &stop);
                scope.spawn(move || {
                    let _guard = EndTogether;
                    let cpu = index % self.cpus.len();
                    if sys::pin(&self.cpus[cpu..=cpu]).is_err() {
                        self.unpinned.store(true, Ordering::Relaxed);
                    }
                    let seat = Seat { index, cpus: Arc::clone(&self.cpus) };
                    let mut op = (contestant.make)(&seat).expect("other seats could set it up");
                    start.wait();
                    let (began, mut operations) = (Instant::now(), 0);
                    while !stop.load(Ordering::Relaxed) {
                        op(batches.operations);
                        operations += batches.operations;
                        if began.elapsed() >= spell {
                            stop.store(true, Ordering::Relaxed);
                        }
                    }
                    (began, Instant::now(), operations)
                })
            };
            let members: Vec<_> = (0..threads).map(member).collect();
            let stints = members.into_iter().map(|member| member.join().expect("a panic ends the process"));
            let whole = stints.reduce(|(began, ended, operations), other| {
                (began.min(other.0), ended.max(other.1), operations + other.2)
            });
            let (began, ended, operations) = whole.expect("a crowd has members");
            Run { ns: (ended - began).as_nanos() as f64 * threads as f64 / operations as f64, operations }
        })
    }

    fn take_part(&self, index: usize, participants: usize, batches: Batches, ops: &mut [Option<Op>]) {
        let op = ops[batches.contestant].as_mut().expect("only what every seat could set up is run");
        self.ready.fetch_add(1, Ordering::AcqRel);
        while self.ready.load(Ordering::Acquire) < participants {
            std::hint::spin_loop();
        }
        // A companion goes on until the measured thread has finished.
        let measured = index < self.threads(batches).measured(self.cpus.len());
        let batches = Batches { batches: if measured { batches.batches } else { u64::MAX }, ..batches };
        *locked(&self.done[index]) = run(op, batches, &self.stop, measured);
    }
}

impl Leader<'_> {
    /// Runs a contestant's batches on all of its threads.
    pub fn run(&mut self, batches: Batches) -> Run {
        let crew = self.crew;
        let cpus = crew.cpus.len();
        let threads = crew.threads(batches);
        let _amid = crew.contestants[batches.contestant].amid.as_ref().map(|make| make());
        if let Threads::Many(threads) = threads {
            return crew.crowd(threads, batches);
        }
        let participants = threads.participants(cpus).unwrap_or(1);
        if participants == 1 {
            let op = self.ops[batches.contestant].as_mut().expect("only what could be set up is run");
            *locked(&crew.done[0]) = run(op, batches, &AtomicBool::new(false), true);
        } else {
            crew.ready.store(0, Ordering::Relaxed);
            crew.stop.store(false, Ordering::Relaxed);
            *locked(&crew.order) = Order::Run(batches);
            crew.gather.wait();
            crew.take_part(0, participants, batches, &mut self.ops);
            crew.gather.wait();
        }
        let stints: Vec<Stint> = crew.done[..participants].iter().map(|stint| *locked(stint)).collect();
        let measured = &stints[..threads.measured(cpus)];
        Run { ns: cost(measured), operations: stints.iter().map(|stint| stint.operations).sum() }
    }

    /// Lets the followers go.
    pub fn finish(self) {
        *locked(&self.crew.order) = Order::GoHome;
        self.crew.gather.wait();
    }
}

/// Runs batches until they are done or somebody says stop; and says so when they are done.
fn run(op: &mut Op, batches: Batches, stop: &AtomicBool, tell: bool) -> Stint {
    let start = Instant::now();
    let mut done = 0;
    while done < batches.batches {
        op(batches.operations);
        done += 1;
        if stop.load(Ordering::Relaxed) {
            break;
        }
    }
    let time = start.elapsed();
    if tell {
        stop.store(true, Ordering::Relaxed);
    }
    Stint { operations: done * batches.operations, time }
}

/// Nanoseconds per operation and thread: the threads there are over the operations they do in a nanosecond.
fn cost(stints: &[Stint]) -> f64 {
    let rate = |stint: &Stint| stint.operations as f64 / (stint.time.as_nanos().max(1) as f64);
    stints.len() as f64 / stints.iter().map(rate).sum::<f64>()
}

/// The value in a mutex. No code that could panic runs with one of ours locked.
fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Ends the process if its thread panics: the others would wait at a barrier for ever.
pub struct EndTogether;

impl Drop for EndTogether {
    fn drop(&mut self) {
        if std::thread::panicking() {
            std::process::exit(101);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cost_is_threads_over_throughput() {
        let stint = |operations, ns| Stint { operations, time: Duration::from_nanos(ns) };
        assert_eq!(cost(&[stint(100, 200)]), 2.0);
        assert_eq!(cost(&[stint(100, 200), stint(100, 200)]), 2.0);
        // One thread does three times as much as the other: together two operations in three nanoseconds.
        assert_eq!(cost(&[stint(100, 200), stint(100, 600)]), 3.0);
    }

    #[test]
    fn batches_end_when_they_are_done_or_stopped() {
        let batches = Batches { contestant: 0, operations: 8, batches: 5 };
        let mut op: Op = Box::new(|_| ());
        let stop = AtomicBool::new(false);
        assert_eq!(run(&mut op, batches, &stop, true).operations, 40);
        assert!(stop.load(Ordering::Relaxed));
        assert_eq!(run(&mut op, batches, &stop, true).operations, 8);
    }
}
