//! What is recorded is what is read: by threads, handlers and children, with and without room.
#![cfg(all(target_os = "linux", not(miri)))]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use perseq_ctf::Trace;
use perseq_ctf::payload::Value;
use perseq_tests::babeltrace::babeltrace_reads;
use perseq_tests::child;
use perseq_tests::forked::{Forked, Signal, sleep};
use perseq_tests::limit::{Limit, eventually};
use perseq_tests::sample::some_of;
use perseq_trace::{Level, Mode, Session, SessionError, Summary, Version, event, sites};

/// A folder in memory that is removed with this, and the only session at the time.
struct Folder {
    path: PathBuf,
    _alone: MutexGuard<'static, ()>,
    _limit: Limit,
}

impl Folder {
    fn new(name: &'static str) -> Self {
        static ALONE: Mutex<()> = Mutex::new(());
        let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
        let path: PathBuf = format!("/dev/shm/perseq-trace-{name}-{}", std::process::id()).into();
        let _ = std::fs::remove_dir_all(&path);
        Self { path, _alone, _limit: Limit::start(Duration::from_secs(120), name) }
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.path);
    }
}

/// The events of a trace by their name, each with its first field as a number and all as text, in the order of time.
fn read(folder: &Path) -> Vec<(String, u64, String)> {
    let trace = Trace::open(folder).unwrap();
    let mut last = BTreeMap::new();
    let events = trace.events().unwrap().map(|event| {
        let event = event.unwrap();
        let before = last.insert(event.cpu(), event.cycles()).unwrap_or(0);
        assert!(before <= event.cycles(), "time goes backwards on CPU {}", event.cpu());
        let fields: Vec<_> = event.fields().map(|field| field.unwrap().1).collect();
        let first = match fields.first() {
            Some(Value::Unsigned(number)) => *number,
            _ => 0,
        };
        (event.event_type().name.to_string(), first, format!("{fields:?}"))
    });
    events.collect()
}

fn recorded(summary: Summary) -> u64 {
    assert_eq!((summary.lost, summary.damaged), (0, 0), "{summary:?}");
    summary.events
}

#[test]
fn fields_of_every_type_are_read_as_they_were_written() {
    let folder = Folder::new("fields");
    let mut clocks = Vec::new();
    for version in [Version::V1_8, Version::V2] {
        let _ = std::fs::remove_dir_all(&folder.path);
        let session = Session::builder(&folder.path).enable("every:*").version(version).start().unwrap();
        let text = "text";
        event!(every::integer, a: u8 = 1, b: u16 = 2, c: u32 = 3, d: u64 = 4, e: i8 = -1, f: i16 = -2, g: i32 = -3, h: i64 = -4);
        event!(every::other, a: f32 = 0.5, b: f64 = -0.25, c: bool = true, d: &[u8] = &[1, 2]);
        event!(every::text, text: &str);
        event!(every::nothing);
        assert_eq!(recorded(session.stop().unwrap()), 4);
        let events = read(&folder.path);
        assert_eq!(events.len(), 4);
        clocks.push(Trace::open(&folder.path).unwrap().types().clock.uuid);
        assert!(events[0].2.contains("Unsigned(4), Signed(-1)"), "{}", events[0].2);
        assert!(events[1].2.contains("0.5") && events[1].2.contains("-0.25"), "{}", events[1].2);
        assert!(events[2].2.contains("text"), "{}", events[2].2);
        if matches!(version, Version::V1_8) {
            babeltrace_reads(&folder.path, 4);
        }
    }
    assert!(clocks[0].is_some() && clocks[0] == clocks[1], "they can be merged: {clocks:?}");
}

#[test]
fn what_is_not_enabled_is_neither_recorded_nor_computed() {
    let folder = Folder::new("enabled");
    let computed = AtomicU32::new(0);
    let value = || computed.fetch_add(1, Ordering::Relaxed);
    let all = || {
        event!(Error, wanted::grave, value: u32 = value());
        event!(Debug, wanted::slight, value: u32 = value());
        event!(Error, unwanted::grave, value: u32 = value());
    };
    all();
    assert_eq!(computed.load(Ordering::Relaxed), 0);
    let session = Session::builder(&folder.path).enable("wanted:*").level(Level::Info).start().unwrap();
    all();
    assert!(matches!(Session::builder("elsewhere").start(), Err(SessionError::Active)));
    assert_eq!(recorded(session.stop().unwrap()), 1);
    all();
    assert_eq!(computed.load(Ordering::Relaxed), 1);
    assert_eq!(read(&folder.path)[0].0, "grave");
    let known: Vec<_> = sites().map(|site| site.full_name()).collect();
    assert!(known.contains(&"unwanted:grave".to_owned()) && known.contains(&"every:text".to_owned()));
}

