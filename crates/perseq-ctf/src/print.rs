//! Events as lines of text, like those of `babeltrace2`.
//!
//! ```text
//! [22:13:20.123458789] (+0.000001000) host provider:name: { cpu_id = 3 }, { vpid = 7 }, { path = "/tmp", size = 5 }
//! ```
//! In between brackets are the time of day (UTC), and the time since the line before; in braces the CPU, the context and the fields.

use std::fmt::{self, Write as _};
use std::io;

use crate::payload::{Value, Values, value};
use crate::reader::Event;
use crate::types::{ByteOrder, Field, Setting};
use crate::validate::length_name;

/// How times are written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Time {
    /// The time of day, in UTC, as by `babeltrace2 --clock-gmt`.
    #[default]
    Day,
    /// Date and time of day, in UTC, as by `babeltrace2 --clock-gmt --clock-date`.
    Date,
    /// Seconds since the Unix epoch, as by `babeltrace2 --clock-seconds`.
    Seconds,
    /// Cycles of the clock, as by `babeltrace2 --clock-cycles`.
    Cycles,
}

/// Writes events as lines.
#[derive(Clone, Debug, Default)]
pub struct Printer {
    time: Time,
    lengths: bool,
    no_delta: bool,
    /// Of the event before, in what `time` is in.
    last: Option<i128>,
    line: String,
}

impl Printer {
    /// Lines that begin with times.
    #[must_use]
    pub fn new(time: Time) -> Self {
        Self { time, ..Self::default() }
    }

    /// Whether the length of a text or of bytes is written before it, as babeltrace2 does.
    #[must_use]
    pub fn lengths(mut self, yes: bool) -> Self {
        self.lengths = yes;
        self
    }

    /// Whether the time since the line before is written; it is unless this says no.
    #[must_use]
    pub fn delta(mut self, yes: bool) -> Self {
        self.no_delta = !yes;
        self
    }

    /// Writes the line of an event.
    ///
    /// # Errors
    /// If the output fails.
    pub fn print(&mut self, event: &Event<'_>, out: &mut (impl io::Write + ?Sized)) -> io::Result<()> {
        let mut line = std::mem::take(&mut self.line);
        line.clear();
        // Writing to a string does not fail.
        let _ = self.write(event, &mut line);
        line.push('\n');
        let written = out.write_all(line.as_bytes());
        self.line = line;
        written
    }

    fn write(&mut self, event: &Event<'_>, out: &mut String) -> fmt::Result {
        self.write_time(event, out)?;
        let types = event.trace_type();
        let start = out.len();
        for name in ["hostname", "procname", "vpid"] {
            let Some((_, value)) = types.environment.iter().find(|(other, _)| other == name) else {
                continue;
            };
            if out.len() > start {
                out.push(':');
            }
            match value {
                Setting::Text(text) => out.push_str(text),
                Setting::Integer(number) => write!(out, "({number})")?,
            }
        }
        if out.len() > start {
            out.push(' ');
        }
        write!(out, "{}: {{ cpu_id = {} }}, ", event.event_type().full_name(), event.cpu())?;
        if !types.context.is_empty() {
            self.write_fields(&types.context, event.context(), types.byte_order, out)?;
            out.push_str(", ");
        }
        self.write_fields(&event.event_type().fields, event.fields(), types.byte_order, out)
    }

    fn write_time(&mut self, event: &Event<'_>, out: &mut String) -> fmt::Result {
        let ns = event.time_ns();
        let (seconds, nanos) = (ns.div_euclid(NANOS), ns.rem_euclid(NANOS));
        match self.time {
            Time::Day => write!(out, "[{}.{nanos:09}] ", TimeOfDay(seconds))?,
            Time::Date => {
                let (year, month, day) = date(seconds.div_euclid(DAY));
                write!(out, "[{year:04}-{month:02}-{day:02} {}.{nanos:09}] ", TimeOfDay(seconds))?;
            }
            Time::Seconds => {
                let (sign, ns) = (if ns < 0 { "-" } else { "" }, ns.unsigned_abs());
                let nanos = NANOS.unsigned_abs();
                write!(out, "[{sign}{}.{:09}] ", ns / nanos, ns % nanos)?;
            }
            Time::Cycles => write!(out, "[{:020}] ", event.cycles())?,
        }
        let cycles = self.time == Time::Cycles;
        let now = if cycles { event.cycles().into() } else { ns.into() };
        let last = self.last.replace(now);
        if self.no_delta {
            return Ok(());
        }
        match last.map(|last| now - last) {
            None if cycles => out.write_str("(+????????????) "),
            None => out.write_str("(+?.?????????) "),
            Some(passed) if cycles => write!(out, "(+{passed:012}) "),
            Some(passed) => {
                let nanos = i128::from(NANOS);
                write!(out, "(+{}.{:09}) ", passed / nanos, passed % nanos)
            }
        }
    }

    fn write_fields(
        &self,
        fields: &[Field],
        mut values: Values<'_>,
        order: ByteOrder,
        out: &mut String,
    ) -> fmt::Result {
        out.push_str("{ ");
        let mut first = true;
        // All of an event's values have been read before.
        while let Some(Ok((field, bytes))) = values.next_bytes() {
            if !first {
                out.push_str(", ");
            }
            first = false;
            if self.lengths
                && let Some(name) = length_name(field, fields)
            {
                write!(out, "{name} = {}, ", bytes.len())?;
            }
            write!(out, "{} = {}", field.name, Shown(&value(order, &field.kind, bytes)))?;
        }
        out.push_str(if first { "}" } else { " }" });
        Ok(())
    }
}

const NANOS: i64 = 1_000_000_000;
const DAY: i64 = 86_400;

