//! RCU across processes: members that come, read, fork, execute, are killed; and files that are no domain.
#![cfg(all(target_os = "linux", not(miri)))]

#[path = "rcu_shared/crowd.rs"]
mod crowd;
#[path = "rcu_shared/descriptors.rs"]
mod descriptors;
#[path = "rcu_shared/forbidden.rs"]
mod forbidden;
#[path = "rcu_shared/hazard.rs"]
mod hazard;
#[path = "rcu_shared/litmus.rs"]
mod litmus;
#[path = "rcu_shared/storm.rs"]
mod storm;
#[path = "rcu_shared/turns.rs"]
mod turns;

use std::ffi::CString;
use std::fs::{self, File, OpenOptions};
use std::os::fd::AsFd;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::PathBuf;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use perseq::shared::SharedPerCpu;
use perseq_rcu::GraceError;
use perseq_rcu::shared::{SharedDomain, SharedError};
use perseq_tests::child;
use perseq_tests::forked::{Forked, Signal, sleep};
use perseq_tests::limit::{Limit, eventually};
use perseq_tests::skip::skip;
use rustix::mm::{MapFlags, ProtFlags};

/// One test at a time: a fork joins every domain of its parent, and those of other tests are full then.
fn alone(time: u64, what: &'static str) -> (MutexGuard<'static, ()>, Limit) {
    static ALONE: Mutex<()> = Mutex::new(());
    let alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    (alone, Limit::start(Duration::from_secs(time), what))
}

/// A `T` of zeros in memory that this process and its children share.
///
/// Zeros must be a `T`, which is atomic throughout.
fn shared<T: Sync>() -> &'static T {
    let protection = ProtFlags::READ | ProtFlags::WRITE;
    // SAFETY: a new mapping of zeros, which stays until the end.
    unsafe {
        let at =
            rustix::mm::mmap_anonymous(std::ptr::null_mut(), size_of::<T>(), protection, MapFlags::SHARED);
        &*at.expect("memory").cast::<T>()
    }
}

const SOON: Duration = Duration::from_millis(50);
const LATER: Duration = Duration::from_secs(20);

#[test]
fn a_writer_waits_for_a_reader_in_another_process() {
    let _alone = alone(60, "a reader in another process");
    let domain = SharedDomain::memfd(4).unwrap();
    let [entered, leave, left] = [Signal::new(), Signal::new(), Signal::new()];
    let reader = Forked::new(|| {
        let guard = domain.read();
        entered.give();
        leave.wait();
        drop(guard);
        left.give();
        sleep();
    });
    entered.wait();
    assert_eq!(domain.members(), 2);
    let Err(GraceError::Stalled(stall)) = domain.synchronize_within(SOON) else { panic!("it did not wait") };
    assert_eq!(stall.readers, 1, "{stall}");
    assert_eq!(stall.processes.get(&reader.id()), Some(&1), "{stall}");
    leave.give();
    left.wait();
    domain.synchronize_within(LATER).unwrap();
    assert_eq!(domain.members(), 2);
    drop(reader);
    assert!(eventually(LATER, || domain.members() == 1));
}

#[test]
fn a_reader_that_is_killed_or_executes_another_program_holds_up_nobody() {
    let _alone = alone(60, "a reader that is gone");
    let domain = SharedDomain::memfd(4).unwrap();
    for executes in [false, true] {
        if executes && !std::path::Path::new("/bin/sleep").exists() {
            skip("sleep", "another program to execute");
            continue;
        }
        let [entered, go] = [Signal::new(), Signal::new()];
        let reader = Forked::new(|| {
            let _guard = domain.read();
            entered.give();
            go.wait();
            if executes {
                // SAFETY: a path and arguments that end in null.
                unsafe { libc::execl(c"/bin/sleep".as_ptr(), c"sleep".as_ptr(), c"60".as_ptr(), 0_usize) };
            } else {
                sleep();
            }
        });
        entered.wait();
        assert!(domain.synchronize_within(SOON).is_err());
        go.give();
        if !executes {
            reader.kill();
        }
        domain.synchronize_within(LATER).unwrap();
        // The program that it executes runs on, and is no member.
        assert!(eventually(LATER, || domain.members() == 1));
    }
}

#[test]
fn a_guard_that_is_taken_along_by_a_fork_is_the_parents() {
    let _alone = alone(60, "a guard over a fork");
    let domain = SharedDomain::memfd(4).unwrap();
    let guard = domain.read();
    let [dropped, end] = [Signal::new(), Signal::new()];
    // A copy of it, as the child has one.
    let copy = std::mem::ManuallyDrop::new(&guard);
    let child = Forked::new(|| {
        // SAFETY: the copy that this process has of it, which it does not use again.
        drop(unsafe { std::ptr::read(*copy) });
        drop(domain.read());
        assert_eq!(domain.members(), 2);
        dropped.give();
        end.wait();
    });
    dropped.wait();
    let Err(GraceError::Stalled(stall)) = domain.synchronize_within(SOON) else {
        panic!("the guard was dropped twice")
    };
    assert_eq!(stall.readers, 1, "{stall}");
    drop(guard);
    domain.synchronize_within(LATER).unwrap();
    end.give();
    assert_eq!(child.wait(), 0);
}