/// `threads` threads that record so many events each.
fn record(threads: u32, events: u32) {
    std::thread::scope(|scope| {
        for thread in 0..threads {
            scope.spawn(move || {
                for number in 0..events {
                    event!(many::event, thread: u32 = thread, number: u32 = number, text: &str = "some text");
                }
            });
        }
    });
}

#[test]
fn many_threads_lose_nothing_where_they_wait_for_room() {
    let folder = Folder::new("block");
    let session = Session::builder(&folder.path)
        .enable("many:*")
        .mode(Mode::Block)
        .buffer(256 << 10, 2)
        .start()
        .unwrap();
    let events = some_of(5000, 500);
    record(64, events as u32);
    assert_eq!(recorded(session.stop().unwrap()), 64 * events);
    let mut next = [0; 64];
    let mut read = read(&folder.path);
    assert_eq!(read.len() as u64, 64 * events);
    // Those of one thread are in its order, but for two CPUs' clocks.
    read.sort_by_key(|(_, thread, _)| *thread);
    read.iter().for_each(|(_, thread, _)| next[*thread as usize] += 1);
    assert!(next.iter().all(|count| *count == events));
    babeltrace_reads(&folder.path, 64 * events);
}

#[test]
fn what_finds_no_room_is_counted() {
    let folder = Folder::new("discard");
    let session = Session::builder(&folder.path).enable("many:*").buffer(256 << 10, 2).start().unwrap();
    let events = some_of(100_000, 10_000);
    record(4, events as u32);
    // Five of these fill the ring: no reader is as fast as that.
    let bytes = vec![7; 50_000];
    (0..200).for_each(|_| event!(many::large, bytes: &[u8] = &bytes));
    let summary = session.stop().unwrap();
    assert_eq!((summary.events + summary.lost, summary.damaged), (4 * events + 200, 0), "{summary:?}");
    assert!(summary.lost > 0, "there was always room");
    assert_eq!(read(&folder.path).len() as u64, summary.events);
    let trace = Trace::open(&folder.path).unwrap();
    let discarded: u64 =
        trace.packets().unwrap().into_iter().flatten().map(|packet| packet.unwrap().discarded).sum();
    assert_eq!(discarded, summary.lost);
    babeltrace_reads(&folder.path, summary.events);
}

#[test]
fn a_flight_recorder_has_the_last_events() {
    let folder = Folder::new("overwrite");
    let session = Session::builder(&folder.path)
        .enable("many:*")
        .mode(Mode::Overwrite)
        .buffer(512 << 10, 4)
        .start()
        .unwrap();
    record(1, 200_000);
    let summary = session.stop().unwrap();
    assert_eq!((summary.lost, summary.damaged), (0, 0), "{summary:?}");
    let events = read(&folder.path);
    assert!((1000..200_000).contains(&events.len()), "{}", events.len());
    assert!(events.iter().any(|(_, _, text)| text.contains("Unsigned(199999)")), "the last one is not there");
}

#[test]
fn large_events_are_recorded_and_what_is_too_large_is_lost() {
    let folder = Folder::new("large");
    let session = Session::builder(&folder.path).enable("large:*").mode(Mode::Block).start().unwrap();
    let (text, bytes) = ("x".repeat(65_535), vec![7; 100]);
    for _ in 0..100 {
        event!(large::event, number: u64 = 1, text: &str = &text, bytes: &[u8] = &bytes);
    }
    event!(large::twice, text: &str = &text, again: &str = &text);
    let letters = "ä".repeat(40_000);
    event!(large::letters, number: u64 = 1, text: &str = &letters);
    let summary = session.stop().unwrap();
    assert_eq!((summary.events, summary.lost), (101, 1));
    let events = read(&folder.path);
    assert!(events.iter().all(|(_, number, fields)| *number == 1 && fields.len() > 65_535));
    // As many as fit whole.
    let letters = format!("\"{}\"", "ä".repeat(65_535 / 2));
    assert!(events.iter().any(|(_, _, fields)| fields.contains(&letters)), "cut in the middle of a letter");
}

