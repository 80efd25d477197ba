#!/usr/bin/env bash
# Builds what the benchmarks load of other libraries, into target/peers: a peer for each flavour of liburcu.
set -euo pipefail
cd "$(dirname "$0")/.."
. ci/lib.sh

install_packages liburcu-dev
cc=${CC:-cc}
if ! command -v "$cc" >/dev/null; then
    skip peers "peers of the benchmarks: there is no C compiler ($cc)"
    exit 0
fi
if ! echo '#include <urcu/urcu-memb.h>' | "$cc" -E - >/dev/null 2>&1; then
    skip peers "peers of the benchmarks: liburcu (package liburcu-dev) is not installed"
    exit 0
fi
target=${CARGO_TARGET_DIR:-target}/peers
mkdir -p "$target"

for flavour in memb mb qsbr bp; do
    flags=(-std=gnu11 -O2 -fPIC -Wall -Wextra -Werror -DURCU_API_MAP "-DURCU_HEADER=<urcu/urcu-$flavour.h>")
    object=$target/liburcu_$flavour
    "$cc" "${flags[@]}" -c benches/peers/liburcu.c -o "$object.o"
    "$cc" "${flags[@]}" -c benches/peers/liburcu_read.c -o "$object.call.o"
    # As in a program: a thread's variable is found without a call.
    "$cc" "${flags[@]}" -D_LGPL_SOURCE -DURCU_INLINE_SMALL_FUNCTIONS -ftls-model=initial-exec \
        -c benches/peers/liburcu_read.c -o "$object.inline.o"
    "$cc" -shared "$object.o" "$object.call.o" "$object.inline.o" "-lurcu-$flavour" -o "$object.so"
    rm "$object.o" "$object.call.o" "$object.inline.o"
done
echo "peers: liburcu in $target"
