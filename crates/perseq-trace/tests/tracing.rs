//! What a program records with `tracing` and `log` is in the trace.
#![cfg(all(target_os = "linux", not(miri)))]

use std::collections::BTreeMap;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, Once, PoisonError};
use std::time::Duration;

use perseq_ctf::chrome::{by_suffix, export};
use perseq_ctf::{Level, Trace, payload::Value};
use perseq_tests::forked::{Forked, Signal, sleep};
use perseq_tests::limit::{Limit, eventually};
use perseq_tests::skip::skip;
use perseq_trace::{Mode, Session, sites};
use tracing::{debug, error, event, field, info, info_span, trace, warn, warn_span};
use tracing_subscriber::layer::Context;
use tracing_subscriber::prelude::*;

/// How many events another layer has seen.
static SEEN: AtomicU32 = AtomicU32::new(0);

struct Other;

impl<S: tracing::Subscriber> tracing_subscriber::Layer<S> for Other {
    fn on_event(&self, event: &tracing::Event<'_>, _: Context<'_, S>) {
        if event.metadata().target() == "seen" {
            SEEN.fetch_add(1, Ordering::Relaxed);
        }
    }
}

/// The only session at the time, of what is recorded through the layer.
struct Traced {
    session: Option<Session>,
    path: PathBuf,
    _alone: MutexGuard<'static, ()>,
    _limit: Limit,
}

impl Traced {
    fn new(name: &'static str, glob: &str) -> Self {
        static ALONE: Mutex<()> = Mutex::new(());
        static INIT: Once = Once::new();
        let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
        INIT.call_once(|| {
            tracing_log::LogTracer::init().unwrap();
            let subscriber = tracing_subscriber::registry().with(perseq_trace::layer()).with(Other);
            tracing::subscriber::set_global_default(subscriber).unwrap();
        });
        let path: PathBuf = format!("/dev/shm/perseq-trace-layer-{name}-{}", std::process::id()).into();
        let _ = std::fs::remove_dir_all(&path);
        let session = Session::builder(&path).enable(glob).mode(Mode::Block).start().unwrap();
        Self { session: Some(session), path, _alone, _limit: Limit::start(Duration::from_secs(120), name) }
    }

    /// Ends the session; the trace.
    fn trace(&mut self) -> Trace {
        let summary = self.session.take().unwrap().stop().unwrap();
        assert_eq!((summary.lost, summary.damaged), (0, 0), "{summary:?}");
        Trace::open(&self.path).unwrap()
    }

    /// The same, and its events: the whole name, and the fields.
    fn events(&mut self) -> Vec<(String, String)> {
        let trace = self.trace();
        let events = trace.events().unwrap().map(|event| {
            let event = event.unwrap();
            let fields: Vec<_> = event.fields().map(|field| field.unwrap()).collect();
            let fields: Vec<_> =
                fields.iter().map(|(field, value)| format!("{}={}", field.name, shown(value))).collect();
            (event.event_type().full_name().to_string(), fields.join(" "))
        });
        events.collect()
    }
}

impl Drop for Traced {
    fn drop(&mut self) {
        drop(self.session.take());
        let _ = std::fs::remove_dir_all(&self.path);
    }
}

fn shown(value: &Value<'_>) -> String {
    match value {
        Value::Unsigned(value) => format!("{value}u"),
        Value::Signed(value) => format!("{value}i"),
        Value::Str(text) => format!("{text:?}"),
        other => format!("{other:?}"),
    }
}

fn own(events: &[(&str, &str)]) -> Vec<(String, String)> {
    events.iter().map(|(name, fields)| ((*name).to_owned(), (*fields).to_owned())).collect()
}

