//! Learning the running CPU.

use perseq::registration::Registered;

use crate::bench::arch::{Lsl, Rdpid, opaque};
use crate::bench::group::{Contestant, Field, Group, Op, Seat, Setup, Threads, cubietruck, xeon};
use crate::bench::hot::{READS, reads};
use crate::sys;

/// Learning the running CPU.
pub const GROUP: Group = Group { name: "cpu", about: "Learning the running CPU", reference: "empty", build };

fn build(_setup: &Setup) -> Field {
    let contestants = vec![
        row("empty", |_| {
            let nothing = opaque(0);
            Ok(reads!(nothing))
        })
        .published(const { &[xeon(0.8), cubietruck(8.4)] }),
        row("perseq", |_| {
            let registered = registered()?;
            Ok(reads!(registered.cpu_id() as usize))
        })
        .published(const { &[xeon(0.8), cubietruck(16.7)] }),
        row("perseq_lazy", |_| Ok(reads!(perseq::cpu::current() as usize)))
            .published(const { &[xeon(0.8), cubietruck(19.8)] }),
        row("sched_getcpu", |_| {
            sys::has_getcpu()?;
            Ok(reads!(sys::sched_getcpu()))
        })
        .published(const { &[xeon(16.6), cubietruck(301.8)] }),
        row("getcpu_syscall", |_| {
            sys::has_getcpu()?;
            Ok(reads!(sys::getcpu_syscall()))
        })
        .published(const { &[xeon(53.9), cubietruck(234.9)] }),
        row("lsl", |_| {
            let lsl = Lsl::available()?;
            Ok(reads!(lsl.cpu()))
        })
        .published(const { &[xeon(13.0)] }),
        row("rdpid", |_| {
            let rdpid = Rdpid::available()?;
            Ok(reads!(rdpid.cpu()))
        }),
    ];
    let notes = vec![
        "Every row adds what it reads to a sum, one dependent addition an operation; `empty` adds a number it has. \
         A read that fits beside that addition costs nothing, here as in the published figures."
            .to_owned(),
        "`perseq` reads with proof that the thread is registered, `perseq_lazy` makes sure of it every time."
            .to_owned(),
        "glibc's sched_getcpu reads the rseq area too since 2.35; the published glibc (2.19) asked the vDSO."
            .to_owned(),
    ];
    Field { contestants, notes, memory: Vec::new() }
}

fn row(name: &'static str, make: impl Fn(&Seat) -> Result<Op, String> + Send + Sync + 'static) -> Contestant {
    Contestant::new(name, "", Threads::One, READS, make)
}

/// Proof that this thread is registered, or the reason of a row that needs it to be left out.
pub fn registered() -> Result<Registered, String> {
    Registered::current().ok_or_else(|| "this thread is not registered; `perseq info` says why".to_owned())
}