static HANDLED: AtomicU32 = AtomicU32::new(0);
static BEGUN: AtomicU32 = AtomicU32::new(0);

extern "C" fn handler(_: i32) {
    event!(handled::event, number: u32 = BEGUN.fetch_add(1, Ordering::Relaxed));
    HANDLED.fetch_add(1, Ordering::Relaxed);
}

#[test]
fn a_handler_records_in_the_middle_of_an_event() {
    let folder = Folder::new("signals");
    let session = Session::builder(&folder.path)
        .enable("handled:*")
        .enable("many:*")
        .mode(Mode::Block)
        .start()
        .unwrap();
    let every = |microseconds| libc::itimerval {
        it_interval: libc::timeval { tv_sec: 0, tv_usec: microseconds },
        it_value: libc::timeval { tv_sec: 0, tv_usec: microseconds },
    };
    // SAFETY: the handler is async-signal-safe, and stays; the kernel reads the timer.
    unsafe {
        libc::signal(libc::SIGALRM, handler as extern "C" fn(i32) as libc::sighandler_t);
        libc::setitimer(libc::ITIMER_REAL, &every(100), std::ptr::null_mut());
    }
    let events = some_of(400_000, 50_000);
    record(2, events as u32);
    // SAFETY: as above.
    unsafe { libc::setitimer(libc::ITIMER_REAL, &every(0), std::ptr::null_mut()) };
    // One may still be under way, on a thread that has nothing to do with all this.
    std::thread::sleep(Duration::from_millis(20));
    let handled = || BEGUN.load(Ordering::Relaxed) == HANDLED.load(Ordering::Relaxed);
    assert!(eventually(Duration::from_secs(20), handled), "a handler did not end");
    let summary = session.stop().unwrap();
    let handled = u64::from(HANDLED.load(Ordering::Relaxed));
    assert_eq!((summary.events, summary.lost, summary.damaged), (2 * events + handled, 0, 0));
    assert!(handled > 10, "{handled}: too few to show anything");
    assert_eq!(read(&folder.path).len() as u64, summary.events);
}

#[test]
fn children_record_into_the_rings_of_their_parent_and_are_killed_anywhere() {
    let folder = Folder::new("children");
    let session = Session::builder(&folder.path).enable("child:*").mode(Mode::Block).start().unwrap();
    let told = perseq::shared::SharedPerCpu::<Told>::memfd(8).unwrap();
    // SAFETY: it stays, and is atomic.
    let count = unsafe { &told.item(0).unwrap().as_ref().0 };
    let kills = some_of(500, 20);
    for kill in 0..kills {
        let child = Forked::new(|| {
            loop {
                event!(child::event, kill: u64 = kill, text: &str = "some text");
                count.fetch_add(1, Ordering::Relaxed);
            }
        });
        std::thread::sleep(Duration::from_micros(300 + kill * 37 % 1000));
        child.kill();
        drop(child);
    }
    let summary = session.stop().unwrap();
    assert_eq!((summary.lost, summary.damaged), (0, 0), "{summary:?}");
    // Each may have been killed between an event and its count.
    let told = u64::from(count.load(Ordering::Relaxed));
    assert!((told..=told + kills).contains(&summary.events), "{told} told, {summary:?}");
    assert_eq!(read(&folder.path).len() as u64, summary.events);
    babeltrace_reads(&folder.path, summary.events);
}

/// How many events children have recorded.
#[repr(C)]
struct Told(AtomicU32);

// SAFETY: a number, of which zero is one.
unsafe impl perseq::shared::Shareable for Told {
    const LAYOUT: u64 = 7;
}

