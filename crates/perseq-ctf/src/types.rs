//! What a trace consists of: the types of its events, its clock and its environment.
//!
//! All of it can be built in a `static`, which is what a tracer does with what it knows at compile time, and all of it can be
//! owned, which is what a reader does with what it finds in a file: hence the [`Cow`]s.

use std::borrow::Cow;
use std::fmt;

use crate::side;

/// A name or a text that is static or owned.
pub type Text = Cow<'static, str>;

/// How grave an event is: the log levels of LTTng, which are those of syslog and eight kinds of debugging. A greater one is less
/// grave, and says more.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
#[expect(missing_docs, reason = "they are names of LTTng, which say what they are")]
pub enum Level {
    Emergency = 0,
    Alert = 1,
    Critical = 2,
    Error = 3,
    Warning = 4,
    Notice = 5,
    Info = 6,
    DebugSystem = 7,
    DebugProgram = 8,
    DebugProcess = 9,
    DebugModule = 10,
    DebugUnit = 11,
    DebugFunction = 12,
    DebugLine = 13,
    Debug = 14,
}

impl Level {
    /// All levels, the gravest first; each is at the index that is its number.
    pub const ALL: [Self; 15] = [
        Self::Emergency,
        Self::Alert,
        Self::Critical,
        Self::Error,
        Self::Warning,
        Self::Notice,
        Self::Info,
        Self::DebugSystem,
        Self::DebugProgram,
        Self::DebugProcess,
        Self::DebugModule,
        Self::DebugUnit,
        Self::DebugFunction,
        Self::DebugLine,
        Self::Debug,
    ];

    /// The levels of Rust's `log` and `tracing`, the gravest first: error, warn, info, debug and trace. LTTng has no level below
    /// `Debug`, so that is trace, and debug is [`DebugLine`](Self::DebugLine), what an event of LTTng is unless it says otherwise.
    pub const OF_RUST: [Self; 5] = [Self::Error, Self::Warning, Self::Info, Self::DebugLine, Self::Debug];

    /// What LTTng and babeltrace2 call it, such as `warning` and `debug:line`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Emergency => "emergency",
            Self::Alert => "alert",
            Self::Critical => "critical",
            Self::Error => "error",
            Self::Warning => "warning",
            Self::Notice => "notice",
            Self::Info => "info",
            Self::DebugSystem => "debug:system",
            Self::DebugProgram => "debug:program",
            Self::DebugProcess => "debug:process",
            Self::DebugModule => "debug:module",
            Self::DebugUnit => "debug:unit",
            Self::DebugFunction => "debug:function",
            Self::DebugLine => "debug:line",
            Self::Debug => "debug",
        }
    }

    /// The level with a number of LTTng.
    #[must_use]
    pub fn from_number(number: u64) -> Option<Self> {
        Self::ALL.get(usize::try_from(number).ok()?).copied()
    }
}

/// What a field is, and so how it is encoded; see [`payload`](crate::payload).
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
#[expect(missing_docs, reason = "what has no more said about it is named like the type of Rust")]
pub enum Kind {
    U8,
    U16,
    U32,
    U64,
    I8,
    I16,
    I32,
    I64,
    F32,
    F64,
    Bool,
    /// Text in UTF-8 of at most 65 535 bytes. Our reader takes what is not UTF-8 as U+FFFD. babeltrace2 shows it up to the first NUL,
    /// and, in version 2.0.4, shows one in which nothing precedes that as a text of an event before.
    Str,
    /// At most 65 535 bytes.
    Bytes,
    /// An integer whose values have names.
    Enum(Enumeration),
}

impl Kind {
    /// The size of a value in bytes, or none if it differs from value to value.
    #[must_use]
    pub fn fixed_size(&self) -> Option<usize> {
        Some(match self {
            Self::U8 | Self::I8 | Self::Bool => 1,
            Self::U16 | Self::I16 => 2,
            Self::U32 | Self::I32 | Self::F32 => 4,
            Self::U64 | Self::I64 | Self::F64 => 8,
            Self::Enum(enumeration) => usize::from(enumeration.size),
            Self::Str | Self::Bytes => return None,
        })
    }
}

