//! Objects of 64 bytes: made and dropped one by one, and a hundred at a time.
#![allow(clippy::vec_box, reason = "an object must not move")]

use std::cell::RefCell;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::Relaxed;

use perseq::collections::pool::Pool;
use sharded_slab::Slab;
use thread_local::ThreadLocal;

use crate::bench::arch::clobber;
use crate::bench::group::{Contestant, Field, Group, Op, Setup, Threads};
use crate::bench::lanes::{Alone, forever, plain_add};

/// A pool.
pub const GROUP: Group = Group {
    name: "pool",
    about: "Making an object of 64 bytes and dropping it, one by one and a hundred at a time",
    reference: "perseq",
    build,
};

/// An object: a number and whatever belongs to it.
type Object = [u64; 8];

fn object(n: u64) -> Object {
    [n, 1, 2, 3, 4, 5, 6, 7]
}

/// How many objects live at once.
const SEVERAL: usize = 100;
const VARIANTS: [(&str, usize); 2] = [("one", 1), ("hundred", SEVERAL)];
/// Room in pools that have a bound.
const ROOM: usize = 64 * 1024;

fn build(setup: &Setup) -> Field {
    let seats = setup.cpus.len();
    let contestants = [Threads::One, Threads::All]
        .into_iter()
        .flat_map(|threads| VARIANTS.into_iter().map(move |(variant, live)| (threads, variant, live)))
        .flat_map(|(threads, variant, live)| rows(threads, variant, live, seats))
        .collect();
    let notes = vec![
        "`malloc` is a `Box`; `thread_local_box` keeps boxes in a `Vec` for each thread, so they are no use to other threads. \
         `object_pool` takes a lock and reuses values instead of making them. The figure is that of one object, made, looked at \
         and dropped."
            .to_owned(),
    ];
    Field { contestants, notes, memory: Vec::new() }
}

fn rows(threads: Threads, variant: &'static str, live: usize, seats: usize) -> Vec<Contestant> {
    let pool: &Pool<Object> = forever(Pool::new(ROOM));
    let boxes: &ThreadLocal<RefCell<Vec<Box<Object>>>> = forever(ThreadLocal::new());
    let slab: &Slab<Object> = forever(Slab::new());
    let old: &object_pool::Pool<Object> = forever(object_pool::Pool::new(2 * SEVERAL * seats, || object(0)));
    vec![
        contestant(
            "perseq",
            variant,
            threads,
            live,
            seats,
            move |n| pool.insert(object(n)).ok(),
            |object| object[0],
        ),
        contestant(
            "malloc",
            variant,
            threads,
            live,
            seats,
            |n| Some(Box::new(object(n))),
            |object| object[0],
        ),
        contestant(
            "thread_local_box",
            variant,
            threads,
            live,
            seats,
            move |n| {
                let free = boxes.get_or_default();
                let reused = free.borrow_mut().pop();
                let mut boxed = reused.unwrap_or_else(|| Box::new(object(0)));
                *boxed = object(n);
                Some(Kept { boxed: Some(boxed), free })
            },
            |kept| kept.boxed.as_ref().map_or(0, |object| object[0]),
        ),
        contestant(
            "object_pool",
            variant,
            threads,
            live,
            seats,
            move |n| {
                let mut reused = old.try_pull()?;
                *reused = object(n);
                Some(reused)
            },
            |object| object[0],
        ),
        contestant(
            "sharded_slab",
            variant,
            threads,
            live,
            seats,
            move |n| slab.insert(object(n)).map(|key| InSlab { slab, key }),
            |entry| entry.slab.get(entry.key).map_or(0, |object| object[0]),
        ),
    ]
}

/// A box that goes back to its thread's vector.
struct Kept {
    boxed: Option<Box<Object>>,
    free: &'static RefCell<Vec<Box<Object>>>,
}

impl Drop for Kept {
    #[inline]
    fn drop(&mut self) {
        self.free.borrow_mut().extend(self.boxed.take());
    }
}

/// A value in a slab.
struct InSlab {
    slab: &'static Slab<Object>,
    key: usize,
}

impl Drop for InSlab {
    #[inline]
    fn drop(&mut self) {
        self.slab.remove(self.key);
    }
}

/// Makes objects of numbers with `make`, of which `live` live at once, and counts those whose number `look` finds again.
fn contestant<O: 'static>(
    name: &'static str,
    variant: &'static str,
    threads: Threads,
    live: usize,
    seats: usize,
    make: impl Fn(u64) -> Option<O> + Copy + Send + Sync + 'static,
    look: impl Fn(&O) -> u64 + Copy + Send + Sync + 'static,
) -> Contestant {
    let counts: &[Alone] = forever((0..seats).map(|_| Alone::default()).collect::<Vec<_>>());
    Contestant::new(name, variant, threads, live as u64, move |seat| {
        let count: &AtomicU64 = &counts[seat.index].0;
        let op: Op = if live == 1 {
            Box::new(move |turns| {
                for n in 0..turns {
                    if let Some(made) = make(n) {
                        // Otherwise the compiler sees that a box is not needed.
                        std::hint::black_box(&made);
                        plain_add(count, u64::from(look(&made) == n));
                    }
                    clobber();
                }
            })
        } else {
            let mut held = Vec::with_capacity(live);
            Box::new(move |turns| {
                for _ in 0..turns / live as u64 {
                    held.extend((0..live as u64).filter_map(make));
                    std::hint::black_box(&held);
                    let found = (0..).zip(&held).filter(|(n, made)| look(made) == *n).count();
                    plain_add(count, found as u64);
                    held.clear();
                    clobber();
                }
            })
        };
        Ok(op)
    })
    .counted_by(move || counts.iter().map(|count| count.0.load(Relaxed)).sum())
}
