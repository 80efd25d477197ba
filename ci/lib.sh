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

# private_apt ARCH SUITE: from here on apt knows one suite of Debian, for one architecture, and nothing of the host. Its state is in
# the folder $work; PERSEQ_DEBIAN is the mirror.
private_apt() {
    local root=$work/apt mirror=${PERSEQ_DEBIAN:-http://deb.debian.org/debian}
    rm -rf "$root"
    mkdir -p "$root"/{state/lists/partial,cache/archives/partial,etc/apt.conf.d}
    : >"$root/state/status"
    # A suite that is no longer supported is no longer signed anew.
    echo "deb [arch=$1 check-valid-until=no] $mirror $2 main" >"$root/etc/sources.list"
    cat >"$root/apt.conf" <<END
APT::Architecture "$1";
APT::Architectures { "$1"; };
APT::Sandbox::User "root";
Acquire::Languages "none";
Dir::State "$root/state";
Dir::State::status "$root/state/status";
Dir::Cache "$root/cache";
Dir::Etc "$root/etc";
Dir::Etc::sourceparts "$root/etc/apt.conf.d";
Dir::Etc::preferencesparts "$root/etc/apt.conf.d";
Dir::Etc::trustedparts "/etc/apt/trusted.gpg.d";
END
    export APT_CONFIG=$root/apt.conf
    apt-get update >"$root/log" 2>&1 && ! grep -q '^[WE]:' "$root/log"
}

# report NAME RESULT LOG STARTED: one line about a run of `cargo test --quiet`, after what failed in it.
report() {
    local name=$1 result=$2 log=$3 started=$4 passed left_out
    if [ "$result" != passed ]; then
        grep -A 20 -e '^---- .* stdout ----$' -e '^error' -e '^guest: ' -e '^==[0-9]*== [IUCSP]' "$log" | head -n 80
    fi
    passed=$(sed -n 's/^test result: .* \([0-9]*\) passed;.*/\1/p' "$log" | awk '{ sum += $1 } END { print sum + 0 }')
    left_out=$(grep -c 'skipped: ' "$log" || true)
    sed -n 's/^\.*\(abort injection: \)/\1/p' "$log"
    echo "$name: $result, $passed tests, $left_out skipped, $((SECONDS - started)) s, $log"
}
