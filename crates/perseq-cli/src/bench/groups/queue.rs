//! A queue of tasks: taking the oldest and putting one at the end, as a scheduler does at every turn.

use std::collections::VecDeque;

use crossbeam_deque::Worker;
use perseq::collections::queue::Queue;

use crate::bench::group::{Contestant, Field, Group, Setup, Threads};
use crate::bench::hot::{Same, Turn, UPDATES, updates};
use crate::bench::lanes::plain_add;
use crate::bench::objects::{OBJECTS, Object, array_queue, objects, seg_queue, shared, sum};

/// A queue.
pub const GROUP: Group = Group {
    name: "queue",
    about: "Taking the oldest object of a queue and putting it at the end",
    reference: "perseq",
    build,
};

/// Room in each queue: for the objects of two threads.
const ROOM: usize = 4 * OBJECTS;

fn build(setup: &Setup) -> Field {
    let seats = setup.cpus.len();
    let contestants =
        [Threads::One, Threads::All].into_iter().flat_map(|threads| rows(threads, seats)).collect();
    let notes = vec![
        "`perseq` has a queue for each CPU, from which others steal; `crossbeam_deque` one for each thread, likewise; the \
         others have one for all threads."
            .to_owned(),
    ];
    Field { contestants, notes, memory: Vec::new() }
}

fn rows(threads: Threads, seats: usize) -> Vec<Contestant> {
    let perseq = shared("perseq", threads, seats, Queue::<Object, ROOM>::new, |queue, object| match object {
        Some(object) => queue.push(object).err(),
        None => queue.pop(),
    });
    vec![
        perseq,
        deque(threads, seats),
        array_queue(threads, seats),
        seg_queue(threads, seats),
        shared("mutex_deque", threads, seats, std::sync::Mutex::default, |deque, object| {
            turn(&mut deque.lock().expect("nobody panics with it"), object)
        }),
        shared("parking_lot", threads, seats, parking_lot::Mutex::default, |deque, object| {
            turn(&mut deque.lock(), object)
        }),
    ]
}

/// Puts an object at the end, or takes the oldest.
fn turn(deque: &mut VecDeque<Object>, object: Option<Object>) -> Option<Object> {
    match object {
        Some(object) => {
            deque.push_back(object);
            None
        }
        None => deque.pop_front(),
    }
}

fn deque(threads: Threads, seats: usize) -> Contestant {
    let objects = objects(seats);
    Contestant::new("crossbeam_deque", Same::NAME, threads, UPDATES, move |seat| {
        let deque: Worker<Object> = Worker::new_fifo();
        objects[seat.index].iter().for_each(|object| deque.push(&object.0));
        Ok(updates!(Same, |_i| {
            if let Some(object) = deque.pop() {
                plain_add(object, 1);
                deque.push(object);
            }
        }))
    })
    .counted_by(move || sum(objects))
}
