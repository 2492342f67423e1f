#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# ./dev demo: build examples/hello with kiln, look at the image, run it with podman. Everything happens in a temporary
# directory; only the Debian base image is kept, in the cache directory of the tests.
set -eu
cd "$(dirname "$0")/.."
# shellcheck source=tests/lib/lab.sh
. tests/lib/lab.sh

step() { printf '\n== %s\n' "$*"; }
shown() {
    printf '$ %s\n' "$(sed "s,$LAB,\$TMP,g; s,$PWD/,,g; s,^lab_podman,podman," <<<"$*")"
    "$@"
}

step "a Debian base image with a compiler, as an OCI layout (made once)"
lab_base_debian "$LAB/debian" devel
flatten --only type,size "$LAB/debian" | awk '{ n++; if (sub(/.*size=/, "")) size += $0 } END { printf "%d entries, %d MB\n", n, size / 1e6 }'

step "build"
shown "$KILN" build -f examples/hello/Dockerfile --kiln-dir "$LAB/kiln" --build-context "debian=oci-layout://$LAB/debian" \
    -o "type=oci,dest=$LAB/hello" examples/hello

step "what came out"
flatten --omit mtime "$LAB/hello"
flatten --history "$LAB/hello"

step "run it"
if lab_can_podman; then
    lab_podman_load "$LAB/hello" hello
    shown lab_podman run --rm hello
    shown lab_podman run --rm hello "the command line"
else
    echo "not here: $lab_reason"
fi
