//! Owning a CPU's slot for a moment: the price of the rare access that keeps the frequent one cheap.
//!
//! A mutex beside it costs less while nobody else wants it, but it costs that on every access, on the frequent ones
//! too.

use std::sync::Mutex;

use perseq::{Counter, PerCpu, sequence};

use crate::bench::arch::clobber;
use crate::bench::group::{Contestant, Field, Group, Op, Seat, Setup, Threads};
use crate::bench::lanes::forever;

/// Owning a CPU's slot for a moment.
pub const GROUP: Group =
    Group { name: "exclusive", about: "Owning a CPU's slot for a moment", reference: "perseq", build };

fn build(_setup: &Setup) -> Field {
    let contestants = CASES.iter().flat_map(|case| [perseq(case), membarrier(case), mutex(case)]).collect();
    let notes = vec![
        "`own`: the slot of the running CPU. The others: the slot of another CPU, which runs nothing of this process \
         (`remote_idle`), counts in it (`remote`), or works on this very slot (`contended`)."
            .to_owned(),
        "`membarrier`: only the system call that interrupts that CPU, which `perseq` waits for. `mutex`: lock, add, unlock."
            .to_owned(),
    ];
    Field { contestants, notes, memory: Vec::new() }
}

/// Whose slot is taken, and what that CPU does meanwhile.
struct Case {
    variant: &'static str,
    threads: Threads,
    /// Which of the seats' CPUs it is.
    seat: usize,
    /// The companion, if there is one, works on the same slot.
    contended: bool,
}

const CASES: &[Case] = &[
    Case { variant: "own", threads: Threads::One, seat: 0, contended: false },
    Case { variant: "remote", threads: Threads::Beside, seat: 1, contended: false },
    Case { variant: "remote_idle", threads: Threads::One, seat: 1, contended: false },
    Case { variant: "contended", threads: Threads::Beside, seat: 1, contended: true },
];

impl Case {
    fn cpu(&self, seat: &Seat) -> Result<u32, String> {
        seat.cpus.get(self.seat).copied().ok_or_else(|| "needs two CPUs".to_owned())
    }

    /// A row whose threads run `owner` on the slot's CPU number; a companion that is left alone counts instead.
    fn row(
        &'static self,
        name: &'static str,
        owner: impl Fn(u32) -> Op + Send + Sync + 'static,
        companion: impl Fn(u32) -> Op + Send + Sync + 'static,
        total: impl Fn() -> u64 + Send + Sync + 'static,
    ) -> Contestant {
        let company: &Counter = forever(Counter::new());
        Contestant::new(name, self.variant, self.threads, 1, move |seat| {
            let cpu = self.cpu(seat)?;
            Ok(match (seat.index, self.contended) {
                (0, _) => owner(cpu),
                (_, true) => companion(cpu),
                (_, false) => each(move || company.add(1)),
            })
        })
        .counted_by(move || total() + company.sum())
    }
}

struct Slot {
    value: u64,
}

sequence! {
    /// What the CPU does with its own slot, again and again.
    fn count(slots: &PerCpu<Slot>) {
        let value: u64 = slots.value;
        commit slots.value = value + 1;
    }
}

fn perseq(case: &'static Case) -> Contestant {
    let slots: &PerCpu<Slot> = forever(PerCpu::new(|_| Slot { value: 0 }));
    let own = move |cpu, add| {
        let owned = slots.exclusive(cpu, |slot| {
            slot.value += add;
            slot.value
        });
        owned.expect("the CPU has a slot, and nobody owns it twice")
    };
    case.row(
        "perseq",
        move |cpu| {
            each(move || {
                own(cpu, 1);
            })
        },
        move |_| each(move || count(slots)),
        move || (0..perseq::cpu::possible()).map(|cpu| own(cpu, 0)).sum(),
    )
}

/// What the kernel takes of it, where the slot is not that of the running CPU.
fn membarrier(case: &'static Case) -> Contestant {
    let done: &Counter = forever(Counter::new());
    let fence = move |cpu| {
        each(move || {
            perseq::fence(cpu).expect("nothing forbids membarrier");
            done.add(1);
        })
    };
    case.row("membarrier", fence, move |_| each(move || done.add(1)), move || done.sum())
}

fn mutex(case: &'static Case) -> Contestant {
    let locks: &[Mutex<u64>] =
        forever((0..perseq::cpu::possible()).map(|_| Mutex::new(0)).collect::<Vec<_>>());
    let lock = |cpu: u32| locks[cpu as usize].lock().expect("nobody panics with it");
    let add = move |cpu: u32| each(move || *lock(cpu) += 1);
    case.row("mutex", add, add, move || (0..perseq::cpu::possible()).map(|cpu| *lock(cpu)).sum())
}

/// A loop of one operation a trip: these take so long that the loop does not count.
fn each(mut operation: impl FnMut() + 'static) -> Op {
    Box::new(move |n| {
        for _ in 0..n {
            operation();
            clobber();
        }
    })
}
