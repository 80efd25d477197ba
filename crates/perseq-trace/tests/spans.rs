//! Spans and enumerations, as a crate without `unsafe` has them.
#![cfg(all(target_os = "linux", not(miri)))]
#![forbid(unsafe_code)]

use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use perseq_ctf::Trace;
use perseq_ctf::chrome::{Phase, by_suffix};
use perseq_ctf::payload::Value;
use perseq_trace::{Session, enumeration, event, span};

/// A folder in memory that is removed with this, and the only session at the time.
struct Folder(PathBuf, #[expect(dead_code, reason = "it is held")] MutexGuard<'static, ()>);

impl Folder {
    fn new(name: &str) -> Self {
        static ALONE: Mutex<()> = Mutex::new(());
        let alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
        let path: PathBuf = format!("/dev/shm/perseq-trace-{name}-{}", std::process::id()).into();
        let _ = std::fs::remove_dir_all(&path);
        Self(path, alone)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// The names of the events, each with its fields.
fn read(folder: &Path) -> Vec<(String, String)> {
    let trace = Trace::open(folder).unwrap();
    let events = trace.events().unwrap().map(|event| {
        let event = event.unwrap();
        let fields: Vec<_> = event.fields().map(|field| field.unwrap()).collect();
        let fields: Vec<_> =
            fields.iter().map(|(field, value)| format!("{}={value:?}", field.name)).collect();
        (event.event_type().full_name().to_string(), fields.join(" "))
    });
    events.collect()
}

/// The names of the events.
fn names(folder: &Path) -> Vec<String> {
    read(folder).into_iter().map(|(name, _)| name).collect()
}

#[test]
fn a_span_is_recorded_where_it_is_entered_and_left() {
    let folder = Folder::new("spans");
    let session = Session::builder(&folder.0).enable("spans:*").start().unwrap();
    {
        let _outer = span!(spans::outer, number: u32 = 7, text: &str = "text");
        let _inner = span!(Debug, spans::inner);
        event!(spans::amid);
    }
    session.stop().unwrap();
    let outer = "number=Unsigned(7) text=Str(\"text\")";
    assert_eq!(
        read(&folder.0),
        [
            ("spans:outer_entry", outer),
            ("spans:inner_entry", ""),
            ("spans:amid", ""),
            ("spans:inner_exit", ""),
            ("spans:outer_exit", ""),
        ]
        .map(|(name, fields)| (name.to_owned(), fields.to_owned()))
    );
    let trace = Trace::open(&folder.0).unwrap();
    let phases: Vec<_> = trace.types().events.iter().map(by_suffix).collect();
    assert!(phases.contains(&Phase::Begin("outer")) && phases.contains(&Phase::End("outer")), "{phases:?}");
}

#[test]
fn the_end_of_a_span_is_recorded_only_if_its_beginning_was() {
    let folder = Folder::new("ends");
    let mut computed = 0;
    let span = span!(ends::before, number: u32 = {
        computed += 1;
        computed
    });
    let session = Session::builder(&folder.0).enable("ends:*").start().unwrap();
    drop(span);
    let whole = span!(ends::within);
    drop(whole);
    let left_open = span!(ends::beyond);
    session.stop().unwrap();
    drop(left_open);
    assert_eq!(computed, 0);
    assert_eq!(names(&folder.0), ["ends:within_entry", "ends:within_exit", "ends:beyond_entry"]);
}

enumeration! {
    /// Something small.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub enum Small: u8 {
        /// The first.
        Idle = 0,
        /// Another.
        Busy = 1,
        /// The last.
        r#Loop = 200,
    }
}

enumeration! {
    enum Signed: i32 {
        Lowest = i32::MIN,
        #[allow(dead_code, reason = "it is a name in the trace")]
        Zero = 0,
        Minus = -3,
    }
}

#[test]
fn values_of_enumerations_have_names_in_the_trace() {
    let folder = Folder::new("enumerations");
    let session = Session::builder(&folder.0).enable("enumerations:*").start().unwrap();
    let reference = &Small::Loop;
    event!(enumerations::values, a: Small = Small::Idle, b: &Small = reference, c: Signed = Signed::Minus, d: Signed = Signed::Lowest);
    session.stop().unwrap();
    assert_eq!(Small::Busy as u8, 1);
    let trace = Trace::open(&folder.0).unwrap();
    let event = trace.events().unwrap().next().unwrap().unwrap();
    let values: Vec<_> = event.fields().map(|field| field.unwrap().1).collect();
    let expected = [
        Value::Enum(0, Some("Idle")),
        Value::Enum(200, Some("Loop")),
        Value::Enum(-3, Some("Minus")),
        Value::Enum(i32::MIN.into(), Some("Lowest")),
    ];
    assert_eq!(values, expected);
}

#[test]
fn fields_may_have_the_names_of_keywords_and_of_variables_around_them() {
    let folder = Folder::new("names");
    let session = Session::builder(&folder.0).enable("names:*").start().unwrap();
    let (number, text) = (5_u32, String::from("text"));
    event!(names::r#type, number: u32 = 1, r#type: u32 = number, text: &str = &text, wide: usize = 3, narrow: isize = -3);
    event!(names::temporary, text: &str = format!("{text}!").as_str());
    session.stop().unwrap();
    let fields = "number=Unsigned(1) type=Unsigned(5) text=Str(\"text\") wide=Unsigned(3) narrow=Signed(-3)";
    let expected = [("names:type", fields), ("names:temporary", "text=Str(\"text!\")")];
    assert_eq!(read(&folder.0), expected.map(|(name, fields)| (name.to_owned(), fields.to_owned())));
}

/// Where everything around a macro has the names of what is in it, and nothing else can be seen.
#[allow(non_upper_case_globals, unused_macros, reason = "so that they are in the way")]
mod in_the_way {
    #![no_implicit_prelude]

    macro_rules! assert {
        ($($all:tt)*) => {
            ::std::compile_error!("another")
        };
    }

    pub const SITE: u32 = 1;
    pub const ENTRY: u32 = 2;
    pub const EXIT: u32 = 3;
    pub const VALUES: u32 = 4;
    pub const size: u32 = 5;
    pub const at: u32 = 6;
    pub const id: u32 = 7;
    pub const value: u32 = 8;

    ::perseq_trace::enumeration! {
        pub enum State: u32 {
            First = value,
            Second = VALUES,
        }
    }

    pub fn record() {
        ::perseq_trace::event!(way::event, site: u32 = SITE, size: u32, at: u32, id: u32 = id, value: State = State::First);
        let _span = ::perseq_trace::span!(way::span, entry: u32 = ENTRY, exit: u32 = EXIT);
    }
}

#[test]
fn constants_of_any_name_are_not_in_the_way() {
    let folder = Folder::new("way");
    let session = Session::builder(&folder.0).enable("way:*").start().unwrap();
    in_the_way::record();
    let _ = in_the_way::State::Second;
    session.stop().unwrap();
    let expected = [
        (
            "way:event",
            "site=Unsigned(1) size=Unsigned(5) at=Unsigned(6) id=Unsigned(7) value=Enum(8, Some(\"First\"))",
        ),
        ("way:span_entry", "entry=Unsigned(2) exit=Unsigned(3)"),
        ("way:span_exit", ""),
    ];
    assert_eq!(read(&folder.0), expected.map(|(name, fields)| (name.to_owned(), fields.to_owned())));
}
