#!/usr/bin/env bash
# Builds both functions for arm64 with Debian's own compiler and standard library, checks and packs them, and runs them
# under qemu. Nothing is installed: packages are unpacked in the cache. Arguments: cache, target directory, Python.
set -euo pipefail
cache=$1/arm64 target=$2/arm64 python=$3
root=$(cd "$(dirname "$0")/../.." && pwd)

skip() {
    echo "skipped: $1"
    echo "counted: 0 passed, 0 failed, 1 skipped"
    exit 0
}

[ "$(uname -m)" = x86_64 ] || skip "the cross build starts from x86_64"
command -v apt-get >/dev/null && command -v dpkg >/dev/null || skip "the compiler comes from Debian's packages, and this is no Debian"

fetch() {
    mkdir -p "$cache"/{sources,lists/partial,apt/archives/partial,packages}
    # The machine's own sources of Debian and no other.
    local source
    for source in /etc/apt/sources.list /etc/apt/sources.list.d/*; do
        ! grep -qs debian-archive-keyring "$source" || cp "$source" "$cache/sources/" || return 1
    done
    local apt=(apt-get -qq -o Dir::State::lists="$cache/lists" -o Dir::Cache="$cache/apt" -o Dir::Etc::sourcelist=/dev/null
        -o Dir::Etc::sourceparts="$cache/sources" -o APT::Architectures::=amd64 -o APT::Architectures::=arm64
        -o Acquire::Languages=none)
    "${apt[@]}" update || return 1
    (cd "$cache/packages" && "${apt[@]}" download rustc-web libstd-rust-web-dev:amd64 libstd-rust-web-dev:arm64 \
        libstd-rust-web-1.96 libllvm22 qemu-user-static libc6-arm64-cross) || return 1
    for package in "$cache"/packages/*.deb; do dpkg -x "$package" "$cache/sysroot"; done
    python3 -m venv "$cache/venv" && "$cache/venv/bin/pip" install -q cargo-zigbuild==0.24.0 ziglang==0.17.1 || return 1
    cat >"$cache/rustc" <<WRAPPER
#!/bin/sh
LD_LIBRARY_PATH=$cache/sysroot/usr/lib/x86_64-linux-gnu exec $cache/sysroot/usr/bin/rustc "\$@"
WRAPPER
    chmod +x "$cache/rustc"
    touch "$cache/complete"
}

[ -e "$cache/complete" ] || fetch || skip "Debian's packages or the linker cannot be fetched from here"

cd "$root"
PATH=$cache/venv/bin:$PATH RUSTC=$cache/rustc RUSTC_WRAPPER="" CARGO_TARGET_DIR=$target cargo zigbuild --locked --quiet \
    --profile lambda --package tidegate-aws --bin tidegate-poller --bin tidegate-starter --target aarch64-unknown-linux-gnu.2.34
programs=$target/aarch64-unknown-linux-gnu/lambda
"$2/debug/tidegate-aws" package --architecture arm64 --binaries "$programs" --out "$target/functions"
cd tests/aws
TIDEGATE_FUNCTIONS=$programs TIDEGATE_BINARIES=$2/debug PYTHONDONTWRITEBYTECODE=1 \
    TIDEGATE_RUNNER="$cache/sysroot/usr/bin/qemu-aarch64-static -L $cache/sysroot/usr/aarch64-linux-gnu" \
    "$python" -m pytest -v -p no:cacheprovider --tb=short test_runtime.py -k "nonsense or deadline or not_due or missing"
