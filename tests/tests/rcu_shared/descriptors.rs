//! What programs do with descriptors: hand them on, close them all, run out of them; and forks at every moment.

use std::fs::{File, OpenOptions};
use std::os::fd::{AsFd, AsRawFd, FromRawFd, OwnedFd};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use perseq_rcu::GraceError;
use perseq_rcu::shared::SharedDomain;
use perseq_tests::limit::eventually;
use perseq_tests::skip::skip;

use perseq_tests::forked::{Forked, Signal, sleep};

use super::{LATER, Path, SOON, alone, shared};

/// Another descriptor for what a process has under a number.
fn taken_from(process: libc::pid_t, number: i32) -> Option<OwnedFd> {
    // SAFETY: system calls; the descriptor that comes out is new.
    unsafe {
        let process = libc::syscall(libc::SYS_pidfd_open, process, 0);
        let process = OwnedFd::from_raw_fd(i32::try_from(process).ok().filter(|fd| *fd >= 0)?);
        let taken = libc::syscall(libc::SYS_pidfd_getfd, process.as_raw_fd(), number, 0);
        Some(OwnedFd::from_raw_fd(i32::try_from(taken).ok().filter(|fd| *fd >= 0)?))
    }
}

#[test]
fn who_keeps_the_descriptor_of_a_member_keeps_it_not_alive() {
    let _alone = alone(60, "a descriptor that was sent");
    let domain = SharedDomain::memfd(4).unwrap();
    let entered = Signal::new();
    let member = Forked::new(|| {
        let _guard = domain.read();
        entered.give();
        sleep();
    });
    entered.wait();
    // As if the member had sent it.
    let Some(sent) = taken_from(member.id().cast_signed(), domain.as_fd().as_raw_fd()) else {
        return skip("pidfd", "descriptors of others cannot be taken here");
    };
    assert!(domain.synchronize_within(SOON).is_err());
    drop(member);
    domain.synchronize_within(LATER).unwrap();
    assert_eq!(domain.members(), 1);
    drop(sent);
}

#[test]
fn who_closes_all_descriptors_is_a_member_still_and_takes_nobody_for_dead() {
    let _alone = alone(60, "closing all descriptors");
    let path = Path::new("closed");
    let domain = SharedDomain::create(&path.0, 4).unwrap();
    let step: &AtomicU32 = shared();
    let reached = |wanted| eventually(LATER, || step.load(Ordering::Acquire) == wanted);
    let reading = domain.read();
    let daemon = Forked::new(|| {
        let guard = domain.read();
        // SAFETY: closes what this process has, but for the standard streams. The test waits by memory.
        unsafe { libc::syscall(libc::SYS_close_range, 3, u32::MAX, 0) };
        step.store(1, Ordering::Release);
        assert!(reached(2));
        drop(guard);
        // Its numbers are those of other files now.
        let others: [File; 16] =
            std::array::from_fn(|_| OpenOptions::new().read(true).write(true).open("/dev/null").unwrap());
        let _ = domain.members();
        assert!(domain.synchronize_within(SOON).is_err(), "the parent is taken for dead");
        drop(others);
        // And now of another member in the same file.
        let again = SharedDomain::open(&path.0).unwrap();
        let guard = again.read();
        let _ = domain.members();
        assert!(again.synchronize_within(SOON).is_err());
        step.store(3, Ordering::Release);
        assert!(reached(4));
        assert!(domain.synchronize_within(SOON).is_err(), "the other member is taken for dead");
        drop(guard);
        domain.synchronize_within(LATER).unwrap();
        // A child has no descriptor to join by under the old numbers.
        let child = Forked::new(|| {
            drop(again.read());
            assert!(matches!(domain.synchronize(), Err(GraceError::NotAMember)));
        });
        assert_eq!(child.wait(), 0);
    });
    assert!(reached(1));
    drop(reading);
    let Err(GraceError::Stalled(stall)) = domain.synchronize_within(SOON) else {
        panic!("the daemon is taken for dead")
    };
    assert_eq!(stall.readers, 1, "{stall}");
    let reading = domain.read();
    step.store(2, Ordering::Release);
    assert!(reached(3));
    drop(reading);
    step.store(4, Ordering::Release);
    assert_eq!(daemon.wait(), 0);
    domain.synchronize_within(LATER).unwrap();
}

#[test]
fn a_child_joins_although_there_is_no_room_for_another_descriptor() {
    let _alone = alone(60, "a full table of descriptors");
    let domain = SharedDomain::memfd(4).unwrap();
    let full = Forked::new(|| {
        let limit = libc::rlimit { rlim_cur: 64, rlim_max: 64 };
        // SAFETY: of this process only; the descriptors stay open.
        unsafe {
            libc::setrlimit(libc::RLIMIT_NOFILE, &raw const limit);
            while libc::open(c"/dev/null".as_ptr(), libc::O_RDONLY) >= 0 {}
        }
        let child = Forked::new(|| {
            let _guard = domain.read();
            assert!(domain.synchronize_within(SOON).is_err());
        });
        assert_eq!(child.wait(), 0);
    });
    assert_eq!(full.wait(), 0);
}

#[test]
fn without_proc_a_child_is_no_member_and_does_not_keep_its_parent_alive() {
    let _alone = alone(60, "a child without /proc");
    let domain = SharedDomain::memfd(4).unwrap();
    let [ready, end] = [Signal::new(), Signal::new()];
    // SAFETY: a system call that cannot fail.
    if unsafe { libc::geteuid() } != 0 {
        return skip("root", "only root may leave /proc behind");
    }
    let parent = Forked::new(|| {
        let _guard = domain.read();
        // SAFETY: of this process only. There is no /proc in there, nor /dev.
        assert_eq!(unsafe { libc::chroot(c"/dev/shm".as_ptr()) }, 0);
        let child = Forked::new(|| {
            std::panic::set_hook(Box::new(|_| {}));
            assert!(std::panic::catch_unwind(|| drop(domain.read())).is_err());
            assert!(matches!(domain.synchronize_within(SOON), Err(GraceError::NotAMember)));
            assert!(!domain.poll(domain.state()));
            assert_eq!(domain.members(), 0);
            ready.give();
            end.wait();
        });
        let _ = child.wait();
    });
    ready.wait();
    assert!(domain.synchronize_within(SOON).is_err());
    // Its child goes on.
    drop(parent);
    domain.synchronize_within(LATER).unwrap();
    end.give();
}

#[test]
fn a_child_that_was_forked_while_its_parent_joins_does_not_keep_that_alive() {
    let _alone = alone(60, "forks during a join");
    let path = Path::new("joining");
    let domain = SharedDomain::create(&path.0, 512).unwrap();
    let done = Signal::new();
    let parent = Forked::new(|| {
        // SAFETY: so that its children can be killed with it.
        unsafe { libc::setpgid(0, 0) };
        std::thread::scope(|scope| {
            let joins = scope.spawn(|| {
                for _ in 0..12 {
                    std::mem::forget(SharedDomain::open(&path.0).unwrap().read());
                }
            });
            let mut children = 0;
            while !joins.is_finished() && children < 30 {
                std::mem::forget(Forked::new(|| sleep()));
                children += 1;
                std::thread::sleep(Duration::from_micros(children * 37 % 500));
            }
        });
        done.give();
        sleep();
    });
    done.wait();
    assert!(domain.synchronize_within(SOON).is_err());
    parent.kill();
    let result = domain.synchronize_within(LATER);
    // SAFETY: the group of the parent, who is not waited for yet.
    unsafe { libc::kill(-parent.id().cast_signed(), libc::SIGKILL) };
    result.unwrap();
}
