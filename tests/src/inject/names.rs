//! Addresses to functions and lines, for reports.

use std::fmt;

use addr2line::Loader;

/// The debugging information of the running binary.
pub(super) struct Names {
    /// `None` if there is none; reports then show addresses.
    loader: Option<Loader>,
    bias: u64,
}

impl Names {
    /// Reads this binary, which was loaded `bias` bytes above where the linker put it.
    pub(super) fn of_this_binary(bias: u64) -> Self {
        Self { loader: Loader::new("/proc/self/exe").ok(), bias }
    }

    /// What is known of the section at `at`.
    pub(super) fn name(&self, at: u64) -> Name {
        let (functions, line) = self.frames(at).unwrap_or_default();
        Name::new(&functions, line, at)
    }

    /// The functions that `at` lies in, the innermost first, and the line of that.
    fn frames(&self, at: u64) -> Option<(Vec<String>, Option<String>)> {
        let mut frames = self.loader.as_ref()?.find_frames(at.wrapping_sub(self.bias)).ok()?;
        let mut functions = Vec::new();
        let mut line = None;
        while let Ok(Some(frame)) = frames.next() {
            line = line.or_else(|| {
                let location = frame.location?;
                Some(format!("{}:{}", location.file?, location.line?))
            });
            if let Some(name) = frame.function
                && let Ok(name) = name.demangle()
            {
                functions.push(without_hash(&name).to_string());
            }
        }
        Some((functions, line))
    }
}

/// What a section is called.
#[derive(Clone, Debug)]
pub struct Name {
    /// The path of its sequence.
    pub sequence: String,
    /// The function that the compiler put it in, if it was inlined.
    inlined_in: Option<String>,
    /// It is one for the attempts after the first.
    further: bool,
    /// File and line.
    line: Option<String>,
}

impl Name {
    /// A name for a section that no debugging information tells of.
    fn given(name: &str) -> Self {
        Self { sequence: name.into(), inlined_in: None, further: false, line: None }
    }

    fn new(functions: &[String], line: Option<String>, at: u64) -> Self {
        // The macro puts each section in a function of its own, inside that of the sequence.
        let Some(innermost) = functions.first() else { return Self::given(&format!("code at {at:#x}")) };
        let sequence = innermost.trim_end_matches("::__attempt").to_string();
        let inlined_in = functions.last().filter(|outermost| !outermost.starts_with(&sequence)).cloned();
        let further = functions.iter().any(|function| function.starts_with(&format!("{sequence}::__")))
            && functions.iter().all(|function| *function != sequence);
        Self { sequence, inlined_in, further, line }
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.sequence)?;
        if self.further {
            f.write_str(" (further attempts)")?;
        }
        if let Some(function) = &self.inlined_in {
            write!(f, " in {function}")?;
        }
        self.line.as_ref().map_or(Ok(()), |line| write!(f, " at {line}"))
    }
}

/// Rust's legacy mangling ends in `::h` and sixteen digits.
fn without_hash(name: &str) -> &str {
    match name.rsplit_once("::h") {
        Some((path, hash)) if hash.len() == 16 => path,
        _ => name,
    }
}
