//! Kernels whose rseq is known to be broken, the one thing decided by version.

/// Says why the kernel with this release string (`uname -r`) must not be trusted with critical sections
/// on `machine` (`uname -m`), or `None` if nothing is known against it.
///
/// arm64, Linux 6.19 up to and including 7.0.13: a thread that is preempted and resumed on the same CPU is
/// not aborted, so two sections may overlap.
#[must_use]
pub fn known_bad_kernel(machine: &str, release: &str) -> Option<&'static str> {
    if machine != "aarch64" && machine != "arm64" {
        return None;
    }
    let (major, minor, patch) = parse(release)?;
    let bad = match (major, minor) {
        (6, 19..) => true,
        (7, 0) => patch <= 13,
        _ => false,
    };
    bad.then_some(
        "this arm64 kernel (6.19 to 7.0.13) does not abort a section when it preempts and resumes \
         the thread on the same CPU",
    )
}

/// Splits `major.minor[.patch]` off a release string; whatever follows the numbers is a local suffix.
fn parse(release: &str) -> Option<(u32, u32, u32)> {
    let mut rest = release;
    let mut number = |first: bool| -> Option<u32> {
        if !first {
            rest = rest.strip_prefix('.')?;
        }
        let end = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
        let (digits, tail) = rest.split_at(end);
        let value = digits.parse().ok()?;
        rest = tail;
        Some(value)
    };
    let major = number(true)?;
    let minor = number(false)?;
    Some((major, minor, number(false).unwrap_or(0)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_arm64_from_6_19_to_7_0_13_is_refused() {
        let bad = |release| known_bad_kernel("aarch64", release).is_some();
        assert!(!bad("6.18.44"));
        assert!(bad("6.19.0-arm64"));
        assert!(bad("6.19-rc1"));
        assert!(bad("7.0.0"));
        assert!(bad("7.0.13+deb14-arm64"));
        assert!(!bad("7.0.14"));
        assert!(!bad("7.1.0"));
        assert!(!bad("5.10.0-43-arm64"));
        assert!(known_bad_kernel("x86_64", "6.19.3").is_none());
    }

    #[test]
    fn a_release_that_is_no_version_is_not_refused() {
        assert!(known_bad_kernel("aarch64", "").is_none());
        assert!(known_bad_kernel("aarch64", "mainline").is_none());
        assert!(known_bad_kernel("aarch64", "7").is_none());
    }
}
