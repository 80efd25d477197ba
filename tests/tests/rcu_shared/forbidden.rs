//! Where membarrier(2) is forbidden: readers do without, and writers are told.

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use perseq_rcu::GraceError;
use perseq_rcu::shared::SharedDomain;
use perseq_tests::limit::eventually;

use perseq_tests::forked::{Forked, Signal};

use super::{LATER, Path, SOON, alone, shared};

/// Has membarrier(2) answer with an error from now on, in this thread and those it makes.
fn forbid_membarrier(errno: u32) {
    let instruction = |code: u32, jt, jf, k| libc::sock_filter { code: code as u16, jt, jf, k };
    let mut filter = [
        // The number of the system call.
        instruction(libc::BPF_LD | libc::BPF_W | libc::BPF_ABS, 0, 0, 0),
        instruction(libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K, 0, 1, libc::SYS_membarrier as u32),
        instruction(libc::BPF_RET | libc::BPF_K, 0, 0, libc::SECCOMP_RET_ERRNO | errno),
        instruction(libc::BPF_RET | libc::BPF_K, 0, 0, libc::SECCOMP_RET_ALLOW),
    ];
    let program = libc::sock_fprog { len: filter.len() as u16, filter: filter.as_mut_ptr() };
    // SAFETY: of this process; the kernel copies the program.
    let filtered = unsafe {
        libc::prctl(libc::PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
        libc::prctl(libc::PR_SET_SECCOMP, libc::SECCOMP_MODE_FILTER, &raw const program)
    };
    assert_eq!(filtered, 0, "a filter");
}

#[test]
fn a_member_without_barriers_is_waited_for() {
    let _alone = alone(60, "a member without barriers");
    let path = Path::new("forbidden");
    let domain = SharedDomain::create(&path.0, 4).unwrap();
    let [entered, leave, overlapping] = [Signal::new(), Signal::new(), Signal::new()];
    let inside: &AtomicU32 = shared();
    let reader = Forked::new(|| {
        forbid_membarrier(libc::EPERM.cast_unsigned());
        let joined = SharedDomain::open(&path.0).unwrap();
        let guard = joined.read();
        entered.give();
        leave.wait();
        drop(guard);
        let Err(GraceError::Membarrier(libc::EPERM)) = joined.synchronize_within(LATER) else {
            panic!("a grace period without a barrier")
        };
        // Its readers never leave all at once.
        let mut guard = joined.read();
        overlapping.give();
        loop {
            let next = joined.read();
            drop(std::mem::replace(&mut guard, next));
            inside.fetch_add(1, Ordering::Relaxed);
            std::thread::sleep(Duration::from_micros(100));
        }
    });
    entered.wait();
    let Err(GraceError::Stalled(stall)) = domain.synchronize_within(SOON) else { panic!("it did not wait") };
    assert_eq!((stall.readers, stall.elsewhere), (1, 1), "{stall}");
    leave.give();
    overlapping.wait();
    for _ in 0..10 {
        domain.synchronize_within(LATER).unwrap();
    }
    assert!(eventually(LATER, || inside.load(Ordering::Relaxed) > 10));
    drop(reader);
}

#[test]
fn a_member_that_loses_barriers_reads_on_and_is_told_as_a_writer() {
    let _alone = alone(60, "a member that loses barriers");
    let domain = SharedDomain::memfd(4).unwrap();
    let [entered, leave] = [Signal::new(), Signal::new()];
    let member = Forked::new(|| {
        forbid_membarrier(libc::EPERM.cast_unsigned());
        let guard = domain.read();
        entered.give();
        leave.wait();
        drop(guard);
        let error = domain.synchronize().unwrap_err();
        assert_eq!(error, GraceError::Membarrier(libc::EPERM));
        assert!(error.to_string().contains("membarrier(2)"), "{error}");
        assert!(!domain.poll(domain.state()));
    });
    entered.wait();
    assert!(domain.synchronize_within(SOON).is_err());
    leave.give();
    domain.synchronize_within(LATER).unwrap();
    assert_eq!(member.wait(), 0);
}
