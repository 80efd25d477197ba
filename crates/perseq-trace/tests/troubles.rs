//! What can be wrong around sessions: disks that are full, rings and files that hold anything, and what might be left behind.
#![cfg(all(target_os = "linux", not(miri)))]

mod common;

use std::os::unix::fs::{FileExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use common::{Place, Role, emit, given, numbers, role};
use perseq_ctf::{Level, Trace};
use perseq_tests::babeltrace::babeltrace_reads;
use perseq_tests::forked::{Forked, sleep};
use perseq_tests::limit::eventually;
use perseq_tests::sample::some_of;
use perseq_trace::{Active, Mode, Programs, Session, SessionError, event, listen, programs};

#[test]
fn on_a_full_disk_events_are_counted_as_lost_and_what_was_written_is_read() {
    const NAME: &str = "on_a_full_disk_events_are_counted_as_lost_and_what_was_written_is_read";
    const EVENTS: u64 = 200_000;
    if role().is_some() {
        let session =
            Session::builder(given("TRACE")).mode(Mode::Block).enable("numbered:*").start().unwrap();
        limit_files(1 << 20);
        emit(0, EVENTS, &given("COUNTS"));
        let error = session.stop().expect_err("the disk was full");
        assert!(matches!(error, SessionError::Write(_)), "{error}");
        assert!(error.to_string().contains("a packet cannot be written"), "{error}");
        return;
    }
    let place = Place::new("disk");
    let _counts = place.counts();
    let counts = place.path.join("counts");
    let environment = [("TRACE", place.trace()), ("COUNTS", counts)];
    let environment = environment.each_ref().map(|(name, value)| (*name, value.to_str().unwrap()));
    let mut program = Role::start(NAME, "program", &environment);
    assert!(eventually(Duration::from_secs(60), || program.ended()));
    assert!(program.0.wait().unwrap().success());
    let found = numbers(&place.trace()).remove(&0).unwrap();
    assert!((1000..EVENTS).contains(&(found.len() as u64)), "{}", found.len());
    babeltrace_reads(&place.trace(), found.len() as u64);
}

#[test]
fn where_types_cannot_be_written_events_are_lost_at_once() {
    const NAME: &str = "where_types_cannot_be_written_events_are_lost_at_once";
    if role().is_some() {
        let session = Session::builder(given("TRACE")).mode(Mode::Block).enable("numbered:*");
        let session = session.start().unwrap();
        limit_files(1500);
        emit(0, 100_000, &given("COUNTS"));
        // Not an attempt for each event.
        let since = Instant::now();
        assert!(matches!(session.stop(), Err(SessionError::Output(_))));
        assert!(since.elapsed() < Duration::from_secs(2), "{:?}", since.elapsed());
        return;
    }
    let place = Place::new("types");
    let _counts = place.counts();
    let environment = [("TRACE", place.trace()), ("COUNTS", place.path.join("counts"))];
    let environment = environment.each_ref().map(|(name, value)| (*name, value.to_str().unwrap()));
    let mut program = Role::start(NAME, "program", &environment);
    assert!(program.0.wait().unwrap().success());
    assert_eq!(Trace::open(place.trace()).unwrap().events().unwrap().count(), 0);
}

/// No file may be longer: to whoever writes one this is a disk that is full.
fn limit_files(bytes: libc::rlim_t) {
    // SAFETY: the kernel reads the limit; the signal is ignored.
    unsafe {
        libc::signal(libc::SIGXFSZ, libc::SIG_IGN);
        let limit = libc::rlimit { rlim_cur: bytes, rlim_max: bytes };
        assert_eq!(libc::setrlimit(libc::RLIMIT_FSIZE, &raw const limit), 0);
    }
}

#[test]
fn rings_may_hold_anything() {
    let place = Place::new("anything");
    // Numbers that are as good as random, and the same each time.
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut random = move || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state
    };
    let mut damaged = 0;
    let rounds = some_of(60, 6);
    for round in 0..rounds {
        let session =
            Session::builder(place.trace()).name(&place.name).mode(Mode::Block).enable("numbered:*");
        let mode = if round % 3 == 0 { Mode::Overwrite } else { Mode::Discard };
        let session = session.mode(mode).buffer(256 << 10, 2).start().unwrap();
        let rings =
            std::fs::File::options().write(true).read(true).open(session.place().join("rings")).unwrap();
        let slots =
            (64 << 10, (rings.metadata().unwrap().len() - (64 << 10)) / u64::from(perseq::cpu::possible()));
        for number in 0..200 {
            event!(numbered::event, program: u64 = 0, number: u64 = number, text: &str = "and some text");
        }
        for change in 0..1 + random() % 40 {
            let slot = slots.0 + slots.1 * (random() % u64::from(perseq::cpu::possible()));
            // The words of the ring, then what is in it.
            let (at, value) = match change % 4 {
                0 => (128 + random() % 8 * 8, random() >> (random() % 64)),
                1 => (256 + random() % 2 * 8, random() >> (random() % 64)),
                2 => (384 + random() % 1000 * 8, random() >> (random() % 64)),
                _ => (384 + random() % 1000 * 8, u64::MAX),
            };
            rings.write_all_at(&value.to_ne_bytes(), slot + at).unwrap();
        }
        let summary = session.stop();
        damaged += summary.as_ref().map_or(1, |summary| summary.damaged);
        // Whatever was made of it, it is a trace.
        let trace = Trace::open(place.trace()).unwrap();
        let events =
            trace.events().unwrap().map(|event| event.map(drop)).collect::<Result<Vec<()>, _>>().unwrap();
        assert_eq!(events.len() as u64, summary.unwrap().events);
        if round % 10 == 0 {
            babeltrace_reads(&place.trace(), events.len() as u64);
        }
        std::fs::remove_dir_all(place.trace()).unwrap();
    }
    assert!(damaged > rounds / 6, "{damaged}: this attack reaches nothing");
}

