//! CTF 2: a sequence of JSON texts, each after a record separator.

use serde_json::{Map, Value, json};

use super::{hyphenated, uri};
use crate::types::{ByteOrder, Enumeration, EventType, Field, Kind, Setting, TraceType};
use crate::validate::length_name;

/// Whose attributes levels and sources are: babeltrace2 looks for them there, and under its own name.
const LTTNG: &str = "lttng.org,2009";

pub(super) fn metadata(types: &TraceType) -> String {
    let fields = Fields { order: types.byte_order };
    let preamble = json!({ "type": "preamble", "version": 2, "uuid": types.uuid });
    let fragments = [preamble, trace_class(types, &fields), clock_class(types), stream_class(types, &fields)]
        .into_iter()
        .chain(types.events.iter().enumerate().map(|(id, event)| event_class(id, event, &fields)));
    fragments.map(|fragment| format!("\x1e{fragment}\n")).collect()
}

fn trace_class(types: &TraceType, fields: &Fields) -> Value {
    let environment: Map<String, Value> = types
        .environment
        .iter()
        .map(|(name, value)| match value {
            Setting::Text(text) => (name.to_string(), Value::from(&**text)),
            Setting::Integer(number) => (name.to_string(), Value::from(*number)),
        })
        .collect();
    json!({
        "type": "trace-class",
        "uid": hyphenated(&types.uuid),
        "environment": environment,
        "packet-header-field-class": structure([
            member("magic", fields.role(32, "packet-magic-number")),
            member("uuid", json!({
                "type": "static-length-blob",
                "length": 16,
                "roles": ["metadata-stream-uuid"],
            })),
            member("stream_id", fields.role(32, "data-stream-class-id")),
        ]),
    })
}

fn clock_class(types: &TraceType) -> Value {
    let clock = &types.clock;
    let mut class = json!({
        "type": "clock-class",
        "id": clock.name,
        "name": clock.name,
        "description": clock.description,
        "frequency": clock.frequency,
        "precision": clock.precision,
        "offset-from-origin": { "seconds": clock.offset_seconds, "cycles": clock.offset_cycles },
        "origin": "unix-epoch",
    });
    if let Some(uuid) = &clock.uuid {
        class["uid"] = hyphenated(uuid).into();
    }
    class
}

fn stream_class(types: &TraceType, fields: &Fields) -> Value {
    const ID: &str = "event-record-class-id";
    const TIME: &str = "default-clock-timestamp";
    let mut id = fields.unaligned(5, ID);
    id["mappings"] = json!({ "compact": [[0, 30]], "extended": [[31, 31]] });
    let compact = structure([member("timestamp", fields.unaligned(27, TIME))]);
    let extended = structure([member("id", fields.role(32, ID)), member("timestamp", fields.role(64, TIME))]);
    let mut header = structure([
        member("id", id),
        member(
            "v",
            json!({
                "type": "variant",
                "selector-field-location": { "path": ["id"] },
                "options": [
                    { "name": "compact", "selector-field-ranges": [[0, 30]], "field-class": compact },
                    { "name": "extended", "selector-field-ranges": [[31, 31]], "field-class": extended },
                ],
            }),
        ),
    ]);
    header["minimum-alignment"] = 8.into();
    let mut class = json!({
        "type": "data-stream-class",
        "id": 0,
        "default-clock-class-id": types.clock.name,
        "packet-context-field-class": structure([
            member("timestamp_begin", fields.role(64, TIME)),
            member("timestamp_end", fields.role(64, "packet-end-default-clock-timestamp")),
            member("content_size", fields.role(64, "packet-content-length")),
            member("packet_size", fields.role(64, "packet-total-length")),
            member("packet_seq_num", fields.role(64, "packet-sequence-number")),
            member("events_discarded", fields.role(64, "discarded-event-record-counter-snapshot")),
            member("cpu_id", fields.integer(4, false)),
        ]),
        "event-record-header-field-class": header,
    });
    if !types.context.is_empty() {
        class["event-record-common-context-field-class"] = fields.structure(&types.context);
    }
    class
}

fn event_class(id: usize, event: &EventType, fields: &Fields) -> Value {
    let mut class = json!({
        "type": "event-record-class",
        "data-stream-class-id": 0,
        "id": id,
        "name": event.full_name().to_string(),
        "attributes": { LTTNG: { "log-level": event.level.name() } },
        "payload-field-class": fields.structure(&event.fields),
    });
    if let Some(source) = &event.source {
        class["attributes"][LTTNG]["emf-uri"] = uri(source).into();
    }
    class
}

fn structure(members: impl IntoIterator<Item = Value>) -> Value {
    json!({ "type": "structure", "member-classes": members.into_iter().collect::<Vec<_>>() })
}

fn member(name: &str, class: Value) -> Value {
    json!({ "name": name, "field-class": class })
}

/// Classes of fields of a byte order.
struct Fields {
    order: ByteOrder,
}

impl Fields {
    fn number(&self, kind: &str, bits: u32, alignment: u32) -> Value {
        let order = match self.order {
            ByteOrder::Little => "little-endian",
            ByteOrder::Big => "big-endian",
        };
        json!({ "type": kind, "length": bits, "byte-order": order, "alignment": alignment })
    }

    fn role(&self, bits: u32, role: &str) -> Value {
        let mut class = self.number("fixed-length-unsigned-integer", bits, 8);
        class["roles"] = json!([role]);
        class
    }

    fn unaligned(&self, bits: u32, role: &str) -> Value {
        let mut class = self.role(bits, role);
        class["alignment"] = 1.into();
        class
    }

    fn integer(&self, size: u8, signed: bool) -> Value {
        let kind = if signed { "fixed-length-signed-integer" } else { "fixed-length-unsigned-integer" };
        self.number(kind, u32::from(size) * 8, 8)
    }

    fn structure(&self, fields: &[Field]) -> Value {
        structure(fields.iter().flat_map(|field| self.members(field, fields)))
    }

    /// The members that a field is: itself, and before it its length if it has one.
    fn members(&self, field: &Field, fields: &[Field]) -> Vec<Value> {
        let Field { name, kind } = field;
        let sequence = |class: &str| {
            let length = length_name(field, fields).unwrap_or_default();
            let class = json!({ "type": class, "length-field-location": { "path": [length] } });
            vec![member(&length, self.integer(2, false)), member(name, class)]
        };
        let class = match kind {
            Kind::Str => return sequence("dynamic-length-string"),
            Kind::Bytes => return sequence("dynamic-length-blob"),
            Kind::Bool => self.number("fixed-length-boolean", 8, 8),
            Kind::F32 => self.number("fixed-length-floating-point-number", 32, 8),
            Kind::F64 => self.number("fixed-length-floating-point-number", 64, 8),
            Kind::U8 => self.integer(1, false),
            Kind::U16 => self.integer(2, false),
            Kind::U32 => self.integer(4, false),
            Kind::U64 => self.integer(8, false),
            Kind::I8 => self.integer(1, true),
            Kind::I16 => self.integer(2, true),
            Kind::I32 => self.integer(4, true),
            Kind::I64 => self.integer(8, true),
            Kind::Enum(enumeration) => self.enumeration(enumeration),
        };
        vec![member(name, class)]
    }

    fn enumeration(&self, enumeration: &Enumeration) -> Value {
        let mappings: Map<String, Value> = enumeration
            .values
            .iter()
            .map(|(label, value)| (label.to_string(), json!([[value, value]])))
            .collect();
        let mut class = self.integer(enumeration.size, enumeration.signed);
        class["mappings"] = mappings.into();
        class
    }
}
