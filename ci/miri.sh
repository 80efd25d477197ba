#!/usr/bin/env bash
# Runs the portable form under Miri: the libraries' own tests and samples, and the models and expressions of tests/.
#
# Miri runs no assembly, so every sequence takes its slow path there, as it does on a system that has no rseq; what it looks
# for is undefined behaviour in that path, in the gates and in the memory of slots. Left out is what works on the process
# rather than on memory: aborts, signals, forks, hotplug, and programs that are started.
set -euo pipefail
cd "$(dirname "$0")/.."
. ci/lib.sh

if ! cargo +nightly miri --version >/dev/null 2>&1; then
    rustup component add --toolchain nightly miri rust-src >/dev/null 2>&1 || true
fi
if ! cargo +nightly miri --version >/dev/null 2>&1; then
    skip miri "Miri: the nightly toolchain does not have it"
    exit 0
fi

# The affinity of the thread and the seed of proptest come from outside. A sequence makes pointers of integers.
export MIRIFLAGS="-Zmiri-disable-isolation -Zmiri-permissive-provenance ${MIRIFLAGS:-}"
export PROPTEST_CASES=${PROPTEST_CASES:-2}
cargo +nightly miri test -p perseq --lib
cargo +nightly miri test -p perseq --doc
cargo +nightly miri test -p perseq-rcu --features papaya
cargo +nightly miri test -p perseq-tests --test models --test expressions --test ops --test locks --test shared
# A vector accesses the same bytes as words of several sizes, of which Miri's model of weak memory does not know.
MIRIFLAGS="$MIRIFLAGS -Zmiri-disable-weak-memory-emulation" cargo +nightly miri test -p perseq-tests --test opv
# Threads under many schedules, one for each seed.
MIRIFLAGS="$MIRIFLAGS -Zmiri-many-seeds=0..8" cargo +nightly miri test -p perseq-tests --test models --test shared race
MIRIFLAGS="$MIRIFLAGS -Zmiri-many-seeds=0..3" cargo +nightly miri test -p perseq-rcu --test threads
