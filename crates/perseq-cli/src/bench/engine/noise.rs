//! Whether the machine was quiet enough to believe what was measured on it.
//!
//! The engine takes a sample of one unchanging loop, the yardstick, in every round. It does the same work with the
//! same instructions every time, so whatever spread it shows is the machine's and no contestant's.

use super::stats::Summary;
use crate::sys::Interference;

/// The yardstick's quartiles may lie this far apart, as a part of its median.
const SPREAD: f64 = 0.05;
/// So many of its samples may be slow,
const SLOW_PART: f64 = 0.10;
/// which begins at this multiple of its fastest.
const SLOW: f64 = 1.2;
/// So much of all CPU time may be stolen by a hypervisor.
const STOLEN: f64 = 0.01;
/// So often a second the measuring thread may be preempted.
const PREEMPTIONS: f64 = 20.0;

/// What the yardstick and the system say about the time of a measurement.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Noise {
    /// The distance between the yardstick's quartiles, as a part of its median.
    pub spread: f64,
    /// The part of its samples that were slow.
    pub slow: f64,
    /// The part of all CPU time that was stolen.
    pub stolen: f64,
    /// How often the measuring thread was preempted.
    pub preemptions: u64,
    /// Why the machine counts as noisy; empty if it does not.
    pub reasons: Vec<String>,
}

impl Noise {
    /// Judges a measurement that took `seconds`.
    pub fn judge(yardstick: &Summary, before: Interference, after: Interference, seconds: f64) -> Self {
        let ticks = after.ticks.saturating_sub(before.ticks);
        let stolen_ticks = after.stolen_ticks.saturating_sub(before.stolen_ticks);
        let mut noise = Self {
            spread: yardstick.spread(),
            slow: yardstick.slower_than(SLOW),
            stolen: if ticks == 0 { 0.0 } else { stolen_ticks as f64 / ticks as f64 },
            preemptions: after.preemptions.saturating_sub(before.preemptions),
            reasons: Vec::new(),
        };
        let percent = |part: f64| format!("{:.0} %", part * 100.0);
        if noise.spread > SPREAD {
            noise.reasons.push(format!("an unchanging loop varied by {}", percent(noise.spread)));
        }
        if noise.slow > SLOW_PART {
            noise.reasons.push(format!("it was much slower in {} of its samples", percent(noise.slow)));
        }
        if noise.stolen > STOLEN {
            noise.reasons.push(format!("the hypervisor took {} of the CPU time", percent(noise.stolen)));
        }
        if noise.preemptions as f64 > PREEMPTIONS * seconds.max(0.5) {
            noise.reasons.push(format!("other work preempted the measurement {} times", noise.preemptions));
        }
        noise
    }

    /// Whether the figures are to be taken with care.
    pub fn is_noisy(&self) -> bool {
        !self.reasons.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn quiet() -> Summary {
        Summary::of(vec![1.0; 100])
    }

    #[test]
    fn a_steady_loop_on_a_machine_of_its_own_is_quiet() {
        let after = Interference { preemptions: 3, stolen_ticks: 0, ticks: 200 };
        assert!(!Noise::judge(&quiet(), Interference::default(), after, 1.0).is_noisy());
    }

    #[test]
    fn each_disturbance_is_named() {
        let varying = Summary::of((0..100).map(|i| 1.0 + f64::from(i) / 100.0).collect());
        let noise = Noise::judge(&varying, Interference::default(), Interference::default(), 1.0);
        assert_eq!(noise.reasons.len(), 2);
        let after = Interference { preemptions: 1000, stolen_ticks: 10, ticks: 200 };
        let noise = Noise::judge(&quiet(), Interference::default(), after, 1.0);
        assert_eq!(noise.reasons.len(), 2);
        assert!(noise.reasons[0].contains("5 %") && noise.reasons[1].contains("1000"));
    }
}
