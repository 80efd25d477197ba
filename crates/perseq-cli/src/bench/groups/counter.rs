//! Counting events.
//!
//! A counter is added to far more often than it is read, by threads on all CPUs. Each contestant adds 1, and at the end its
//! sum must be the number of additions.

use std::cell::Cell;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

use fast_counter::ConcurrentCounter;
use perseq::Counter;
use thread_local::ThreadLocal;

use super::cpu::registered;
use crate::bench::arch::handwritten::Area;
use crate::bench::group::{Contestant, Field, Group, Op, Seat, Setup, Threads, cubietruck, xeon};
use crate::bench::hot::{Eight, OBJECTS, Same, Turn, UPDATES, updates};
use crate::bench::lanes::{self, Alone, forever, plain_add};
use crate::bench::memory;
use crate::sys;

/// Counting events.
pub const GROUP: Group =
    Group { name: "counter", about: "Adding 1 to a statistics counter", reference: "perseq", build };

fn build(setup: &Setup) -> Field {
    let threads = setup.cpus.len();
    let mut contestants = Vec::new();
    for how in [Threads::One, Threads::All] {
        contestants.extend(rows::<Eight>(how, threads));
        contestants.extend(rows::<Same>(how, threads));
    }
    let notes = vec![
        "`eight` adds to eight counters in turn, which shows throughput; in `same` each addition waits for the \
         store of the one before."
            .to_owned(),
        "`plain` and `lock_add` have a word for each thread, as `thread_local` does; `shared_atomic`, \
         `prometheus-client` and `metrics` have one for all threads; the others have one for each CPU or shard."
            .to_owned(),
        "`handwritten` is a section for this one purpose, without the gate that lets others in.".to_owned(),
    ];
    Field { contestants, notes, memory: memory::counters(&setup.cpus) }
}

/// All contestants of one variant. `seats` is the number of threads that may take part.
fn rows<T: Turn>(threads: Threads, seats: usize) -> Vec<Contestant> {
    vec![
        perseq::<T>(threads),
        plain::<T>(threads, seats),
        handwritten::<T>(threads),
        thread_local::<T>(threads),
        lock_add::<T>(threads, seats),
        cpu_id_lock_add::<T>(threads),
        sched_getcpu_lock_add::<T>(threads),
        shared_atomic::<T>(threads),
        fast_counter::<T>(threads, seats),
        prometheus_client::<T>(threads),
        metrics::<T>(threads),
    ]
}

fn row<T: Turn>(
    name: &'static str,
    threads: Threads,
    make: impl Fn(&Seat) -> Result<Op, String> + Send + Sync + 'static,
) -> Contestant {
    Contestant::new(name, T::NAME, threads, UPDATES, make)
}

/// Eight of something, for as long as the command runs.
fn eight<C>(make: impl Fn() -> C) -> &'static [C; OBJECTS] {
    forever(std::array::from_fn(|_| make()))
}

fn perseq<T: Turn>(threads: Threads) -> Contestant {
    let counters = eight(Counter::new);
    row::<T>("perseq", threads, move |_| Ok(updates!(T, |i| counters[i].add(1))))
        .counted_by(move || counters.iter().map(Counter::sum).sum())
        .published(published::<T>(threads, const { &[xeon(2.0), cubietruck(31.4)] }))
}

fn plain<T: Turn>(threads: Threads, seats: usize) -> Contestant {
    let lanes = lanes::lanes(seats);
    row::<T>("plain", threads, move |seat| {
        let words = &lanes[seat.index].0;
        Ok(updates!(T, |i| plain_add(&words[i], 1)))
    })
    .counted_by(move || lanes::sum(lanes))
}

