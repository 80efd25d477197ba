#!/usr/bin/env bash
# Builds what the benchmarks load of other libraries, into target/peers: a peer for each flavour of liburcu, one for LTTng-UST and one for Tracy.
set -euo pipefail
cd "$(dirname "$0")/.."
. ci/lib.sh

install_packages liburcu-dev liblttng-ust-dev lttng-tools
cc=${CC:-cc}
if ! command -v "$cc" >/dev/null; then
    skip peers "peers of the benchmarks: there is no C compiler ($cc)"
    exit 0
fi
target=${CARGO_TARGET_DIR:-target}/peers
mkdir -p "$target"
flags=(-std=gnu11 -O2 -fPIC -Wall -Wextra -Werror)

# has HEADER: whether there is such a file to include.
has() {
    echo "#include <$1>" | "$cc" -E - >/dev/null 2>&1
}

liburcu() {
    local flavour object
    for flavour in memb mb qsbr bp; do
        local these=("${flags[@]}" -DURCU_API_MAP "-DURCU_HEADER=<urcu/urcu-$flavour.h>")
        object=$target/liburcu_$flavour
        "$cc" "${these[@]}" -c benches/peers/liburcu.c -o "$object.o"
        "$cc" "${these[@]}" -c benches/peers/liburcu_read.c -o "$object.call.o"
        # As in a program: a thread's variable is found without a call.
        "$cc" "${these[@]}" -D_LGPL_SOURCE -DURCU_INLINE_SMALL_FUNCTIONS -ftls-model=initial-exec \
            -c benches/peers/liburcu_read.c -o "$object.inline.o"
        "$cc" -shared "$object.o" "$object.call.o" "$object.inline.o" "-lurcu-$flavour" -o "$object.so"
        rm "$object.o" "$object.call.o" "$object.inline.o"
    done
}

# The daemon is in a package of its own; without it nothing would be recorded.
lttng() {
    "$cc" "${flags[@]}" -Ibenches/peers -shared benches/peers/lttng.c -llttng-ust -o "$target/lttng.so"
    cp benches/peers/lttng.sh "$target/lttng.sh"
}

# Its client in a library of ours, which cargo fetches with it. The port is not that of programs that somebody looks at.
tracy() {
    TRACY_CLIENT_SYS_CXXFLAGS=-DTRACY_DATA_PORT=28086 CARGO_TARGET_DIR=$target/tracy \
        cargo build --release --locked --quiet --manifest-path benches/peers/tracy/Cargo.toml &&
        cp "$target/tracy/release/libtracy.so" "$target/tracy.so"
}

if has urcu/urcu-memb.h; then
    liburcu
    echo "peers: liburcu in $target"
else
    skip peers "peers of the benchmarks: liburcu (package liburcu-dev) is not installed"
fi
if has lttng/tracepoint-event.h && command -v lttng-sessiond >/dev/null; then
    lttng
    echo "peers: LTTng-UST in $target"
else
    skip peers "peers of the benchmarks: LTTng-UST (packages liblttng-ust-dev, lttng-tools) is not installed"
fi
if command -v "${CXX:-c++}" >/dev/null && tracy; then
    echo "peers: Tracy in $target"
else
    skip peers "peers of the benchmarks: Tracy needs a C++ compiler (package g++) and crate tracy-client"
fi
