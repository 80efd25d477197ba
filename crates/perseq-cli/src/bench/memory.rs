//! What things cost in memory: how much more of the process is resident once they exist and every
//! CPU has used them.

use std::thread;

use perseq::Counter;

use super::lanes::forever;
use crate::sys;

/// The resident memory of a number of objects.
#[derive(Clone, Debug, PartialEq)]
pub struct Memory {
    /// Whose objects.
    pub name: &'static str,
    /// How many of which.
    pub variant: &'static str,
    /// The same for readers.
    pub about: &'static str,
    /// On how many CPUs they were used.
    pub cpus: usize,
    /// The memory, or why it is not known.
    pub bytes: Result<u64, String>,
}

/// The counters of which the memory is measured.
const COUNTERS: usize = 10_000;

/// Ten thousand counters, each added to on every one of `cpus`.
pub fn counters(cpus: &[u32]) -> Vec<Memory> {
    let row = |name, bytes| Memory {
        name,
        variant: "10000_counters",
        about: "10,000 counters, each used on every CPU",
        cpus: cpus.len(),
        bytes,
    };
    vec![
        row("perseq", resident(cpus, Counter::new, |counter| counter.add(1))),
        row(
            "fast-counter",
            resident(cpus, || fast_counter::ConcurrentCounter::new(cpus.len()), |counter| counter.add(1)),
        ),
    ]
}

/// How much `COUNTERS` objects add to the resident memory when every CPU has used each of them. They
/// are kept for good, so that memory is not reused by what is measured next.
fn resident<C: Send + Sync + 'static>(
    cpus: &[u32],
    make: impl Fn() -> C + Sync,
    touch: impl Fn(&C) + Sync,
) -> Result<u64, String> {
    let everywhere = |objects: &[C]| -> Result<(), String> {
        for &cpu in cpus {
            sys::pin(&[cpu]).map_err(|error| format!("cannot run on CPU {cpu}: {error}"))?;
            objects.iter().for_each(&touch);
        }
        Ok(())
    };
    let measure = || {
        // What only the first use costs, of the code as of the counters, is not theirs.
        everywhere(forever([make()]))?;
        growth(|| {
            let objects: &[C] = forever((0..COUNTERS).map(|_| make()).collect::<Vec<_>>());
            everywhere(objects)
        })
    };
    // On a thread of its own, because its affinity changes.
    thread::scope(|scope| scope.spawn(measure).join().expect("nothing here panics"))
}

/// How much more of the process is resident after `fill`. What `fill` makes should be kept for good.
pub fn growth<T>(fill: impl FnOnce() -> Result<T, String>) -> Result<u64, String> {
    // Asking takes memory too, the first time.
    resident_bytes()?;
    let before = resident_bytes()?;
    let _filled = fill()?;
    Ok(resident_bytes()?.saturating_sub(before))
}

fn resident_bytes() -> Result<u64, String> {
    sys::resident_bytes().ok_or_else(|| "this system does not tell the resident memory".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ten_thousand_counters_take_memory() {
        for memory in counters(&sys::allowed_cpus()) {
            if let Ok(bytes) = memory.bytes {
                assert!(bytes >= 4 * COUNTERS as u64, "{memory:?}");
            }
        }
    }
}
