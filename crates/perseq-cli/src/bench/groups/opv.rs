//! Ops vectors: two operations on a slot, a compare and an addition, in the three ways in which this crate can do them.

use perseq::opv::{Outcome, Vector};
use perseq::{Counter, PerCpu, sequence};

use crate::bench::arch::clobber;
use crate::bench::group::{Contestant, Field, Group, Op, Seat, Setup, Threads};
use crate::bench::lanes::forever;

/// Two operations at once.
pub const GROUP: Group = Group {
    name: "opv",
    about: "Comparing a word of a slot and adding to another",
    reference: "perseq",
    build,
};

fn build(_setup: &Setup) -> Field {
    let contestants = vec![
        with_sequence(),
        row("exclusive", &CASES[0], closure),
        row("perseq", &CASES[0], vector),
        row("perseq_inside", &CASES[0], vector_inside),
        row("exclusive", &CASES[1], closure),
        row("perseq", &CASES[1], vector),
    ];
    let notes = vec![
        "`own`: the slot of the running CPU. `remote`: that of another CPU, which is busy counting in this process."
            .to_owned(),
        "`perseq` puts the vector together each time, and the word that it compares with is on the stack, so the kernel is asked for \
         that page; in `perseq_inside` that word is in the slot too."
            .to_owned(),
    ];
    Field { contestants, notes, memory: Vec::new() }
}

/// Whose slot it is.
struct Case {
    variant: &'static str,
    threads: Threads,
    /// Which of the seats' CPUs.
    seat: usize,
}

const CASES: &[Case] = &[
    Case { variant: "own", threads: Threads::One, seat: 0 },
    Case { variant: "remote", threads: Threads::Beside, seat: 1 },
];

struct Slot {
    /// Always [`READY`], as what is expected of it.
    state: u64,
    expected: u64,
    value: u64,
}

const READY: u64 = 7;

type Slots = PerCpu<Slot>;

sequence! {
    fn count(slots: &Slots, expected: u64) {
        let state: u64 = slots.state;
        if state != expected { return; }
        let value: u64 = slots.value;
        commit slots.value = value + 1;
    }
}

/// By a sequence, which has its own slot only.
fn with_sequence() -> Contestant {
    row("sequence", &CASES[0], |slots, _cpu| count(slots, READY))
}

fn closure(slots: &Slots, cpu: u32) {
    let owned = slots.exclusive(cpu, |slot| {
        if slot.state == READY {
            slot.value += 1;
        }
    });
    owned.expect("the CPU has a slot, and nobody owns it twice");
}

fn vector(slots: &Slots, cpu: u32) {
    let expected = READY;
    compare_and_add(slots, cpu, &raw const expected);
}

fn vector_inside(slots: &Slots, cpu: u32) {
    let slot = slots.item(cpu).expect("the CPU has a slot").as_ptr();
    // SAFETY: only an address is computed.
    compare_and_add(slots, cpu, unsafe { &raw const (*slot).expected });
}

/// `expected` is [`READY`], on the caller's stack or in that slot.
#[inline(always)]
fn compare_and_add(slots: &Slots, cpu: u32, expected: *const u64) {
    let slot = slots.item(cpu).expect("the CPU has a slot").as_ptr();
    // SAFETY: words of that slot, and one that is there as long as this runs.
    let outcome = unsafe {
        Vector::new()
            .compare_eq(&raw const (*slot).state, expected)
            .add(&raw mut (*slot).value, 1)
            .run(slots, cpu)
    };
    assert_eq!(outcome, Ok(Outcome::Done));
}

fn row(name: &'static str, case: &'static Case, change: fn(&Slots, u32)) -> Contestant {
    let company: &Counter = forever(Counter::new());
    let slots: &Slots = forever(PerCpu::new(|_| Slot { state: READY, expected: READY, value: 0 }));
    Contestant::new(name, case.variant, case.threads, 1, move |seat: &Seat| {
        let cpu = *seat.cpus.get(case.seat).ok_or("needs two CPUs")?;
        Ok(if seat.index == 0 { each(move || change(slots, cpu)) } else { each(move || company.add(1)) })
    })
    .counted_by(move || {
        let added = |cpu| slots.exclusive(cpu, |slot| slot.value).expect("a slot");
        (0..slots.slots()).map(added).sum::<u64>() + company.sum()
    })
}

/// A loop of one operation a trip.
fn each(mut operation: impl FnMut() + 'static) -> Op {
    Box::new(move |n| {
        for _ in 0..n {
            operation();
            clobber();
        }
    })
}
