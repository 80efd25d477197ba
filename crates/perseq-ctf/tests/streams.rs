//! Traces with what is rare: long pauses, many types, long texts, nothing at all, many packets, discarded events.

mod common;

use common::{
    Folder, assert_babeltrace_agrees, assert_holds, babeltrace, bytes, lines, record, types, write,
};
use perseq_ctf::payload::Value;
use perseq_ctf::print::{Printer, Time};
use perseq_ctf::{
    Clock, Directory, Error, EventType, Field, InvalidType, Kind, Level, Packet, Problem, Setting,
    StreamWriter, Trace, TraceType, Version, WriteError, metadata,
};

fn packets(folder: &Folder, cpu: usize) -> Vec<Packet> {
    let mut streams = Trace::open(&folder.0).expect("a trace").packets().expect("its streams");
    streams.swap_remove(cpu).map(|packet| packet.expect("a packet")).collect()
}

#[test]
fn pauses_of_any_length_are_kept() {
    let types = types(2);
    let step = 1_u64 << 27;
    let mut time = 5;
    let mut records = vec![record(0, time, 0, "the first")];
    for passed in [0, 1, step - 1, step, step + 1, 0, 2 * step - 1, 2 * step, 1 << 32, 1 << 40, 3] {
        time += passed;
        records.push(record(0, time, 1, "after a pause"));
    }
    for packet in [1, 200, 1 << 20] {
        let folder = write(&types, &records, Version::V1_8, packet);
        assert_holds(&folder.0, &types, &records);
        for time in [Time::Day, Time::Date, Time::Seconds, Time::Cycles] {
            assert_babeltrace_agrees(&folder.0, time);
        }
    }
}

#[test]
fn there_may_be_many_types_of_events() {
    let types = types(100);
    let records: Vec<_> =
        (0..400).map(|at| record(at % 3, u64::from(at) * 10, at % 100, "one of many")).collect();
    let folder = write(&types, &records, Version::V1_8, 4096);
    assert_holds(&folder.0, &types, &records);
    assert_babeltrace_agrees(&folder.0, Time::Seconds);
}

#[test]
fn a_text_may_be_as_long_as_its_length_says() {
    let types = types(1);
    let long = "x".repeat(65_535);
    let records = [record(0, 1, 0, "short"), record(0, 2, 0, &long), record(0, 3, 0, "short again")];
    let folder = write(&types, &records, Version::V1_8, 1000);
    assert_holds(&folder.0, &types, &records);
    assert_babeltrace_agrees(&folder.0, Time::Seconds);
    let sizes: Vec<_> = packets(&folder, 0).iter().map(|packet| packet.size > 1000).collect();
    assert_eq!(sizes, [false, true, false], "only what fits no packet makes a larger one");
    let too_long = Value::Str("x".repeat(65_536).into());
    let order = types.byte_order;
    let mut bytes = vec![7];
    assert!(perseq_ctf::payload::encode(order, &Kind::Str, &too_long, &mut bytes).is_err());
    assert_eq!(bytes, [7]);
}

#[test]
fn a_trace_may_be_empty() {
    let folder = write(&types(0), &[], Version::V1_8, 1000);
    assert_holds(&folder.0, &types(0), &[]);
    let types = types(3);
    let folder = write(&types, &[record(2, 7, 1, "alone")], Version::V1_8, 1000);
    assert_holds(&folder.0, &types, &[record(2, 7, 1, "alone")]);
    assert_babeltrace_agrees(&folder.0, Time::Seconds);
}

