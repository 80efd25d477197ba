//! Sessions of several processes: programs and readers that come, go and are killed at any moment, and what is recorded of that.
#![cfg(all(target_os = "linux", not(miri)))]

mod common;

use std::collections::BTreeMap;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::sync::atomic::Ordering;
use std::time::Duration;

use common::{Place, Role, assert_complete, emit, given, numbers, role, told};
use perseq_ctf::payload::Value;
use perseq_ctf::{Level, Trace};
use perseq_tests::babeltrace::babeltrace_reads;
use perseq_tests::limit::eventually;
use perseq_tests::sample::some_of;
use perseq_trace::{Active, Context, Mode, Programs, Session, SessionError, event, programs};

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
fn who_reads_a_session_is_told_by_whether_it_does() {
    const NAME: &str = "who_reads_a_session_is_told_by_whether_it_does";
    if let Some(how) = role() {
        let session = Session::builder(given("TRACE")).name(given("SESSION")).enable("numbered:*");
        let _session = session.mode(Mode::Block).start().unwrap();
        emit(0, 100, &given("COUNTS"));
        if how == "executes" {
            let error = std::process::Command::new("sleep").arg("60").exec();
            panic!("{error}");
        }
        // SAFETY: the child calls what handlers may.
        unsafe {
            if libc::fork() == 0 {
                libc::sleep(20);
                libc::_exit(0);
            }
            libc::_exit(0);
        }
    }
    let place = Place::new("reads");
    for how in ["executes", "forks"] {
        let _ = std::fs::remove_file(place.path.join("counts"));
        let counts = place.counts();
        let environment = [
            ("TRACE", place.trace()),
            ("SESSION", place.name.clone().into()),
            ("COUNTS", place.path.join("counts")),
        ];
        let environment = environment.each_ref().map(|(name, value)| (*name, value.to_str().unwrap()));
        let _program = Role::start(NAME, how, &environment);
        assert!(eventually(Duration::from_secs(20), || told(&counts, 0).load(Ordering::Relaxed) == 100));
        let session = Active::named(&place.name).unwrap();
        let unread = || session.status().unwrap().consumer.is_none();
        assert!(eventually(Duration::from_secs(10), unread), "{how}: it is taken for the reader still");
        assert_eq!(session.recover().unwrap().lost, 0);
        assert_complete(&numbers(&place.trace())[&0], 100..=100);
        std::fs::remove_dir_all(place.trace()).unwrap();
    }
}

#[test]
fn programs_that_listen_take_part_in_what_is_read() {
    const NAME: &str = "programs_that_listen_take_part_in_what_is_read";
    match role().as_deref() {
        Some("program") => loop {
            event!(heard::one, number: u32 = 1);
            std::thread::sleep(Duration::from_micros(200));
        },
        Some("reader") => {
            let session = Session::builder(given("DEAD")).name("a-dead-one").programs(Programs::Listening);
            let _session = session.buffer(256 << 10, 2).start().unwrap();
            std::thread::sleep(Duration::from_secs(60));
        }
        // In a runtime folder of its own.
        Some(_) => {
            let reader = Role::start(NAME, "reader", &[("PERSEQ_TRACE", "")]);
            let there = || {
                Active::named("a-dead-one").is_ok_and(|session| session.status().unwrap().consumer.is_some())
            };
            assert!(eventually(Duration::from_secs(20), there));
            let dead = Active::named("a-dead-one").unwrap();
            drop(reader);
            let over = place_beside(dead.place(), "that-is-over");
            let started: Vec<_> = ["listen", &over, "nonsense"]
                .map(|value| (value.to_owned(), Role::start(NAME, "program", &[("PERSEQ_TRACE", value)])))
                .into();
            let session = Session::builder(given("TRACE")).name("one-that-is-read");
            let session = session.programs(Programs::Listening).buffer(256 << 10, 2).start().unwrap();
            for (value, program) in &started {
                let found = || programs().unwrap().into_iter().find(|it| it.process == program.0.id());
                let as_it_should = || match (&**value, found()) {
                    ("nonsense", Some(it)) => {
                        it.session.is_none() && it.trouble.is_some_and(|trouble| trouble.contains("neither"))
                    }
                    (_, it) => it.and_then(|it| it.session).as_deref() == Some("one-that-is-read"),
                };
                assert!(eventually(Duration::from_secs(20), as_it_should), "{value}: {:?}", found());
            }
            // Who goes on with it calls those that are in no other.
            session.stop().unwrap();
            let _resumed = dead.resume().unwrap();
            let joined = || {
                let there = |it: &perseq_trace::Program| it.session.as_deref() == Some("a-dead-one");
                programs().unwrap().iter().filter(|it| there(it)).count() == 2
            };
            assert!(eventually(Duration::from_secs(20), joined), "{:?}", programs());
        }
        None => {
            let place = Place::new("takes-part");
            let environment = [
                ("XDG_RUNTIME_DIR", place.path.clone()),
                ("TRACE", place.trace()),
                ("DEAD", place.path.join("dead")),
                ("PERSEQ_TRACE", "".into()),
            ];
            let environment = environment.each_ref().map(|(name, value)| (*name, value.to_str().unwrap()));
            let mut all = Role::start(NAME, "all", &environment);
            assert!(eventually(Duration::from_secs(60), || all.ended()));
            assert!(all.0.wait().unwrap().success());
        }
    }
}

fn place_beside(place: &Path, name: &str) -> String {
    place.with_file_name(name).to_str().unwrap().to_owned()
}
