//! Counts requests from many threads, and reads and resets the count while they go on.
//!
//! `cargo run --release --example requests -p perseq`

use std::thread;

use perseq::{Counter, Counters};

static REQUESTS: Counter = Counter::new();
static BY_CLASS: Counters<6> = Counters::new();

fn handle(request: u64) {
    let status = if request.is_multiple_of(10) { 404 } else { 200 };
    REQUESTS.increment();
    BY_CLASS.add(status / 100, 1);
}

fn main() {
    const THREADS: u64 = 4;
    const EACH: u64 = 1_000_000;

    let mut reported = 0;
    thread::scope(|scope| {
        for _ in 0..THREADS {
            scope.spawn(|| (0..EACH).for_each(handle));
        }
        // A reporter that takes what has accumulated loses nothing.
        for _ in 0..5 {
            reported += REQUESTS.reset();
        }
    });
    reported += REQUESTS.reset();

    println!("{}", perseq::status());
    println!("requests: {reported} of {}", THREADS * EACH);
    println!("2xx: {}, 4xx: {}", BY_CLASS.sum(2), BY_CLASS.sum(4));
    assert_eq!(reported, THREADS * EACH);
    assert_eq!(BY_CLASS.sum(2) + BY_CLASS.sum(4), THREADS * EACH);
}
