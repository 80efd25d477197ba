//! The groups. A further group is a file here with a `GROUP` constant, and a line in [`ALL`]: the command
//! line, the engine and the reports find it there.

mod counter;
mod cpu;
mod exclusive;
mod histogram;
mod list;
mod lock;
mod metrics;
mod opv;
mod pool;
mod queue;
mod rcu;
mod rcu_map;
mod ring;
mod stack;
mod trace;

use super::group::Group;

/// Every group, in the order of the reports.
pub const ALL: &[Group] = &[
    cpu::GROUP,
    counter::GROUP,
    histogram::GROUP,
    metrics::GROUP,
    exclusive::GROUP,
    opv::GROUP,
    list::GROUP,
    stack::GROUP,
    ring::GROUP,
    queue::GROUP,
    pool::GROUP,
    lock::GROUP,
    rcu::GROUP,
    rcu_map::GROUP,
    trace::GROUP,
];

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;
    use crate::bench::group::Setup;

    #[test]
    fn every_row_of_a_group_can_be_told_from_the_others() {
        let setup = Setup { cpus: crate::sys::allowed_cpus().into() };
        for group in ALL {
            let field = (group.build)(&setup);
            let mut seen = HashSet::new();
            for contestant in &field.contestants {
                let threads = contestant.threads.measured(usize::MAX);
                assert!(
                    seen.insert((contestant.name, contestant.variant, threads)),
                    "{}",
                    contestant.label()
                );
            }
            assert!(seen.iter().any(|(name, ..)| *name == group.reference), "{}", group.name);
        }
    }

    #[test]
    fn the_names_that_scripts_rely_on_are_there() {
        let names = |name: &str| -> Vec<&'static str> {
            let setup = Setup { cpus: crate::sys::allowed_cpus().into() };
            let group = ALL.iter().find(|group| group.name == name).unwrap();
            (group.build)(&setup).contestants.iter().map(|contestant| contestant.name).collect()
        };
        let cpu = names("cpu");
        for name in ["empty", "perseq", "perseq_lazy", "sched_getcpu", "getcpu_syscall", "lsl", "rdpid"] {
            assert!(cpu.contains(&name), "{name}");
        }
        let counter = names("counter");
        for name in [
            "perseq",
            "plain",
            "handwritten",
            "thread_local",
            "lock_add",
            "cpu_id_lock_add",
            "sched_getcpu_lock_add",
            "shared_atomic",
            "fast-counter",
            "prometheus-client",
            "metrics",
        ] {
            assert!(counter.contains(&name), "{name}");
        }
    }
}