fn handwritten<T: Turn>(threads: Threads) -> Contestant {
    let lanes = lanes::for_possible_cpus();
    row::<T>("handwritten", threads, move |_| {
        let area = Area::of_this_thread()?;
        // SAFETY: there is a lane for every possible CPU, and nobody else writes to these.
        Ok(updates!(T, |i| unsafe { area.add(lanes, i, 1) }))
    })
    .counted_by(move || lanes::sum(lanes))
    .published(published::<T>(threads, const { &[xeon(2.0), cubietruck(31.4)] }))
}

fn thread_local<T: Turn>(threads: Threads) -> Contestant {
    let cells = eight(ThreadLocal::<Cell<u64>>::new);
    row::<T>("thread_local", threads, move |_| {
        Ok(updates!(T, |i| {
            let cell = cells[i].get_or_default();
            cell.set(cell.get() + 1);
        }))
    })
}

fn lock_add<T: Turn>(threads: Threads, seats: usize) -> Contestant {
    let lanes = lanes::lanes(seats);
    row::<T>("lock_add", threads, move |seat| {
        let words = &lanes[seat.index].0;
        Ok(updates!(T, |i| words[i].fetch_add(1, Relaxed)))
    })
    .counted_by(move || lanes::sum(lanes))
}

fn cpu_id_lock_add<T: Turn>(threads: Threads) -> Contestant {
    let lanes = lanes::for_possible_cpus();
    row::<T>("cpu_id_lock_add", threads, move |_| {
        let registered = registered()?;
        Ok(updates!(T, |i| lanes[registered.cpu_id() as usize].0[i].fetch_add(1, Relaxed)))
    })
    .counted_by(move || lanes::sum(lanes))
}

fn sched_getcpu_lock_add<T: Turn>(threads: Threads) -> Contestant {
    let lanes = lanes::for_possible_cpus();
    row::<T>("sched_getcpu_lock_add", threads, move |_| {
        sys::has_getcpu()?;
        Ok(updates!(T, |i| lanes[sys::sched_getcpu()].0[i].fetch_add(1, Relaxed)))
    })
    .counted_by(move || lanes::sum(lanes))
    .published(published::<T>(threads, const { &[xeon(15.3), cubietruck(344.0)] }))
}

fn shared_atomic<T: Turn>(threads: Threads) -> Contestant {
    let words = eight(Alone::default);
    row::<T>("shared_atomic", threads, move |_| Ok(updates!(T, |i| words[i].0.fetch_add(1, Relaxed))))
        .counted_by(move || words.iter().map(|word| word.0.load(Relaxed)).sum())
}

fn fast_counter<T: Turn>(threads: Threads, seats: usize) -> Contestant {
    let counters = eight(|| ConcurrentCounter::new(seats));
    row::<T>("fast-counter", threads, move |_| Ok(updates!(T, |i| counters[i].add(1))))
        .counted_by(move || counters.iter().map(|counter| counter.sum() as u64).sum())
}

fn prometheus_client<T: Turn>(threads: Threads) -> Contestant {
    let counters = eight(prometheus_client::metrics::counter::Counter::<u64>::default);
    row::<T>("prometheus-client", threads, move |_| Ok(updates!(T, |i| counters[i].inc())))
        .counted_by(move || counters.iter().map(|counter| counter.get()).sum())
}

fn metrics<T: Turn>(threads: Threads) -> Contestant {
    let words = eight(Arc::<metrics::atomics::AtomicU64>::default);
    let handles: &[metrics::Counter; OBJECTS] =
        forever(std::array::from_fn(|i| metrics::Counter::from_arc(Arc::clone(&words[i]))));
    row::<T>("metrics", threads, move |_| Ok(updates!(T, |i| handles[i].increment(1))))
        .counted_by(move || words.iter().map(|word| word.load(Relaxed)).sum())
}

/// The published figures were taken on one thread and one counter.
fn published<T: Turn>(
    threads: Threads,
    figures: &'static [crate::bench::group::Published],
) -> &'static [crate::bench::group::Published] {
    if threads == Threads::One && T::STEP == 0 { figures } else { &[] }
}