/// The descriptors of this process that lead to a path with this in it, and its maps of such.
fn held(part: &str) -> (usize, usize) {
    let links = std::fs::read_dir("/proc/self/fd").unwrap().flatten();
    let files = links.filter_map(|entry| std::fs::read_link(entry.path()).ok());
    let maps = std::fs::read_to_string("/proc/self/maps").unwrap();
    (
        files.filter(|file| file.to_string_lossy().contains(part)).count(),
        maps.lines().filter(|line| line.contains(part)).count(),
    )
}

#[test]
fn who_takes_snapshots_and_turns_events_on_keeps_nothing_of_that() {
    let place = Place::new("keeps");
    let session = Session::builder(place.trace()).name(&place.name).programs(Programs::Started);
    let session = session.mode(Mode::Overwrite).buffer(256 << 10, 2).start().unwrap();
    let (bells, rings) = (held("/bell").1, held(&format!("{}/rings", place.name)));
    // More than there can be members.
    for number in 0..150 {
        let snapshot = place.path.join(format!("snapshot-{number}"));
        session.active().snapshot(&snapshot).unwrap();
        std::fs::remove_dir_all(snapshot).unwrap();
    }
    assert_eq!(held(&format!("{}/rings", place.name)), rings);
    for number in 0..60 {
        session.active().enable(&format!("none:{}", number % 3), Level::Info).unwrap();
    }
    // Others of this process may ring at this moment.
    assert!(held("/bell").1 < bells + 20, "{} bells", held("/bell").1);
    session.stop().unwrap();
    assert_eq!(held(&format!("{}/rings", place.name)), (0, 0));
}

#[test]
fn a_child_does_not_keep_a_session_locked() {
    let place = Place::new("locked");
    let session = Session::builder(place.trace()).name(&place.name).programs(Programs::Started);
    let session = session.buffer(256 << 10, 2).start().unwrap();
    std::thread::scope(|scope| {
        let forks = scope.spawn(|| (0..60).map(|_| Forked::new(|| sleep())).collect::<Vec<_>>());
        let mut number = 0;
        while !forks.is_finished() {
            session.active().enable(&format!("none:{}", number % 3), Level::Info).unwrap();
            number += 1;
        }
        session.active().disable("none:*").unwrap();
        drop(forks.join().unwrap());
    });
    session.stop().unwrap();
}

