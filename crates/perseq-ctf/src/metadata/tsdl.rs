//! CTF 1.8: TSDL, the language of trace and stream descriptions.
//!
//! The name of each field has an underscore before it, which readers take off. Text and bytes are a sequence, before which comes a
//! field with its length.

use std::fmt::{self, Write};

use super::{hyphenated, uri};
use crate::types::{ByteOrder, Enumeration, EventType, Field, Kind, Setting, TraceType};
use crate::validate::length_name;

pub(super) fn metadata(types: &TraceType) -> String {
    let mut text = String::from("/* CTF 1.8 */\n\n");
    // Writing to a string does not fail.
    let _ = write_all(types, &mut text);
    text
}

fn write_all(types: &TraceType, out: &mut String) -> fmt::Result {
    let uuid = hyphenated(&types.uuid);
    let order = match types.byte_order {
        ByteOrder::Little => "le",
        ByteOrder::Big => "be",
    };
    let clock = &types.clock;
    writeln!(
        out,
        "typealias integer {{ size = 8; align = 8; signed = false; }} := uint8_t;
typealias integer {{ size = 32; align = 8; signed = false; }} := uint32_t;
typealias integer {{ size = 64; align = 8; signed = false; }} := uint64_t;

trace {{
	major = 1;
	minor = 8;
	uuid = \"{uuid}\";
	byte_order = {order};
	packet.header := struct {{
		uint32_t magic;
		uint8_t uuid[16];
		uint32_t stream_id;
	}};
}};
"
    )?;
    if !types.environment.is_empty() {
        writeln!(out, "env {{")?;
        for (name, value) in &types.environment {
            match value {
                Setting::Text(text) => writeln!(out, "\t{name} = {};", Quoted(text))?,
                Setting::Integer(number) => writeln!(out, "\t{name} = {number};")?,
            }
        }
        writeln!(out, "}};\n")?;
    }
    writeln!(out, "clock {{\n\tname = \"{}\";", clock.name)?;
    if let Some(uuid) = &clock.uuid {
        writeln!(out, "\tuuid = \"{}\";", hyphenated(uuid))?;
    }
    writeln!(
        out,
        "\tdescription = {};
	freq = {};
	precision = {};
	offset_s = {};
	offset = {};
	absolute = TRUE;
}};

typealias integer {{ size = 27; align = 1; signed = false; map = clock.{name}.value; }} := uint27_clock_t;
typealias integer {{ size = 64; align = 8; signed = false; map = clock.{name}.value; }} := uint64_clock_t;

stream {{
	id = 0;
	packet.context := struct {{
		uint64_clock_t timestamp_begin;
		uint64_clock_t timestamp_end;
		uint64_t content_size;
		uint64_t packet_size;
		uint64_t packet_seq_num;
		uint64_t events_discarded;
		uint32_t cpu_id;
	}};
	event.header := struct {{
		enum : integer {{ size = 5; align = 1; signed = false; }} {{ compact = 0 ... 30, extended = 31 }} id;
		variant <id> {{
			struct {{
				uint27_clock_t timestamp;
			}} compact;
			struct {{
				uint32_t id;
				uint64_clock_t timestamp;
			}} extended;
		}} v;
	}} align(8);",
        Quoted(&clock.description),
        clock.frequency,
        clock.precision,
        clock.offset_seconds,
        clock.offset_cycles,
        name = clock.name
    )?;
    if !types.context.is_empty() {
        writeln!(out, "\tevent.context := struct {{")?;
        write_fields(&types.context, out)?;
        writeln!(out, "\t}};")?;
    }
    writeln!(out, "}};")?;
    types.events.iter().enumerate().try_for_each(|(id, event)| write_event(id, event, out))
}

fn write_event(id: usize, event: &EventType, out: &mut String) -> fmt::Result {
    writeln!(
        out,
        "\nevent {{\n\tname = {};\n\tid = {id};\n\tstream_id = 0;\n\tloglevel = {};",
        Quoted(&event.full_name().to_string()),
        event.level as u8
    )?;
    if let Some(source) = &event.source {
        writeln!(out, "\tmodel.emf.uri = {};", Quoted(&uri(source)))?;
    }
    writeln!(out, "\tfields := struct {{")?;
    write_fields(&event.fields, out)?;
    writeln!(out, "\t}};\n}};")
}

fn write_fields(fields: &[Field], out: &mut String) -> fmt::Result {
    fields.iter().try_for_each(|field| match (&field.name, &field.kind) {
        (_, Kind::Str) => write_sequence(field, fields, "encoding = UTF8; ", out),
        (_, Kind::Bytes) => write_sequence(field, fields, "base = 16; ", out),
        (name, Kind::F32) => write_float(name, 8, 24, out),
        (name, Kind::F64) => write_float(name, 11, 53, out),
        (name, Kind::Bool | Kind::U8) => write_integer(name, 1, false, out),
        (name, Kind::U16) => write_integer(name, 2, false, out),
        (name, Kind::U32) => write_integer(name, 4, false, out),
        (name, Kind::U64) => write_integer(name, 8, false, out),
        (name, Kind::I8) => write_integer(name, 1, true, out),
        (name, Kind::I16) => write_integer(name, 2, true, out),
        (name, Kind::I32) => write_integer(name, 4, true, out),
        (name, Kind::I64) => write_integer(name, 8, true, out),
        (name, Kind::Enum(enumeration)) => write_enumeration(name, enumeration, out),
    })
}

/// What an integer of some bytes is.
struct Integer(u8, bool);

impl fmt::Display for Integer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "integer {{ size = {}; align = 8; signed = {}; }}", u32::from(self.0) * 8, self.1)
    }
}

fn write_integer(name: &str, size: u8, signed: bool, out: &mut String) -> fmt::Result {
    writeln!(out, "\t\t{} _{name};", Integer(size, signed))
}

fn write_float(name: &str, exponent: u8, mantissa: u8, out: &mut String) -> fmt::Result {
    writeln!(out, "\t\tfloating_point {{ exp_dig = {exponent}; mant_dig = {mantissa}; align = 8; }} _{name};")
}

fn write_sequence(field: &Field, fields: &[Field], attribute: &str, out: &mut String) -> fmt::Result {
    let (name, length) = (&field.name, length_name(field, fields).unwrap_or_default());
    writeln!(out, "\t\t{} _{length};", Integer(2, false))?;
    writeln!(out, "\t\tinteger {{ size = 8; align = 8; signed = false; {attribute}}} _{name}[_{length}];")
}

fn write_enumeration(name: &str, enumeration: &Enumeration, out: &mut String) -> fmt::Result {
    write!(out, "\t\tenum : {} {{ ", Integer(enumeration.size, enumeration.signed))?;
    for (at, (label, value)) in enumeration.values.iter().enumerate() {
        let comma = if at == 0 { "" } else { ", " };
        write!(out, "{comma}{} = {value}", Quoted(label))?;
    }
    writeln!(out, " }} _{name};")
}

/// A literal of text.
struct Quoted<'t>(&'t str);

impl fmt::Display for Quoted<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_char('"')?;
        for char in self.0.chars() {
            match char {
                '"' | '\\' => write!(f, "\\{char}")?,
                // Three digits, so that one which follows is none of them.
                '\0'..' ' | '\x7f' => write!(f, "\\{:03o}", u32::from(char))?,
                _ => f.write_char(char)?,
            }
        }
        f.write_char('"')
    }
}
