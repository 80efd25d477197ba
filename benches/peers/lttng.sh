# A session of LTTng for the benchmarks, from which everything is gone when standard input ends: the session, its files, and the daemon if
# there was none before. It says "ready" or why not; at the end, how many events each channel has discarded. Each wait is bounded.
# Arguments: the directory for the files, the size and the number of sub-buffers of the channel with large ones.

# Who ends the benchmark from the terminal is not to end this before it has tidied up.
trap '' INT HUP
session=perseq-bench-$$
daemon=

missing() {
    for tool in lttng lttng-sessiond timeout flock; do
        command -v "$tool" >/dev/null || return 0
    done
    return 1
}

control() {
    timeout 10 lttng --no-sessiond "$@" </dev/null 2>>"$files/log"
}

quietly() {
    control "$@" >>"$files/log"
}

# start_daemon: the user's, unless it is there.
start_daemon() {
    quietly list && return 0
    lttng-sessiond --no-kernel </dev/null >>"$files/log" 2>&1 &
    daemon=$!
    for _ in $(seq 100); do
        quietly list && return 0
        kill -0 "$daemon" 2>/dev/null || return 1
        sleep 0.1
    done
    return 1
}

# The files that a channel writes begin anew when they are full.
start_session() {
    bounded='--tracefile-size=8388608 --tracefile-count=2'
    quietly create "$session" --output="$files/trace" &&
        quietly enable-channel --userspace --session="$session" large --discard $bounded \
            --subbuf-size="$1" --num-subbuf="$2" &&
        quietly enable-channel --userspace --session="$session" default --discard $bounded &&
        quietly enable-event --userspace --session="$session" --channel=large \
            perseq_bench:u32,perseq_bench:u64x4,perseq_bench:string16 &&
        quietly enable-event --userspace --session="$session" --channel=default \
            perseq_bench:u32_default,perseq_bench:u64x4_default,perseq_bench:string16_default &&
        quietly start "$session"
}

# Lines such as "large 0".
discarded() {
    control list "$session" | awk '
        /^- [a-z]+:/ { sub(":", "", $2); channel = $2 }
        /Discarded events:/ { print channel, $3 }' | sort -r
}

# finish: all that the session leaves.
finish() {
    quietly destroy --no-wait "$session"
    if [ -n "$daemon" ]; then
        kill "$daemon" 2>/dev/null
        for _ in $(seq 50); do
            kill -0 "$daemon" 2>/dev/null || break
            sleep 0.1
        done
        kill -9 "$daemon" 2>/dev/null
    fi
    rm -rf "$files"
}

if missing; then
    echo "needs ci/peers.sh"
    exit
fi
# One benchmark at a time: the next would record in the sessions of both, and lose the daemon with the first. The lock is that of the
# directory, so there is no file to leave behind; the daemon holds it as long as it lives.
exec 9<"$1"
if ! flock --wait 20 9; then
    echo "another benchmark uses LTTng"
    exit
fi
if ! files=$(mktemp -d "$1/perseq-bench.XXXXXX"); then
    echo "no directory for the trace"
    exit
fi
if ! start_daemon; then
    echo "no session daemon of LTTng"
elif ! start_session "$2" "$3"; then
    echo "no session of LTTng: $(grep -m 1 Error "$files/log")"
else
    echo ready
    # Until the other end is closed.
    while read -r _; do :; done
    quietly stop "$session"
    discarded
fi
finish
