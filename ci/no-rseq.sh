#!/usr/bin/env bash
# Runs the tests of the workspace again where restartable sequences do not exist, in every way in which that happens, and prints
# one line for each. No argument means all ways, else: off tunable forbidden hidden valgrind qemu-user.
#
# A way is a runner that cargo puts before each test binary. Left out are binaries that only start compilers and look at what
# they built: they do not run the library themselves, and put the programs they build into such places on their own
# (tests/tests/environments); and what runs nothing of the library. PERSEQ_STRESS says for how many seconds to stress; here there is less to find than elsewhere.
set -euo pipefail
cd "$(dirname "$0")/.."
. ci/lib.sh

stress=${PERSEQ_STRESS:-1}
target=${CARGO_TARGET_DIR:-target}
mkdir -p "$target/no-rseq"
target=$(realpath "$target")
logs=$target/no-rseq
host=$(rustc -vV | sed -n 's/^host: //p')
tests=(--workspace --lib --bins --tests)
# A binary that hangs is stopped after so many seconds.
limit=120
failed=0

# Left out, as patterns of package/binary; the last explore models, or are of crates without sequences.
compilers="*/compile_errors */linked */environments */debuggers perseq-macros/* */protocol */lock_protocol */rcu_protocol"
compilers+=" perseq-ctf/* perseq-inspect/*"
# Sessions take their time, and to them a thread that the library registers is as good as one that libc has.
tracer="*/sessions */processes */troubles */tracing"
# To the library these are what `off` is, once it has found out.
as_off="$compilers $tracer */stress */rcu */rcu_shared */rcu_litmus */shared_slots */abort_injection* perseq-cli/*"
# These run another program, which no emulator follows.
children="perseq-cli/bench perseq-cli/info perseq-cli/trace $tracer"
# Tens of times slower; what is left are the library's own tests, its models and its slots. The command uses instructions in its
# benchmarks that valgrind does not know. To valgrind it is an error to ask the kernel for a word of which a byte is not there, or not
# initialised, as ops vectors do; and it has addresses for a dozen sessions of the tracer.
not_under_valgrind="$compilers perseq-cli/* */stress */rcu */rcu_shared */rcu_litmus */shared_slots */forks */abort_injection*"
not_under_valgrind+=" */opv */opv_faults $tracer"
# The emulator itself crashes under timers whose signals go to one thread, whatever the handler does; and it does not know the locks of open
# file descriptions as the kernel does.
not_under_qemu="$compilers $children */stress */rcu */rcu_shared"

# way NAME LEFT_OUT RUNNER…: runs all test binaries but some behind a runner.
way() {
    local name=$1 left_out=$2 log=$logs/$1.log runner=$logs/$1.sh started=$SECONDS result=passed
    shift 2
    cat >"$runner" <<END
#!/usr/bin/env bash
set -f
binary=\$CARGO_PKG_NAME/\$(basename "\${1%-*}")
for pattern in $left_out; do
    [[ \$binary == \$pattern ]] && exit 0
done
exec timeout --verbose $limit $(printf '%q ' "$@") "\$@"
END
    chmod +x "$runner"
    local variable=CARGO_TARGET_${host^^}_RUNNER
    if ! env PERSEQ_STRESS="$stress" "${variable//-/_}=$runner" \
        cargo test --quiet "${tests[@]}" --no-fail-fast >"$log" 2>&1; then
        result=FAILED
        failed=1
    fi
    report "$name" "$result" "$log" "$started"
}

# has COMMAND PACKAGE: whether there is a command; says that its way is skipped if not.
has() {
    command -v "$1" >/dev/null || { skip "$2" "tests under $1: the package $2 is not installed" && false; }
}

cargo test --quiet "${tests[@]}" --no-run
cargo build --quiet --offline --manifest-path tests/fixtures/deny/Cargo.toml --target-dir "$target/deny"
deny=$target/deny/debug/deny

if [ $# -eq 0 ]; then
    set -- off tunable forbidden hidden valgrind qemu-user
fi
for name in "$@"; do
    case $name in
    off) way off "$compilers" env PERSEQ=off ;;
    tunable) way tunable "$compilers $tracer" env GLIBC_TUNABLES=glibc.pthread.rseq=0 ;;
    forbidden) way forbidden "$as_off" "$deny" rseq=EPERM -- ;;
    hidden) way hidden "$as_off" "$deny" rseq=ENOSYS -- ;;
    valgrind)
        if has valgrind valgrind; then
            way valgrind "$not_under_valgrind" env PROPTEST_CASES=16 \
                valgrind --quiet --error-exitcode=99 --fair-sched=yes
        fi
        ;;
    qemu-user)
        emulator=qemu-${host%%-*}
        if has "$emulator" qemu-user; then
            way qemu-user "$not_under_qemu" env PERSEQ_STRESS=1 PROPTEST_CASES=64 "$emulator"
        fi
        ;;
    *)
        echo "there is no way called $name" >&2
        exit 2
        ;;
    esac
done
exit "$failed"
