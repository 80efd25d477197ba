//! membarrier(2) and sched_setaffinity(2) are forbidden to a process that runs sequences: there can be no grace period.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use perseq::fence::FenceError;
use perseq_rcu::GraceError;
use perseq_tests::skip::sequences_run;
use perseq_tests::stress::fork::{How, child};

use crate::deny::deny;
use crate::{domain, soon};

static RAN: AtomicU64 = AtomicU64::new(0);

#[test]
fn without_barriers_nothing_is_freed_and_nothing_hangs() {
    if !sequences_run() {
        return;
    }
    let (domain, _limit) = (domain(), soon());
    let right = child(How::Libc, || {
        domain.synchronize();
        for call in [libc::SYS_membarrier, libc::SYS_sched_setaffinity] {
            if deny(call, libc::EPERM).is_err() {
                // A kernel without filters.
                return true;
            }
        }
        let forbidden = Err(GraceError::Fence(FenceError));
        let state = domain.state();
        let told = domain.synchronize_within(Duration::from_secs(5)) == forbidden
            && domain.synchronize_within(Duration::ZERO) == forbidden
            && !domain.poll(state);
        // Readers are as before.
        drop(domain.read());
        (0..5000).for_each(|_| domain.defer(|| _ = RAN.fetch_add(1, Ordering::Relaxed)));
        let backlog = domain.backlog();
        // Twice: the first has not taken what it could not run.
        let panics = (0..2).all(|_| catch_unwind(AssertUnwindSafe(|| domain.barrier())).is_err());
        told && backlog >= 1024
            && panics
            && domain.backlog() >= backlog
            && catch_unwind(AssertUnwindSafe(|| domain.synchronize())).is_err()
            && RAN.load(Ordering::Relaxed) == 0
    });
    assert!(right);
    domain.synchronize();
}
