//! Measures the contestants of a group against each other.
//!
//! 1. Every contestant is set up on every thread it needs, and run until the caches are warm and the size of its batch is
//!    known: a sample takes about half a millisecond, short enough to fit between two interruptions.
//! 2. Then come rounds. A round takes one sample of every contestant, forward and backward in turn, so that a
//!    machine that becomes slower or faster does so for all of them. Each sample begins with a batch that
//!    does not count.
//! 3. The samples of a contestant make its [`Summary`], the yardstick's the verdict on the machine ([`Noise`]).
//! 4. Where a contestant can tell how many operations took effect, it must have been all of them: a figure for
//!    an addition that was lost is worth nothing.

mod crew;
mod noise;
mod stats;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

pub use noise::Noise;
pub use stats::Summary;

use super::group::{Contestant, Threads};
use super::hot;
use crate::sys;
use crew::{Batches, Crew, EndTogether, Leader};

/// The length of a sample, without the batch before it.
const SAMPLE: Duration = Duration::from_micros(400);
/// The batches in a sample.
const BATCHES: u64 = 8;
/// How often a size of batches is tried before it is believed.
const TRIALS: usize = 3;
/// Rounds there must be, however slow the contestants are.
const MIN_ROUNDS: usize = 5;

/// How much work a measurement may be.
#[derive(Clone, Copy, Debug)]
pub struct Effort {
    /// Rounds at most: samples of each contestant.
    pub rounds: usize,
    /// The time it should take.
    pub time: Duration,
}

/// What a measurement came to.
pub struct Measured {
    /// For each contestant its samples, or why there are none.
    pub results: Vec<Result<Summary, String>>,
    /// What contestants had to say in the end.
    pub remarks: Vec<String>,
    /// What the machine did meanwhile.
    pub noise: Noise,
}

/// How far a measurement is, to be watched from another thread.
#[derive(Debug, Default)]
pub struct Progress {
    parts: AtomicU64,
    finished: AtomicBool,
}

impl Progress {
    /// The parts that are done, of [`Progress::WHOLE`].
    pub fn done(&self) -> u64 {
        self.parts.load(Ordering::Relaxed)
    }

    /// All parts.
    pub const WHOLE: u64 = 1000;

    fn is_finished(&self) -> bool {
        self.finished.load(Ordering::Acquire)
    }

    fn finish(&self) {
        self.finished.store(true, Ordering::Release);
    }

    fn set(&self, done: usize, of: usize) {
        self.parts.store(done as u64 * Self::WHOLE / of.max(1) as u64, Ordering::Relaxed);
    }
}

/// Measures `contestants` with a thread on each of `cpus`. While it lasts, `watch` is called on the calling thread
/// again and again; it should park most of the time, and is unparked at the end.
pub fn measure(
    mut contestants: Vec<Contestant>,
    cpus: &Arc<[u32]>,
    effort: Effort,
    watch: impl Fn(&Progress),
) -> Result<Measured, String> {
    contestants.push(yardstick());
    let crew = Crew::new(&contestants, cpus);
    let progress = Progress::default();
    let watcher = thread::current();
    let taken = thread::scope(|scope| {
        for index in 1..cpus.len() {
            let crew = &crew;
            scope.spawn(move || crew.follow(index));
        }
        let leader = scope.spawn(|| {
            let _guard = EndTogether;
            let taken = take(crew.lead(), &contestants, &crew, effort, &progress);
            progress.finish();
            watcher.unpark();
            taken
        });
        while !progress.is_finished() {
            watch(&progress);
        }
        leader.join().expect("a panic ends the process")
    });
    let mut measured = taken?;
    if crew.is_unpinned() {
        measured.noise.reasons.push("threads could not be pinned to their CPUs".to_owned());
    }
    Ok(measured)
}

/// The unchanging loop.
fn yardstick() -> Contestant {
    Contestant::new("yardstick", "", Threads::One, hot::READS, |_| {
        let nothing = super::arch::opaque(0);
        Ok(hot::reads!(nothing))
    })
}

/// What the leader knows of a contestant that takes part.
struct Entry {
    batches: Batches,
    /// Operations run so far, measured or not.
    operations: u64,
    samples: Vec<f64>,
}

