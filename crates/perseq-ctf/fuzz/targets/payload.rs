//! Whatever the bytes of an event's fields are: their size is within them, and the same as that of their values.
//!
//! The input is the number of fields, a byte for each that says its kind, and the fields.
#![no_main]

use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use perseq_ctf::payload::{Value, Values, encode, walk};
use perseq_ctf::{ByteOrder, Enumeration, Field, Kind};

static KINDS: LazyLock<Vec<Kind>> = LazyLock::new(|| {
    let of = |size, signed| {
        Kind::Enum(Enumeration { size, signed, values: vec![("one".into(), 1), ("two".into(), 2)].into() })
    };
    let plain = [
        Kind::U8, Kind::U16, Kind::U32, Kind::U64, Kind::I8, Kind::I16, Kind::I32, Kind::I64, Kind::F32, Kind::F64,
        Kind::Bool, Kind::Str, Kind::Bytes,
    ];
    let enums = [1, 2, 4, 8].into_iter().flat_map(|size| [of(size, false), of(size, true)]);
    plain.into_iter().chain(enums).collect()
});

fuzz_target!(|input: &[u8]| {
    let Some((count, rest)) = input.split_first() else { return };
    let (kinds, bytes) = rest.split_at(rest.len().min(usize::from(*count)));
    let fields: Vec<_> =
        kinds.iter().map(|kind| Field::new("x", KINDS[usize::from(*kind) % KINDS.len()].clone())).collect();
    for order in [ByteOrder::Little, ByteOrder::Big] {
        let values: Result<Vec<_>, _> = Values::in_order(order, &fields, bytes).collect();
        if order == ByteOrder::NATIVE {
            assert_eq!(walk(&fields, bytes).is_ok(), values.is_ok());
        }
        let Ok(values) = values else { continue };
        let mut again = Vec::new();
        let lossy = values.iter().any(|(_, value)| matches!(value, Value::Str(text) if text.contains('\u{fffd}')));
        if lossy {
            continue;
        }
        for (field, value) in &values {
            encode(order, &field.kind, value, &mut again).expect("a value that was read");
        }
        assert_eq!(bytes[..again.len()], again);
        if order == ByteOrder::NATIVE {
            assert_eq!(walk(&fields, bytes), Ok(again.len()));
        }
    }
});
