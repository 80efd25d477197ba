//! The machine, and everything else that a figure belongs to: without it a figure says nothing.

use std::time::SystemTime;

use serde_json::{Value, json};

use crate::sys;

/// Where, when and how something was measured.
#[derive(Clone, Debug)]
pub struct Machine {
    /// The CPU's name.
    pub cpu: String,
    /// The CPUs that this process may use.
    pub cpus: Vec<u32>,
    /// Whether a hypervisor is between us and the CPU.
    pub is_virtual: bool,
    /// The kernel's name and release.
    pub kernel: String,
    /// The compiler that built this command.
    pub rustc: &'static str,
    /// The target and the optimisation level it was built for.
    pub build: String,
    /// The command line.
    pub command: String,
    /// The time, in UTC.
    pub date: String,
}

impl Machine {
    /// This machine, now.
    pub fn here() -> Self {
        Self {
            cpu: sys::cpu_model().unwrap_or_else(|| format!("{} CPU", std::env::consts::ARCH)),
            cpus: sys::allowed_cpus(),
            is_virtual: sys::is_virtual(),
            kernel: sys::kernel(),
            rustc: env!("PERSEQ_RUSTC"),
            build: format!(
                "{}, {} profile, opt-level {}",
                env!("PERSEQ_TARGET"),
                env!("PERSEQ_PROFILE"),
                env!("PERSEQ_OPT_LEVEL")
            ),
            command: command_line(),
            date: humantime::format_rfc3339_seconds(SystemTime::now()).to_string(),
        }
    }

    /// The parts, named for readers.
    pub fn facts(&self) -> Vec<(&'static str, String)> {
        let virt = if self.is_virtual { ", virtual machine" } else { "" };
        let cpus = match self.cpus.len() {
            1 => "1 CPU".to_owned(),
            n => format!("{n} CPUs"),
        };
        vec![
            ("cpu", format!("{}, {cpus} allowed{virt}", self.cpu)),
            ("kernel", self.kernel.clone()),
            ("perseq", format!("{} ({})", env!("CARGO_PKG_VERSION"), self.build)),
            ("compiler", self.rustc.to_owned()),
            ("date", self.date.clone()),
            ("command", self.command.clone()),
        ]
    }

    /// The parts, named for scripts.
    pub fn to_json(&self) -> Value {
        json!({
            "group": "machine",
            "name": self.cpu,
            "cpus": self.cpus,
            "virtual": self.is_virtual,
            "kernel": self.kernel,
            "perseq": env!("CARGO_PKG_VERSION"),
            "build": self.build,
            "rustc": self.rustc,
            "command": self.command,
            "date": self.date,
        })
    }
}

/// The command line as one might type it, without the folder that the command lies in.
fn command_line() -> String {
    let mut line = String::from("perseq");
    for argument in std::env::args().skip(1) {
        line.push(' ');
        if argument.is_empty()
            || argument.contains(|c: char| c.is_whitespace() || "'\"\\$`*?;&|<>()".contains(c))
        {
            line.push_str(&format!("'{}'", argument.replace('\'', r"'\''")));
        } else {
            line.push_str(&argument);
        }
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_machine_is_named_for_scripts_and_for_readers() {
        let here = Machine::here();
        let json = here.to_json();
        assert_eq!(json["group"], "machine");
        for key in ["name", "cpus", "kernel", "rustc", "command", "date"] {
            assert!(!json[key].is_null(), "{key}");
        }
        assert!(here.facts().iter().all(|(_, value)| !value.is_empty()));
    }
}
