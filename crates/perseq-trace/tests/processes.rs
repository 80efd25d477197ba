//! Sessions of several processes: programs and readers that come, go and are killed at any moment, and what is recorded of that.
#![cfg(all(target_os = "linux", not(miri)))]

use std::collections::BTreeMap;
use std::os::unix::fs::{FileExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use perseq::shared::{Shareable, SharedPerCpu};
use perseq_ctf::payload::Value;
use perseq_ctf::{Level, Trace};
use perseq_tests::forked::{Forked, sleep};
use perseq_tests::limit::{Limit, eventually};
use perseq_tests::sample::some_of;
use perseq_tests::skip::skip;
use perseq_trace::{Active, Context, Mode, Programs, Session, SessionError, event, listen, programs};

/// What a process that a test has started is to do.
const ROLE: &str = "PERSEQ_TEST_ROLE";

/// A process that runs a test of this file again, in a role; it is killed when this is dropped.
struct Role(Child);

impl Role {
    fn start(test: &str, role: &str, environment: &[(&str, &str)]) -> Self {
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.args([test, "--exact", "--nocapture", "--test-threads=1"]).env(ROLE, role);
        command.envs(environment.iter().copied()).stdout(Stdio::null()).stderr(Stdio::inherit());
        Self(command.spawn().unwrap())
    }

    fn ended(&mut self) -> bool {
        self.0.try_wait().unwrap().is_some()
    }
}

impl Drop for Role {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn role() -> Option<String> {
    std::env::var(ROLE).ok()
}

fn given(name: &str) -> String {
    std::env::var(name).unwrap()
}

/// A place in memory for a test, which is removed again.
struct Place {
    path: PathBuf,
    name: String,
    _limit: Limit,
}

impl Place {
    fn new(test: &'static str) -> Self {
        let name = format!("test-{test}-{}", std::process::id());
        let path = PathBuf::from(format!("/dev/shm/perseq-{name}"));
        let _ = std::fs::remove_dir_all(&path);
        std::fs::create_dir(&path).unwrap();
        Self { path, name, _limit: Limit::start(Duration::from_secs(100), test) }
    }

    fn trace(&self) -> PathBuf {
        self.path.join("trace")
    }

    /// Counts that processes share.
    fn counts(&self) -> Counts {
        let path = std::ffi::CString::new(self.path.join("counts").to_str().unwrap()).unwrap();
        Counts::create(&path, 64).unwrap()
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.path);
    }
}

/// How many events each of some programs has recorded.
#[repr(C)]
struct Told([AtomicU64; 8]);

// SAFETY: numbers, of which zero is one.
unsafe impl Shareable for Told {
    const LAYOUT: u64 = 8;
}

#[repr(C)]
struct Nothing(u64);

// SAFETY: as above.
unsafe impl Shareable for Nothing {
    const LAYOUT: u64 = 0;
}

type Counts = SharedPerCpu<Nothing, Told>;

fn told(counts: &Counts, program: usize) -> &AtomicU64 {
    &counts.common().0[program]
}

/// Records events one after the other, with their number, and tells of each after that.
fn emit(program: u64, events: u64, counts: &str) {
    let path = std::ffi::CString::new(counts).unwrap();
    let counts = Counts::open(&path).unwrap();
    for number in 0..events {
        event!(numbered::event, program: u64 = program, number: u64 = number, text: &str = "and some text");
        told(&counts, program as usize).fetch_add(1, Ordering::Relaxed);
    }
}

/// The numbers of events of each program, which are in their order on each CPU, by their number.
fn numbers(trace: &Path) -> BTreeMap<u64, Vec<u64>> {
    let trace = Trace::open(trace).unwrap();
    let mut numbers = BTreeMap::<u64, Vec<u64>>::new();
    let mut last = BTreeMap::new();
    for event in trace.events().unwrap() {
        let event = event.unwrap();
        let fields: Vec<_> = event.fields().map(|field| field.unwrap().1).collect();
        let [Value::Unsigned(program), Value::Unsigned(number), Value::Str(text)] = &fields[..] else {
            panic!("{fields:?}");
        };
        assert_eq!(text, "and some text");
        let before = last.insert((*program, event.cpu()), *number);
        assert!(before < Some(*number), "program {program}: {number} after {before:?}");
        numbers.entry(*program).or_default().push(*number);
    }
    numbers.values_mut().for_each(|numbers| numbers.sort_unstable());
    numbers
}

/// All from 0 on, each once.
fn assert_complete(numbers: &[u64], expected: std::ops::RangeInclusive<u64>) {
    assert!(numbers.iter().copied().eq(0..numbers.len() as u64), "some are missing, or twice");
    assert!(expected.contains(&(numbers.len() as u64)), "{} instead of {expected:?}", numbers.len());
}

fn babeltrace_reads(folder: &Path, events: u64) {
    match Command::new("babeltrace2").arg(folder).output() {
        Err(error) => skip("babeltrace2", error),
        Ok(output) => {
            assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
            let lines = output.stdout.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()).count();
            assert_eq!(lines as u64, events);
        }
    }
}

