//! A program that can be recorded: it answers requests that it makes up, in so many threads, until all are answered.
//!
//! ```console
//! $ cargo build --release --example requests -p perseq-trace
//! $ perseq trace record -- target/release/examples/requests 100000 2
//! ```

#[cfg(all(target_os = "linux", not(miri)))]
fn main() -> Result<(), Box<dyn std::error::Error>> {
    use perseq_trace::event;

    let mut arguments = std::env::args().skip(1).map(|argument| argument.parse::<u64>());
    let requests = arguments.next().unwrap_or(Ok(1000))?;
    let threads = arguments.next().unwrap_or(Ok(2))?;
    let pause = std::time::Duration::from_micros(arguments.next().unwrap_or(Ok(0))?);
    // So that `perseq trace attach` finds it too.
    perseq_trace::listen()?;
    std::thread::scope(|scope| {
        for thread in 0..threads {
            scope.spawn(move || {
                for number in 0..requests {
                    event!(requests::received, number: u64 = number, path: &str = "/index.html");
                    event!(Debug, requests::looked_up, thread: u64 = thread, hit: bool = number % 3 == 0);
                    event!(requests::answered, number: u64 = number, status: u16 = 200);
                    if !pause.is_zero() {
                        std::thread::sleep(pause);
                    }
                }
            });
        }
    });
    println!("{}", requests * threads);
    Ok(())
}

#[cfg(not(all(target_os = "linux", not(miri))))]
fn main() {}
