//! Slots that processes share: sums of sequences that run in several, owners that are killed, files that are not what they should be.
#![cfg(all(target_os = "linux", not(miri)))]

use std::ffi::CString;
use std::fs::{self, OpenOptions};
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use perseq::shared::{Shareable, SharedError, SharedPerCpu};
use perseq::{ExclusiveError, sequence};
use perseq_tests::child;
use perseq_tests::cpus::{allowed, move_to};
use perseq_tests::forked::{Forked, Signal, sleep};
use perseq_tests::limit::{Limit, eventually};
use perseq_tests::stress::duration;

/// Two words that are equal whenever nobody is in the middle of a change.
#[repr(C)]
struct Pair {
    first: u64,
    second: u64,
}

// SAFETY: numbers, of which zero is one.
unsafe impl Shareable for Pair {
    const LAYOUT: u64 = 1;
}

/// What each process has done, as far as it got.
#[repr(C)]
struct Done {
    counts: [AtomicU64; 8],
}

// SAFETY: as above.
unsafe impl Shareable for Done {
    const LAYOUT: u64 = 2;
}

type Shared = SharedPerCpu<Pair, Done>;

sequence! {
    fn count(pairs: &Shared) {
        let first: u64 = pairs.first;
        commit pairs.first = first + 1;
    }
}

/// One test at a time: a fork is a member of all its parent is.
fn alone(what: &'static str) -> (MutexGuard<'static, ()>, Limit) {
    static ALONE: Mutex<()> = Mutex::new(());
    let alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    (alone, Limit::start(4 * duration() + Duration::from_secs(60), what))
}

fn sum(pairs: &Shared) -> u64 {
    let first = |cpu| pairs.exclusive(cpu, |pair| pair.first).expect("a slot");
    (0..pairs.slots()).map(first).sum()
}

const LATER: Duration = Duration::from_secs(20);

#[test]
fn sequences_of_several_processes_lose_nothing() {
    let _alone = alone("several processes");
    let pairs = &Shared::memfd(8).unwrap();
    let until = Instant::now() + duration();
    let children: Vec<_> = (0..4)
        .map(|index| {
            Forked::new(move || {
                let mut done = 0;
                while Instant::now() < until {
                    for _ in 0..1000 {
                        count(pairs);
                    }
                    done += 1000;
                }
                pairs.common().counts[index].store(done, Ordering::Relaxed);
            })
        })
        .collect();
    // Meanwhile somebody owns the slots, one after the other.
    let mut owned = 0;
    while Instant::now() < until {
        for cpu in 0..pairs.slots() {
            owned += 1;
            pairs.exclusive(cpu, |pair| pair.first += 1).unwrap();
        }
    }
    assert!(children.into_iter().all(|child| child.wait() == 0));
    let done: u64 = pairs.common().counts.iter().map(|count| count.load(Ordering::Relaxed)).sum();
    assert!(done >= 4_000 && owned > 10, "{done} and {owned}: too few to show anything");
    assert_eq!(sum(pairs), done + owned);
}

#[test]
fn without_sequences_additions_are_lost() {
    let _alone = alone("additions that are not protected");
    let pairs = &Shared::memfd(8).unwrap();
    let add = || {
        let first = pairs.item(0).unwrap().as_ptr().cast::<u64>();
        for _ in 0..100_000 {
            // SAFETY: a word of a slot that stays, read and written at once, though not both at once.
            unsafe { first.write_volatile(first.read_volatile() + 1) };
        }
    };
    let lost = (0..50).any(|_| {
        let before = sum(pairs);
        let children = [Forked::new(add), Forked::new(add)];
        assert!(children.map(Forked::wait).iter().all(|status| *status == 0));
        sum(pairs) - before < 200_000
    });
    assert!(lost, "the stress is too weak to show anything");
}

