//! Records of 16 bytes into a ring and out of it, as a log or a tracer does.

use std::collections::VecDeque;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::Relaxed;

use crossbeam_queue::ArrayQueue;
use perseq::collections::ring::Ring;

use crate::bench::group::{Contestant, Field, Group, Setup, Threads};
use crate::bench::hot::{UPDATES, updates};
use crate::bench::lanes::{Alone, forever, plain_add};

/// A ring.
pub const GROUP: Group = Group {
    name: "ring",
    about: "A record of 16 bytes into a ring and out again",
    reference: "perseq",
    build,
};

/// Each record is read right after it was written.
const PAIR: &str = "pair";
/// Whoever finds no room reads all there is.
const BULK: &str = "bulk";

type Record = [u64; 2];
/// Records that the queues have room for; bytes of each ring.
const ROOM: usize = 1024;
const BYTES: usize = 32 * 1024;

fn build(_setup: &Setup) -> Field {
    let contestants = vec![
        perseq(),
        queue("array_queue", PAIR, Threads::One, || ArrayQueue::new(ROOM), push, ArrayQueue::pop),
        queue("mutex_deque", PAIR, Threads::One, Locked::default, put, take),
        perseq_bulk(Threads::One),
        queue("array_queue", BULK, Threads::One, || ArrayQueue::new(ROOM), push, ArrayQueue::pop),
        queue("mutex_deque", BULK, Threads::One, Locked::default, put, take),
        perseq_bulk(Threads::All),
        queue("array_queue", BULK, Threads::All, || ArrayQueue::new(ROOM), push, ArrayQueue::pop),
        queue("mutex_deque", BULK, Threads::All, Locked::default, put, take),
    ];
    let notes = vec![
        "`perseq` has a ring for each CPU and takes records of any length; the others have one queue for all threads, of \
         records of this length. `pair` reads each record right after it was written; in `bulk` whoever finds no room \
         reads all that is there."
            .to_owned(),
    ];
    Field { contestants, notes, memory: Vec::new() }
}

/// The bytes of a record whose words sum up to 1.
fn bytes(n: u64) -> [u8; 16] {
    let mut bytes = [0; 16];
    bytes[..8].copy_from_slice(&n.to_ne_bytes());
    bytes[8..].copy_from_slice(&1_u64.wrapping_sub(n).to_ne_bytes());
    bytes
}

fn value(record: &[u8]) -> u64 {
    let words = record.chunks_exact(8).map(|word| u64::from_ne_bytes(word.try_into().expect("eight bytes")));
    words.fold(0, u64::wrapping_add)
}

fn perseq() -> Contestant {
    let ring: &Ring<BYTES> = forever(Ring::new());
    let read: &Alone = forever(Alone::default());
    Contestant::new("perseq", PAIR, Threads::One, UPDATES, move |_seat| {
        let mut reader = ring.reader().ok_or("somebody else reads")?;
        let mut n = 0;
        Ok(updates!(crate::bench::hot::Same, |_i| {
            n += 1;
            let _ = ring.append(&bytes(n));
            reader.read(perseq::cpu::current(), |record| plain_add(&read.0, value(record)));
        }))
    })
    .counted_by(move || read.0.load(Relaxed))
}

fn perseq_bulk(threads: Threads) -> Contestant {
    let ring: &Ring<BYTES> = forever(Ring::new());
    let read: &AtomicU64 = &forever(Alone::default()).0;
    let drain = move || {
        if let Some(mut reader) = ring.reader() {
            let mut sum = 0_u64;
            reader.read_all(|_cpu, record| sum = sum.wrapping_add(value(record)));
            read.fetch_add(sum, Relaxed);
        }
    };
    Contestant::new("perseq", BULK, threads, UPDATES, move |_seat| {
        let mut n = 0;
        Ok(updates!(crate::bench::hot::Same, |_i| {
            n += 1;
            // The reader may be another thread at the moment.
            while ring.append(&bytes(n)).is_err() {
                drain();
            }
        }))
    })
    .counted_by(move || {
        drain();
        read.load(Relaxed)
    })
}

/// A queue of records behind a mutex.
type Locked = parking_lot::Mutex<VecDeque<Record>>;

fn put(queue: &Locked, record: Record) -> bool {
    let mut queue = queue.lock();
    let room = queue.len() < ROOM;
    if room {
        queue.push_back(record);
    }
    room
}

fn take(queue: &Locked) -> Option<Record> {
    queue.lock().pop_front()
}

fn push(queue: &ArrayQueue<Record>, record: Record) -> bool {
    queue.push(record).is_ok()
}

fn queue<Q: Sync + 'static>(
    name: &'static str,
    variant: &'static str,
    threads: Threads,
    make: impl Fn() -> Q,
    put: impl Fn(&Q, Record) -> bool + Copy + Send + Sync + 'static,
    take: impl Fn(&Q) -> Option<Record> + Copy + Send + Sync + 'static,
) -> Contestant {
    let queue: &Q = forever(make());
    let read: &AtomicU64 = &forever(Alone::default()).0;
    let drain = move || {
        let mut sum = 0_u64;
        // Others may go on putting.
        for [a, b] in std::iter::from_fn(|| take(queue)).take(ROOM) {
            sum = sum.wrapping_add(a).wrapping_add(b);
        }
        read.fetch_add(sum, Relaxed);
    };
    Contestant::new(name, variant, threads, UPDATES, move |_seat| {
        let mut n = 0_u64;
        if variant == PAIR {
            return Ok(updates!(crate::bench::hot::Same, |_i| {
                n += 1;
                put(queue, [n, 1_u64.wrapping_sub(n)]);
                if let Some([a, b]) = take(queue) {
                    plain_add(read, a.wrapping_add(b));
                }
            }));
        }
        Ok(updates!(crate::bench::hot::Same, |_i| {
            n += 1;
            while !put(queue, [n, 1_u64.wrapping_sub(n)]) {
                drain();
            }
        }))
    })
    .counted_by(move || {
        drain();
        read.load(Relaxed)
    })
}
