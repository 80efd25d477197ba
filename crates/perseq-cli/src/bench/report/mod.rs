//! What was measured, ready to be shown: as a [table] for people, as [JSON](json) for scripts, as a
//! [page](html) with charts.

pub mod html;
pub mod json;
pub mod table;

use super::engine::{Measured, Noise, Summary};
use super::group::{Field, Group, Published, PublishedOn, Setup};
use super::memory::Memory;

/// A group's figures.
pub struct Report {
    /// The group.
    pub group: Group,
    /// Its rows, in the order of its contestants.
    pub rows: Vec<Row>,
    /// What a reader has to know.
    pub notes: Vec<String>,
    /// What things cost in memory.
    pub memory: Vec<Memory>,
    /// What the machine did meanwhile.
    pub noise: Noise,
}

/// One contestant's figures.
pub struct Row {
    /// Its name.
    pub name: &'static str,
    /// Its variant, or nothing.
    pub variant: &'static str,
    /// How many threads were measured.
    pub threads: usize,
    /// The samples, or why there are none.
    pub result: Result<Summary, String>,
    /// Its median over that of the group's reference with the same variant and threads.
    pub ratio: Option<f64>,
    /// What others have published for it.
    pub published: &'static [Published],
}

impl Row {
    /// Whether this is ours: its name is the same in every group.
    pub fn is_ours(&self) -> bool {
        self.name.starts_with("perseq")
    }

    /// The figure published for this machine.
    pub fn published_on(&self, machine: PublishedOn) -> Option<f64> {
        self.published.iter().find(|figure| figure.machine == machine).map(|figure| figure.ns)
    }
}

/// Rows that compare with each other: the same variant on the same number of threads.
pub struct Heat<'a> {
    /// The variant.
    pub variant: &'static str,
    /// The threads.
    pub threads: usize,
    /// The rows that have figures.
    pub rows: Vec<(&'a Row, &'a Summary)>,
}

impl Heat<'_> {
    /// The heading of the heat, if the group has more than one of them.
    pub fn title(&self) -> String {
        let threads =
            if self.threads == 1 { "1 thread".to_owned() } else { format!("{} threads", self.threads) };
        match self.variant {
            "" => threads,
            variant => format!("{variant}, {threads}"),
        }
    }
}

impl Report {
    /// A report without figures.
    pub fn new(group: Group, field: &Field, setup: &Setup) -> Self {
        let rows = field.contestants.iter().map(|contestant| Row {
            name: contestant.name,
            variant: contestant.variant,
            threads: contestant.threads.measured(setup.cpus.len()),
            result: Err("not measured".to_owned()),
            ratio: None,
            published: contestant.published,
        });
        Self {
            group,
            rows: rows.collect(),
            notes: field.notes.clone(),
            memory: field.memory.clone(),
            noise: Noise::default(),
        }
    }

    /// Adds the figures.
    pub fn fill(&mut self, measured: Measured) {
        for (row, result) in self.rows.iter_mut().zip(measured.results) {
            row.result = result;
        }
        let ratios: Vec<Option<f64>> = self.rows.iter().map(|row| self.ratio(row)).collect();
        for (row, ratio) in self.rows.iter_mut().zip(ratios) {
            row.ratio = ratio;
        }
        self.notes.extend(measured.remarks);
        self.noise = measured.noise;
    }

    fn ratio(&self, row: &Row) -> Option<f64> {
        let reference = self.rows.iter().find(|other| {
            other.name == self.group.reference
                && other.variant == row.variant
                && other.threads == row.threads
                && other.result.is_ok()
        })?;
        Some(row.result.as_ref().ok()?.median / reference.result.as_ref().ok()?.median)
    }