#[test]
fn packets_begin_and_end_with_their_events() {
    let types = types(40);
    let records: Vec<_> = (0..5000_u32)
        .map(|at| {
            record(at % 2, 1000 + u64::from(at) * 1_000_003, at % 40, &"text".repeat(1 + at as usize % 9))
        })
        .collect();
    let folder = write(&types, &records, Version::V1_8, 300);
    assert_holds(&folder.0, &types, &records);
    assert_babeltrace_agrees(&folder.0, Time::Seconds);
    for cpu in 0..2 {
        let packets = packets(&folder, cpu);
        let mut times = records.iter().filter(|record| record.cpu as usize == cpu).map(|record| record.time);
        let mut next = times.next();
        assert!(packets.len() > 200);
        for (number, packet) in packets.iter().enumerate() {
            assert_eq!(packet.sequence, number as u64);
            assert!(packet.size <= 300);
            assert_eq!(Some(packet.begin), next);
            let mut last = None;
            while next.is_some_and(|next| next <= packet.end) {
                last = next;
                next = times.next();
            }
            assert_eq!(last, Some(packet.end));
        }
        assert_eq!(next, None);
    }
}

#[test]
fn discarded_events_are_told_of() {
    let types = types(1);
    let folder = Folder::new();
    let directory = Directory::create(&folder.0, &types, Version::V1_8).expect("a new trace");
    let mut stream = directory.stream(&types, 0, 50).expect("a new stream");
    stream.discarded(3);
    record(0, 100, 0, "the first").write(&types, &mut stream).expect("an event");
    stream.flush().expect("a packet");
    record(0, 200, 0, "the second").write(&types, &mut stream).expect("an event");
    stream.discarded(4);
    stream.flush().expect("a packet");
    record(0, 300, 0, "the last").write(&types, &mut stream).expect("an event");
    stream.flush().expect("a packet");
    stream.discarded(5);
    stream.finish().expect("a packet without events");
    stream.finish().expect("nothing more");
    // Of this one there is no event at all.
    let mut lost = directory.stream(&types, 1, 60).expect("a new stream");
    lost.discarded(6);
    lost.finish().expect("a packet without events");

    let told: Vec<_> = packets(&folder, 0).iter().map(|packet| packet.discarded).collect();
    assert_eq!(told, [0, 3, 4, 0, 5]);
    let told: Vec<_> = packets(&folder, 1).iter().map(|packet| packet.discarded).collect();
    assert_eq!(told, [0, 6]);
    let trace = Trace::open(&folder.0).expect("a trace");
    let mut events = trace.events().expect("its streams");
    assert!(events.by_ref().all(|event| event.is_ok()));
    assert_eq!(events.discarded(), 3 + 4 + 5 + 6);
    let Some((out, err)) = babeltrace(&folder.0, &["--no-delta", "--clock-seconds"]) else { return };
    assert_eq!(out, lines(&folder.0, Printer::new(Time::Seconds).lengths(true).delta(false)));
    let mut told: Vec<_> =
        err.lines().filter_map(|line| line.split_once(" in trace").map(|(what, _)| what)).collect();
    told.sort_unstable();
    assert_eq!(err.lines().count(), told.len());
    let expected = [(3, 50, 100), (4, 100, 200), (5, 300, 300), (6, 60, 60)];
    let expected = expected.map(|(events, from, to)| {
        format!(
            "WARNING: Tracer discarded {events} events between [1700000000.{:09}] and [1700000000.{:09}]",
            123_456_789 + from,
            123_456_789 + to
        )
    });
    assert_eq!(told, expected);
}

#[test]
fn lines_are_those_of_babeltrace_whatever_is_shown() {
    let mut types = types(1);
    for (environment, context) in [
        (vec![], true),
        (vec![("vpid", Setting::from(12))], false),
        (vec![("procname", "name".into()), ("hostname", "host".into()), ("sysname", "Linux".into())], true),
        (vec![("hostname", "a\u{7f}\"\\ host".into()), ("vpid", 7.into()), ("number", (-5).into())], true),
    ] {
        types.environment = environment.into_iter().map(|(name, value)| (name.into(), value)).collect();
        types.context = if context { vec![Field::new("vtid", Kind::I32)] } else { vec![] };
        let mut records: Vec<_> =
            (0..5).map(|at| record(0, at * 1_234_567_890, 0, "tab\t, 'quote' \"?\" \u{1}\u{1b}")).collect();
        if !context {
            records.iter_mut().for_each(|record| record.context.clear());
        }
        let folder = write(&types, &records, Version::V1_8, 1000);
        for (time, arguments) in [(Time::Day, &["--clock-gmt"][..]), (Time::Cycles, &["--clock-cycles"])] {
            let Some((out, err)) = babeltrace(&folder.0, arguments) else { return };
            assert_eq!((out, err), (lines(&folder.0, Printer::new(time).lengths(true)), String::new()));
        }
    }
}

