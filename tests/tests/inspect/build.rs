//! Assembles and links `fixtures/inspect`, for any architecture: by rustc and the linker that comes with it.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use perseq_tests::skip::skip;

/// An architecture, and the file that has its sections.
#[derive(Debug)]
pub(crate) struct Architecture {
    pub(crate) name: &'static str,
    target: &'static str,
    source: &'static str,
}

const fn architecture(name: &'static str, target: &'static str, source: &'static str) -> Architecture {
    Architecture { name, target, source }
}

/// Those whose instructions are decoded; the first three have sections for every rule.
pub(crate) const DECODED: &[Architecture] = &[
    architecture("x86_64", "x86_64-unknown-linux-gnu", "x86_64.s"),
    architecture("aarch64", "aarch64-unknown-linux-gnu", "aarch64.s"),
    architecture("riscv64", "riscv64gc-unknown-linux-gnu", "riscv64.s"),
    architecture("x86", "i686-unknown-linux-gnu", "x86.s"),
];

/// The others.
pub(crate) const OTHERS: &[Architecture] = &[
    architecture("arm", "armv7-unknown-linux-gnueabihf", "other.s"),
    architecture("loongarch64", "loongarch64-unknown-linux-gnu", "other.s"),
    architecture("powerpc64", "powerpc64le-unknown-linux-gnu", "other.s"),
    architecture("s390x", "s390x-unknown-linux-gnu", "other.s"),
];

/// How a file is linked.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Kind {
    /// A program with fixed addresses.
    Static,
    /// One that is loaded anywhere; its addresses are in relocations.
    Independent,
    /// The same with addresses in their places.
    Packed,
    Library,
}

impl Kind {
    pub(crate) const ALL: [Self; 4] = [Self::Static, Self::Independent, Self::Packed, Self::Library];

    fn arguments(self) -> &'static [&'static str] {
        match self {
            Self::Static => &[],
            Self::Independent => &["-pie", "--no-dynamic-linker"],
            Self::Packed => &["-pie", "--no-dynamic-linker", "--pack-dyn-relocs=relr"],
            Self::Library => &["-shared"],
        }
    }
}

fn rustc() -> Command {
    Command::new(std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into()))
}

/// Whether Rust programs can be built for a target, with this linker; says what is missing.
pub(crate) fn can_build(target: &str, linker: Option<&str>) -> bool {
    let libraries =
        rustc().args(["--print", "target-libdir", "--target", target]).output().expect("rustc can be run");
    if !Path::new(String::from_utf8_lossy(&libraries.stdout).trim()).exists() {
        skip(target, "the target is not installed");
        return false;
    }
    let works =
        |linker: &str| Command::new(linker).arg("--version").output().is_ok_and(|it| it.status.success());
    if let Some(linker) = linker.filter(|linker| !works(linker)) {
        skip(linker, "the linker is not installed");
        return false;
    }
    true
}

/// The object file; `None` if the target is not installed, which is said.
pub(crate) fn assemble(arch: &Architecture, flags: &[&str]) -> Option<PathBuf> {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/inspect");
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("inspect");
    fs::create_dir_all(&folder).expect("a folder for what is built");
    // Tests run at the same time.
    let test = std::thread::current().name().unwrap_or("test").to_string();
    let object = folder.join(format!("{}-{test}.o", arch.name));
    let output = rustc()
        .env("SECTIONS", source.join(arch.source))
        .args(["--edition=2024", "--crate-type=lib", "--crate-name=source", "-Cpanic=abort", "--emit=obj"])
        .args(["--target", arch.target])
        .args(flags)
        .arg("-o")
        .arg(&object)
        .arg(source.join("source.rs"))
        .output()
        .expect("rustc can be run");
    let said = String::from_utf8_lossy(&output.stderr);
    if said.contains("can't find crate for `core`") {
        skip(arch.target, "the target is not installed");
        return None;
    }
    assert!(output.status.success(), "{said}");
    Some(object)
}

/// The linked file; `None` if it cannot be made here, which is said.
pub(crate) fn link(object: &Path, kind: Kind) -> Option<Vec<u8>> {
    let sysroot = rustc().args(["--print", "sysroot"]).output().expect("rustc can be run").stdout;
    let sysroot = PathBuf::from(String::from_utf8_lossy(&sysroot).trim());
    let linker = sysroot.join("lib/rustlib/x86_64-unknown-linux-gnu/bin/rust-lld");
    if !linker.exists() {
        skip("rust-lld", "the linker does not come with this rustc");
        return None;
    }
    let linked = object.with_extension(format!("{kind:?}"));
    let output = Command::new(linker)
        .args(["-flavor", "gnu"])
        .args(kind.arguments())
        .arg("-o")
        .arg(&linked)
        .arg(object)
        .output()
        .expect("the linker can be run");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    Some(fs::read(&linked).expect("what is linked"))
}
