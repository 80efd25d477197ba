//! Any types and values are read again as they were written, by us and by babeltrace2.

mod common;

use std::collections::HashSet;

use common::{Record, assert_babeltrace_agrees, assert_holds, write};
use perseq_ctf::payload::{Value, walk};
use perseq_ctf::print::Time;
use perseq_ctf::{ByteOrder, Clock, Enumeration, EventType, Field, Kind, Level, TraceType, Version};
use proptest::collection::vec;
use proptest::prelude::*;

fn kind() -> impl Strategy<Value = Kind> {
    let plain = prop::sample::select(vec![
        Kind::U8,
        Kind::U16,
        Kind::U32,
        Kind::U64,
        Kind::I8,
        Kind::I16,
        Kind::I32,
        Kind::I64,
        Kind::F32,
        Kind::F64,
        Kind::Bool,
        Kind::Str,
        Kind::Bytes,
    ]);
    prop_oneof![4 => plain, 1 => enumeration().prop_map(Kind::Enum)]
}

fn enumeration() -> impl Strategy<Value = Enumeration> {
    let value = prop_oneof![-3_i64..4, any::<i64>()];
    let sizes = prop::sample::select(vec![1_u8, 2, 4, 8]);
    (sizes, any::<bool>(), vec((name(), value), 1..5)).prop_map(|(size, signed, values)| {
        let bits = u32::from(size) * 8;
        let (mut labels, mut numbers) = (HashSet::new(), HashSet::new());
        let values: Vec<_> = values
            .into_iter()
            .map(|(label, value)| {
                let unused = 64 - bits;
                let value =
                    if signed { value << unused >> unused } else { (value & i64::MAX) << unused >> unused };
                (label.into(), if signed { value } else { value.unsigned_abs() as i64 & i64::MAX })
            })
            .filter(|(label, value): &(perseq_ctf::Text, i64)| {
                labels.insert(label.clone()) && numbers.insert(*value)
            })
            .filter(|(_, value)| signed || bits == 64 || *value < 1 << bits)
            .collect();
        let values = if values.is_empty() { vec![("zero".into(), 0)] } else { values };
        Enumeration { size, signed, values: values.into() }
    })
}

/// A name of an event or a value: any text without control characters.
fn name() -> impl Strategy<Value = String> {
    let char = any::<char>().prop_map(|char| if char.is_control() { '-' } else { char });
    vec(char, 1..8).prop_map(|chars| chars.into_iter().collect())
}

fn fields() -> impl Strategy<Value = Vec<Field>> {
    let word = prop::sample::select(vec![
        "int",
        "struct",
        "event",
        "_y",
        "x",
        "X9",
        "align",
        "id",
        "v",
        "timestamp",
        "x_length",
        "___x_length",
        "_v_length",
        "event_length",
    ]);
    vec((word, kind()), 0..6).prop_map(|fields| {
        let mut names = HashSet::new();
        let fields = fields.into_iter().filter(|(name, _)| names.insert(*name));
        fields.map(|(name, kind)| Field::new(name, kind)).collect()
    })
}

fn value(kind: &Kind) -> BoxedStrategy<Value<'static>> {
    let signed = |min: i64, max: i64| (min..=max).prop_map(Value::Signed).boxed();
    let unsigned = |max: u64| (0..=max).prop_map(Value::Unsigned).boxed();
    match kind {
        Kind::U8 => unsigned(u8::MAX.into()),
        Kind::U16 => unsigned(u16::MAX.into()),
        Kind::U32 => unsigned(u32::MAX.into()),
        Kind::U64 => unsigned(u64::MAX),
        Kind::I8 => signed(i8::MIN.into(), i8::MAX.into()),
        Kind::I16 => signed(i16::MIN.into(), i16::MAX.into()),
        Kind::I32 => signed(i32::MIN.into(), i32::MAX.into()),
        Kind::I64 => signed(i64::MIN, i64::MAX),
        Kind::F32 => any::<u32>().prop_map(|bits| Value::F32(f32::from_bits(bits))).boxed(),
        Kind::F64 => {
            prop_oneof![any::<u64>().prop_map(f64::from_bits), -1e7..1e7].prop_map(Value::F64).boxed()
        }
        Kind::Bool => any::<bool>().prop_map(Value::Bool).boxed(),
        Kind::Str => {
            let chars = prop_oneof![any::<char>(), (0_u8..128).prop_map(char::from)];
            vec(chars, 0..20).prop_map(|chars| Value::Str(chars.into_iter().collect())).boxed()
        }
        Kind::Bytes => {
            // They live as long as the test.
            vec(any::<u8>(), 0..20).prop_map(|bytes| Value::Bytes(bytes.leak())).boxed()
        }
        Kind::Enum(Enumeration { size, signed, values }) => {
            let named: Vec<i128> = values.iter().map(|(_, value)| i128::from(*value)).collect();
            let (size, signed) = (*size, *signed);
            let any = any::<u64>().prop_map(move |bits| {
                let unused = 64 - u32::from(size) * 8;
                match signed {
                    true => i128::from(bits.cast_signed() << unused >> unused),
                    false => i128::from(bits << unused >> unused),
                }
            });
            prop_oneof![prop::sample::select(named), any].prop_map(|value| Value::Enum(value, None)).boxed()
        }
        _ => unreachable!("no other kinds are made"),
    }
}