#[test]
fn members_that_are_killed_anywhere_leave_slots_whole() {
    let _alone = alone("kills");
    let pairs = &Shared::memfd(8).unwrap();
    let counts = &pairs.common().counts;
    let counter = |index: usize| {
        Forked::new(move || {
            loop {
                count(pairs);
                counts[index].fetch_add(1, Ordering::Relaxed);
            }
        })
    };
    let mut counters = [counter(0), counter(1)];
    let mut kills = 0;
    let until = Instant::now() + duration() + Duration::from_secs(1);
    while Instant::now() < until || kills < 200 {
        std::thread::sleep(Duration::from_micros(300 + kills * 97 % 1500));
        let index = kills as usize % 2;
        counters[index].kill();
        counters[index] = counter(index);
        kills += 1;
    }
    drop(counters);
    let told: u64 = counts.iter().map(|count| count.load(Ordering::Relaxed)).sum();
    let sum = sum(pairs);
    // Each that was killed may have counted once more than it told.
    assert!((told..=told + kills + 2).contains(&sum), "{told} told, {sum} found, {kills} killed");
    assert_eq!((0..pairs.members()).filter(|&member| pairs.membership().is_alive(member)).count(), 1);
}

#[test]
fn a_slot_whose_owner_was_killed_in_the_middle_is_abandoned_and_can_be_mended() {
    let _alone = alone("an owner that is killed");
    let pairs = &Shared::memfd(4).unwrap();
    let owned = Signal::new();
    let owner = Forked::new(|| {
        let _ = pairs.exclusive(0, |pair| {
            pair.first = 7;
            owned.give();
            // Signals are held back here, but for that which kills.
            std::thread::sleep(LATER);
            pair.second = 7;
        });
    });
    owned.wait();
    owner.kill();
    assert_eq!(pairs.exclusive(0, |_| ()), Err(ExclusiveError::Abandoned(0)));
    // SAFETY: any two numbers are a pair.
    unsafe { pairs.recover(0, |pair| pair.second = pair.first) }.unwrap();
    assert_eq!(pairs.exclusive(0, |pair| (pair.first, pair.second)), Ok((7, 7)));
    // SAFETY: as above.
    assert_eq!(unsafe { pairs.recover(0, |_| ()) }, Err(ExclusiveError::NotAbandoned(0)));
    drop(owner);
}

#[test]
fn an_owner_in_another_process_is_waited_for() {
    let _alone = alone("an owner in another process");
    let pairs = &Shared::memfd(4).unwrap();
    let [owned, go] = [Signal::new(), Signal::new()];
    let owner = Forked::new(|| {
        pairs
            .exclusive(0, |pair| {
                owned.give();
                go.wait();
                std::thread::sleep(Duration::from_millis(100));
                (pair.first, pair.second) = (1, 1);
            })
            .unwrap();
    });
    owned.wait();
    go.give();
    assert_eq!(pairs.exclusive(0, |pair| (pair.first, pair.second)), Ok((1, 1)));
    assert_eq!(pairs.exclusive(pairs.slots(), |_| ()), Err(ExclusiveError::NoSuchSlot(pairs.slots())));
    let inside = pairs.exclusive(0, |_| pairs.exclusive(0, |_| ())).unwrap();
    assert_eq!(inside, Err(ExclusiveError::Reentrant(0)));
    assert_eq!(owner.wait(), 0);
}

#[test]
fn a_child_is_a_member_of_its_own_and_its_parent_can_die() {
    let _alone = alone("children of children");
    let pairs = &Shared::memfd(4).unwrap();
    let alive = || (0..pairs.members()).filter(|&member| pairs.membership().is_alive(member)).count();
    let [forked, go, counted] = [Signal::new(), Signal::new(), Signal::new()];
    let parent = Forked::new(|| {
        // It outlives its parent, which does not wait for it.
        std::mem::forget(Forked::new(|| {
            forked.give();
            go.wait();
            count(pairs);
            assert_ne!(pairs.membership().member(), Some(0));
            counted.give();
        }));
        sleep();
    });
    forked.wait();
    assert_eq!(alive(), 3);
    parent.kill();
    assert!(eventually(LATER, || alive() == 2));
    go.give();
    counted.wait();
    assert!(eventually(LATER, || alive() == 1));
    assert_eq!(sum(pairs), 1);
    drop(parent);
}

#[test]
fn a_child_without_room_runs_sequences_but_owns_nothing() {
    let _alone = alone("a child without room");
    let pairs = &Shared::memfd(1).unwrap();
    let child = Forked::new(|| {
        assert_eq!(pairs.membership().member(), None);
        assert_eq!(pairs.exclusive(0, |_| ()), Err(ExclusiveError::NotAMember));
        if perseq::status().is_active() {
            count(pairs);
        }
    });
    assert_eq!(child.wait(), 0);
    assert_eq!(sum(pairs), u64::from(perseq::status().is_active()));
}