/// Whether babeltrace2 reads CTF 2; none if it is not there.
fn knows_version_2() -> Option<bool> {
    let (version, _) = babeltrace(std::path::Path::new("--version"), &[])?;
    let knows = !version.starts_with("Babeltrace 2.0.");
    if !knows {
        perseq_tests::skip::skip("babeltrace2.1", version.lines().next().unwrap_or_default());
    }
    Some(knows)
}

#[test]
fn babeltrace_knows_level_source_and_clock() {
    let mut types = types(1);
    types.events[0].level = Level::Critical;
    types.events[0].source = Some(("src/a \"file\".rs".into(), 12));
    types.clock.description = "It \"ticks\"\\".into();
    types.clock.uuid = Some([0xab; 16]);
    let Some(knows_version_2) = knows_version_2() else { return };
    let versions = [Version::V1_8, Version::V2];
    for version in &versions[..1 + usize::from(knows_version_2)] {
        let folder = write(&types, &[record(0, 7, 0, "text")], *version, 1000);
        let Some((out, err)) = babeltrace(&folder.0, &["-c", "sink.text.details"]) else { return };
        assert_eq!(err, "");
        for line in [
            "Log level: Critical",
            "EMF URI: file:src/a \"file\".rs#12",
            "Description: It \"ticks\"\\",
            "UID: abababab-abab-abab-abab-abababababab",
            "(s): 1,700,000,000",
            "(cycles): 123,456,789",
            "Unix epoch",
            "Supports discarded events: Yes",
            "Supports discarded packets: Yes",
            "Packets have end default clock snapshot: Yes",
            "[7 cycles, 1,700,000,000,123,456,796 ns from origin]",
            "UID: 61207472-6163-652c-2031-362062797465",
        ] {
            // Version 2.1 writes this otherwise.
            let out = out.replace("UUID", "UID").replace("(UID `", "UID: ");
            assert!(out.contains(line), "no {line:?} in\n{out}");
        }
    }
}

#[test]
fn every_level_has_its_name_in_version_2() {
    let mut types = types(15);
    types.events.iter_mut().zip(Level::ALL).for_each(|(event, level)| event.level = level);
    let named = metadata(&types, Version::V2).expect("valid types");
    let named: Vec<_> = named
        .split('\u{1e}')
        .filter_map(|fragment| serde_json::from_str::<serde_json::Value>(fragment).ok())
        .filter_map(|fragment| {
            Some(fragment["attributes"]["lttng.org,2009"]["log-level"].as_str()?.to_owned())
        })
        .collect();
    let spoken = named.iter().map(|name| name.replace(':', ""));
    assert!(spoken.eq(Level::ALL.map(|level| format!("{level:?}").to_lowercase())), "{named:?}");
    if knows_version_2() != Some(true) {
        return;
    }
    let folder = write(&types, &[record(0, 7, 0, "text")], Version::V2, 1000);
    let Some((out, _)) = babeltrace(&folder.0, &["-c", "sink.text.details"]) else { return };
    assert_eq!(out.matches("Log level: ").count(), 15, "{out}");
}