/// The integer behind a [`Kind::Enum`], and the names of its values. Others are allowed, and have no name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Enumeration {
    /// The bytes of the integer: 1, 2, 4 or 8.
    pub size: u8,
    /// Whether the integer is signed.
    pub signed: bool,
    /// At least one; no name and no value occurs twice.
    pub values: Cow<'static, [(Text, i64)]>,
}

impl Enumeration {
    /// The name of a value.
    #[must_use]
    pub fn label(&self, value: i128) -> Option<&str> {
        self.values.iter().find(|(_, named)| i128::from(*named) == value).map(|(label, _)| &**label)
    }

    /// Whether the integer can be this.
    pub(crate) fn holds(&self, value: i128) -> bool {
        let bits = u32::from(self.size) * 8;
        let (low, high) =
            if self.signed { (-(1_i128 << (bits - 1)), 1 << (bits - 1)) } else { (0, 1_i128 << bits) };
        (low..high).contains(&value)
    }
}

/// A field of an event, or of the context of all events.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Field {
    /// An identifier of C; a keyword of any language is as good as others.
    pub name: Text,
    /// What it is.
    pub kind: Kind,
}

impl Field {
    /// A field with a static name.
    #[must_use]
    pub const fn new(name: &'static str, kind: Kind) -> Self {
        Self { name: Cow::Borrowed(name), kind }
    }
}

/// A type of events. Its id is its index in [`TraceType::events`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EventType {
    /// Whose it is: what stands before the colon in LTTng's names of events.
    pub provider: Text,
    /// Its name, after the colon.
    pub name: Text,
    /// How grave it is.
    pub level: Level,
    /// What is recorded of it.
    pub fields: Cow<'static, [Field]>,
    /// The file and the line that record it.
    pub source: Option<(Text, u32)>,
}

impl EventType {
    /// A type with static parts, and no source.
    #[must_use]
    pub const fn new(
        provider: &'static str,
        name: &'static str,
        level: Level,
        fields: &'static [Field],
    ) -> Self {
        Self {
            provider: Cow::Borrowed(provider),
            name: Cow::Borrowed(name),
            level,
            fields: Cow::Borrowed(fields),
            source: None,
        }
    }

    /// It as one line of JSON, without the end of the line.
    #[must_use]
    pub fn to_json(&self) -> String {
        side::event_to_json(self).to_string()
    }

    /// What [`to_json`](Self::to_json) has made, though it may be [invalid](TraceType::validate).
    #[must_use]
    pub fn from_json(line: &[u8]) -> Option<Self> {
        side::event(&serde_json::from_slice(line).ok()?)
    }

    /// The whole name, `provider:name`.
    pub fn full_name(&self) -> impl fmt::Display + '_ {
        struct Full<'e>(&'e EventType);
        impl fmt::Display for Full<'_> {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{}:{}", self.0.provider, self.0.name)
            }
        }
        Full(self)
    }
}

/// 16 bytes that nothing else has.
pub type Uuid = [u8; 16];

/// What a time of an event means.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Clock {
    /// An identifier, such as `monotonic`.
    pub name: Text,
    /// What it is, for people.
    pub description: Text,
    /// What this clock, of this boot of this machine, has in every trace: such traces can be merged.
    pub uuid: Option<Uuid>,
    /// Cycles in a second.
    pub frequency: u64,
    /// How many cycles a time may be off.
    pub precision: u64,
    /// The time since the Unix epoch at cycle 0: whole seconds.
    pub offset_seconds: i64,
    /// The rest of it, in cycles; less than a second.
    pub offset_cycles: u64,
}

const NANOS: i128 = 1_000_000_000;