#[test]
fn a_program_that_is_killed_leaves_all_that_it_recorded() {
    const NAME: &str = "a_program_that_is_killed_leaves_all_that_it_recorded";
    if role().is_some() {
        let session = Session::builder(given("TRACE")).name(given("SESSION")).enable("numbered:*");
        let _session = session.mode(Mode::Block).start().unwrap();
        return emit(0, u64::MAX, &given("COUNTS"));
    }
    let place = Place::new("killed");
    for kill in 0..some_of(40, 4) {
        let _ = std::fs::remove_file(place.path.join("counts"));
        let counts = place.counts();
        let environment = [
            ("TRACE", place.trace()),
            ("SESSION", place.name.clone().into()),
            ("COUNTS", place.path.join("counts")),
        ];
        let environment = environment.each_ref().map(|(name, value)| (*name, value.to_str().unwrap()));
        let program = Role::start(NAME, "program", &environment);
        assert!(eventually(Duration::from_secs(20), || told(&counts, 0).load(Ordering::Relaxed) > 0));
        std::thread::sleep(Duration::from_micros(kill * 977 % 30_000));
        assert!(matches!(Active::named(&place.name).unwrap().recover(), Err(SessionError::Consumed(_))));
        drop(program);
        let summary = Active::named(&place.name).unwrap().recover().unwrap();
        assert_eq!((summary.lost, summary.damaged), (0, 0));
        let told = told(&counts, 0).load(Ordering::Relaxed);
        let found = numbers(&place.trace()).remove(&0).unwrap_or_default();
        assert_complete(&found, told..=told + 1);
        if kill % 10 == 0 {
            babeltrace_reads(&place.trace(), found.len() as u64);
        }
        std::fs::remove_dir_all(place.trace()).unwrap();
        assert!(matches!(Active::named(&place.name), Err(SessionError::Unknown(_))));
    }
}

