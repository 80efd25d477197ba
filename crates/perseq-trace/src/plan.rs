//! What a session records: what its file `plan` says, which whoever controls the session replaces, and the programs that it records read.

use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt;
use std::path::{Path, PathBuf};

use perseq_ctf::{Level, Version};
use serde_json::{Value, json};
use wildmatch::WildMatch;

use crate::clock::Source;
use crate::context::Context;
use crate::emit::Mode;
use crate::error::SessionError;
use crate::home::{self, PLAN};
use crate::ring::MAX;
use crate::site::Site;

/// What a reader must know of the file.
const FORMAT: u64 = 1;

/// Which programs a session records, besides those that are started for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Programs {
    /// This process, and the children that it forks.
    This,
    /// All of this user's that [listen](crate::listen), now or later, and are in no other session.
    Listening,
    /// Those of them that have these process ids.
    Of(Vec<u32>),
    /// Only those that are started with `PERSEQ_TRACE` set to the session's [folder](crate::Session::place).
    Started,
}

/// How large rings are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Shape {
    /// Bytes of a ring, a power of two.
    pub(crate) size: u64,
    /// Bytes of a sub-buffer.
    pub(crate) sub: u64,
}

impl Shape {
    /// Bytes of a sub-buffer, at least: an event of the largest size fits.
    const LEAST: usize = 128 << 10;

    /// Rings of so many bytes, in so many sub-buffers, or what comes next to that.
    pub(crate) fn new(bytes: usize, sub_buffers: usize) -> Self {
        let size = bytes.clamp(2 * Self::LEAST, MAX).next_power_of_two();
        let sub_buffers =
            sub_buffers.clamp(2, size / Self::LEAST).next_power_of_two().min(size / Self::LEAST);
        Self { size: size as u64, sub: (size / sub_buffers) as u64 }
    }

    fn is_valid(self) -> bool {
        let Self { size, sub } = self;
        size.is_power_of_two()
            && sub.is_power_of_two()
            && size <= MAX as u64
            && sub >= Self::LEAST as u64
            && 2 * sub <= size
    }
}

/// Turns events on or off.
#[derive(Clone, Debug)]
pub(crate) struct Rule {
    pub(crate) on: bool,
    pub(crate) glob: WildMatch,
    /// Only those that are as grave, or graver.
    pub(crate) level: Level,
}

/// What a session records.
#[derive(Clone, Debug)]
pub(crate) struct Plan {
    pub(crate) output: PathBuf,
    pub(crate) version: Version,
    pub(crate) mode: Mode,
    pub(crate) shape: Shape,
    pub(crate) clock: Source,
    pub(crate) context: Vec<Context>,
    pub(crate) programs: Programs,
    /// The last that matches counts.
    pub(crate) rules: Vec<Rule>,
}

impl Plan {
    /// Whether an event is recorded.
    pub(crate) fn wants(&self, site: &Site) -> bool {
        let name = site.full_name();
        let rule = self
            .rules
            .iter()
            .rev()
            .find(|rule| (!rule.on || site.level() <= rule.level) && rule.glob.matches(&name));
        rule.is_some_and(|rule| rule.on)
    }

    /// Whether a process that listens is to take part.
    pub(crate) fn accepts(&self, process: u32) -> bool {
        match &self.programs {
            Programs::Listening => true,
            Programs::Of(processes) => processes.contains(&process),
            Programs::This | Programs::Started => false,
        }
    }

    /// Reads that of a session.
    pub(crate) fn read(session: &Path) -> Result<Self, SessionError> {
        Self::of_text(session, &Self::text(session)?)
    }

    /// What the file of a session is.
    pub(crate) fn text(session: &Path) -> Result<Vec<u8>, SessionError> {
        home::read(&session.join(PLAN))
    }

    /// That of a session whose file this was.
    pub(crate) fn of_text(session: &Path, text: &[u8]) -> Result<Self, SessionError> {
        parse(text).ok_or_else(|| SessionError::Plan(session.join(PLAN)))
    }

    pub(crate) fn write(&self, session: &Path) -> Result<(), SessionError> {
        home::replace(&session.join(PLAN), self.to_json().to_string().as_bytes())
    }

    fn to_json(&self) -> Value {
        let rules: Vec<_> =
            self.rules.iter().map(|rule| json!([rule.on, rule.glob.to_string(), rule.level as u8])).collect();
        json!({
            "format": FORMAT,
            "output": self.output.as_os_str().as_encoded_bytes(),
            "version": matches!(self.version, Version::V2),
            "mode": self.mode as u8,
            "size": self.shape.size,
            "sub": self.shape.sub,
            "clock": self.clock.to_words(),
            "context": self.context.iter().map(|field| field.name()).collect::<Vec<_>>(),
            "programs": match &self.programs {
                Programs::This => json!("this"),
                Programs::Listening => json!("listening"),
                Programs::Of(processes) => json!(processes),
                Programs::Started => json!("started"),
            },
            "rules": rules,
        })
    }
}

fn parse(text: &[u8]) -> Option<Plan> {
    let root: Value = serde_json::from_slice(text).ok()?;
    let number = |name: &str| root.get(name)?.as_u64();
    let list = |name: &str| root.get(name)?.as_array();
    if number("format")? != FORMAT {
        return None;
    }
    let bytes: Option<Vec<u8>> =
        list("output")?.iter().map(|byte| u8::try_from(byte.as_u64()?).ok()).collect();
    let shape = Shape { size: number("size")?, sub: number("sub")? };
    if !shape.is_valid() {
        return None;
    }
    let rule = |rule: &Value| {
        Some(Rule {
            on: rule.get(0)?.as_bool()?,
            glob: WildMatch::new(rule.get(1)?.as_str()?),
            level: Level::from_number(rule.get(2)?.as_u64()?)?,
        })
    };
    let clock: Option<Vec<u64>> = list("clock")?.iter().map(Value::as_u64).collect();
    let processes = |list: &[Value]| -> Option<Vec<u32>> {
        list.iter().map(|id| u32::try_from(id.as_u64()?).ok()).collect()
    };
    Some(Plan {
        output: OsString::from_vec(bytes?).into(),
        version: if root.get("version")?.as_bool()? { Version::V2 } else { Version::V1_8 },
        mode: Mode::from_number(number("mode")?)?,
        shape,
        clock: Source::from_words(&clock?)?,
        context: list("context")?.iter().map(|name| Context::named(name.as_str()?)).collect::<Option<_>>()?,
        programs: match root.get("programs")? {
            Value::Array(list) => Programs::Of(processes(list)?),
            name => match name.as_str()? {
                "this" => Programs::This,
                "listening" => Programs::Listening,
                "started" => Programs::Started,
                _ => return None,
            },
        },
        rules: list("rules")?.iter().map(rule).collect::<Option<_>>()?,
    })
}
