//! A small work-stealing pool of threads on Perseq's queues, against the same pool on crossbeam-deque's, and against rayon.
//!
//! Two jobs that consist of forking and joining only: Fibonacci numbers by the book, and a tree that is very unequal. Prints the
//! median time of a join of each pool, and the ratio to Perseq's.
//!
//! ```console
//! $ cargo run --release -p perseq --example work_stealing
//! ```

mod pool;
mod tasks;

use std::time::Instant;

use pool::{Pool, Tasks};

/// Forks and joins, whoever does it.
trait Join: Sync {
    fn join<A: Send, B: Send>(&self, a: impl FnOnce() -> A + Send, b: impl FnOnce() -> B + Send) -> (A, B);
}

impl<T: Tasks> Join for Pool<T> {
    #[inline]
    fn join<A: Send, B: Send>(&self, a: impl FnOnce() -> A + Send, b: impl FnOnce() -> B + Send) -> (A, B) {
        Pool::join(self, a, b)
    }
}

struct Rayon;

impl Join for Rayon {
    #[inline]
    fn join<A: Send, B: Send>(&self, a: impl FnOnce() -> A + Send, b: impl FnOnce() -> B + Send) -> (A, B) {
        rayon::join(a, b)
    }
}

/// The number of joins that it takes to compute the Fibonacci number `n`.
fn fibonacci(pool: &impl Join, n: u32) -> u64 {
    if n < 2 {
        return 0;
    }
    let (a, b) = pool.join(|| fibonacci(pool, n - 1), || fibonacci(pool, n - 2));
    a + b + 1
}

/// The number of joins in a tree of which a node has from 0 to 7 children, by its number, and most of it hangs on a few of them.
fn tree(pool: &impl Join, node: u64, depth: u32) -> u64 {
    let mixed = (node ^ (node >> 31)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let children = if depth == 0 { 0 } else { (mixed >> 61) * u64::from(mixed >> 40 & 7 < 5) };
    let children = if depth > 14 { 2 } else { children };
    branches(pool, mixed, depth.saturating_sub(1), 0..children)
}

/// The subtrees of some children of `node`.
fn branches(pool: &impl Join, node: u64, depth: u32, children: std::ops::Range<u64>) -> u64 {
    match children.end - children.start {
        0 => 0,
        1 => tree(pool, node.wrapping_add(children.start), depth),
        several => {
            let middle = children.start + several / 2;
            let (a, b) = pool.join(
                || branches(pool, node, depth, children.start..middle),
                || branches(pool, node, depth, middle..children.end),
            );
            a + b + 1
        }
    }
}

/// Nanoseconds of a join, and how many there were.
fn time(job: impl Fn() -> u64) -> (f64, u64) {
    let start = Instant::now();
    let joins = job();
    (start.elapsed().as_secs_f64() * 1e9 / joins as f64, joins)
}

fn jobs(pool: &impl Join) -> [(f64, u64); 2] {
    [time(|| fibonacci(pool, 25)), time(|| tree(pool, 1, 18))]
}

fn main() {
    const ROUNDS: usize = 15;
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let rayon = rayon::ThreadPoolBuilder::new().num_threads(threads).build().expect("threads");
    let names = ["perseq", "crossbeam-deque", "rayon"];
    // In turns, so that what disturbs one disturbs all.
    let rounds: Vec<[[(f64, u64); 2]; 3]> = (0..ROUNDS)
        .map(|_| {
            [
                Pool::run(tasks::PerCpu::default(), threads, jobs),
                std::thread::spawn(move || Pool::run(tasks::PerThread::default(), threads, jobs))
                    .join()
                    .expect("a job does not panic"),
                rayon.install(|| jobs(&Rayon)),
            ]
        })
        .collect();
    println!("{threads} threads, median of {ROUNDS} rounds");
    for (at, job) in ["fibonacci", "unequal tree"].into_iter().enumerate() {
        let joins = rounds[0][0][at].1;
        assert!(rounds.iter().flatten().all(|pool| pool[at].1 == joins), "every pool joins all there is");
        let median = |pool: usize| {
            let mut times: Vec<f64> = rounds.iter().map(|round| round[pool][at].0).collect();
            times.sort_by(f64::total_cmp);
            times[ROUNDS / 2]
        };
        println!("{job}, {joins} joins");
        for (pool, name) in names.into_iter().enumerate() {
            println!("  {name:16} {:7.1} ns a join  {:5.2} ×", median(pool), median(pool) / median(0));
        }
    }
}
