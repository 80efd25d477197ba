//! Whatever a ring holds: what is made of it is a trace that can be read, with as many events as are said to be in it.
//!
//! The input is the number of words of a sub-buffer, and the words.
#![no_main]

use libfuzzer_sys::fuzz_target;
use perseq_ctf::{Clock, EventType, Field, Kind, Level, TraceType, read_from_memory, types_to_json};
use perseq_trace::stream_of_words;

static FIELDS: [Field; 4] =
    [Field::new("a", Kind::U8), Field::new("b", Kind::Str), Field::new("c", Kind::Bytes), Field::new("d", Kind::F64)];
static CONTEXT: [Field; 2] = [Field::new("vpid", Kind::I32), Field::new("procname", Kind::Str)];

fuzz_target!(|input: &[u8]| {
    let Some((sub, rest)) = input.split_first() else { return };
    let words: Vec<_> = rest.chunks_exact(8).filter_map(|word| word.try_into().ok()).map(u64::from_le_bytes).collect();
    for context in [&[][..], &CONTEXT] {
        let mut types = TraceType::new([7; 16], Clock::nanoseconds("monotonic", 0));
        types.context = context.to_vec();
        for fields in [&FIELDS[..0], &FIELDS[..1], &FIELDS] {
            types.events.push(EventType::new("fuzz", "event", Level::Info, fields));
        }
        let (stream, summary) = stream_of_words(&types, usize::from(*sub), &words);
        let mut events = 0;
        let read = read_from_memory(types_to_json(&types).as_bytes(), &[&stream], |event| {
            event.expect("a trace that can be read");
            events += 1;
        });
        read.expect("its types");
        assert_eq!(events, summary.events);
    }
});
