//! Objects that are taken and given back: what free lists of every kind are measured with.
//!
//! An object is a word to count in. Whoever takes one counts in it, so at the end the sum of all is the number of turns, unless an
//! object was lost or given to two at once.

use std::cell::RefCell;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::Relaxed;

use crossbeam_queue::{ArrayQueue, SegQueue};
use thread_local::ThreadLocal;

use super::group::{Contestant, Threads};
use super::hot::{Same, Turn, UPDATES, updates};
use super::lanes::{Alone, forever, plain_add};

/// Objects that a thread brings with it: more than are out at a time.
pub const OBJECTS: usize = 64;

/// An object is a word to count in.
pub type Object = &'static AtomicU64;

/// Gives an object back, or takes one.
fn swap(vec: &mut Vec<Object>, object: Option<Object>) -> Option<Object> {
    match object {
        Some(object) => {
            vec.push(object);
            None
        }
        None => vec.pop(),
    }
}

/// Objects for each seat.
pub fn objects(seats: usize) -> &'static [[Alone; OBJECTS]] {
    forever((0..seats).map(|_| std::array::from_fn(|_| Alone::default())).collect::<Vec<_>>())
}

/// What was counted in all of them.
pub fn sum(objects: &[[Alone; OBJECTS]]) -> u64 {
    objects.iter().flatten().map(|object| object.0.load(Relaxed)).sum()
}

/// Objects in a vector of each thread.
pub fn thread_local_vec(threads: Threads, seats: usize) -> Contestant {
    let free: &ThreadLocal<RefCell<Vec<Object>>> = forever(ThreadLocal::new());
    let objects = objects(seats);
    Contestant::new("thread_local_vec", Same::NAME, threads, UPDATES, move |seat| {
        let mine = &objects[seat.index];
        *free.get_or_default().borrow_mut() = mine.iter().map(|object| &object.0).collect();
        Ok(updates!(Same, |_i| {
            let popped = free.get_or_default().borrow_mut().pop();
            if let Some(object) = popped {
                plain_add(object, 1);
                free.get_or_default().borrow_mut().push(object);
            }
        }))
    })
    .counted_by(move || sum(objects))
}

/// A list for all threads: `step` gives an object back, or takes one.
pub fn shared<L: Sync + 'static>(
    name: &'static str,
    threads: Threads,
    seats: usize,
    make: impl Fn() -> L,
    step: impl Fn(&L, Option<Object>) -> Option<Object> + Copy + Send + Sync + 'static,
) -> Contestant {
    let list: &L = forever(make());
    let objects = objects(seats);
    Contestant::new(name, Same::NAME, threads, UPDATES, move |seat| {
        for object in &objects[seat.index] {
            step(list, Some(&object.0));
        }
        Ok(updates!(Same, |_i| {
            if let Some(object) = step(list, None) {
                plain_add(object, 1);
                step(list, Some(object));
            }
        }))
    })
    .counted_by(move || sum(objects))
}

/// Objects in the bounded queue of `crossbeam-queue`.
pub fn array_queue(threads: Threads, seats: usize) -> Contestant {
    let room = OBJECTS * seats;
    shared(
        "array_queue",
        threads,
        seats,
        move || ArrayQueue::new(room),
        |queue, object| match object {
            Some(object) => queue.push(object).err(),
            None => queue.pop(),
        },
    )
}

/// Objects in its unbounded queue.
pub fn seg_queue(threads: Threads, seats: usize) -> Contestant {
    shared("seg_queue", threads, seats, SegQueue::new, |queue, object| match object {
        Some(object) => {
            queue.push(object);
            None
        }
        None => queue.pop(),
    })
}

/// Objects in a vector behind a mutex of the standard library, and behind one of `parking_lot`.
pub fn mutex_vecs(threads: Threads, seats: usize) -> [Contestant; 2] {
    [
        shared("mutex_vec", threads, seats, std::sync::Mutex::default, |vec, object| {
            swap(&mut vec.lock().expect("nobody panics with it"), object)
        }),
        shared("parking_lot", threads, seats, parking_lot::Mutex::default, |vec, object| {
            swap(&mut vec.lock(), object)
        }),
    ]
}
