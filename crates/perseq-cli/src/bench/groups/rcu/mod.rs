//! Read-copy-update and what else keeps an object from being freed while it is read.
//!
//! | module | what it holds |
//! |---|---|
//! | [`scheme`] | what a contestant is to the rows |
//! | [`read`], [`grace`], [`defer`] | the rows |
//! | [`ours`] | our schemes |
//! | [`peers`], [`reclaim`], [`liburcu`] | those of others |
//!
//! Every read pair must find the object as it was published, so whoever frees it too early is found out; and every object whose
//! freeing was deferred must be freed in the end.

mod defer;
mod grace;
mod liburcu;
mod ours;
mod peers;
mod read;
mod reclaim;
mod scheme;

use crate::bench::group::{Contestant, Field, Group, Setup, Threads, cubietruck, xeon};
use crate::bench::lanes::forever;
use crate::bench::memory::Memory;
use liburcu::Liburcu;
use scheme::{Defers, Holds, Replaces, Scheme, Waits};

/// Read-copy-update.
pub const GROUP: Group = Group {
    name: "rcu",
    about: "Reading an object that others replace, waiting for readers, and freeing later",
    reference: ours::REFERENCE,
    build,
};

/// All schemes, by what they can do.
struct Schemes {
    read: Vec<&'static dyn Scheme>,
    wait: Vec<&'static dyn Waits>,
    defer: Vec<&'static dyn Defers>,
    replace: Vec<&'static dyn Replaces>,
    hold: Vec<&'static dyn Holds>,
}

fn schemes() -> Schemes {
    let ours: &ours::Perseq = forever(ours::Perseq::new());
    let restartable: &ours::Restartable = forever(ours::Restartable::new());
    let shared: &ours::Shared = forever(ours::Shared::new());
    let bare: &peers::Bare = forever(peers::Bare::new());
    let counted: &peers::Counted = forever(peers::Counted::new());
    let swap: &peers::Swap = forever(peers::Swap::new());
    let std: &peers::StdRwLock = forever(peers::StdRwLock::new());
    let parking_lot: &peers::ParkingLot = forever(peers::ParkingLot::new());
    let left_right: &peers::LeftRight = forever(peers::LeftRight::new());
    let crossbeam: &reclaim::Crossbeam = forever(reclaim::Crossbeam::new());
    let seize: &reclaim::Seize = forever(reclaim::Seize::new());
    let haphazard: &reclaim::Haphazard = forever(reclaim::Haphazard::new());
    let liburcu = Liburcu::flavours();
    let [[memb, memb_inline], [mb, _], [qsbr, _], [bp, _]] = liburcu;

    let mut read: Vec<&dyn Scheme> = vec![
        ours,
        restartable,
        shared,
        bare,
        counted,
        crossbeam,
        seize,
        haphazard,
        swap,
        std,
        parking_lot,
        left_right,
    ];
    read.extend(liburcu.as_flattened().iter().map(|&flavour| flavour as &dyn Scheme));
    Schemes {
        read,
        wait: vec![ours, shared, memb, mb, qsbr, bp, left_right, std, parking_lot],
        defer: vec![ours, crossbeam, seize, haphazard, memb, mb, qsbr, bp],
        replace: vec![ours, crossbeam, seize, swap, std, parking_lot, memb_inline],
        hold: vec![ours, crossbeam, seize, haphazard, swap, memb],
    }
}

fn build(setup: &Setup) -> Field {
    let seats = setup.cpus.len();
    let schemes = schemes();
    let mut contestants: Vec<Contestant> = Vec::new();
    for threads in [Threads::One, Threads::All] {
        contestants.extend(schemes.read.iter().map(|&scheme| published(read::read(scheme, threads, seats))));
    }
    contestants.extend(schemes.wait.iter().flat_map(|&scheme| grace::graces(scheme)));
    for threads in [Threads::One, Threads::All] {
        contestants.extend(schemes.defer.iter().map(|&scheme| defer::defer(scheme, threads, seats)));
    }
    contestants.extend(schemes.replace.iter().flat_map(|&scheme| read::crowds(scheme)));
    let memory: Vec<Memory> = schemes.hold.iter().map(|&scheme| defer::held(scheme, seats)).collect();
    Field { contestants, notes: NOTES.map(str::to_owned).into(), memory }
}