impl Clock {
    /// A clock in nanoseconds, of which 0 is so many nanoseconds after the Unix epoch.
    #[must_use]
    pub fn nanoseconds(name: impl Into<Text>, offset_ns: i64) -> Self {
        Self {
            name: name.into(),
            description: Text::Borrowed(""),
            uuid: None,
            frequency: NANOS as u64,
            precision: 1,
            offset_seconds: offset_ns.div_euclid(NANOS as i64),
            offset_cycles: offset_ns.rem_euclid(NANOS as i64).unsigned_abs(),
        }
    }

    /// The nanoseconds since the Unix epoch of a time in cycles, rounded down; none if an `i64` does not hold them, or the clock
    /// is not [valid](TraceType::validate).
    #[must_use]
    pub fn unix_ns(&self, cycles: u64) -> Option<i64> {
        let (seconds, cycles) = (i128::from(self.offset_seconds), i128::from(cycles));
        if self.frequency == NANOS as u64 {
            return i64::try_from(seconds * NANOS + i128::from(self.offset_cycles) + cycles).ok();
        }
        let cycles = i128::from(self.offset_cycles) + cycles;
        // Less than 2^65 · 2^30.
        let ns = (cycles * NANOS).checked_div(i128::from(self.frequency))?;
        i64::try_from(seconds * NANOS + ns).ok()
    }

    /// The last time that [`unix_ns`](Self::unix_ns) knows.
    pub(crate) fn latest(&self) -> u64 {
        // The greatest c with (offset_cycles + c) · 10^9 / frequency ≤ left.
        let left = i128::from(i64::MAX) - i128::from(self.offset_seconds) * NANOS;
        // What an `i128` does not hold is beyond all cycles.
        let all = left.saturating_mul(self.frequency.into()).div_euclid(NANOS);
        let cycles = all - i128::from(self.offset_cycles);
        // The last of all is what readers take for none.
        u64::try_from(cycles.max(0)).unwrap_or(u64::MAX).min(u64::MAX - 1)
    }
}

/// Which byte of an integer comes first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ByteOrder {
    /// The least significant.
    Little,
    /// The most significant.
    Big,
}

impl ByteOrder {
    /// That of this machine.
    pub const NATIVE: Self = if cfg!(target_endian = "little") { Self::Little } else { Self::Big };
}

/// Something known of where a trace is from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Setting {
    /// A text.
    Text(Text),
    /// A number.
    Integer(i64),
}

impl From<&'static str> for Setting {
    fn from(text: &'static str) -> Self {
        Self::Text(text.into())
    }
}

impl From<String> for Setting {
    fn from(text: String) -> Self {
        Self::Text(text.into())
    }
}

impl From<i64> for Setting {
    fn from(number: i64) -> Self {
        Self::Integer(number)
    }
}

/// All that is said about a trace besides its events.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TraceType {
    /// What no other trace has; every packet bears it.
    pub uuid: Uuid,
    /// That of the payloads, of the context and of all else.
    pub byte_order: ByteOrder,
    /// What measured the times.
    pub clock: Clock,
    /// What is known of where the trace is from, each under an identifier. Readers show texts named `hostname` and `procname`, and
    /// an integer named `vpid`, before each event.
    pub environment: Vec<(Text, Setting)>,
    /// What is recorded with every event, such as `vpid`, `vtid` and `procname`.
    pub context: Vec<Field>,
    /// The types of events. The index of one is its id, so there can be more later, at the end.
    pub events: Vec<EventType>,
}

impl TraceType {
    /// A trace of this machine's byte order, yet without events, context and environment.
    #[must_use]
    pub fn new(uuid: Uuid, clock: Clock) -> Self {
        Self {
            uuid,
            byte_order: ByteOrder::NATIVE,
            clock,
            environment: Vec::new(),
            context: Vec::new(),
            events: Vec::new(),
        }
    }
}
