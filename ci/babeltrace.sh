#!/usr/bin/env bash
# Installs babeltrace2, and runs the tests of perseq-ctf with it: every trace that they write must be read without a complaint,
# and read as the same. Then again with the newest version that Debian has, which reads CTF 2 too; it is unpacked with all
# that it needs into target/babeltrace, and stays there: to have a newer one, delete it.
set -euo pipefail
cd "$(dirname "$0")/.."
. ci/lib.sh

# Of what the newest version needs, that which is no library.
not_needed='^(debconf|dpkg|tar|perl-base|gcc-[0-9]+-base|python.*|.*-data|.*-common)$'

# fetch_newest FOLDER: unpacks it there, with a script that starts it.
fetch_newest() (
    work=$(mktemp -d)
    trap 'rm -rf "$work"' EXIT
    private_apt "$(dpkg --print-architecture)" sid || exit 1
    packages=$(apt-get install --simulate --no-install-recommends babeltrace2 | sed -n 's/^Inst \([^ ]*\).*/\1/p' |
        grep -vE "$not_needed")
    mkdir -p "$work/packages" "$work/root"
    # shellcheck disable=SC2086
    (cd "$work/packages" && apt-get download $packages >/dev/null 2>&1) || exit 1
    for package in "$work"/packages/*.deb; do
        dpkg-deb --extract "$package" "$work/root"
    done
    loader=$(find "$work/root/usr" -name 'ld-linux*' -printf '%P\n' | head -n 1)
    libraries=$(cd "$work/root" && find . -name 'libbabeltrace2.so.0' -printf '%h\n')
    cat >"$work/root/babeltrace2" <<'END'
#!/bin/sh
root=$(dirname "$0")
END
    echo "exec \"\$root/usr/$loader\" --library-path \"\$root/$libraries\" \"\$root/usr/bin/babeltrace2\"" \
        "--omit-system-plugin-path --plugin-path \"\$root/$libraries/babeltrace2/plugins\" \"\$@\"" >>"$work/root/babeltrace2"
    chmod +x "$work/root/babeltrace2"
    "$work/root/babeltrace2" --version >/dev/null || exit 1
    mkdir -p "$(dirname "$1")"
    cp -a "$work/root" "$1"
)

install_packages babeltrace2
if command -v babeltrace2 >/dev/null; then
    PERSEQ_REQUIRE=babeltrace2 cargo test --quiet --locked -p perseq-ctf
else
    skip babeltrace2 "babeltrace2 is not installed"
fi

target=${CARGO_TARGET_DIR:-target}
mkdir -p "$target"
newest=$(realpath "$target")/babeltrace
[ -x "$newest/babeltrace2" ] || fetch_newest "$newest" || true
if [ -x "$newest/babeltrace2" ]; then
    export PERSEQ_BABELTRACE2=$newest/babeltrace2
    PERSEQ_REQUIRE=babeltrace2,babeltrace2.1 cargo test --quiet --locked -p perseq-ctf --tests
else
    skip babeltrace2.1 "babeltrace2 of version 2.1 cannot be had"
fi
