#!/usr/bin/env bash
# Runs the tests of the workspace on other architectures and kernels, and prints one line for each. What is run where:
#
#     ci/guests.sh [some | all | TARGET[/KERNEL[+ARGUMENT]]…]
#
# `some` is what lands a change, and what is run if nothing is named; `all` is the table in PLATFORM.md. A target without a kernel
# runs where .cargo/config.toml says, or on the host; KERNEL is that of ci/guest/run, which says more. Bring what is needed
# with ci/guest/fetch.
#
# Tests of what does not depend on the machine are left out: the compiler of sequences, compile errors, the command.
# An emulated machine takes tens of times as long. So one in 32 sections of single operations is attacked, and models run
# fewer cases, unless PERSEQ_SAMPLE, PROPTEST_CASES and PERSEQ_STRESS say otherwise.
set -euo pipefail
cd "$(dirname "$0")/.."
. ci/lib.sh

export PERSEQ_SAMPLE=${PERSEQ_SAMPLE:-32} PROPTEST_CASES=${PROPTEST_CASES:-16} PERSEQ_STRESS=${PERSEQ_STRESS:-1}
tests=(-p perseq-abi -p perseq -p perseq-rcu -p perseq-trace -p perseq-tests --lib)
names=(
    abort_injection abort_injection_controls expressions forks locks models ops opv opv_faults pool rcu rcu_interplay rings sessions
    shared shared_slots slots stress threads
)
# Some hundred processes, of which an emulated machine makes a minute and a half.
[ "${1:-some}" = some ] || names+=(processes rcu_shared troubles)
for test in "${names[@]}"; do
    tests+=(--test "$test")
done
export PERSEQ_GUEST_LIMIT=${PERSEQ_GUEST_LIMIT:-300}
target_dir=${CARGO_TARGET_DIR:-target}
mkdir -p "$target_dir/guests"
logs=$(realpath "$target_dir")/guests
failed=0

gnu=x86_64-unknown-linux-gnu musl=x86_64-unknown-linux-musl
some=(i686-unknown-linux-gnu "$musl" "$gnu"/newest aarch64-unknown-linux-gnu riscv64gc-unknown-linux-gnu)
all=(
    i686-unknown-linux-{gnu,musl} "$musl"
    {"$musl","$gnu"}/{5.10,6.1,6.12,sid,experimental} "$gnu/experimental+rseq_debug=1"
    aarch64-unknown-linux-{musl,gnu} aarch64-unknown-linux-gnu/{5.10,6.1,sid,experimental}
    riscv64gc-unknown-linux-gnu{,/sid}
    s390x-unknown-linux-gnu{,/sid,/experimental}
    powerpc64le-unknown-linux-gnu{,/6.1,/sid,/experimental}
    armv7-unknown-linux-gnueabihf{,/6.1,/sid,/experimental}
    loongarch64-unknown-linux-gnu{,/experimental}
)

# suite TARGET/KERNEL+ARGUMENT
suite() {
    local name=$1 target=${1%%/*} kernel='' arguments='' variables=() options=() started=$SECONDS result=passed log
    case $name in */*) kernel=${name#*/} ;; esac
    case $kernel in *+*) arguments=${kernel#*+} kernel=${kernel%%+*} ;; esac
    log=$logs/${name//\//-}.log
    if ! compgen -G "$(rustc --print target-libdir --target "$target")/libstd-*.rlib" >/dev/null; then
        skip "$target" "tests of $name: the target is not installed"
        return
    fi
    variables+=("PERSEQ_KERNEL=$kernel" "PERSEQ_KERNEL_ARGS=$arguments")
    if [[ $target == x86_64-* && -n $kernel ]]; then
        # On the host these run without a machine, and glibc's need not be static.
        local variable=${target^^}
        variables+=("CARGO_TARGET_${variable//-/_}_RUNNER=$PWD/ci/guest/run x86_64")
        variables+=("CARGO_TARGET_${variable//-/_}_RUSTFLAGS=-Ctarget-feature=+crt-static")
        options+=(--target-dir "$target_dir/static")
    fi
    env "${variables[@]}" cargo test --quiet --locked "${tests[@]}" --no-fail-fast \
        --target "$target" "${options[@]}" >"$log" 2>&1 || { result=FAILED && failed=1; }
    report "$name" "$result" "$log" "$started"
}

[ $# -gt 0 ] || set -- some
for name in "$@"; do
    case $name in
    some) for one in "${some[@]}"; do suite "$one"; done ;;
    all) for one in "${all[@]}"; do suite "$one"; done ;;
    *) suite "$name" ;;
    esac
done
exit "$failed"
