//! The recorder for the crate `metrics`, as a program uses it and as Prometheus reads it.

#[path = "../examples/serve_metrics.rs"]
mod serve_metrics;

use std::collections::{BTreeMap, HashSet};
use std::error::Error;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::channel;
use std::time::Duration;

use metrics::{
    Key, Unit, counter, describe_counter, describe_histogram, gauge, histogram, with_local_recorder,
};
use perseq::metrics::Recorder;

/// Samples by their name and labels.
type Samples = BTreeMap<String, f64>;

/// Reads the text format, and checks what it demands: a type for each name, once, before the samples, which follow each other;
/// names of allowed characters; no sample and no label twice, no label that Prometheus keeps for itself; buckets that grow.
fn parse(text: &str) -> Samples {
    let mut samples = Samples::new();
    let (mut types, mut current) = (HashSet::new(), (String::new(), String::new()));
    let mut bucket: Option<(String, f64)> = None;
    assert!(text.is_empty() || text.ends_with('\n'));
    for line in text.lines() {
        if let Some(rest) = line.strip_prefix("# TYPE ") {
            let (name, kind) = rest.split_once(' ').expect("a name and a type");
            assert!(types.insert(name.to_owned()), "two types of {name}");
            current = (name.to_owned(), kind.to_owned());
            continue;
        }
        if let Some(rest) = line.strip_prefix("# HELP ") {
            let (name, _) = rest.split_once(' ').expect("a name and help");
            assert!(!types.contains(name), "the help of {name} comes late");
            continue;
        }
        let (series, value) = line.rsplit_once(' ').expect("a series and a value");
        let name = series.split('{').next().expect("a first part");
        assert!(name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_' || c == ':'), "{line}");
        assert!(name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_' || c == ':'), "{line}");
        let suffix = name.strip_prefix(&*current.0).unwrap_or_else(|| panic!("{line} is among {current:?}"));
        let suffixes: &[&str] = if current.1 == "histogram" { &["_bucket", "_sum", "_count"] } else { &[""] };
        assert!(suffixes.contains(&suffix), "{line} is among {current:?}");
        let mut labels = HashSet::new();
        for (label, _) in series.split(['{', ',']).filter_map(|part| part.split_once("=\"")) {
            assert!(labels.insert(label) && !label.starts_with("__"), "{label} in {line}");
        }
        let value: f64 = value.parse().unwrap_or_else(|_| panic!("{line} has no value"));
        if suffix == "_bucket" {
            let (of, _) = series.rsplit_once("le=").expect("a bound");
            if let Some((before, count)) = &bucket
                && before == of
            {
                assert!(*count <= value, "{line} is less than the bucket before");
            }
            bucket = Some((of.to_owned(), value));
        }
        assert!(samples.insert(series.to_owned(), value).is_none(), "{series} is there twice");
    }
    samples
}

#[test]
fn what_is_recorded_is_rendered() {
    let recorder = Recorder::new();
    with_local_recorder(&recorder, || {
        describe_counter!("requests.total", "Requests,\nwith a \\");
        counter!("requests.total", "path" => "/a\"b\\c\nd", "code" => "200").increment(2);
        // The same but for the order of labels, and characters that are not allowed.
        counter!("requests-total", "code" => "200", "path" => "/a\"b\\c\nd").increment(3);
        counter!("requests.total").absolute(7);
        gauge!("level").set(1.5);
        gauge!("level").increment(2);
        gauge!("level").decrement(0.25);
        histogram!("took_seconds").record(0.0025);
        histogram!("took_seconds").record(0.3);
        histogram!("took_seconds").record_many(70.0, 2);
        histogram!("took_seconds", "le" => "mine").record(1);
    });
    let text = recorder.render();
    assert!(
        text.contains("# HELP requests_total Requests,\\nwith a \\\\\n# TYPE requests_total counter\n"),
        "{text}"
    );
    let samples = parse(&text);
    let expected = [
        ("requests_total", 7.0),
        ("requests_total{code=\"200\",path=\"/a\\\"b\\\\c\\nd\"}", 5.0),
        ("level", 3.25),
        ("took_seconds_bucket{le=\"0.001\"}", 0.0),
        ("took_seconds_bucket{le=\"0.0025\"}", 1.0),
        ("took_seconds_bucket{le=\"0.25\"}", 1.0),
        ("took_seconds_bucket{le=\"0.5\"}", 2.0),
        ("took_seconds_bucket{le=\"100\"}", 4.0),
        ("took_seconds_bucket{le=\"+Inf\"}", 4.0),
        ("took_seconds_sum", 140.3025),
        ("took_seconds_count", 4.0),
        ("took_seconds_bucket{le_=\"mine\",le=\"0.5\"}", 0.0),
        ("took_seconds_count{le_=\"mine\"}", 1.0),
    ];
    for (series, value) in expected {
        assert_eq!(samples.get(series), Some(&value), "{series} in {text}");
    }
}

#[test]
fn labels_that_would_be_rendered_alike_are_one() {
    let recorder = Recorder::new();
    with_local_recorder(&recorder, || {
        histogram!("h", "le" => "1", "le_" => "2").record(1);
        histogram!("h", "le" => "x").record(1);
        histogram!("h", "le_" => "x").record(1);
        counter!("c", "__name__" => "other").increment(1);
        counter!("c", "a" => "").increment(1);
        counter!("c").increment(1);
        counter!("c", "le" => "1", "le_" => "2").increment(1);
    });
    let samples = parse(&recorder.render());
    let expected = [
        ("h_count{le_=\"1\"}", 1.0),
        ("h_count{le_=\"x\"}", 2.0),
        ("h_bucket{le_=\"x\",le=\"+Inf\"}", 2.0),
        ("c{label__name__=\"other\"}", 1.0),
        ("c", 2.0),
        ("c{le=\"1\",le_=\"2\"}", 1.0),
    ];
    for (series, value) in expected {
        assert_eq!(samples.get(series), Some(&value), "{series}");
    }
}

#[test]
fn a_name_that_kinds_share_is_rendered_once() {
    let recorder = Recorder::new();
    with_local_recorder(&recorder, || {
        counter!("x").increment(1);
        gauge!("x").set(2);
        gauge!("x_histogram").set(3);
        histogram!("x").record(4);
        counter!("y_count").increment(5);
        histogram!("y").record(6);
        gauge!("z_bytes").set(7);
        histogram!("z_bytes").record(8);
    });
    let samples = parse(&recorder.render());
    let expected = [
        ("x", 1.0),
        ("x_gauge", 2.0),
        ("x_histogram", 3.0),
        ("x_histogram_histogram_sum", 4.0),
        ("y_count", 5.0),
        ("y_histogram_sum", 6.0),
        ("z_bytes_histogram_bucket{le=\"64\"}", 1.0),
    ];
    for (series, value) in expected {
        assert_eq!(samples.get(series), Some(&value), "{series}");
    }
}

#[test]
fn scales_and_bounds_can_be_chosen() {
    let recorder = Recorder::new();
    recorder.set_scale("fine", 1e12);
    recorder.set_scale("bytes", f64::NAN);
    recorder.set_bounds("fine", [2e-9, 1e-9, f64::INFINITY]);
    recorder.set_bounds("zero", [0.0, -0.0, 0.0]);
    with_local_recorder(&recorder, || {
        describe_histogram!("bytes", Unit::Bytes, "");
        histogram!("fine").record(1.5e-9);
        histogram!("zero").record(0);
        histogram!("bytes").record(100);
        histogram!("bytes").record(u64::MAX as f64 * 2.0);
    });
    let samples = parse(&recorder.render());
    let bucket = |name: &str, bound: &str| samples[&format!("{name}_bucket{{le=\"{bound}\"}}")];
    let fine = ["0.000000001", "0.000000002", "+Inf"].map(|bound| bucket("fine", bound));
    assert_eq!(fine, [0.0, 1.0, 1.0]);
    assert_eq!(samples.keys().filter(|series| series.starts_with("fine_bucket")).count(), 3);
    assert_eq!(["0", "+Inf"].map(|bound| bucket("zero", bound)), [1.0, 1.0]);
    assert_eq!(samples.keys().filter(|series| series.starts_with("zero_bucket")).count(), 2);
    assert_eq!(["64", "256", "+Inf"].map(|bound| bucket("bytes", bound)), [0.0, 1.0, 2.0]);
}

#[test]
fn exporters_get_what_was_recorded() {
    let recorder = Recorder::new();
    with_local_recorder(&recorder, || {
        counter!("c", "l" => "1").increment(3);
        gauge!("g").set(-0.5);
        histogram!("h_nanoseconds").record(1000);
    });
    let snapshot = recorder.snapshot();
    let key = Key::from_parts("c", vec![metrics::Label::new("l", "1")]);
    assert_eq!(snapshot.counters, [(key, 3)]);
    assert_eq!(snapshot.gauges, [(Key::from_name("g"), -0.5)]);
    let [(key, histogram, scale)] = &snapshot.histograms[..] else { panic!("{snapshot:?}") };
    assert_eq!((key.name(), histogram.count(), histogram.sum(), *scale), ("h_nanoseconds", 1, 1000, 1.0));
}

#[test]
fn nothing_is_lost_among_threads_that_look_up_and_record() {
    const EACH: u64 = 5_000;
    let recorder = Recorder::new();
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                with_local_recorder(&recorder, || {
                    for round in 0..EACH {
                        counter!("c").increment(1);
                        gauge!("g").increment(0.5);
                        gauge!("g").increment(1);
                        histogram!("h", "round" => if round % 2 == 0 { "even" } else { "odd" }).record(1);
                    }
                });
            });
        }
    });
    let samples = parse(&recorder.render());
    let all = 4.0 * EACH as f64;
    assert_eq!((samples["c"], samples["g"]), (all, all * 1.5));
    for round in ["even", "odd"] {
        assert_eq!(samples[&format!("h_count{{round=\"{round}\"}}")], all / 2.0);
        assert_eq!(samples[&format!("h_sum{{round=\"{round}\"}}")], all / 2.0);
    }
}