fn take(
    mut leader: Leader<'_>,
    contestants: &[Contestant],
    crew: &Crew<'_>,
    effort: Effort,
    progress: &Progress,
) -> Result<Measured, String> {
    let start = Instant::now();
    let unfit = crew.unfit();
    let fit = |at: &usize| unfit.iter().all(|(other, _)| other != at);
    let mut entries: Vec<Entry> = (0..contestants.len())
        .filter(fit)
        .map(|contestant| calibrate(&mut leader, contestant, contestants[contestant].step))
        .collect();

    let before = sys::interference();
    let first_round = Instant::now();
    let mut rounds = effort.rounds.max(MIN_ROUNDS);
    let mut round = 0;
    while round < rounds {
        if round % 2 == 0 {
            entries.iter_mut().for_each(|entry| sample(&mut leader, entry));
        } else {
            entries.iter_mut().rev().for_each(|entry| sample(&mut leader, entry));
        }
        round += 1;
        // The time allowed decides how many rounds there will be, whatever was planned.
        let each = first_round.elapsed() / u32::try_from(round).unwrap_or(u32::MAX);
        let left = effort.time.saturating_sub(start.elapsed()).as_nanos() / each.as_nanos().max(1);
        rounds = rounds.min((round + usize::try_from(left).unwrap_or(usize::MAX)).max(MIN_ROUNDS));
        progress.set(round, rounds);
    }
    let seconds = first_round.elapsed().as_secs_f64();
    let after = sys::interference();
    leader.finish();

    let mut results: Vec<Result<Summary, String>> =
        contestants.iter().map(|_| Err("not measured".to_owned())).collect();
    for (at, reason) in unfit {
        results[at] = Err(reason);
    }
    for entry in entries {
        let contestant = &contestants[entry.batches.contestant];
        if let Some(counted) = contestant.total.as_ref().map(|total| total())
            && counted != entry.operations
        {
            let label = contestant.label();
            return Err(format!(
                "{label} lost or invented operations: {} run, {counted} counted",
                entry.operations
            ));
        }
        results[entry.batches.contestant] = Ok(Summary::of(entry.samples));
    }
    let mut remarks = Vec::new();
    for remark in contestants.iter().filter_map(|contestant| contestant.remark.as_ref()?()) {
        if !remarks.contains(&remark) {
            remarks.push(remark);
        }
    }
    let yardstick = results.pop().expect("it was pushed behind the contestants")?;
    Ok(Measured { results, remarks, noise: Noise::judge(&yardstick, before, after, seconds) })
}

/// Runs a contestant until it is warm and the size of its batch is known.
fn calibrate(leader: &mut Leader<'_>, contestant: usize, step: u64) -> Entry {
    let mut operations = 0;
    let mut run = |batches: Batches| {
        let run = leader.run(batches);
        operations += run.operations;
        run.ns
    };
    let size = settle(step, |size| run(Batches { contestant, operations: size, batches: 1 }));
    let batches = Batches { contestant, operations: size, batches: BATCHES };
    // Once more in full, for the branch predictors and the clock frequency.
    run(batches);
    Entry { batches, operations, samples: Vec::new() }
}

/// Finds the size of a batch. `run` runs one of a given size and returns the cost of an operation in it.
///
/// The size grows until a batch of nearly that size has confirmed it, and each is tried several times: the first operations
/// may make memory that the others find, and any one run may be interrupted.
fn settle(step: u64, mut run: impl FnMut(u64) -> f64) -> u64 {
    let mut size = step;
    loop {
        let ns = (0..TRIALS).map(|_| run(size)).fold(f64::INFINITY, f64::min);
        let wanted = batch_size(ns, step);
        if wanted <= 2 * size {
            return wanted;
        }
        size = wanted.min(4 * size);
    }
}

/// The operations in one of the batches of a sample, at `ns` each: a multiple of `step`.
fn batch_size(ns: f64, step: u64) -> u64 {
    let operations = SAMPLE.as_nanos() as f64 / BATCHES as f64 / ns.max(0.01);
    ((operations / step as f64) as u64).max(1) * step
}