fn values(fields: &[Field]) -> Vec<BoxedStrategy<Value<'static>>> {
    fields.iter().map(|field| value(&field.kind)).collect()
}

fn types() -> impl Strategy<Value = TraceType> {
    let level = prop::sample::select(Level::ALL.to_vec());
    let source = prop::option::of((name().prop_map(Into::into), any::<u32>()));
    let event =
        (name(), name(), level, fields(), source).prop_map(|(provider, name, level, fields, source)| {
            EventType { provider: provider.into(), name: name.into(), level, fields: fields.into(), source }
        });
    let environment = prop::option::of(name());
    let clock = (any::<u64>(), 1_u64..10_000_000_000, -1_000_000_000..1_000_000_000_i64, any::<bool>());
    let order = prop::sample::select(vec![ByteOrder::Little, ByteOrder::Big]);
    let parts = (any::<[u8; 16]>(), order, clock, environment, fields(), vec(event, 1..40));
    parts.prop_map(|(uuid, byte_order, (cycles, frequency, seconds, nanoseconds), host, context, events)| {
        let clock = match nanoseconds {
            true => Clock::nanoseconds("clock_1", seconds),
            false => Clock {
                name: "clock_1".into(),
                description: "a \"clock\",\n\\ that ticks".into(),
                uuid: Some(uuid),
                frequency,
                precision: cycles >> 40,
                offset_seconds: seconds,
                offset_cycles: cycles % frequency,
            },
        };
        let environment = host.map(|host| ("hostname".into(), host.into())).into_iter().collect();
        TraceType { uuid, byte_order, clock, environment, context, events }
    })
}

/// Version 2.0.4 of babeltrace2 shows a text without a character before its first NUL as one of another event.
fn begin_with_text(record: &mut Record) {
    for value in record.context.iter_mut().chain(&mut record.fields) {
        if let Value::Str(text) = value
            && text.chars().next().is_none_or(|first| first == '\0')
        {
            text.to_mut().insert(0, '-');
        }
    }
}

/// Types, and events by time, which passes in small and in large steps.
fn traces(most: usize) -> impl Strategy<Value = (TraceType, Vec<Record>)> {
    types().prop_flat_map(move |types| {
        let kinds = types.clone();
        let passed = prop_oneof![0..1000_u64, Just((1 << 27) - 1), Just(1 << 27), 0..1_u64 << 40];
        let record = (0..4_u32, passed, 0..kinds.events.len()).prop_flat_map(move |(cpu, time, id)| {
            (values(&kinds.context), values(&kinds.events[id].fields))
                .prop_map(move |(context, fields)| Record { cpu, time, id: id as u32, context, fields })
        });
        vec(record, 0..most).prop_map(move |mut records| {
            let mut now = 0;
            for record in &mut records {
                now += record.time;
                record.time = now;
            }
            (types.clone(), records)
        })
    })
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_is_written_is_read((types, records) in traces(40), packet in 100_usize..2000) {
        let folder = write(&types, &records, Version::V1_8, packet);
        assert_holds(&folder.0, &types, &records);
    }

    #[test]
    fn a_payload_has_the_size_of_its_fields((types, records) in traces(4), rest in vec(any::<u8>(), 0..4)) {
        let order = ByteOrder::NATIVE;
        for record in &records {
            let fields = &types.events[record.id as usize].fields;
            let mut bytes = common::bytes(order, fields, &record.fields);
            let size = bytes.len();
            bytes.extend(&rest);
            prop_assert_eq!(walk(fields, &bytes), Ok(size));
            for short in 0..size {
                prop_assert!(walk(fields, &bytes[..short]).is_err());
            }
        }
    }
}

proptest! {
    // It takes a process for each.
    #![proptest_config(ProptestConfig {
        failure_persistence: None,
        cases: ProptestConfig::default().cases / 8 + 1,
        ..ProptestConfig::default()
    })]

    #[test]
    fn babeltrace_reads_the_same((types, mut records) in traces(40), packet in 100_usize..2000) {
        records.iter_mut().for_each(begin_with_text);
        let folder = write(&types, &records, Version::V1_8, packet);
        assert_babeltrace_agrees(&folder.0, Time::Cycles);
        // Where cycles are nanoseconds no reader rounds.
        if types.clock.frequency == 1_000_000_000 {
            assert_babeltrace_agrees(&folder.0, Time::Seconds);
        }
    }
}