#[test]
fn the_session_of_a_parent_is_none_of_its_child() {
    let folder = Folder::new("forked");
    let session = Session::builder(&folder.path).enable("child:*").start().unwrap();
    let dropped = Signal::new();
    let copy = std::mem::ManuallyDrop::new(&session);
    let child = Forked::new(|| {
        // SAFETY: the copy that this process has of it, which it does not use again.
        drop(unsafe { std::ptr::read(*copy) });
        event!(child::event, kill: u64 = 1, text: &str = "of the child");
        dropped.give();
        sleep();
    });
    dropped.wait();
    event!(child::event, kill: u64 = 2, text: &str = "of the parent");
    drop(child);
    assert_eq!(recorded(session.stop().unwrap()), 2);
}

#[test]
fn sessions_one_after_the_other_keep_no_descriptors_and_forks_go_on() {
    let folder = Folder::new("row");
    let descriptors = || std::fs::read_dir("/proc/self/fd").unwrap().count();
    let mut before = None;
    for round in 0..10 {
        let session = Session::builder(&folder.path).enable("child:*").buffer(256 << 10, 2).start().unwrap();
        let child = Forked::new(|| event!(child::event, kill: u64 = round, text: &str = "of the child"));
        assert_eq!(child.wait(), 0);
        assert_eq!(recorded(session.stop().unwrap()), 1);
        std::fs::remove_dir_all(&folder.path).unwrap();
        assert_eq!(*before.get_or_insert_with(descriptors), descriptors());
    }
}

#[test]
fn what_could_not_be_turned_on_is_as_soon_as_that_works() {
    let folder = Folder::new("again");
    let session = Session::builder(&folder.path).enable("child:*").buffer(256 << 10, 2).start().unwrap();
    let (events, aside) = (session.place().join("events"), session.place().join("aside"));
    std::fs::rename(&events, &aside).unwrap();
    session.active().enable("retried:*", Level::Info).unwrap();
    let is_on = || sites().any(|site| site.full_name() == "retried:event" && site.enabled().is_some());
    std::thread::sleep(Duration::from_millis(100));
    assert!(!is_on());
    // Somebody was killed when he added a type; what he has written stays as it is.
    let before = std::fs::read_to_string(&aside).unwrap() + "{\"torn";
    std::fs::write(&aside, &before).unwrap();
    std::fs::rename(&aside, &events).unwrap();
    assert!(eventually(Duration::from_secs(20), is_on));
    let after = std::fs::read_to_string(&events).unwrap();
    assert!(after.starts_with(&(before + "\n")), "{after}");
    event!(retried::event, number: u32 = 1);
    assert_eq!(recorded(session.stop().unwrap()), 1);
    let events: Vec<_> = read(&folder.path).into_iter().map(|(name, ..)| name).collect();
    assert_eq!(events, ["event"]);
}

#[test]
fn without_restartable_sequences_it_is_the_same() {
    const NAME: &str = "without_restartable_sequences_it_is_the_same";
    if child::is_child(NAME) {
        assert!(perseq::status().reason.is_some());
        fields_of_every_type_are_read_as_they_were_written();
        what_finds_no_room_is_counted();
        many_threads_lose_nothing_where_they_wait_for_room();
        the_session_of_a_parent_is_none_of_its_child();
    } else {
        child::run(NAME, &[("PERSEQ", "off")]).assert_success();
    }
}

#[test]
fn an_event_that_was_begun_in_a_session_is_in_no_other() {
    let folder = Folder::new("begun");
    let start =
        |name: &str, glob: &str| Session::builder(folder.path.join(name)).enable(glob).start().unwrap();
    let first = start("first", "begun:event");
    let mut second = None;
    event!(begun::event, number: u32 = {
        first.stop().unwrap();
        let session = start("second", "begun:other");
        // So it has another id in this one.
        session.active().enable("begun:event", Level::Debug).unwrap();
        let site = sites().find(|site| site.full_name() == "begun:event").unwrap();
        assert!(eventually(Duration::from_secs(10), || site.enabled().is_some_and(|id| id & 0xff > 0)));
        second = Some(session);
        7
    });
    event!(begun::other, number: u32 = 8);
    assert_eq!(recorded(second.unwrap().stop().unwrap()), 1);
    let found: Vec<_> =
        read(&folder.path.join("second")).into_iter().map(|(name, number, _)| (name, number)).collect();
    assert_eq!(found, [("other".to_owned(), 8)]);
}
