//! Serves what the crate `metrics` records, from per-CPU counters, gauges and histograms, at `/metrics` in the text format of
//! Prometheus. Any other request makes a few threads do some work that is counted.
//!
//! `cargo run --release -p perseq --features metrics --example serve_metrics`
//!
//! It prints where it listens: at a free port, or at the address in the variable `LISTEN`.

use std::error::Error;
use std::io::{self, BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::thread;
use std::time::{Duration, Instant};

use metrics::{Unit, counter, describe_counter, describe_histogram, gauge, histogram};
use perseq::metrics::Recorder;

const THREADS: u64 = 4;
const JOBS: u64 = 10_000;

/// Public for the test that runs it.
pub fn main() -> Result<(), Box<dyn Error>> {
    // The one line. Everything else is as with any recorder.
    let recorder = Recorder::install()?;

    describe_counter!("jobs", "Jobs done, by parity");
    describe_histogram!("job_size", Unit::Bytes, "Size of jobs");
    describe_histogram!("request_seconds", Unit::Seconds, "Time to answer");

    let address = std::env::var("LISTEN").unwrap_or_else(|_| "127.0.0.1:0".to_owned());
    let listener = TcpListener::bind(address)?;
    println!("listening on http://{}/metrics", listener.local_addr()?);
    for stream in listener.incoming() {
        // A client that is gone is no reason to stop.
        if let Err(error) = stream.and_then(|stream| answer(stream, &recorder)) {
            eprintln!("{error}");
        }
    }
    Ok(())
}

/// Reads a request and answers it.
fn answer(mut stream: TcpStream, recorder: &Recorder) -> io::Result<()> {
    let begin = Instant::now();
    stream.set_read_timeout(Some(Duration::from_secs(5)))?;
    let mut lines = BufReader::new(&stream).lines();
    let request = lines.next().transpose()?.unwrap_or_default();
    while lines.next().transpose()?.is_some_and(|line| !line.is_empty()) {}

    let body = if request.split(' ').nth(1) == Some("/metrics") {
        recorder.render()
    } else {
        work();
        "done\n".to_owned()
    };
    write!(
        stream,
        "HTTP/1.1 200 OK\r\nContent-Type: text/plain; version=0.0.4\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
        body.len()
    )?;
    histogram!("request_seconds").record(begin.elapsed());
    Ok(())
}

/// Jobs on several threads, each counted, measured, and in flight for a moment.
fn work() {
    thread::scope(|scope| {
        for _ in 0..THREADS {
            scope.spawn(|| {
                // Looked up once; using them is what is fast.
                let done = [counter!("jobs", "parity" => "even"), counter!("jobs", "parity" => "odd")];
                let (size, in_flight) = (histogram!("job_size"), gauge!("jobs_in_flight"));
                for job in 0..JOBS {
                    in_flight.increment(1);
                    size.record(job as f64);
                    done[(job % 2) as usize].increment(1);
                    in_flight.decrement(1);
                }
            });
        }
    });
}
