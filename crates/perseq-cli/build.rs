//! Records the compiler that builds the command: a figure without its compiler says half of what it could.

use std::process::Command;

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    let rustc = std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let version = Command::new(rustc)
        .arg("--version")
        .output()
        .ok()
        .and_then(|output| String::from_utf8(output.stdout).ok())
        .map_or_else(|| "rustc, version unknown".to_owned(), |text| text.trim().to_owned());
    println!("cargo:rustc-env=PERSEQ_RUSTC={version}");
    for (name, source) in
        [("PERSEQ_PROFILE", "PROFILE"), ("PERSEQ_OPT_LEVEL", "OPT_LEVEL"), ("PERSEQ_TARGET", "TARGET")]
    {
        println!("cargo:rustc-env={name}={}", std::env::var(source).unwrap_or_default());
    }
}