/// Adds the figures that were published for such a read side, on one thread.
fn published(contestant: Contestant) -> Contestant {
    match (contestant.name, contestant.threads) {
        ("perseq", Threads::One) => contestant.published(ours::PUBLISHED),
        ("sched_getcpu_lock_add", Threads::One) => {
            contestant.published(const { &[xeon(53.4), cubietruck(751.0)] })
        }
        _ => contestant,
    }
}

const NOTES: [&str; 4] = [
    "`read`: lock, load the pointer, compare a word behind it, unlock; `bare` does not protect, and `sched_getcpu_lock_add` counts \
     readers without anybody who waits for them. `liburcu_qsbr` tells of a quiescent state after 1000.",
    "`grace`: waiting until the readers have gone that were there: none, one that reads all the time (`busy`), so many threads that have \
     read before and sleep. For locks, locking to write; for `left-right`, swapping the copies. The other crates cannot wait.",
    "`defer`: an object of 64 bytes is allocated, and will be freed. `liburcu` frees on a thread of its own, behind the run, which \
     is not in the figure; the others free as they go.",
    "`crowd`: so many threads, each of which replaces the object after 1000 read pairs. The figure is that of a read pair, per \
     thread.",
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bench::lanes::forever;
    use read::PAIRS;
    use scheme::Freed;

    /// Whether a scheme that could not be set up may be left out.
    fn excused(name: &str, reason: &str) {
        // An emulator has no memory that processes share in our way.
        assert!(
            name.starts_with("liburcu") || name == "perseq_shared" || reason.starts_with("Linux only"),
            "{name}: {reason}"
        );
        println!("skipped: {name}: {reason}");
    }

    #[test]
    fn every_read_finds_the_object() {
        for scheme in schemes().read {
            match scheme.reads() {
                Ok(mut reads) => assert_eq!(reads(4 * PAIRS), 4 * PAIRS, "{}", scheme.name()),
                Err(reason) => excused(scheme.name(), &reason),
            }
        }
    }

    #[test]
    fn a_new_object_is_found_and_the_old_one_is_let_go() {
        for scheme in schemes().replace {
            match scheme.reads().and_then(|reads| Ok((reads, scheme.replaces()?))) {
                Ok((mut reads, mut replace)) => {
                    for _ in 0..100 {
                        replace();
                        assert_eq!(reads(4), 4, "{}", scheme.name());
                    }
                }
                Err(reason) => excused(scheme.name(), &reason),
            }
        }
    }

    #[test]
    fn one_can_wait_for_readers_that_have_gone() {
        for scheme in schemes().wait {
            match scheme.reads().and_then(|reads| Ok((reads, scheme.waits()?))) {
                Ok((mut reads, mut waits)) => {
                    reads(4);
                    waits(10);
                }
                Err(reason) => excused(scheme.name(), &reason),
            }
        }
    }

    #[test]
    fn what_is_deferred_is_freed_once() {
        const OBJECTS: u64 = 3000;
        for scheme in schemes().defer {
            let freed: &Freed = forever(Freed::default());
            match scheme.defers(freed) {
                Ok(mut defers) => defers(OBJECTS),
                Err(reason) => {
                    excused(scheme.name(), &reason);
                    continue;
                }
            }
            for _ in 0..10_000 {
                if freed.total() >= OBJECTS {
                    break;
                }
                // SAFETY: the loop has gone; other tests have schemes of their own, or share what is made for that.
                unsafe { scheme.settle() };
                std::thread::yield_now();
            }
            assert_eq!(freed.total(), OBJECTS, "{}", scheme.name());
        }
    }

    #[test]
    fn objects_pile_up_where_a_reader_holds_them_up() {
        for scheme in schemes().hold {
            let memory = defer::held(scheme, 1);
            match memory.bytes {
                // The others let go of what nobody can read.
                Ok(bytes)
                    if ["perseq", "crossbeam-epoch", "seize", "liburcu_memb"].contains(&scheme.name()) =>
                {
                    assert!(bytes >= 64 * 100_000, "{memory:?}");
                }
                Ok(_) => {}
                Err(reason) => {
                    if !scheme.name().starts_with("liburcu") {
                        assert!(reason.contains("does not tell"), "{reason}");
                    }
                }
            }
        }
    }
}
