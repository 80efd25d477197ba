//! The rings of a tracer under attack: by others that record on the same CPU, within a sub-buffer, at the end of one, and without room.

use std::cell::Cell;
use std::sync::OnceLock;

use perseq_tests::cpus::Pinned;
use perseq_tests::inject::{Scenario, Trap};
use perseq_tests::structures::trace::{Event, Trace};
use perseq_trace::ring::Emitted;

/// A scenario for each way of recording, wherever there may be room.
pub fn all() -> Vec<Scenario> {
    let mut all = Vec::new();
    let ways = [
        Way { name: "a word", record: |trace| trace.record_word(MINE), words: 1, slow: false },
        Way {
            name: "one of several words",
            record: |trace| trace.record_words(1, MINE),
            words: 1,
            slow: false,
        },
        Way { name: "words", record: |trace| trace.record_words(3, MINE), words: 3, slow: false },
        Way { name: "many words", record: |trace| trace.record_words(30, MINE), words: 30, slow: false },
        Way {
            name: "a hundred words",
            record: |trace| trace.record_words(100, MINE),
            words: 100,
            slow: false,
        },
        Way { name: "600 words", record: |trace| trace.record_words(600, MINE), words: 600, slow: false },
        Way {
            name: "words with a slow clock",
            record: |trace| trace.record_slowly(3, MINE),
            words: 3,
            slow: true,
        },
    ];
    for way in ways {
        for (place, left) in [("", SUB), (" at the end of a sub-buffer", 16), (" where one is full", 0)] {
            let scenario = move |trap: &Trap| attack(trap, way, 16 * SUB, left);
            all.push(Scenario::new(format!("an event of {}{place}", way.name), scenario));
        }
        let scenario = move |trap: &Trap| attack_without_room(trap, way);
        all.push(Scenario::new(format!("an event of {} without room", way.name), scenario));
    }
    all.push(Scenario::new("an event that is too large", too_large));
    all.push(Scenario::new("an event of no whole words", |trap| odd(trap, |trace| trace.emit_odd(75, MINE))));
    all.push(Scenario::new("an event of no whole words, with its time", |trap| {
        odd(trap, |trace| trace.emit_odd_at(75, MINE, 7));
    }));
    all
}

/// Bytes of a sub-buffer.
const SUB: u64 = 8192;
/// What events consist of.
const MINE: u8 = 1;
const THEIRS: u8 = 2;

/// A way to record an event.
#[derive(Clone, Copy)]
struct Way {
    name: &'static str,
    record: fn(&Trace),
    words: usize,
    /// The clock is read outside of sections.
    slow: bool,
}

impl Way {
    /// What others record meanwhile: by turns an event that fills what is left, and one that does not.
    fn of_others(self, trace: &Trace, turn: &Cell<u64>) {
        let words = 1 + (turn.replace(turn.get() + 1) % 2) as u32;
        if self.slow { trace.record_slowly(words, THEIRS) } else { trace.record_words(words, THEIRS) }
    }
}

fn trace() -> &'static Trace {
    static TRACE: OnceLock<Trace> = OnceLock::new();
    TRACE.get_or_init(Trace::new)
}

/// What is in the ring of `cpu`, which is as it must be: whole events in order of time.
fn found(trace: &Trace, cpu: u32) -> Vec<Event> {
    assert_eq!(trace.is_whole(cpu), Some(true));
    let mut events: Vec<Event> = Vec::new();
    trace.read(cpu, |event| events.push(event));
    assert!(events.iter().all(|event| event.fill.is_some()), "a torn event: {events:?}");
    assert!(events.is_sorted_by_key(|event| event.time), "{events:?}");
    events
}

fn attack(trap: &Trap, way: Way, size: u64, left: u64) {
    let pinned = Pinned::first();
    let trace = trace();
    trace.begin(pinned.cpu, size, SUB, left);
    let (lost, others) = (trace.lost(), Cell::new(0));
    trap.during(|| (way.record)(trace), &|| way.of_others(trace, &others));
    let (lost, others) = (trace.lost() - lost, others.get());
    assert_eq!(others, trap.interferences());
    let events = found(trace, pinned.cpu);
    assert_eq!(events.len() as u64 + lost, 1 + others, "{events:?}");
    if way.slow && lost == 1 && others > 60 {
        // It was late at every attempt.
        return assert!(events.iter().all(|event| event.fill == Some(THEIRS)), "{events:?}");
    }
    assert_eq!(lost, 0, "there was room");
    let at = events.iter().position(|event| event.fill == Some(MINE)).expect("my event");
    assert_eq!(events[at].words, way.words);
    assert!(events[at + 1..].iter().all(|event| event.fill == Some(THEIRS)), "it is there twice: {events:?}");
    // Whoever aborts it is before it.
    let first = trap.interferences_first() as usize;
    assert!(if left == SUB { at == first } else { at >= first }, "{at} and {first}: {events:?}");
}

fn attack_without_room(trap: &Trap, way: Way) {
    let pinned = Pinned::first();
    let trace = trace();
    // The reader would have to read what is left of the only one.
    trace.begin(pinned.cpu, SUB, SUB, 8);
    let (lost, others) = (trace.lost(), Cell::new(0));
    trap.during(|| (way.record)(trace), &|| way.of_others(trace, &others));
    assert_eq!(others.get(), trap.interferences());
    assert_eq!(trace.lost() - lost, 1 + others.get());
    assert_eq!(found(trace, pinned.cpu), []);
    // Now there is.
    (way.record)(trace);
    assert_eq!(found(trace, pinned.cpu).iter().map(|event| event.words).collect::<Vec<_>>(), [way.words]);
}

fn too_large(trap: &Trap) {
    let pinned = Pinned::first();
    let trace = trace();
    trace.begin(pinned.cpu, 16 * SUB, SUB, SUB);
    let lost = trace.lost();
    let record = || trace.record_words(Trace::TOO_MANY, MINE);
    trap.during(record, &record);
    assert_eq!(trace.lost() - lost, 1 + trap.interferences());
    assert_eq!(found(trace, pinned.cpu), []);
}

fn odd(trap: &Trap, emit: fn(&Trace) -> Emitted) {
    let pinned = Pinned::first();
    let trace = trace();
    trace.begin(pinned.cpu, 16 * SUB, SUB, SUB);
    let others = Cell::new(0);
    let emitted = trap.during(|| emit(trace), &|| {
        // Behind that, nothing can be recorded.
        if trace.is_aligned(pinned.cpu) {
            trace.record_word(THEIRS);
            others.set(others.get() + 1);
        }
    });
    assert_eq!(emitted, Emitted::Done);
    let mut events = Vec::new();
    trace.read(pinned.cpu, |event| events.push((event.words, event.fill)));
    let mine = events.pop();
    assert_eq!(mine, Some((9, Some(MINE))));
    assert_eq!(events, vec![(1, Some(THEIRS)); others.get()]);
}