#[test]
fn there_is_one_recorder_of_the_process() {
    if !is_child("there_is_one_recorder_of_the_process") {
        let mut child = Server::spawn("there_is_one_recorder_of_the_process");
        assert!(child.0.wait().expect("a child").success());
        return;
    }
    let recorder = Recorder::install().expect("the first one");
    counter!("c").increment(2);
    assert!(recorder.render().contains("c 2\n"));
    assert!(Recorder::install().is_err());
}

/// A test of this binary in a process of its own, which ends with this.
struct Server(Child);

/// Tells a process which test it runs.
const CHILD: &str = "PERSEQ_TEST_CHILD";
const PATIENCE: Duration = Duration::from_secs(60);

fn is_child(test: &str) -> bool {
    std::env::var_os(CHILD).is_some_and(|child| child == test)
}

impl Server {
    fn spawn(test: &str) -> Self {
        let child = Command::new(std::env::current_exe().expect("this binary"))
            .args([test, "--exact", "--nocapture", "--test-threads=1"])
            .env(CHILD, test)
            .env_remove("LISTEN")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .expect("this binary starts again");
        Self(child)
    }

    /// The address that it says it listens at.
    fn address(&mut self) -> String {
        let output = BufReader::new(self.0.stdout.take().expect("its output"));
        let (tell, told) = channel();
        std::thread::spawn(move || {
            let address = output.lines().map_while(Result::ok).find_map(|line| {
                let (_, url) = line.split_once("listening on http://")?;
                Some(url.strip_suffix("/metrics")?.to_owned())
            });
            let _ = tell.send(address);
        });
        told.recv_timeout(PATIENCE).expect("an answer in time").expect("an address")
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// What is at `path`.
fn get(address: &str, path: &str) -> Result<String, Box<dyn Error>> {
    let mut stream = TcpStream::connect(address)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    write!(stream, "GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n")?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    let (head, body) = answer.split_once("\r\n\r\n").ok_or("no end of the head")?;
    assert!(head.starts_with("HTTP/1.1 200 OK\r\n"), "{head}");
    assert!(head.contains(&format!("Content-Length: {}\r\n", body.len())), "{head}");
    Ok(body.to_owned())
}

#[test]
fn the_example_serves_what_it_counts() -> Result<(), Box<dyn Error>> {
    if is_child("the_example_serves_what_it_counts") {
        return serve_metrics::main();
    }
    let mut server = Server::spawn("the_example_serves_what_it_counts");
    let address = server.address();
    assert_eq!(parse(&get(&address, "/metrics")?), Samples::new());
    for requests in [1.0, 2.0] {
        assert_eq!(get(&address, "/")?, "done\n");
        let samples = parse(&get(&address, "/metrics")?);
        // Four threads do 10,000 jobs at each request, of sizes from 0 to 9,999.
        let jobs = 40_000.0 * requests;
        assert_eq!(samples["jobs{parity=\"even\"}"], jobs / 2.0);
        assert_eq!(samples["jobs{parity=\"odd\"}"], jobs / 2.0);
        assert_eq!(samples["jobs_in_flight"], 0.0);
        assert_eq!(samples["job_size_count"], jobs);
        assert_eq!(samples["job_size_sum"], jobs * 9999.0 / 2.0);
        // 64 and 65 share a bucket.
        assert_eq!(samples["job_size_bucket{le=\"64\"}"], 66.0 * jobs / 10_000.0);
        assert_eq!(samples["job_size_bucket{le=\"16384\"}"], jobs);
        // Each request but the one that is being answered.
        assert_eq!(samples["request_seconds_count"], 2.0 * requests);
        assert!(samples["request_seconds_sum"] > 0.0);
    }
    Ok(())
}
