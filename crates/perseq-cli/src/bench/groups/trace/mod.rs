//! Recording events of a program while it runs.
//!
//! | module | what it holds |
//! |---|---|
//! | [`peer`] | what a contestant is to the rows, and the rows |
//! | [`ours`] | our contestants, and what was published for such |
//! | [`session`] | the session they record in |
//! | [`lttng`], [`tracy`] | LTTng-UST, and Tracy's client |
//! | [`subscribers`], [`spans`] | crates of the family of `tracing`, and `fastrace` |
//! | [`floor`] | reading a clock |
//! | [`tape`] | the file that events end up in |
//!
//! Where a contestant can tell, every event must have been written in the end, or counted as lost; and none that was disabled.

mod floor;
mod lttng;
mod ours;
mod peer;
#[cfg(target_os = "linux")]
mod session;
mod spans;
mod subscribers;
mod tape;
mod tracy;

use crate::bench::group::{Contestant, Field, Group, Setup, Threads};
use peer::{Event, Peer};

/// Tracing.
pub const GROUP: Group = Group {
    name: "trace",
    about: "Recording an event with its time and its payload",
    reference: ours::REFERENCE,
    build,
};

fn peers(setup: &Setup) -> Vec<&'static dyn Peer> {
    let mut peers: Vec<&dyn Peer> = ours::peers(&setup.cpus).into();
    peers.extend(lttng::Lttng::channels(&setup.cpus).map(|channel| channel as &dyn Peer));
    peers.extend(subscribers::all(&setup.cpus).map(|subscriber| subscriber as &dyn Peer));
    peers.push(spans::Fastrace::new(&setup.cpus));
    peers.push(tracy::Tracy::new(&setup.cpus));
    peers
}

fn build(setup: &Setup) -> Field {
    let seats = setup.cpus.len();
    let peers = peers(setup);
    let mut contestants: Vec<Contestant> = Vec::new();
    for event in Event::ALL {
        for threads in [Threads::One, Threads::All] {
            let rows = peers.iter().filter(|peer| peer.has(event));
            let rows = rows.map(|&peer| peer::row(peer, event, threads, seats));
            contestants.extend(rows.map(ours::published));
            if event == Event::U32 {
                contestants.extend(floor::clocks(threads));
            }
        }
    }
    Field { contestants, notes: NOTES.map(str::to_owned).into(), memory: Vec::new() }
}

const NOTES: [&str; 5] = [
    "Files are in memory (`/dev/shm`) and begin anew when they are full. What threads of a contestant write behind a run is not in its \
     figure, but they may run beside it.",
    "`perseq`, `perseq_layer` and `lttng-ust` have four sub-buffers of 4 MiB for each CPU, `lttng-ust_default` those that LTTng chooses; \
     all discard events when there is no room.",
    "`tracing_non_blocking` discards lines when its queue is full; `tracing-chrome` has a queue without bounds; `fastrace` keeps the \
     events of a span until that ends, which is after 1000 here; `tracy` has queues without bounds, and sends to a viewer that looks at nothing.",
    "`disabled`: an event that is off at run time: nobody has enabled it, its level is too low, or its span is not sampled.",
    "`clock` and `clock_gettime` take the time and record nothing.",
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bench::hot::UPDATES;

    #[test]
    fn every_event_is_written_or_counted_as_lost() {
        let peers = peers(&Setup { cpus: crate::sys::allowed_cpus().into() });
        for &peer in &peers {
            for event in Event::ALL.into_iter().filter(|&event| peer.has(event)) {
                match peer.events(event) {
                    Ok(mut events) => {
                        let run = peer::Run::begin(peer);
                        events(500 * UPDATES);
                        let expected = if event == Event::Disabled { 0 } else { 500 * UPDATES };
                        if let Some(done) = run.end(expected) {
                            assert_eq!(done, expected, "{} {}", peer.name(), event.name());
                        }
                    }
                    Err(reason) => {
                        let loaded = ["lttng-ust", "lttng-ust_default", "tracy"].contains(&peer.name());
                        assert!(loaded, "{}: {reason}", peer.name());
                        println!("skipped: {}: {reason}", peer.name());
                    }
                }
            }
        }
        // There was room for all, but in the buffers that LTTng chooses.
        for remark in peers.iter().filter_map(|peer| peer.remark()) {
            assert!(remark.starts_with("LTTng has discarded of events: large 0, default "), "{remark}");
        }
    }
}