    /// The rows with figures, by variant and threads.
    pub fn heats(&self) -> Vec<Heat<'_>> {
        let mut heats: Vec<Heat<'_>> = Vec::new();
        for row in &self.rows {
            let Ok(summary) = &row.result else { continue };
            match heats.iter_mut().find(|heat| heat.variant == row.variant && heat.threads == row.threads) {
                Some(heat) => heat.rows.push((row, summary)),
                None => {
                    heats.push(Heat {
                        variant: row.variant,
                        threads: row.threads,
                        rows: vec![(row, summary)],
                    });
                }
            }
        }
        heats
    }

    /// Why rows have no figures: each reason with the names it holds for.
    pub fn skipped(&self) -> Vec<(&str, Vec<String>)> {
        let mut reasons: Vec<(&str, Vec<String>)> = Vec::new();
        for row in &self.rows {
            let Err(reason) = &row.result else { continue };
            let name = match row.variant {
                "" => row.name.to_owned(),
                variant => format!("{}/{variant}", row.name),
            };
            match reasons.iter_mut().find(|(known, _)| known == reason) {
                Some((_, names)) if names.contains(&name) => {}
                Some((_, names)) => names.push(name),
                None => reasons.push((reason, vec![name])),
            }
        }
        reasons
    }

    /// The machines that figures of this group were published for.
    pub fn published_on(&self) -> Vec<PublishedOn> {
        let has = |machine: &PublishedOn| self.rows.iter().any(|row| row.published_on(*machine).is_some());
        PublishedOn::ALL.into_iter().filter(has).collect()
    }

    /// How many decimals show all figures of the group in one column.
    fn decimals(&self) -> usize {
        let greatest =
            self.rows.iter().flat_map(|row| &row.result).map(|summary| summary.median).fold(0.0, f64::max);
        if greatest < 1000.0 { 2 } else { 1 }
    }
}

/// Names in a sentence.
fn list(names: &[String]) -> String {
    names.join(", ")
}

/// A ratio for readers: two decimals, or as many as it takes.
fn times(ratio: f64) -> String {
    match ratio {
        ratio if ratio < 0.01 => format!("{ratio:.4}"),
        ratio if ratio < 0.1 => format!("{ratio:.3}"),
        ratio => format!("{ratio:.2}"),
    }
}

/// A memory size for readers.
fn kib(bytes: u64) -> String {
    format!("{} KiB", bytes.div_ceil(1024))
}

#[cfg(test)]
pub mod fixtures {
    //! A report to show.

    use super::*;
    use crate::bench::group::{cubietruck, xeon};

    /// Two variants, a row that was skipped, published figures, and text that needs care.
    pub fn report() -> Report {
        let group = Group {
            name: "counter",
            about: "Adding <1> & more",
            reference: "perseq",
            build: |_| Field::default(),
        };
        let row = |name, variant, threads, median: Option<f64>| Row {
            name,
            variant,
            threads,
            result: median
                .map(|median| Summary::of(vec![median * 0.9, median, median * 1.1]))
                .ok_or_else(|| "no such instruction".to_owned()),
            ratio: None,
            published: if name == "perseq" { const { &[xeon(2.0), cubietruck(31.4)] } } else { &[] },
        };
        let rows = vec![
            row("perseq", "same", 1, Some(1.5)),
            row("sched_getcpu_lock_add", "same", 1, Some(9.0)),
            row("rdpid", "same", 1, None),
            row("perseq", "same", 16, Some(2.0)),
            row("shared_atomic", "same", 16, Some(900.0)),
        ];
        let results = rows.iter().map(|row| row.result.clone()).collect();
        let memory = vec![Memory {
            name: "perseq",
            variant: "10000_counters",
            about: "10,000 counters",
            cpus: 16,
            bytes: Ok(1025),
        }];
        let mut report = Report {
            group,
            rows,
            notes: vec!["A note that is long enough to need a second line. ".repeat(4)],
            memory,
            noise: Noise::default(),
        };
        let noise =
            Noise { reasons: vec!["an unchanging loop varied by 9 %".to_owned()], ..Noise::default() };
        report.fill(Measured { results, remarks: Vec::new(), noise });
        report
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ratios_refer_to_the_same_variant_and_threads() {
        let report = fixtures::report();
        let ratios: Vec<Option<f64>> = report.rows.iter().map(|row| row.ratio).collect();
        assert_eq!(ratios, [Some(1.0), Some(6.0), None, Some(1.0), Some(450.0)]);
    }

    #[test]
    fn heats_hold_what_compares() {
        let report = fixtures::report();
        let heats: Vec<(String, usize)> =
            report.heats().iter().map(|heat| (heat.title(), heat.rows.len())).collect();
        assert_eq!(heats, [("same, 1 thread".to_owned(), 2), ("same, 16 threads".to_owned(), 2)]);
    }

    #[test]
    fn what_was_skipped_is_named_with_the_reason() {
        assert_eq!(fixtures::report().skipped(), [("no such instruction", vec!["rdpid/same".to_owned()])]);
    }
}
