#!/usr/bin/env bash
# Runs the tests of collections under LeakSanitizer, in the sections and on the slow path. clang's runtime is linked in, which works with
# any compiler; a program that leaks must fail first.
set -euo pipefail
cd "$(dirname "$0")/.."
. ci/lib.sh

host=$(rustc -vV | sed -n 's/^host: //p')
runtime=$(compgen -G "/usr/lib/llvm-*/lib/clang/*/lib/linux/libclang_rt.lsan-${host%%-*}.a" | tail -n 1 || true)
if [ -z "$runtime" ]; then
    skip leaks "LeakSanitizer: clang's runtime (package libclang-rt-14-dev or newer) is not installed"
    exit 0
fi
target=${CARGO_TARGET_DIR:-target}/leaks
mkdir -p "$target"
flags=(-Clink-arg=-Wl,--whole-archive "-Clink-arg=$runtime" -Clink-arg=-Wl,--no-whole-archive
    -Clink-arg=-lstdc++ -Clink-arg=-Wl,--export-dynamic)

cat >"$target/leak.rs" <<'END'
#[inline(never)]
fn leak(len: usize) {
    std::mem::forget(std::hint::black_box(vec![1_u8; len]));
}
fn main() {
    (100..200).for_each(leak);
    std::hint::black_box([0_u64; 100]);
}
END
rustc -O "${flags[@]}" "$target/leak.rs" -o "$target/leak"
if "$target/leak" 2>"$target/leak.log"; then
    echo "LeakSanitizer does not find a leak" >&2
    exit 1
fi

variable=CARGO_TARGET_${host^^}_RUSTFLAGS
env "${variable//-/_}=${flags[*]}" PROPTEST_CASES=32 \
    cargo test --quiet --locked --target "$host" --target-dir "$target" -p perseq -p perseq-tests \
    --lib --test metrics --test prometheus --test locks --test models --test ops --test pool