#[test]
fn a_child_for_which_there_is_no_room_panics_when_it_reads() {
    let _alone = alone(60, "a child without a row");
    let domain = SharedDomain::memfd(1).unwrap();
    let child = Forked::new(|| {
        // The message would be lost among those of other tests.
        std::panic::set_hook(Box::new(|_| {}));
        let panicked = std::panic::catch_unwind(|| drop(domain.read()));
        let message = panicked.unwrap_err();
        let message = message.downcast_ref::<&str>().unwrap();
        assert!(message.contains("no member"), "{message}");
        assert!(matches!(SharedDomain::join(domain), Err(SharedError::Full(1))));
        // It may not take it that readers of others have left.
        assert_eq!(domain.synchronize(), Err(GraceError::NotAMember));
    });
    assert_eq!(child.wait(), 0);
    domain.synchronize_within(LATER).unwrap();
}

/// A file below a directory in memory, which is removed with this.
struct Path(PathBuf);

impl Path {
    fn new(name: &str) -> Self {
        let path = format!("/dev/shm/perseq-{name}-{}", std::process::id());
        let _ = fs::remove_file(&path);
        Self(path.into())
    }
}

impl Drop for Path {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.0);
    }
}

#[test]
fn a_domain_in_a_file_is_joined_by_its_path_and_by_its_descriptor() {
    let _alone = alone(60, "joining");
    let path = Path::new("joined");
    let domain = SharedDomain::create(&path.0, 3).unwrap();
    // Each of these is a member, as if it were another process.
    let by_path = SharedDomain::open(&path.0).unwrap();
    let by_descriptor = SharedDomain::join(domain.as_fd()).unwrap();
    assert_eq!((domain.members(), by_path.members()), (3, 3));
    assert!(matches!(SharedDomain::open(&path.0), Err(SharedError::Full(3))));
    let guard = by_descriptor.read();
    assert!(domain.synchronize_within(SOON).is_err());
    drop(guard);
    domain.synchronize_within(LATER).unwrap();
    assert!(matches!(SharedDomain::create(&path.0, 3), Err(SharedError::System("open(2)", libc::EEXIST))));
}

#[test]
fn what_is_no_domain_is_refused_with_the_reason() {
    let _alone = alone(60, "what is no domain");
    let path = Path::new("wrong");
    let refused = || SharedDomain::open(&path.0).map(|_| ()).unwrap_err().to_string();
    assert!(refused().contains("no such file"), "{}", refused());
    fs::write(&path.0, "not a domain").unwrap();
    assert!(refused().contains("no shared domain"), "{}", refused());
    fs::write(&path.0, vec![7; 1 << 20]).unwrap();
    assert!(refused().contains("no shared domain"), "{}", refused());
    fs::remove_file(&path.0).unwrap();
    // What processes share, but no domain.
    let slots = CString::new(path.0.as_os_str().as_bytes()).unwrap();
    let slots = SharedPerCpu::<()>::create(&slots, 2).unwrap();
    assert!(refused().contains("take another file"), "{}", refused());
    drop(slots);
    fs::remove_file(&path.0).unwrap();
    SharedDomain::create(&path.0, 2).unwrap();
    let file = OpenOptions::new().write(true).open(&path.0).unwrap();
    // Behind the magic number and what is in it: the version, the CPUs, the members.
    for (at, value, reason) in
        [(16, 9_u32, "layout 9"), (20, 4095, "4095 possible CPUs"), (36, 9999, "9999 members")]
    {
        let mut was = [0; 4];
        File::open(&path.0).unwrap().read_exact_at(&mut was, at).unwrap();
        file.write_all_at(&value.to_ne_bytes(), at).unwrap();
        assert!(refused().contains(reason), "{}", refused());
        file.write_all_at(&was, at).unwrap();
    }
    file.set_len(file.metadata().unwrap().len() - 4096).unwrap();
    assert!(refused().contains("bytes instead of"), "{}", refused());
    assert!(SharedDomain::memfd(0).unwrap_err().to_string().contains("0 members"));
    assert!(SharedDomain::memfd(513).unwrap_err().to_string().contains("513 members"));
}

#[test]
fn who_was_not_granted_the_file_is_told_so() {
    let _alone = alone(60, "a file of another");
    let path = Path::new("granted");
    drop(OpenOptions::new().create_new(true).write(true).mode(0o400).open(&path.0).unwrap());
    let child = Forked::new(|| {
        // SAFETY: this process only. Who is not root anyway is not made another by it.
        unsafe { libc::setuid(65534) };
        let error = SharedDomain::open(&path.0).map(|_| ()).unwrap_err().to_string();
        assert!(error.contains("allowed to read and write"), "{error}");
    });
    assert_eq!(child.wait(), 0);
}

#[test]
fn without_restartable_sequences_it_is_the_same() {
    const NAME: &str = "without_restartable_sequences_it_is_the_same";
    if child::is_child(NAME) {
        assert!(perseq::status().reason.is_some());
        a_writer_waits_for_a_reader_in_another_process();
        a_reader_that_is_killed_or_executes_another_program_holds_up_nobody();
        a_guard_that_is_taken_along_by_a_fork_is_the_parents();
    } else {
        child::run(NAME, &[("PERSEQ", "off")]).assert_success();
    }
}
