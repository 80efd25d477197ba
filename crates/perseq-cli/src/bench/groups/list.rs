//! A free list: taking an object that somebody gave back, and giving it back.
//!
//! It is what pools and allocators do at every turn. Each contestant takes an object, counts in it, and gives it back; at the end
//! the counts must be the number of turns, so none was lost or given to two at once.

use perseq::collections::list::{List, Node};

use crate::bench::group::{Contestant, Field, Group, Setup, Threads};
use crate::bench::hot::{Same, Turn, UPDATES, updates};
use crate::bench::lanes::{forever, plain_add};
use crate::bench::objects::{Object, array_queue, mutex_vecs, objects, seg_queue, sum, thread_local_vec};

/// A free list.
pub const GROUP: Group = Group {
    name: "list",
    about: "Taking an object from a free list and giving it back",
    reference: "perseq",
    build,
};

fn build(setup: &Setup) -> Field {
    let seats = setup.cpus.len();
    let contestants =
        [Threads::One, Threads::All].into_iter().flat_map(|threads| rows(threads, seats)).collect();
    let notes = vec![
        "`perseq` has a list for each CPU, `thread_local_vec` one for each thread, whose objects nobody else can have; the \
         others have one for all threads, of which the queues give back what is oldest."
            .to_owned(),
    ];
    Field { contestants, notes, memory: Vec::new() }
}

fn rows(threads: Threads, seats: usize) -> Vec<Contestant> {
    let mut rows = vec![perseq(threads, seats), thread_local_vec(threads, seats)];
    rows.extend(mutex_vecs(threads, seats));
    rows.extend([array_queue(threads, seats), seg_queue(threads, seats)]);
    rows
}

fn perseq(threads: Threads, seats: usize) -> Contestant {
    let list: &List<'static, Object> = forever(List::new());
    let objects = objects(seats);
    Contestant::new("perseq", Same::NAME, threads, UPDATES, move |seat| {
        for object in &objects[seat.index] {
            list.push(Box::leak(Box::new(Node::new(&object.0))));
        }
        Ok(updates!(Same, |_i| {
            if let Some(node) = list.pop() {
                plain_add(node.value, 1);
                list.push(node);
            }
        }))
    })
    .counted_by(move || sum(objects))
}