#[test]
fn a_reader_that_is_killed_is_replaced_and_nothing_is_lost_or_twice() {
    const NAME: &str = "a_reader_that_is_killed_is_replaced_and_nothing_is_lost_or_twice";
    const PROGRAMS: usize = 3;
    let events = some_of(300_000, 20_000);
    match role().as_deref() {
        Some("first") => {
            let session = Session::builder(given("TRACE")).name(given("SESSION")).programs(Programs::Started);
            let _session = session.mode(Mode::Block).buffer(256 << 10, 2).start().unwrap();
            std::thread::sleep(Duration::from_secs(60));
        }
        Some("next") => {
            let _session = Active::named(&given("SESSION")).unwrap().resume().unwrap();
            std::thread::sleep(Duration::from_secs(60));
        }
        Some(program) => emit(program.parse().unwrap(), events, &given("COUNTS")),
        None => {
            let place = Place::new("reader");
            let counts = place.counts();
            let environment = [
                ("TRACE", place.trace()),
                ("SESSION", place.name.clone().into()),
                ("COUNTS", place.path.join("counts")),
            ];
            let mut environment: Vec<_> =
                environment.iter().map(|(name, value)| (*name, value.to_str().unwrap())).collect();
            let mut reader = Some(Role::start(NAME, "first", &environment));
            let there = || {
                Active::named(&place.name).is_ok_and(|session| session.status().unwrap().consumer.is_some())
            };
            assert!(eventually(Duration::from_secs(20), there));
            let session = Active::named(&place.name).unwrap();
            environment.push(("PERSEQ_TRACE", session.place().to_str().unwrap()));
            let mut programs: Vec<_> =
                (0..PROGRAMS).map(|program| Role::start(NAME, &program.to_string(), &environment)).collect();
            let mut kills = 0_u64;
            while !programs.iter_mut().all(Role::ended) {
                // Every third is killed wherever it is, the others when they have read something.
                let total = || counts.common().0.iter().map(|told| told.load(Ordering::Relaxed)).sum::<u64>();
                let before = total();
                let reads = || total() > before || programs.iter_mut().all(Role::ended);
                assert!(kills.is_multiple_of(3) || eventually(Duration::from_secs(20), reads));
                std::thread::sleep(Duration::from_micros(kills * 1777 % 40_000));
                drop(reader.take());
                kills += 1;
                reader = Some(Role::start(NAME, "next", &environment));
                assert!(eventually(Duration::from_secs(20), there));
            }
            drop(reader.take());
            let summary = session.recover().unwrap();
            assert_eq!((summary.lost, summary.damaged), (0, 0));
            assert!(kills > 2, "{kills}: too few to show anything");
            let found = numbers(&place.trace());
            assert_eq!(found.len(), PROGRAMS);
            for (program, numbers) in &found {
                assert_eq!(told(&counts, *program as usize).load(Ordering::Relaxed), events);
                assert_complete(numbers, events..=events);
            }
            babeltrace_reads(&place.trace(), PROGRAMS as u64 * events);
        }
    }
}

/// What the process runs before `main`, in the role that is for that.
#[used]
#[unsafe(link_section = ".init_array")]
static CONSTRUCTOR: extern "C" fn() = constructor;

extern "C" fn constructor() {
    if role().as_deref() == Some("constructor") {
        event!(before::main, number: u32 = 7);
    }
}

#[test]
fn what_is_recorded_before_main_is_in_the_session_that_the_program_was_started_for() {
    const NAME: &str = "what_is_recorded_before_main_is_in_the_session_that_the_program_was_started_for";
    if role().is_some() {
        return;
    }
    let place = Place::new("before");
    let session = Session::builder(place.trace()).name(&place.name).programs(Programs::Started);
    let session = session.mode(Mode::Block).start().unwrap();
    let mut started =
        Role::start(NAME, "constructor", &[("PERSEQ_TRACE", session.place().to_str().unwrap())]);
    assert!(eventually(Duration::from_secs(20), || started.ended()));
    assert_eq!(session.stop().unwrap().events, 1);
    let types = Trace::open(place.trace()).unwrap().types().events.clone();
    assert!(types.iter().any(|event| event.full_name().to_string() == "before:main"), "{types:?}");
}