#[test]
fn a_descriptor_that_others_keep_does_not_keep_a_member_alive() {
    let _alone = alone("descriptors of others");
    let pairs = Shared::memfd(2).unwrap();
    let other = Shared::join(pairs.file()).unwrap();
    let (member, alive) =
        (other.membership().member().unwrap(), |member| pairs.membership().is_alive(member));
    // SAFETY: a descriptor of its own.
    let kept = unsafe { libc::dup(other.file()) };
    assert!(kept >= 0 && alive(member));
    drop(other);
    assert!(!alive(member));
    // And it is good for joining still.
    drop(Shared::join(kept).unwrap());
    // SAFETY: as above.
    unsafe { libc::close(kept) };
    assert_eq!(Shared::join(-1).map(|_| ()), Err(SharedError::System("fcntl(2)", libc::EBADF)));
}

#[test]
fn a_member_that_closes_all_descriptors_remains_one() {
    let _alone = alone("closed descriptors");
    let pairs = &Shared::memfd(4).unwrap();
    let [closed, go] = [Signal::new(), Signal::new()];
    let keep = [closed.ends(), go.ends()].concat();
    let child = Forked::new(|| {
        (3..1024).filter(|number| !keep.contains(number)).for_each(|number| {
            // SAFETY: nothing that this process uses from here on.
            unsafe { libc::close(number) };
        });
        // What takes the numbers instead has no locks, so everybody would look dead.
        let others: Vec<_> = (0..8).map(|_| std::fs::File::open("/dev/null").unwrap()).collect();
        closed.give();
        go.wait();
        count(pairs);
        assert!((0..pairs.members()).all(|member| pairs.membership().is_alive(member)));
        drop(others);
    });
    closed.wait();
    let alive = || (0..pairs.members()).filter(|&member| pairs.membership().is_alive(member)).count();
    assert_eq!(alive(), 2);
    go.give();
    assert_eq!(child.wait(), 0);
    assert_eq!((alive(), sum(pairs)), (1, 1));
}

#[test]
fn a_child_takes_nothing_else_for_a_file_whose_descriptors_were_closed() {
    let _alone = alone("other slots under the old numbers");
    let daemon = Forked::new(|| {
        let close_all = || {
            (3..1024).for_each(|number| {
                // SAFETY: nothing that this process uses from here on.
                unsafe { libc::close(number) };
            });
        };
        let slots = || {
            close_all();
            std::mem::ManuallyDrop::new(Shared::memfd(4).unwrap())
        };
        let (closed, others) = (slots(), slots());
        assert_eq!(closed.file(), others.file());
        let child = Forked::new(|| closed.common().counts[0].store(1, Ordering::Relaxed));
        assert_eq!(child.wait(), 0);
        assert_eq!(others.common().counts[0].load(Ordering::Relaxed), 0);
    });
    assert_eq!(daemon.wait(), 0);
}

#[test]
fn another_cpu_is_visited_and_sections_there_are_aborted() {
    let _alone = alone("visits");
    let &[first, second, ..] = allowed().as_slice() else {
        return perseq_tests::skip::skip("cpus", "a visit to another CPU needs two");
    };
    let pairs = &Shared::memfd(4).unwrap();
    let counter = Forked::new(|| {
        assert!(move_to(second));
        loop {
            count(pairs);
        }
    });
    let visitor = || {
        assert!(move_to(first));
        for _ in 0..200 {
            let owned = pairs.exclusive(second, |pair| {
                let (before, at) = (pair.first, &raw const pair.first);
                for _ in 0..200 {
                    std::hint::spin_loop();
                }
                // SAFETY: ours; volatile, so that it is looked at again.
                assert_eq!(unsafe { at.read_volatile() }, before, "a sequence ran on a slot that is owned");
            });
            owned.unwrap();
        }
    };
    std::thread::scope(|scope| scope.spawn(visitor).join().unwrap());
    drop(counter);
}

/// A file below a directory in memory, which is removed with this.
struct Path(PathBuf, CString);

impl Path {
    fn new(name: &str) -> Self {
        let path = format!("/dev/shm/perseq-slots-{name}-{}", std::process::id());
        let _ = fs::remove_file(&path);
        Self(path.clone().into(), CString::new(path).unwrap())
    }
}