#[test]
fn version_2_is_read_where_babeltrace_knows_it() {
    let types = types(40);
    let records: Vec<_> = (0..100).map(|at| record(at % 3, u64::from(at) << 24, at % 40, "text")).collect();
    let folder = write(&types, &records, Version::V2, 500);
    assert_holds(&folder.0, &types, &records);
    let text = metadata(&types, Version::V2).expect("valid types");
    let fragments: Vec<_> = text.split('\u{1e}').collect();
    assert_eq!((fragments[0], fragments.len()), ("", 1 + 4 + 40));
    for fragment in &fragments[1..] {
        serde_json::from_str::<serde_json::Value>(fragment).expect("JSON");
    }
    if knows_version_2() == Some(true) {
        assert_babeltrace_agrees(&folder.0, Time::Seconds);
    }
}

#[test]
fn events_that_cannot_be_leave_nothing() {
    let types = types(1);
    let mut stream = StreamWriter::new(Vec::new(), &types, 0, 100);
    let good = |stream: &mut StreamWriter<Vec<u8>>, time| record(0, time, 0, "text").write(&types, stream);
    assert!(matches!(good(&mut stream, 99), Err(WriteError::Backwards { last: 100, time: 99 })));
    good(&mut stream, 200).expect("an event");
    assert!(matches!(good(&mut stream, 199), Err(WriteError::Backwards { last: 200, time: 199 })));
    let too_late = i64::MAX as u64 - 1_700_000_000_123_456_789 + 1;
    assert!(matches!(good(&mut stream, too_late), Err(WriteError::TimeRange(time)) if time == too_late));
    assert!(matches!(stream.event(201, 0, &[], &vec![0; 16 << 20]), Err(WriteError::TooLarge(_))));
    good(&mut stream, too_late - 1).expect("the last that is possible");
    stream.finish().expect("memory");
    let mut seen = Vec::new();
    let bytes = stream.into_output();
    let json = side(&types);
    perseq_ctf::read_from_memory(&json, &[&bytes], |event| {
        let event = event.expect("an event");
        seen.push((event.cycles(), event.time_ns()));
    })
    .expect("types");
    assert_eq!(seen, [(200, 1_700_000_000_123_456_989), (too_late - 1, i64::MAX)]);
}

fn side(types: &TraceType) -> Vec<u8> {
    let folder = Folder::new();
    Directory::create(&folder.0, types, Version::V1_8).expect("a new trace");
    std::fs::read(folder.0.join(".perseq.json")).expect("the types")
}

#[test]
fn types_may_be_added_while_streams_are_written() {
    let (one, two) = (types(1), types(2));
    let folder = Folder::new();
    let directory = Directory::create(&folder.0, &one, Version::V1_8).expect("a new trace");
    let mut stream = directory.stream(&one, 0, 0).expect("a new stream");
    record(0, 1, 0, "old").write(&two, &mut stream).expect("an event");
    directory.update(&two).expect("more types");
    record(0, 2, 1, "new").write(&two, &mut stream).expect("an event");
    stream.finish().expect("the last packet");
    assert_holds(&folder.0, &two, &[record(0, 1, 0, "old"), record(0, 2, 1, "new")]);
    assert_babeltrace_agrees(&folder.0, Time::Seconds);
    assert!(
        matches!(Directory::create(&folder.0, &one, Version::V1_8), Err(Error::Exists(_))),
        "it is there"
    );
    assert!(matches!(directory.stream(&one, 0, 0), Err(Error::Io(..))), "it is there");
}