#[test]
fn fields_have_the_types_that_tracing_hands_over() {
    let mut traced = Traced::new("types", "types*");
    let shown = field::display(1.5);
    let wide = i128::MAX;
    let error: &(dyn std::error::Error + 'static) = &fmt::Error;
    info!(target: "types", a = 1_u8, b = -1_i32, c = 0.5, d = true, e = "text", f = &[1_u8, 2][..]);
    info!(target: "types", shown, debug = ?Some(1), wide, error);
    info!(name: "named", target: "types::module", "message {}", 7);
    event!(target: "types", tracing::Level::INFO, {});
    event!(target: "types", tracing::Level::INFO, { http.status = 200, r#type = "keyword", "größe ä" = 3 });
    event!(target: "types", tracing::Level::INFO, { clash = 1, _clash = 2 });
    assert_eq!(
        traced.events(),
        own(&[
            ("types:event", r#"a=1u b=-1i c=F64(0.5) d=Bool(true) e="text" f=Bytes([1, 2])"#),
            (
                "types:event",
                concat!(
                    r#"shown="1.5" debug="Some(1)" wide="170141183460469231731687303715884105727" "#,
                    r#"error="an error occurred when formatting an argument""#
                )
            ),
            ("types::module:named", r#"message="message 7""#),
            ("types:event", ""),
            ("types:event", r#"http_status=200i type="keyword" gr__e__=3i"#),
            ("types:event", "f0_clash=1i f1__clash=2i"),
        ])
    );
}

#[test]
fn other_fields_of_a_callsite_are_another_site_until_there_are_too_many() {
    let mut traced = Traced::new("shapes", "shapes:*");
    let record = |bits: u32| {
        let field = |bit: u32| (bits >> bit & 1 == 1).then_some(u64::from(bit));
        info!(target: "shapes", bits, a = field(0), b = field(1), c = field(2), d = field(3));
    };
    (0..16).for_each(record);
    (0..16).for_each(record);
    let events = traced.events();
    assert_eq!(events.len(), 32);
    assert_eq!(events[..16], events[16..]);
    let first = own(&[("shapes:event", "bits=0u"), ("shapes:event", "bits=1u a=0u")]);
    assert_eq!(events[..2], first);
    let beyond = own(&[("shapes:event", r#"fields="bits=15 a=0 b=1 c=2 d=3""#)]);
    assert_eq!(events[15..16], beyond);
    assert_eq!(sites().filter(|site| site.full_name() == "shapes:event").count(), 9);
}

#[test]
fn more_fields_than_have_types_are_one_text() {
    let mut traced = Traced::new("many", "many:*");
    info!(
        target: "many", f0 = 0, f1 = 1, f2 = 2, f3 = 3, f4 = 4, f5 = 5, f6 = 6, f7 = 7, f8 = 8, f9 = 9, f10 = 10,
        f11 = 11, f12 = 12, f13 = 13, f14 = 14, f15 = 15, f16 = 16, f17 = 17, f18 = 18, f19 = 19, f20 = 20,
        f21 = 21, f22 = 22, f23 = 23, f24 = 24, f25 = 25, f26 = 26, f27 = 27, f28 = 28, f29 = 29, f30 = 30,
        f31 = "thirty-one", f32 = 32
    );
    let events = traced.events();
    assert_eq!(events.len(), 1);
    let fields = &events[0].1;
    assert!(fields.starts_with(r#"fields="f0=0 f1=1"#) && fields.ends_with(r#"f32=32""#), "{fields}");
}

#[test]
fn spans_are_recorded_when_they_are_made_entered_left_and_closed() {
    let mut traced = Traced::new("spans", "spans:*");
    let outer = info_span!(target: "spans", "outer", number = 1, later = field::Empty);
    let inner = {
        let _entered = outer.enter();
        outer.record("later", "text");
        let inner = info_span!(target: "spans", "inner");
        inner.follows_from(&outer);
        inner.in_scope(|| info!(target: "spans", "within"));
        inner
    };
    let (outer_id, inner_id) = (outer.id().unwrap().into_u64(), inner.id().unwrap().into_u64());
    drop(inner);
    drop(outer);
    let id = |id| format!("span_id={id}u");
    let expected = [
        ("outer_new", format!("{} parent_id=0u number=1i", id(outer_id))),
        ("outer_entry", id(outer_id)),
        ("outer_record", format!("{} later=\"text\"", id(outer_id))),
        ("inner_new", format!("{} parent_id={outer_id}u", id(inner_id))),
        ("inner_follows", format!("{} cause_id={outer_id}u", id(inner_id))),
        ("inner_entry", id(inner_id)),
        ("event", "message=\"within\"".to_owned()),
        ("inner_exit", id(inner_id)),
        ("outer_exit", id(outer_id)),
        ("inner_close", id(inner_id)),
        ("outer_close", id(outer_id)),
    ];
    assert_eq!(traced.events(), expected.map(|(name, fields)| (format!("spans:{name}"), fields)));
    let trace = Trace::open(&traced.path).unwrap();
    let mut json = Vec::new();
    export(trace.events().unwrap(), by_suffix, &mut json).unwrap();
    let json = String::from_utf8(json).unwrap();
    for slice in [r#""ph":"B","name":"inner""#, r#""ph":"E","name":"outer""#] {
        assert!(json.contains(slice), "{json}");
    }
}

#[test]
fn babeltrace2_reads_what_the_layer_has_recorded() {
    let mut traced = Traced::new("babeltrace", "babel*");
    let span = info_span!(target: "babel", "a span", number = 1);
    span.in_scope(|| info!(target: "babel::net", text = "some", flag = false, "the message"));
    drop(span);
    drop(traced.trace());
    match std::process::Command::new("babeltrace2").arg(&traced.path).output() {
        Err(error) => skip("babeltrace2", error),
        Ok(output) => {
            let text = String::from_utf8_lossy(&output.stdout);
            assert!(output.status.success() && text.lines().count() == 5, "{text}");
            let event = r#"babel::net:event: { cpu_id = "#;
            assert!(text.contains(event) && text.contains("babel:a span_entry: "), "{text}");
            assert!(text.contains(r#"message = "the message""#) && text.contains("flag = 0"), "{text}");
        }
    }
}

#[test]
fn levels_are_those_of_lttng_and_sites_of_one_name_keep_theirs() {
    let mut traced = Traced::new("levels", "levels:*");
    error!(target: "levels", number = 0);
    warn!(target: "levels", number = 0);
    info!(target: "levels", number = 0);
    debug!(target: "levels", number = 0);
    trace!(target: "levels", number = 0);
    let trace = traced.trace();
    let levels: Vec<_> = trace.events().unwrap().map(|event| event.unwrap().event_type().level).collect();
    assert_eq!(levels, Level::OF_RUST);
}

#[test]
fn what_is_logged_has_its_own_target_and_level() {
    let mut traced = Traced::new("log", "log*");
    log::info!(target: "logged", "opened {}", 7);
    log::warn!(target: "logged", "opened {}", 8);
    log::info!(target: "unwanted", "opened {}", 9);
    let trace = traced.trace();
    let mut seen = Vec::new();
    for event in trace.events().unwrap() {
        let event = event.unwrap();
        let kind = event.event_type();
        let fields: BTreeMap<_, _> = event
            .fields()
            .map(|field| field.unwrap())
            .map(|(field, value)| (field.name.clone(), shown(&value)))
            .collect();
        assert!(fields["file"].contains("tracing.rs") && fields["line"].ends_with('u'), "{fields:?}");
        assert_eq!(fields.len(), 3);
        seen.push((kind.full_name().to_string(), kind.level, fields["message"].clone()));
    }
    let name = || "logged:event".to_owned();
    let expected = [
        (name(), Level::Info, r#""opened 7""#.to_owned()),
        (name(), Level::Warning, r#""opened 8""#.to_owned()),
    ];
    assert_eq!(seen, expected);
}

#[test]
fn what_is_off_is_off_for_this_layer_only() {
    let record = || info!(target: "seen", number = 1);
    {
        let mut traced = Traced::new("off", "nothing:*");
        record();
        assert_eq!(traced.events(), own(&[]));
        assert_eq!(SEEN.load(Ordering::Relaxed), 1);
    }
    // It is known by now, and turned on later.
    let mut traced = Traced::new("on", "seen:*");
    record();
    assert_eq!(traced.events(), own(&[("seen:event", "number=1i")]));
    assert_eq!(SEEN.load(Ordering::Relaxed), 2);
}

#[test]
fn a_filter_of_this_layer_alone_leaves_out_what_it_says() {
    let mut traced = Traced::new("filter", "filter:*");
    let layer = perseq_trace::layer().with_filter(tracing::level_filters::LevelFilter::WARN);
    let subscriber = tracing_subscriber::registry().with(layer).with(Other);
    tracing::subscriber::with_default(subscriber, || {
        let outer = warn_span!(target: "filter", "outer").entered();
        let inner = info_span!(target: "filter", "inner").entered();
        warn!(target: "filter", number = 1);
        info!(target: "filter", number = 2);
        drop(inner);
        drop(outer);
    });
    let names: Vec<_> = traced.events().into_iter().map(|(name, _)| name).collect();
    assert_eq!(
        names,
        ["outer_new", "outer_entry", "event", "outer_exit", "outer_close"]
            .map(|name| format!("filter:{name}"))
    );
}

/// Formats, and is not computed where nobody records it.
struct Formats(Arc<AtomicU32>);

impl fmt::Debug for Formats {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fetch_add(1, Ordering::Relaxed);
        f.write_str("formatted")
    }
}

#[test]
fn what_is_off_is_formatted_once_to_know_its_type_and_no_more() {
    let formatted = Arc::new(AtomicU32::new(0));
    let value = Formats(Arc::clone(&formatted));
    let mut traced = Traced::new("formats", "nothing:*");
    for _ in 0..10 {
        info!(target: "formats", ?value);
    }
    assert_eq!(traced.events(), own(&[]));
    assert_eq!(formatted.load(Ordering::Relaxed), 1);
}

/// Records what it is, and then may panic.
struct Nested(bool);

impl fmt::Debug for Nested {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        info!(target: "nested", panics = self.0, "inner");
        assert!(!self.0, "as it was asked to");
        f.write_str("outer")
    }
}

#[test]
fn a_value_may_record_and_panic_while_it_is_formatted() {
    let mut traced = Traced::new("nested", "nested:*");
    let record = |value: Nested| info!(target: "nested", ?value);
    record(Nested(false));
    assert!(catch_unwind(AssertUnwindSafe(|| record(Nested(true)))).is_err());
    record(Nested(false));
    let inner = |panics| ("nested:event", format!("message=\"inner\" panics=Bool({panics})"));
    let outer = || ("nested:event", "value=\"outer\"".to_owned());
    let expected = [inner(false), outer(), inner(true), inner(false), outer()];
    assert_eq!(traced.events(), expected.map(|(name, fields)| (name.to_owned(), fields)));
}

#[test]
fn what_is_too_long_is_cut_off_at_a_letter_and_numbers_behind_it_are_whole() {
    let mut traced = Traced::new("long", "long:*");
    let text = "ä".repeat(5000);
    info!(target: "long", text, debug = ?text, number = u64::MAX, flag = true);
    info!(target: "long", shown = %text, "{text}");
    let trace = traced.trace();
    let events: Vec<_> = trace.events().unwrap().map(|event| event.unwrap()).collect();
    let lengths = |at: usize| -> Vec<usize> {
        let fields = events[at].fields().map(|field| field.unwrap().1);
        fields
            .filter_map(|value| match value {
                Value::Str(text) => {
                    assert!(text.chars().all(|letter| "ä\"".contains(letter)), "{text}");
                    Some(text.len())
                }
                _ => None,
            })
            .collect()
    };
    assert!(lengths(0)[0] > 3500 && lengths(0).iter().sum::<usize>() < 4096, "{:?}", lengths(0));
    assert!(lengths(1)[0] > 3500 && lengths(1).iter().sum::<usize>() < 4096, "{:?}", lengths(1));
    let last: Vec<_> = events[0].fields().map(|field| field.unwrap().1).skip(2).collect();
    assert_eq!(last, [Value::Unsigned(u64::MAX), Value::Bool(true)]);
}

#[test]
fn the_child_of_a_fork_records_what_its_parent_has_shown_and_more() {
    let mut traced = Traced::new("forked", "forked:*");
    let known = |number: u64| info!(target: "forked", number);
    let unknown = |text: &str| warn!(target: "forked", text);
    known(1);
    let recorded = Signal::new();
    let child = Forked::new(|| {
        known(2);
        unknown("of the child");
        recorded.give();
        sleep();
    });
    recorded.wait();
    drop(child);
    unknown("of the parent");
    let expected = ["number=1u", "number=2u", r#"text="of the child""#, r#"text="of the parent""#];
    assert_eq!(traced.events(), own(&expected.map(|fields| ("forked:event", fields))));
}

#[test]
fn many_threads_meet_at_callsites_that_are_new() {
    let mut traced = Traced::new("threads", "threads:*");
    let barrier = std::sync::Barrier::new(8);
    std::thread::scope(|scope| {
        for thread in 0..8_u64 {
            let barrier = &barrier;
            scope.spawn(move || {
                barrier.wait();
                for number in 0..200_u64 {
                    let (even, text) = ((number % 2 == 0).then_some(number), "text");
                    event!(target: "threads", tracing::Level::INFO, thread, even, text);
                    event!(target: "threads", tracing::Level::WARN, number);
                }
            });
        }
    });
    assert_eq!(traced.events().len(), 8 * 400);
    // Two combinations of the first, one of the second: no thread has made one of its own.
    assert_eq!(sites().filter(|site| site.full_name() == "threads:event").count(), 3);
}

#[test]
fn a_fork_while_something_is_added_leaves_its_child_able_to_add() {
    let _traced = Traced::new("adding", "adding*");
    let over = AtomicU32::new(0);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            for number in 0..4000 {
                if over.load(Ordering::Relaxed) == 1 {
                    break;
                }
                log::info!(target: &format!("adding {number}"), "");
            }
        });
        for number in 0..100 {
            let child = Forked::new(|| log::info!(target: &format!("adding of child {number}"), ""));
            let ended = eventually(Duration::from_secs(10), || !child.is_running());
            over.store((!ended || number == 99).into(), Ordering::Relaxed);
            assert!(ended, "the child waits for a thread that it does not have");
        }
    });
}
