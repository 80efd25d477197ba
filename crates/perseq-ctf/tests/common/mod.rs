//! What the tests share: traces as they should be, writing and reading them, and babeltrace2.
#![allow(dead_code, reason = "each test uses some of it")]

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use perseq_ctf::payload::{Value, encode};
use perseq_ctf::print::{Printer, Time};
use perseq_ctf::{
    ByteOrder, Clock, Directory, Event, EventType, Field, Kind, Level, StreamWriter, Trace, TraceType,
    Version,
};

/// A folder that does not exist yet, and is removed again.
pub struct Folder(pub PathBuf);

impl Folder {
    pub fn new() -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        Self(std::env::temp_dir().join(format!("perseq-ctf-{}-{number}", std::process::id())))
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// An event as it should be.
#[derive(Clone, Debug)]
pub struct Record {
    pub cpu: u32,
    pub time: u64,
    pub id: u32,
    pub context: Vec<Value<'static>>,
    pub fields: Vec<Value<'static>>,
}

pub fn bytes(order: ByteOrder, fields: &[Field], values: &[Value<'_>]) -> Vec<u8> {
    let mut bytes = Vec::new();
    assert_eq!(fields.len(), values.len());
    for (field, value) in fields.iter().zip(values) {
        encode(order, &field.kind, value, &mut bytes).expect("a value of its kind");
    }
    bytes
}

impl Record {
    pub fn write<W: perseq_ctf::Output>(
        &self,
        types: &TraceType,
        writer: &mut StreamWriter<W>,
    ) -> Result<(), perseq_ctf::WriteError> {
        let context = bytes(types.byte_order, &types.context, &self.context);
        let payload = bytes(types.byte_order, &types.events[self.id as usize].fields, &self.fields);
        writer.event(self.time, self.id, &context, &payload)
    }
}

/// Writes a trace with streams of CPUs 0 to 3, of which the last is empty unless there are events.
pub fn write(types: &TraceType, records: &[Record], version: Version, packet: usize) -> Folder {
    let folder = Folder::new();
    let directory = Directory::create(&folder.0, types, version).expect("a new trace");
    let mut streams: Vec<StreamWriter<File>> = (0..4)
        .map(|cpu| directory.stream(types, cpu, 0).expect("a new stream").packet_size(packet))
        .collect();
    for record in records {
        record.write(types, &mut streams[record.cpu as usize]).expect("an event");
    }
    streams.iter_mut().for_each(|stream| stream.finish().expect("the last packet"));
    folder
}

/// Whether values are the same, as bits.
fn same(one: &Value<'_>, other: &Value<'_>) -> bool {
    match (one, other) {
        (Value::F32(one), Value::F32(other)) => one.to_bits() == other.to_bits(),
        (Value::F64(one), Value::F64(other)) => one.to_bits() == other.to_bits(),
        (Value::Enum(one, _), Value::Enum(other, _)) => one == other,
        _ => one == other,
    }
}

pub fn assert_is(event: &Event<'_>, record: &Record) {
    assert_eq!((event.cycles(), event.id(), event.cpu()), (record.time, record.id, record.cpu));
    for (values, expected) in [(event.context(), &record.context), (event.fields(), &record.fields)] {
        let values: Vec<_> = values.map(|value| value.expect("it has been read")).collect();
        assert_eq!(values.len(), expected.len());
        for ((field, value), expected) in values.iter().zip(expected) {
            assert!(same(value, expected), "{field:?} is {value:?}, not {expected:?}");
            if let (Kind::Enum(kind), Value::Enum(value, label)) = (&field.kind, value) {
                assert_eq!(*label, kind.label(*value));
            }
        }
    }
}

/// Reads a trace and finds exactly these events, by time and CPU.
pub fn assert_holds(folder: &Path, types: &TraceType, records: &[Record]) {
    let trace = Trace::open(folder).expect("a trace");
    assert_eq!(trace.types(), types);
    let mut expected: Vec<_> = records.iter().collect();
    expected.sort_by_key(|record| (record.time, record.cpu));
    let events: Vec<_> = trace.events().expect("its streams").map(|event| event.expect("an event")).collect();
    assert_eq!(events.len(), expected.len());
    events.iter().zip(expected).for_each(|(event, record)| assert_is(event, record));
}

/// What babeltrace2 says of a trace, and what it complains about; none if it is not there. `PERSEQ_BABELTRACE2` may say where it is.
pub fn babeltrace(folder: &Path, arguments: &[&str]) -> Option<(String, String)> {
    let program = std::env::var("PERSEQ_BABELTRACE2").unwrap_or_else(|_| "babeltrace2".into());
    let outputs = Folder::new();
    std::fs::create_dir(&outputs.0).expect("a folder");
    let (out, err) = (outputs.0.join("out"), outputs.0.join("err"));
    let child = Command::new(&program)
        .args(arguments)
        .arg(folder)
        .stdin(Stdio::null())
        .stdout(File::create(&out).expect("a file"))
        .stderr(File::create(&err).expect("a file"))
        .spawn();
    let mut child = match child {
        Ok(child) => child,
        Err(error) => {
            perseq_tests::skip::skip("babeltrace2", format!("{program}: {error}"));
            return None;
        }
    };
    let until = Instant::now() + Duration::from_secs(60);
    let status = loop {
        if let Some(status) = child.try_wait().expect("a child") {
            break status;
        }
        if Instant::now() > until {
            let _ = child.kill();
            panic!("{program} does not end");
        }
        std::thread::sleep(Duration::from_millis(2));
    };
    let text = |path| String::from_utf8_lossy(&std::fs::read(path).expect("its output")).into_owned();
    let (out, err) = (text(out), text(err));
    assert!(status.success(), "{program}: {status}: {err}");
    Some((out, err))
}

/// Our lines for a trace.
pub fn lines(folder: &Path, printer: Printer) -> String {
    let mut printer = printer;
    let mut text = Vec::new();
    let trace = Trace::open(folder).expect("a trace");
    for event in trace.events().expect("its streams") {
        printer.print(&event.expect("an event"), &mut text).expect("memory");
    }
    String::from_utf8(text).expect("lines")
}

/// babeltrace2 reads a trace without a complaint, and says the same of it as we do; events of the same time may be in another
/// order. Whether there was one that could.
pub fn assert_babeltrace_agrees(folder: &Path, time: Time) -> bool {
    let mut arguments = vec!["--no-delta"];
    arguments.extend(match time {
        Time::Date => &["--clock-gmt", "--clock-date"][..],
        Time::Seconds => &["--clock-seconds"],
        Time::Cycles => &["--clock-cycles"],
        _ => &["--clock-gmt"],
    });
    let Some((out, err)) = babeltrace(folder, &arguments) else { return false };
    assert_eq!(err, "");
    let ours = lines(folder, Printer::new(time).lengths(true).delta(false));
    let sorted = |text: &str| {
        let mut lines: Vec<_> = text.lines().map(str::to_string).collect();
        lines.sort();
        lines
    };
    let (theirs, ours) = (sorted(&out), sorted(&ours));
    assert_eq!(theirs.len(), ours.len(), "events that babeltrace2 sees, and that we see");
    for (theirs, ours) in theirs.iter().zip(&ours) {
        assert_eq!(theirs, ours, "babeltrace2 says the former");
    }
    true
}

/// A trace with a number of types of events, each with a number and a text, and with some context.
pub fn types(events: u32) -> TraceType {
    static FIELDS: [Field; 2] = [Field::new("number", Kind::U32), Field::new("text", Kind::Str)];
    let mut types =
        TraceType::new(*b"a trace, 16 byte", Clock::nanoseconds("monotonic", 1_700_000_000_123_456_789));
    types.environment = vec![("hostname".into(), "host".into())];
    types.context = vec![Field::new("vtid", Kind::I32)];
    for id in 0..events {
        let mut event = EventType::new("test", "", Level::Info, &FIELDS);
        event.name = format!("event_{id}").into();
        types.events.push(event);
    }
    types
}

/// An event of [`types`].
pub fn record(cpu: u32, time: u64, id: u32, text: &str) -> Record {
    Record {
        cpu,
        time,
        id,
        context: vec![Value::Signed(-7)],
        fields: vec![Value::Unsigned(time & 0xffff_ffff), Value::Str(text.to_string().into())],
    }
}