#[test]
fn programs_are_told_apart_by_the_context() {
    const NAME: &str = "programs_are_told_apart_by_the_context";
    if let Some(program) = role() {
        return emit(program.parse().unwrap(), 1000, &given("COUNTS"));
    }
    let place = Place::new("context");
    let _counts = place.counts();
    let session = Session::builder(place.trace()).name(&place.name).programs(Programs::Started);
    let session = session.context(&Context::ALL).mode(Mode::Block).start().unwrap();
    let counts = place.path.join("counts");
    let environment =
        [("PERSEQ_TRACE", session.place().to_str().unwrap()), ("COUNTS", counts.to_str().unwrap())];
    let mut processes = Vec::new();
    for program in 0..3 {
        let mut started = Role::start(NAME, &program.to_string(), &environment);
        processes.push(i64::from(started.0.id()));
        assert!(eventually(Duration::from_secs(20), || started.ended()));
    }
    assert_eq!(session.stop().unwrap().events, 3000);
    let trace = Trace::open(place.trace()).unwrap();
    let mut counts = [0; 3];
    for event in trace.events().unwrap() {
        let event = event.unwrap();
        let context: BTreeMap<_, _> =
            event.context().map(|field| field.unwrap()).map(|(field, value)| (&*field.name, value)).collect();
        let Some(Ok((_, Value::Unsigned(program)))) = event.fields().next() else { panic!("{event:?}") };
        assert_eq!(context["vpid"], Value::Signed(processes[program as usize]));
        assert_ne!(context["vtid"], context["vpid"], "tests run in a thread");
        let Value::Str(name) = &context["procname"] else { panic!("{context:?}") };
        assert!(NAME.starts_with(&**name) && name.len() == 15, "{name}");
        counts[program as usize] += 1;
    }
    assert_eq!(counts, [1000; 3]);
    babeltrace_reads(&place.trace(), 3000);
}

#[test]
fn a_program_that_listens_is_found_turned_on_and_off_and_left() {
    const NAME: &str = "a_program_that_listens_is_found_turned_on_and_off_and_left";
    if role().is_some() {
        loop {
            event!(heard::one, number: u32 = 1);
            event!(Debug, heard::two, number: u32 = 2);
            event!(Error, heard::three, number: u32 = 3);
            std::thread::sleep(Duration::from_micros(200));
        }
    }
    let place = Place::new("listen");
    let program = Role::start(NAME, "program", &[("PERSEQ_TRACE", "listen")]);
    let process = program.0.id();
    let found = || programs().unwrap().into_iter().find(|program| program.process == process);
    assert!(eventually(Duration::from_secs(20), || found().is_some_and(|it| it.events.len() >= 3)));
    assert_eq!(found().unwrap().session, None);
    let session = Session::builder(place.trace()).name(&place.name).programs(Programs::Of(vec![process]));
    let session = session.enable("heard:one").mode(Mode::Overwrite).buffer(256 << 10, 2).start().unwrap();
    let in_session = || found().is_some_and(|it| it.session.as_ref() == Some(&place.name));
    assert!(eventually(Duration::from_secs(20), in_session));

    // What is recorded in the next moments, by name.
    let mut snapshots = 0;
    let mut now = || {
        let names = |snapshot: &Path| -> Vec<String> {
            std::thread::sleep(Duration::from_millis(30));
            session.active().snapshot(snapshot).unwrap();
            let trace = Trace::open(snapshot).unwrap();
            trace.events().unwrap().map(|event| event.unwrap().event_type().name.to_string()).collect()
        };
        snapshots += 1;
        names(&place.path.join(format!("snapshot-{snapshots}")))
    };
    let last =
        |names: Vec<String>| BTreeMap::from_iter(names.into_iter().rev().take(9).map(|name| (name, ())));
    let mut becomes = |expected: &[&str]| {
        let same = || last(now()).keys().map(String::as_str).eq(expected.iter().copied());
        assert!(eventually(Duration::from_secs(20), same), "{expected:?}");
    };
    becomes(&["one"]);
    session.active().enable("heard:t*", Level::Error).unwrap();
    becomes(&["one", "three"]);
    session.active().enable("heard:t*", Level::Debug).unwrap();
    becomes(&["one", "three", "two"]);
    session.active().disable("heard:one").unwrap();
    becomes(&["three", "two"]);
    babeltrace_reads(
        &place.path.join("snapshot-1"),
        Trace::open(place.path.join("snapshot-1")).unwrap().events().unwrap().count() as u64,
    );

    Active::named(&place.name).unwrap().stop(Duration::from_secs(20)).unwrap();
    assert!(session.is_over());
    assert!(session.stop().unwrap().events > 0);
    assert!(eventually(Duration::from_secs(20), || found().is_some_and(|it| it.session.is_none())));
    drop(program);
    assert!(found().is_none());
}

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
