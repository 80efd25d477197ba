//! Export to the trace event format, in JSON, which Perfetto and Chrome's `chrome://tracing` open.
//!
//! An event is an instant, or the beginning or the end of a span: a function of its type says which. Processes and threads are those
//! of the fields `vpid` or `pid`, `vtid` or `tid`, and `procname` of the context; without them, each CPU is a thread.
//!
//! Times are since the first event, since numbers of JSON do not hold nanoseconds since 1970; when that was is in
//! `otherData.start_ns`.

use std::collections::HashMap;
use std::io::{self, Write};

use serde_json::{Map, Number, Value as Json, json};

use crate::error::Error;
use crate::payload::{Value, Values};
use crate::reader::Event;
use crate::types::EventType;

/// What an event is on a time line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase<'e> {
    /// A moment.
    Instant,
    /// The beginning of a span of that name, on its thread.
    Begin(&'e str),
    /// The end of the innermost span of its thread, which has that name.
    End(&'e str),
}

/// Takes the ends of names for what they say: `NAME_begin`, `NAME_enter`, `NAME_entry` or `NAME_start`, and `NAME_end`, `NAME_exit`
/// or `NAME_stop`.
#[must_use]
pub fn by_suffix(event: &EventType) -> Phase<'_> {
    match event.name.rsplit_once('_') {
        Some((name, "begin" | "enter" | "entry" | "start")) => Phase::Begin(name),
        Some((name, "end" | "exit" | "stop")) => Phase::End(name),
        _ => Phase::Instant,
    }
}

/// The most threads whose names are kept, so that a hostile trace does not fill the memory.
const MAX_THREADS: usize = 1 << 16;

/// Integers that every reader of JSON holds exactly.
const EXACT: u64 = 1 << 53;

/// Writes events, which are in order of time.
///
/// What cannot be read is left out, and returned.
///
/// # Errors
/// If the output fails.
pub fn export<'t>(
    events: impl IntoIterator<Item = Result<Event<'t>, Error>>,
    phase: impl Fn(&EventType) -> Phase<'_>,
    mut out: impl Write,
) -> io::Result<Vec<Error>> {
    let mut damage = Vec::new();
    let mut names: HashMap<(i64, i64), String> = HashMap::new();
    let mut start = None;
    let mut separator = "\n";
    out.write_all(b"{\"displayTimeUnit\":\"ns\",\"traceEvents\":[")?;
    for event in events {
        let event = match event {
            Ok(event) => event,
            Err(error) => {
                damage.push(error);
                continue;
            }
        };
        let start = *start.get_or_insert(event.time_ns());
        let thread = Thread::of(&event);
        if let Some(name) = &thread.name
            && names.get(&thread.id()) != Some(name)
            && (names.len() < MAX_THREADS || names.contains_key(&thread.id()))
        {
            let named = json!({
                "ph": "M", "name": "thread_name", "pid": thread.pid, "tid": thread.tid,
                "args": { "name": name },
            });
            write!(out, "{separator}{named}")?;
            separator = ",\n";
            names.insert(thread.id(), name.clone());
        }
        let kind = event.event_type();
        let (letter, name) = match phase(kind) {
            Phase::Instant => ("i", &*kind.name),
            Phase::Begin(name) => ("B", name),
            Phase::End(name) => ("E", name),
        };
        let mut record = json!({
            "ph": letter, "name": name, "cat": kind.provider, "pid": thread.pid, "tid": thread.tid,
            "args": arguments(&event),
        });
        if letter == "i" {
            record["s"] = "t".into();
        }
        // As text, so that no digit is lost: microseconds, with three decimals.
        let passed = i128::from(event.time_ns()) - i128::from(start);
        let record = record.to_string();
        let rest = record.strip_prefix('{').unwrap_or_default();
        write!(out, "{separator}{{\"ts\":{}.{:03},{rest}", passed / 1000, passed % 1000)?;
        separator = ",\n";
    }
    let start = start.unwrap_or_default().to_string();
    writeln!(out, "\n],\"otherData\":{}}}", json!({ "start_ns": start }))?;
    out.flush()?;
    Ok(damage)
}

/// Where an event happened.
struct Thread {
    pid: i64,
    tid: i64,
    name: Option<String>,
}

impl Thread {
    fn of(event: &Event<'_>) -> Self {
        let (mut pid, mut tid, mut name) = (0, i64::from(event.cpu()), None);
        // All of an event's values have been read before.
        for (field, value) in event.context().flatten() {
            match (&*field.name, value) {
                ("vpid" | "pid", value) => pid = integer(&value).unwrap_or(pid),
                ("vtid" | "tid", value) => tid = integer(&value).unwrap_or(tid),
                ("procname", Value::Str(text)) => name = Some(text.into_owned()),
                _ => {}
            }
        }
        Self { pid, tid, name }
    }

    fn id(&self) -> (i64, i64) {
        (self.pid, self.tid)
    }
}

fn integer(value: &Value<'_>) -> Option<i64> {
    match value {
        Value::Unsigned(value) => i64::try_from(*value).ok(),
        Value::Signed(value) => Some(*value),
        _ => None,
    }
}

/// The fields, and the CPU.
fn arguments(event: &Event<'_>) -> Json {
    let mut arguments = Map::new();
    let mut add = |values: Values<'_>| {
        for (field, value) in values.flatten() {
            arguments.insert(field.name.to_string(), argument(value));
        }
    };
    add(event.context());
    add(event.fields());
    arguments.insert("cpu".into(), event.cpu().into());
    arguments.into()
}

/// A value; as text, if JSON has no such number.
fn argument(value: Value<'_>) -> Json {
    let float = |value: f64| Number::from_f64(value).map_or_else(|| value.to_string().into(), Json::Number);
    match value {
        Value::Unsigned(value) if value <= EXACT => value.into(),
        Value::Unsigned(value) => value.to_string().into(),
        Value::Signed(value) if value.unsigned_abs() <= EXACT => value.into(),
        Value::Signed(value) => value.to_string().into(),
        Value::F32(value) => float(value.into()),
        Value::F64(value) => float(value),
        Value::Bool(value) => value.into(),
        Value::Str(text) => text.into(),
        Value::Bytes(bytes) => bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>().into(),
        Value::Enum(_, Some(label)) => label.into(),
        Value::Enum(value, None) => value.to_string().into(),
    }
}
