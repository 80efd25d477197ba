#!/usr/bin/env bash
# Installs babeltrace2, and runs the tests of perseq-ctf with it: every trace that they write must be read without a complaint,
# and read as the same.
set -euo pipefail
cd "$(dirname "$0")/.."
. ci/lib.sh

install_packages babeltrace2
if ! command -v babeltrace2 >/dev/null; then
    skip babeltrace2 "babeltrace2 is not installed"
    exit 0
fi
PERSEQ_REQUIRE=babeltrace2,${PERSEQ_REQUIRE:-} cargo test --quiet --locked -p perseq-ctf