impl Drop for Path {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.0);
    }
}

#[test]
fn slots_in_a_file_are_joined_by_its_path_and_its_number() {
    let _alone = alone("joining");
    let path = Path::new("joined");
    let pairs = Shared::create(&path.1, 3).unwrap();
    let by_path = Shared::open(&path.1).unwrap();
    let by_number = Shared::join(pairs.file()).unwrap();
    for pairs in [&pairs, &by_path, &by_number] {
        count(pairs);
    }
    assert_eq!(sum(&by_path), 3);
    by_path.common().counts[3].store(5, Ordering::Relaxed);
    assert_eq!(by_number.common().counts[3].load(Ordering::Relaxed), 5);
    assert_eq!(Shared::open(&path.1).map(|_| ()), Err(SharedError::Full(3)));
    drop(by_number);
    assert!(Shared::open(&path.1).is_ok());
    assert_eq!(
        Shared::create(&path.1, 3).map(|_| ()).unwrap_err().to_string(),
        "open(2): the file exists already: open it instead"
    );
}

#[test]
fn what_is_not_shared_is_refused_with_the_reason() {
    let _alone = alone("refusals");
    let path = Path::new("wrong");
    let refused = || Shared::open(&path.1).map(|_| ()).unwrap_err().to_string();
    assert!(refused().contains("no such file"), "{}", refused());
    fs::write(&path.0, "not slots").unwrap();
    assert!(refused().contains("no shared slots"), "{}", refused());
    fs::write(&path.0, vec![7; 1 << 20]).unwrap();
    assert!(refused().contains("no shared slots"), "{}", refused());
    fs::remove_file(&path.0).unwrap();
    drop(Shared::create(&path.1, 2).unwrap());
    assert!(matches!(SharedPerCpu::<Pair>::open(&path.1).map(|_| ()), Err(SharedError::Layout { .. })));
    let file = OpenOptions::new().read(true).write(true).open(&path.0).unwrap();
    // Behind the magic number and the layout: version, CPUs, the size of a slot, that of the common part, the distance, members.
    let cases = [
        (8, "of layout"),
        (16, "has layout 999999"),
        (20, "999999 possible CPUs"),
        (24, "another size"),
        (28, "another size"),
        (32, "another size"),
        (36, "999999 members"),
    ];
    for (at, reason) in cases {
        let mut was = [0; 4];
        file.read_exact_at(&mut was, at).unwrap();
        file.write_all_at(&999_999_u32.to_ne_bytes(), at).unwrap();
        assert!(refused().contains(reason), "{reason}: {}", refused());
        file.write_all_at(&was, at).unwrap();
    }
    file.set_len(file.metadata().unwrap().len() - 4096).unwrap();
    assert!(refused().contains("bytes instead of"), "{}", refused());
    for members in [0, 128] {
        assert_eq!(Shared::memfd(members).map(|_| ()), Err(SharedError::Members { members, most: 127 }));
    }
}

#[test]
fn who_was_not_granted_the_file_is_told_so() {
    let _alone = alone("a file of another");
    let path = Path::new("granted");
    drop(OpenOptions::new().create_new(true).write(true).mode(0o400).open(&path.0).unwrap());
    let child = Forked::new(|| {
        // SAFETY: this process only. Who is not root anyway is not made another by it.
        unsafe { libc::setuid(65534) };
        let error = Shared::open(&path.1).map(|_| ()).unwrap_err().to_string();
        assert!(error.contains("allowed to read and write"), "{error}");
    });
    assert_eq!(child.wait(), 0);
}

#[test]
fn without_restartable_sequences_it_is_the_same() {
    const NAME: &str = "without_restartable_sequences_it_is_the_same";
    if child::is_child(NAME) {
        assert!(perseq::status().reason.is_some());
        sequences_of_several_processes_lose_nothing();
        members_that_are_killed_anywhere_leave_slots_whole();
        a_slot_whose_owner_was_killed_in_the_middle_is_abandoned_and_can_be_mended();
        a_child_is_a_member_of_its_own_and_its_parent_can_die();
        a_child_without_room_runs_sequences_but_owns_nothing();
    } else {
        child::run(NAME, &[("PERSEQ", "off")]).assert_success();
    }
}
