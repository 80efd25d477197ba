# Shared by the scripts in ci/ and .ci/: installing packages, and skipping with one line.
# shellcheck shell=bash

skipped=()

# skip NAME REASON: says what is left out; fails if PERSEQ_REQUIRE names it.
skip() {
    echo "skipped: $2"
    skipped+=("$2")
    case ",${PERSEQ_REQUIRE:-}," in
    *",$1,"*)
        echo "PERSEQ_REQUIRE names $1" >&2
        exit 1
        ;;
    esac
}

report_skipped() {
    local line
    for line in "${skipped[@]}"; do
        echo "skipped: $line"
    done
}

# install_packages NAME…: Debian packages, where there is a package manager and the right to use it.
install_packages() {
    local missing=() package
    for package in "$@"; do
        dpkg -s "$package" >/dev/null 2>&1 || missing+=("$package")
    done
    [ ${#missing[@]} -eq 0 ] && return
    if [ "$(id -u)" -eq 0 ] && command -v apt-get >/dev/null; then
        { apt-get update && DEBIAN_FRONTEND=noninteractive apt-get install -y "${missing[@]}"; } >/dev/null 2>&1 || true
    fi
}