/// Seconds since an epoch, as the time of day.
struct TimeOfDay(i64);

impl fmt::Display for TimeOfDay {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = self.0.rem_euclid(DAY);
        write!(f, "{:02}:{:02}:{:02}", seconds / 3600, seconds / 60 % 60, seconds % 60)
    }
}

/// Year, month and day of a number of days since 1970-01-01, in the Gregorian calendar.
///
/// Years are counted from the first of March, so that the odd day is the last of a year: then a day of a cycle of 400 years gives
/// the year, and a day of the year the month, of which five in a row have 153 days.
fn date(days: i64) -> (i64, i64, i64) {
    const CYCLE: i64 = 400 * 365 + 97;
    // 719 468 days before 1970 year 0 began on its first of March.
    let days = days + 719_468;
    let (cycle, day) = (days.div_euclid(CYCLE), days.rem_euclid(CYCLE));
    let year = (day - day / (4 * 365) + day / (100 * 365 + 24) - day / (CYCLE - 1)) / 365;
    let day = day - (365 * year + year / 4 - year / 100);
    let month = (5 * day + 2) / 153;
    let day_of_month = day - (153 * month + 2) / 5 + 1;
    let (month, next) = if month < 10 { (month + 3, 0) } else { (month - 9, 1) };
    (cycle * 400 + year + next, month, day_of_month)
}

/// A value as babeltrace2 writes it.
struct Shown<'v>(&'v Value<'v>);

impl fmt::Display for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Value::Unsigned(value) => write!(f, "{value}"),
            Value::Signed(value) => write!(f, "{value}"),
            Value::F32(value) => write!(f, "{}", General(f64::from(*value))),
            Value::F64(value) => write!(f, "{}", General(*value)),
            Value::Bool(value) => write!(f, "{}", u8::from(*value)),
            // As C does, up to the first NUL.
            Value::Str(text) => write!(f, "{}", Escaped(text.split('\0').next().unwrap_or_default())),
            Value::Bytes([]) => f.write_str("[ ]"),
            Value::Bytes(bytes) => {
                for (at, byte) in bytes.iter().enumerate() {
                    let before = if at == 0 { "[ " } else { ", " };
                    write!(f, "{before}[{at}] = 0x{byte:X}")?;
                }
                f.write_str(" ]")
            }
            Value::Enum(value, Some(label)) => write!(f, "( {} : container = {value} )", Escaped(label)),
            Value::Enum(value, None) => write!(f, "( <unknown> : container = {value} )"),
        }
    }
}

/// Text in quotes.
struct Escaped<'t>(&'t str);

impl fmt::Display for Escaped<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_char('"')?;
        for char in self.0.chars() {
            match char {
                '"' | '\\' | '\'' | '?' => write!(f, "\\{char}")?,
                '\x07' => f.write_str("\\a")?,
                '\x08' => f.write_str("\\b")?,
                '\t' => f.write_str("\\t")?,
                '\n' => f.write_str("\\n")?,
                '\x0b' => f.write_str("\\v")?,
                '\x0c' => f.write_str("\\f")?,
                '\r' => f.write_str("\\r")?,
                '\x1b' => f.write_str("\\e")?,
                '\0'..' ' | '\x7f' => write!(f, "\\x{:02x}", u32::from(char))?,
                _ => f.write_char(char)?,
            }
        }
        f.write_char('"')
    }
}

/// A number with six significant digits, as `%g` of C.
struct General(f64);

impl fmt::Display for General {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const DIGITS: i32 = 6;
        let value = self.0;
        if !value.is_finite() {
            let sign = if value.is_sign_negative() { "-" } else { "" };
            return write!(f, "{sign}{}", if value.is_nan() { "nan" } else { "inf" });
        }
        // What is left after rounding says how large it is.
        let scientific = format!("{value:.5e}");
        let (digits, exponent) = scientific.split_once('e').unwrap_or((&scientific, "0"));
        let exponent: i32 = exponent.parse().unwrap_or_default();
        if (-4..DIGITS).contains(&exponent) {
            let decimals = usize::try_from(DIGITS - 1 - exponent).unwrap_or_default();
            return f.write_str(without_zeros(&format!("{value:.decimals$}")));
        }
        let sign = if exponent < 0 { '-' } else { '+' };
        write!(f, "{}e{sign}{:02}", without_zeros(digits), exponent.abs())
    }
}

/// A number without the zeros that end its fraction.
fn without_zeros(number: &str) -> &str {
    if number.contains('.') { number.trim_end_matches('0').trim_end_matches('.') } else { number }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_those_of_the_calendar() {
        for (days, expected) in [
            (0, (1970, 1, 1)),
            (-1, (1969, 12, 31)),
            (58, (1970, 2, 28)),
            (59, (1970, 3, 1)),
            (11_016, (2000, 2, 29)),
            (11_017, (2000, 3, 1)),
            (19_675, (2023, 11, 14)),
            (47_540, (2100, 2, 28)),
            (47_541, (2100, 3, 1)),
            (-719_468, (0, 3, 1)),
        ] {
            assert_eq!(date(days), expected, "{days}");
        }
    }

    #[test]
    fn numbers_have_six_digits() {
        for (number, expected) in [
            (0.0, "0"),
            (-0.0, "-0"),
            (1.5, "1.5"),
            (100_000.0, "100000"),
            (1_000_000.0, "1e+06"),
            (999_999.5, "1e+06"),
            (0.0001, "0.0001"),
            (0.000_01, "1e-05"),
            (123_456.7, "123457"),
            (-1.0 / 3.0, "-0.333333"),
            (1e100, "1e+100"),
            (-f64::NAN, "-nan"),
        ] {
            assert_eq!(General(number).to_string(), expected);
        }
    }
}