#[test]
fn invalid_types_are_refused() {
    let problem = |change: &dyn Fn(&mut TraceType)| {
        let mut types = types(1);
        change(&mut types);
        types.validate().map_err(|error: InvalidType| {
            assert!(error.to_string().len() > 10);
            error.problem()
        })
    };
    let field = |name: &'static str, kind: Kind| {
        problem(&move |types| {
            types.events[0].fields = vec![Field::new("x", Kind::Str), Field::new(name, kind.clone())].into()
        })
    };
    let of = |size, values: &[(&'static str, i64)]| {
        let values = values.iter().map(|(name, value)| ((*name).into(), *value)).collect::<Vec<_>>();
        Kind::Enum(perseq_ctf::Enumeration { size, signed: false, values: values.into() })
    };
    assert_eq!(problem(&|_| ()), Ok(()));
    for name in ["", "1a", "a-b", "ä", "a b", "r#type"] {
        assert_eq!(field(name, Kind::U8), Err(Problem::NotIdentifier), "{name}");
    }
    for name in ["int", "_int", "x_length", "_x_length", "__x_length", "xx"] {
        assert_eq!(field(name, Kind::U8), Ok(()), "{name}");
    }
    for name in ["x", "_x"] {
        assert_eq!(field(name, Kind::U8), Err(Problem::Duplicate), "{name}");
    }
    assert_eq!(field("e", of(3, &[("a", 1)])), Err(Problem::EnumSize));
    assert_eq!(field("e", of(1, &[])), Err(Problem::EnumEmpty));
    assert_eq!(field("e", of(1, &[("a", 256)])), Err(Problem::EnumValue));
    assert_eq!(field("e", of(1, &[("a", -1)])), Err(Problem::EnumValue));
    assert_eq!(field("e", of(1, &[("a", 1), ("b", 1)])), Err(Problem::EnumValue));
    assert_eq!(field("e", of(1, &[("a", 1), ("a", 2)])), Err(Problem::Duplicate));
    assert_eq!(field("e", of(1, &[("a\n", 1)])), Err(Problem::ControlCharacter));
    assert_eq!(field("e", of(8, &[("", 1)])), Err(Problem::NameLength));
    assert_eq!(problem(&|types| types.events[0].provider = "".into()), Err(Problem::NameLength));
    assert_eq!(problem(&|types| types.events[0].name = "x".repeat(256).into()), Err(Problem::NameLength));
    assert_eq!(problem(&|types| types.clock.name = "int".into()), Err(Problem::Keyword));
    assert_eq!(problem(&|types| types.environment[0].0 = "event".into()), Err(Problem::Keyword));
    assert_eq!(
        problem(&|types| types.environment.push(("hostname".into(), "x".into()))),
        Err(Problem::Duplicate)
    );
    assert_eq!(problem(&|types| types.environment.push(("vpid".into(), "x".into()))), Err(Problem::Setting));
    assert_eq!(problem(&|types| types.environment[0].1 = 5.into()), Err(Problem::Setting));
    assert_eq!(problem(&|types| types.clock.frequency = 0), Err(Problem::Frequency));
    assert_eq!(problem(&|types| types.clock.offset_cycles = 1_000_000_000), Err(Problem::Offset));
    assert_eq!(problem(&|types| types.clock.offset_seconds = i64::MAX), Err(Problem::Offset));
    let many: Vec<_> = (0..1025).map(|at| Field { name: format!("f{at}").into(), kind: Kind::U8 }).collect();
    assert_eq!(problem(&|types| types.context = many.clone()), Err(Problem::TooMany));
}