#[test]
fn nothing_is_left_of_a_session_whatever_others_do_to_it_meanwhile() {
    let place = Place::new("left");
    for round in 0..some_of(30, 10) {
        let session = Session::builder(place.trace()).name(&place.name).programs(Programs::Started);
        let session = session.buffer(256 << 10, 2).start().unwrap();
        assert_eq!(session.active().status().unwrap().consumer, Some(std::process::id()));
        let active = session.active().clone();
        let at_it = AtomicU64::new(1);
        std::thread::scope(|scope| {
            for who in 0..2 {
                let (active, at_it) = (&active, &at_it);
                scope.spawn(move || {
                    while at_it.load(Ordering::Relaxed) != 0 {
                        let _ = match who {
                            0 => active.enable("none:*", Level::Info),
                            _ => active.stop(Duration::ZERO),
                        };
                    }
                });
            }
            std::thread::sleep(Duration::from_micros(round * 100));
            session.stop().unwrap();
            at_it.store(0, Ordering::Relaxed);
        });
        assert!(!active.place().exists(), "round {round}: it is there still");
        std::fs::remove_dir_all(place.trace()).unwrap();
        if round % 3 == 0 {
            // Of somebody who was killed when he started it.
            std::fs::create_dir(active.place()).unwrap();
            for file in ["rings", "events", "stop"] {
                std::fs::write(active.place().join(file), "something").unwrap();
            }
            std::fs::write(active.place().join("consumer"), format!("{} 1", std::process::id())).unwrap();
            std::fs::set_permissions(active.place(), std::fs::Permissions::from_mode(0o700)).unwrap();
        }
    }
    let _ = std::fs::remove_dir_all(place_of(&place.name));
}

/// Where a session is.
fn place_of(name: &str) -> PathBuf {
    let other = Session::builder(format!("/dev/shm/perseq-{name}-other")).name(format!("{name}-other"));
    let other = other.programs(Programs::Started).buffer(256 << 10, 2).start().unwrap();
    let place = other.place().with_file_name(name);
    other.stop().unwrap();
    std::fs::remove_dir_all(format!("/dev/shm/perseq-{name}-other")).unwrap();
    place
}

#[test]
fn whatever_the_files_of_a_session_are_nobody_waits_for_them() {
    let place = Place::new("files");
    let session = Session::builder(place.trace()).name(&place.name).programs(Programs::Started);
    let session = session.buffer(256 << 10, 2).start().unwrap();
    let active = Active::named(&place.name).unwrap();
    let aside = place.path.join("aside");
    for name in ["plan", "events", "consumer", "rings"] {
        let file = session.place().join(name);
        std::fs::copy(&file, &aside).unwrap();
        for kind in 0..4 {
            std::fs::remove_file(&file).unwrap();
            let path = std::ffi::CString::new(file.to_str().unwrap()).unwrap();
            match kind {
                // SAFETY: the kernel reads the path.
                0 => assert_eq!(unsafe { libc::mkfifo(path.as_ptr(), 0o600) }, 0),
                1 => std::os::unix::fs::symlink("/dev/zero", &file).unwrap(),
                2 => std::fs::write(&file, "{\"format\":1").unwrap(),
                _ => std::fs::File::create(&file).unwrap().set_len(1 << 40).unwrap(),
            }
            let (status, enabled) = (active.status(), active.enable("none:*", Level::Info));
            match name {
                "plan" => assert!(status.is_err() && enabled.is_err(), "{name} {kind}"),
                "consumer" => assert_eq!(status.unwrap().consumer, None, "{name} {kind}"),
                _ => assert!(status.is_ok()),
            }
            assert!(active.snapshot(&place.path.join("snapshot")).is_err());
        }
        std::fs::remove_file(&file).unwrap();
        std::fs::copy(&aside, &file).unwrap();
    }
    session.stop().unwrap();
}