/// Takes a sample, behind a batch that does not count.
fn sample(leader: &mut Leader<'_>, entry: &mut Entry) {
    let warm = leader.run(Batches { batches: 1, ..entry.batches });
    let run = leader.run(entry.batches);
    entry.operations += warm.operations + run.operations;
    entry.samples.push(run.ns);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bench::hot::{Eight, updates};
    use crate::bench::lanes::{self, plain_add};

    const EFFORT: Effort = Effort { rounds: 5, time: Duration::from_millis(50) };

    fn counter(threads: Threads, lost: u64) -> Contestant {
        let lanes = lanes::lanes(sys::allowed_cpus().len());
        Contestant::new("counter", "", threads, hot::UPDATES, move |seat| {
            let lane = &lanes[seat.index];
            Ok(updates!(Eight, |i| plain_add(&lane.0[i], 1)))
        })
        .counted_by(move || lanes::sum(lanes) - lost)
    }

    fn measured(contestants: Vec<Contestant>) -> Result<Measured, String> {
        measure(contestants, &sys::allowed_cpus().into(), EFFORT, |_| thread::yield_now())
    }

    #[test]
    fn every_contestant_is_sampled_in_every_round() {
        let contestants = [Threads::One, Threads::All, Threads::Beside].map(|threads| counter(threads, 0));
        let results = measured(contestants.into()).unwrap().results;
        assert_eq!(results.len(), 3);
        for result in results {
            match result {
                Ok(summary) => assert_eq!(summary.samples.len(), 5),
                Err(reason) => assert_eq!(reason, "needs two CPUs"),
            }
        }
    }

    #[test]
    fn a_crowd_loses_no_operation() {
        let total: &AtomicU64 = lanes::forever(AtomicU64::new(0));
        let crowd = Contestant::new("crowd", "", Threads::Many(5), hot::UPDATES, move |_| {
            Ok(updates!(Eight, |_i| total.fetch_add(1, Ordering::Relaxed)))
        });
        let crowd = crowd.counted_by(|| total.load(Ordering::Relaxed));
        match &measured(vec![crowd]).unwrap().results[0] {
            Ok(summary) => assert!(summary.median > 0.0),
            Err(reason) => assert_eq!(reason, "needs two CPUs"),
        }
    }

    #[test]
    fn all_the_time_of_a_crowd_is_counted() {
        const OPERATION: Duration = Duration::from_micros(20);
        let cpus = sys::allowed_cpus().len();
        let crowd = Contestant::new("crowd", "", Threads::Many(64), 1, move |_| {
            Ok(Box::new(move |n| {
                for _ in 0..n {
                    let start = Instant::now();
                    while start.elapsed() < OPERATION {}
                }
            }))
        });
        // Each runs for its part of the time only, so it takes longer by so much, or by more if others are busy here.
        let least = OPERATION.as_nanos() as f64 * (64.0 / cpus as f64).max(1.0);
        match &measured(vec![crowd]).unwrap().results[0] {
            Ok(summary) => assert!(summary.min > 0.8 * least, "{} {least}", summary.min),
            Err(reason) => assert_eq!(reason, "needs two CPUs"),
        }
    }

    #[test]
    fn a_run_takes_place_amid_what_is_asked_for() {
        struct There(&'static AtomicU64);
        impl Drop for There {
            fn drop(&mut self) {
                self.0.fetch_sub(1, Ordering::Relaxed);
            }
        }
        let there: &AtomicU64 = lanes::forever(AtomicU64::new(0));
        let found: &AtomicU64 = lanes::forever(AtomicU64::new(0));
        let contestant = Contestant::new("amid", "", Threads::One, 1, move |_| {
            Ok(Box::new(move |n| {
                found.fetch_add(n * there.load(Ordering::Relaxed), Ordering::Relaxed);
                thread::sleep(Duration::from_micros(50));
            }))
        });
        let contestant = contestant
            .amid(move || {
                there.fetch_add(1, Ordering::Relaxed);
                There(there)
            })
            .counted_by(|| found.load(Ordering::Relaxed));
        assert!(measured(vec![contestant]).unwrap().results[0].is_ok());
        assert_eq!(there.load(Ordering::Relaxed), 0);
    }

    #[test]
    fn what_several_have_to_say_is_said_once() {
        let remark = |text: &'static str| counter(Threads::One, 0).remark(move || Some(text.to_owned()));
        let contestants =
            vec![remark("lost"), remark("lost"), counter(Threads::One, 0).remark(|| None), remark("found")];
        assert_eq!(measured(contestants).unwrap().remarks, ["lost", "found"]);
    }

    #[test]
    fn what_cannot_run_is_skipped_with_its_reason() {
        let absent = Contestant::new("absent", "", Threads::One, 1, |_| Err("not here".to_owned()));
        let results = measured(vec![absent, counter(Threads::One, 0)]).unwrap().results;
        assert_eq!(results[0], Err("not here".to_owned()));
        assert!(results[1].is_ok());
    }

    #[test]
    fn a_lost_operation_is_an_error() {
        let error = measured(vec![counter(Threads::One, 1)]).err().unwrap();
        assert!(error.starts_with("counter lost or invented operations"), "{error}");
    }

    #[test]
    fn a_slow_start_and_an_interruption_do_not_make_batches_small() {
        for slow in 0..8 {
            let mut runs = 0;
            let size = settle(8, |size| {
                runs += 1;
                let overhead = if runs == slow + 1 { 4e6 } else { 50.0 };
                1.0 + overhead / size as f64
            });
            assert!((40_000..=50_000).contains(&size), "{size}");
        }
        assert_eq!(settle(1, |_| 1e7), 1);
    }

    #[test]
    fn batches_are_whole_steps() {
        assert_eq!(batch_size(1.0, 8), 50_000);
        assert_eq!(batch_size(1e9, 8), 8);
        assert_eq!(batch_size(0.3, 8) % 8, 0);
    }
}
