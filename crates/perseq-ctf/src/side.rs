//! The types of a trace as JSON, for our reader: `metadata` says the same in a language that takes more to read.

use serde_json::{Map, Value, json};

use crate::types::{ByteOrder, Clock, Enumeration, EventType, Field, Kind, Level, Setting, TraceType, Uuid};

/// What a reader must know of this file.
const VERSION: u64 = 1;

/// The kinds that have nothing else said about them.
const PLAIN: [(&str, Kind); 13] = [
    ("u8", Kind::U8),
    ("u16", Kind::U16),
    ("u32", Kind::U32),
    ("u64", Kind::U64),
    ("i8", Kind::I8),
    ("i16", Kind::I16),
    ("i32", Kind::I32),
    ("i64", Kind::I64),
    ("f32", Kind::F32),
    ("f64", Kind::F64),
    ("bool", Kind::Bool),
    ("str", Kind::Str),
    ("bytes", Kind::Bytes),
];

pub(crate) fn to_json(types: &TraceType) -> String {
    let clock = &types.clock;
    let environment: Vec<Value> =
        types.environment.iter().map(|(name, value)| json!([name, setting_to_json(value)])).collect();
    json!({
        "version": VERSION,
        "uuid": types.uuid,
        "byte_order": match types.byte_order {
            ByteOrder::Little => "little",
            ByteOrder::Big => "big",
        },
        "clock": {
            "name": clock.name,
            "description": clock.description,
            "uuid": clock.uuid,
            "frequency": clock.frequency,
            "precision": clock.precision,
            "offset_seconds": clock.offset_seconds,
            "offset_cycles": clock.offset_cycles,
        },
        "environment": environment,
        "context": fields_to_json(&types.context),
        "events": types.events.iter().map(event_to_json).collect::<Vec<_>>(),
    })
    .to_string()
}

fn setting_to_json(setting: &Setting) -> Value {
    match setting {
        Setting::Text(text) => Value::from(&**text),
        Setting::Integer(number) => Value::from(*number),
    }
}

pub(crate) fn event_to_json(event: &EventType) -> Value {
    json!({
        "provider": event.provider,
        "name": event.name,
        "level": event.level as u8,
        "source": event.source,
        "fields": fields_to_json(&event.fields),
    })
}

fn fields_to_json(fields: &[Field]) -> Value {
    fields.iter().map(|field| json!([field.name, kind_to_json(&field.kind)])).collect()
}

fn kind_to_json(kind: &Kind) -> Value {
    match kind {
        Kind::Enum(Enumeration { size, signed, values }) => {
            json!({ "size": size, "signed": signed, "values": values })
        }
        _ => PLAIN.iter().find(|(_, plain)| plain == kind).map(|(name, _)| *name).into(),
    }
}

/// The types, which may still be invalid; none if this is not what [`to_json`] makes.
pub(crate) fn from_json(text: &[u8]) -> Option<TraceType> {
    let root: Value = serde_json::from_slice(text).ok()?;
    let root = root.as_object()?;
    if root.get("version")?.as_u64()? != VERSION {
        return None;
    }
    let clock = root.get("clock")?.as_object()?;
    Some(TraceType {
        uuid: uuid(root.get("uuid")?)?,
        byte_order: match root.get("byte_order")?.as_str()? {
            "little" => ByteOrder::Little,
            "big" => ByteOrder::Big,
            _ => return None,
        },
        clock: Clock {
            name: text_of(clock, "name")?.into(),
            description: text_of(clock, "description")?.into(),
            uuid: match clock.get("uuid")? {
                Value::Null => None,
                value => Some(uuid(value)?),
            },
            frequency: clock.get("frequency")?.as_u64()?,
            precision: clock.get("precision")?.as_u64()?,
            offset_seconds: clock.get("offset_seconds")?.as_i64()?,
            offset_cycles: clock.get("offset_cycles")?.as_u64()?,
        },
        environment: list(root.get("environment")?, |pair| match pair.as_array()?.as_slice() {
            [name, value] => Some((name.as_str()?.to_string().into(), setting(value)?)),
            _ => None,
        })?,
        context: list(root.get("context")?, field)?,
        events: list(root.get("events")?, event)?,
    })
}

/// Each element of a list.
fn list<T>(value: &Value, of: impl Fn(&Value) -> Option<T>) -> Option<Vec<T>> {
    value.as_array()?.iter().map(of).collect()
}

fn setting(value: &Value) -> Option<Setting> {
    match value {
        Value::String(text) => Some(Setting::from(text.clone())),
        value => value.as_i64().map(Setting::Integer),
    }
}

fn text_of(object: &Map<String, Value>, key: &str) -> Option<String> {
    object.get(key)?.as_str().map(str::to_string)
}

fn uuid(value: &Value) -> Option<Uuid> {
    list(value, |byte| u8::try_from(byte.as_u64()?).ok())?.try_into().ok()
}

/// What [`event_to_json`] has made.
pub(crate) fn event(value: &Value) -> Option<EventType> {
    let object = value.as_object()?;
    Some(EventType {
        provider: text_of(object, "provider")?.into(),
        name: text_of(object, "name")?.into(),
        level: Level::from_number(object.get("level")?.as_u64()?)?,
        fields: list(object.get("fields")?, field)?.into(),
        source: match object.get("source")? {
            Value::Null => None,
            source => match source.as_array()?.as_slice() {
                [file, line] => {
                    Some((file.as_str()?.to_string().into(), u32::try_from(line.as_u64()?).ok()?))
                }
                _ => return None,
            },
        },
    })
}

fn field(value: &Value) -> Option<Field> {
    match value.as_array()?.as_slice() {
        [name, of] => Some(Field { name: name.as_str()?.to_string().into(), kind: kind(of)? }),
        _ => None,
    }
}

fn kind(value: &Value) -> Option<Kind> {
    if let Some(name) = value.as_str() {
        return PLAIN.iter().find(|(plain, _)| *plain == name).map(|(_, kind)| kind.clone());
    }
    let object = value.as_object()?;
    let values = list(object.get("values")?, |pair| match pair.as_array()?.as_slice() {
        [label, value] => Some((label.as_str()?.to_string().into(), value.as_i64()?)),
        _ => None,
    })?;
    Some(Kind::Enum(Enumeration {
        size: u8::try_from(object.get("size")?.as_u64()?).ok()?,
        signed: object.get("signed")?.as_bool()?,
        values: values.into(),
    }))
}