#[test]
fn chrome_has_spans_and_instants() {
    static FIELDS: [Field; 1] = [Field::new("size", Kind::U64)];
    let mut types = TraceType::new([1; 16], Clock::nanoseconds("monotonic", 0));
    types.context =
        vec![Field::new("vpid", Kind::I32), Field::new("vtid", Kind::I32), Field::new("procname", Kind::Str)];
    types.events = ["read_entry", "read_exit", "tick"]
        .map(|name| EventType::new("io", name, Level::Info, &FIELDS))
        .to_vec();
    let folder = Folder::new();
    let directory = Directory::create(&folder.0, &types, Version::V1_8).expect("a new trace");
    let mut stream = directory.stream(&types, 5, 0).expect("a new stream");
    let order = types.byte_order;
    let context =
        bytes(order, &types.context, &[Value::Signed(10), Value::Signed(11), Value::Str("me".into())]);
    for (time, id, size) in [(1_000_000, 0, 1), (1_000_001, 2, u64::MAX), (1_001_500, 1, 3)] {
        let payload = bytes(order, &FIELDS, &[Value::Unsigned(size)]);
        stream.event(time, id, &context, &payload).expect("an event");
    }
    stream.finish().expect("the last packet");
    let trace = Trace::open(&folder.0).expect("a trace");
    let mut text = Vec::new();
    let events = trace.events().expect("its streams");
    let damage =
        perseq_ctf::chrome::export(events, perseq_ctf::chrome::by_suffix, &mut text).expect("memory");
    assert!(damage.is_empty());
    let json: serde_json::Value = serde_json::from_slice(&text).expect("JSON");
    assert_eq!(json["otherData"]["start_ns"], "1000000");
    let events = json["traceEvents"].as_array().expect("events");
    assert_eq!(events[0]["args"]["name"], "me");
    let short: Vec<_> = events[1..]
        .iter()
        .map(|event| {
            assert_eq!((event["pid"].as_i64(), event["tid"].as_i64()), (Some(10), Some(11)));
            assert_eq!((&event["cat"], &event["args"]["cpu"]), (&"io".into(), &5.into()));
            (event["ph"].as_str().unwrap_or(""), event["name"].as_str().unwrap_or(""), event["ts"].as_f64())
        })
        .collect();
    assert_eq!(short, [("B", "read", Some(0.0)), ("i", "tick", Some(0.001)), ("E", "read", Some(1.5))]);
    assert_eq!(events[2]["args"]["size"], u64::MAX.to_string());
}

#[test]
fn a_stream_is_gone_on_with_after_its_last_whole_packet() {
    let types = types(2);
    let records: Vec<_> = (0..300).map(|at| record(0, at * 10, (at % 2) as u32, "some text")).collect();
    let folder = Folder::new();
    let directory = Directory::create(&folder.0, &types, Version::V1_8).expect("a new trace");
    let stream = || directory.resume_stream(&types, 0, 0).expect("a stream").packet_size(500);
    let path = folder.0.join("cpu_0");
    let mut next = 0;
    while next < records.len() {
        let mut writer = stream();
        // What was not written is not known to have been read.
        next = writer.reached() as usize;
        if next == 0 {
            writer.discarded(7);
        }
        for (at, record) in records.iter().enumerate().skip(next).take(40) {
            record.write(&types, &mut writer).expect("an event");
            writer.position(at as u64 + 1);
        }
        next += 40;
        if next >= records.len() {
            writer.finish().expect("the last packet");
        }
        drop(writer);
        // Killed in the middle of a packet.
        let mut torn = std::fs::read(&path).expect("a stream");
        torn.extend_from_slice(&torn.clone()[..torn.len().min(60)]);
        std::fs::write(&path, torn).expect("a longer stream");
    }
    assert_eq!(stream().reached(), records.len() as u64);
    stream().flush().expect("nothing to write");
    let whole: Vec<_> =
        Trace::open(&folder.0).expect("a trace").packets().expect("its streams").remove(0).collect();
    let whole: Vec<_> = whole.into_iter().map_while(Result::ok).collect();
    assert!(whole.iter().map(|packet| packet.sequence).eq(0..whole.len() as u64));
    assert_eq!(whole.iter().map(|packet| packet.discarded).sum::<u64>(), 7);
    // The rest of the last is cut off by whoever writes next.
    let size = whole.last().map(|packet| packet.offset + packet.size).expect("packets");
    std::fs::File::options()
        .write(true)
        .open(&path)
        .and_then(|file| file.set_len(size))
        .expect("a whole stream");
    assert_holds(&folder.0, &types, &records);

    let mut damaged = std::fs::read(&path).expect("a stream");
    damaged[0] ^= 1;
    std::fs::write(&path, &damaged).expect("a stream");
    assert!(matches!(directory.resume_stream(&types, 0, 0), Err(Error::Damaged(_, 0, _))));
    assert_eq!(
        std::fs::read(&path).expect("a stream"),
        damaged,
        "nothing is cut off of what is not understood"
    );
}