#[test]
fn who_could_not_listen_can_do_so_later() {
    const NAME: &str = "who_could_not_listen_can_do_so_later";
    // What a program has left that is gone.
    let gone = |runtime: &Path| runtime.join("perseq/programs").join(u32::MAX.to_string());
    if role().is_some() {
        let bell = PathBuf::from(given("XDG_RUNTIME_DIR")).join("perseq/bell");
        assert!(listen().is_err());
        assert!(listen().is_err());
        std::fs::remove_dir(bell).unwrap();
        listen().unwrap();
        assert!(!gone(&PathBuf::from(given("XDG_RUNTIME_DIR"))).exists());
        assert!(eventually(Duration::from_secs(20), || programs().unwrap().len() == 1));
        return;
    }
    let place = Place::new("later");
    std::fs::create_dir_all(place.path.join("perseq/bell")).unwrap();
    std::fs::create_dir(place.path.join("perseq/programs")).unwrap();
    std::fs::write(gone(&place.path), "{}").unwrap();
    for folder in ["perseq", "perseq/programs"] {
        let private = std::fs::Permissions::from_mode(0o700);
        std::fs::set_permissions(place.path.join(folder), private).unwrap();
    }
    let mut program = Role::start(
        NAME,
        "program",
        &[("XDG_RUNTIME_DIR", place.path.to_str().unwrap()), ("PERSEQ_TRACE", "")],
    );
    assert!(program.0.wait().unwrap().success());
}

#[test]
fn who_cannot_start_a_session_leaves_no_trace() {
    const NAME: &str = "who_cannot_start_a_session_leaves_no_trace";
    if role().is_none() {
        // A process can be in one session only, and other tests of this file are.
        let place = Place::new("no-trace");
        let mut alone = Role::start(NAME, "alone", &[("TRACE", place.path.to_str().unwrap())]);
        assert!(eventually(Duration::from_secs(60), || alone.ended()));
        assert!(alone.0.wait().unwrap().success());
        return;
    }
    let folder = PathBuf::from(given("TRACE"));
    let start = |name: &str| Session::builder(folder.join(name)).buffer(256 << 10, 2).start();
    for _ in 0..some_of(20, 5) {
        let together = std::sync::Barrier::new(2);
        let both = std::thread::scope(|scope| {
            let start = |name| {
                together.wait();
                (start(name), name)
            };
            ["one", "other"].map(|name| scope.spawn(move || start(name))).map(|thread| thread.join().unwrap())
        });
        let [one, other] = both;
        let (started, refused) = if one.0.is_ok() { (one, other) } else { (other, one) };
        assert!(matches!(refused.0, Err(SessionError::Active)), "{:?}", refused.0);
        assert!(!folder.join(refused.1).exists(), "it has left a trace");
        started.0.unwrap().stop().unwrap();
        // What is there is not written over, and that is said.
        let error = start(started.1).expect_err("there is a trace");
        assert!(error.to_string().contains("there is a trace in"), "{error}");
        assert!(Trace::open(folder.join(started.1)).is_ok());
        std::fs::remove_dir_all(folder.join(started.1)).unwrap();
    }
    // A stream is in the way.
    std::fs::create_dir(folder.join("one")).unwrap();
    std::fs::write(folder.join("one/cpu_0"), "something").unwrap();
    assert!(start("one").is_err());
    let left: Vec<_> =
        std::fs::read_dir(folder.join("one")).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(left, ["cpu_0"]);
    std::fs::remove_file(folder.join("one/cpu_0")).unwrap();
    start("one").unwrap().stop().unwrap();
}

#[test]
fn who_has_a_file_of_a_session_locked_and_does_not_go_on_holds_nobody_up() {
    const NAME: &str = "who_has_a_file_of_a_session_locked_and_does_not_go_on_holds_nobody_up";
    if role().is_some() {
        event!(held_up::event, number: u32 = 1);
        return;
    }
    let place = Place::new("held-up");
    let session = Session::builder(place.trace()).name(&place.name).programs(Programs::Started);
    let session = session.buffer(256 << 10, 2).start().unwrap();
    let environment = [("PERSEQ_TRACE", session.place().to_str().unwrap())];
    for name in ["events", "consumer"] {
        let file = std::fs::File::open(session.place().join(name)).unwrap();
        file.lock().unwrap();
        let mut program = Role::start(NAME, "program", &environment);
        assert!(eventually(Duration::from_secs(10), || program.ended()), "{name}");
        assert!(program.0.wait().unwrap().success());
        let enabled = session.active().enable("none:*", Level::Info);
        assert_eq!(enabled.is_err(), name == "consumer", "{name}: {enabled:?}");
    }
    // That of the program that could tell of its type.
    assert_eq!(session.stop().unwrap().events, 1);
}
