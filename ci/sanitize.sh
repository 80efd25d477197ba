#!/usr/bin/env bash
# Runs what frees memory that others read under AddressSanitizer, in the sections and on the slow path: it finds a read of what was freed, where
# the tests' own poison would have been overwritten. A program that does that must fail first.
set -euo pipefail
cd "$(dirname "$0")/.."
. ci/lib.sh

host=$(rustc -vV | sed -n 's/^host: //p')
target=${CARGO_TARGET_DIR:-target}/sanitize
mkdir -p "$target"
cat >"$target/freed.rs" <<'END'
fn main() {
    let pointer = Box::into_raw(Box::new(1));
    unsafe {
        drop(Box::from_raw(pointer));
        std::process::exit(std::hint::black_box(pointer).read_volatile() - 1);
    }
}
END
if ! rustc +nightly -Zsanitizer=address --target "$host" "$target/freed.rs" -o "$target/freed" 2>/dev/null; then
    skip sanitize "AddressSanitizer: the nightly toolchain does not have it"
    exit 0
fi
if "$target/freed" 2>"$target/freed.log" || ! grep -q heap-use-after-free "$target/freed.log"; then
    echo "AddressSanitizer does not find a read of what was freed" >&2
    exit 1
fi

# What waits for its grace period at the end is not lost.
export ASAN_OPTIONS=detect_leaks=0 RUSTFLAGS="-Zsanitizer=address ${RUSTFLAGS:-}"
options=(--quiet --locked --target "$host" --target-dir "$target")
cargo +nightly test "${options[@]}" -p perseq-rcu --features papaya --lib --tests
cargo +nightly test "${options[@]}" -p perseq-tests --test rcu --test shared
