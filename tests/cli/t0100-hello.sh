#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# examples/hello from the Dockerfile to the running container: a compiler runs in the build stage, one file is shipped.
. "$(dirname "$0")/../lib/lab.sh"

hello=$(dirname "$0")/../../examples/hello
lab_base_debian "$LAB/debian" devel 2>"$LAB/reason" || skip_all "no Debian base image: $(tail -n 1 "$LAB/reason")"

build() { # OUTPUT [ARG...]
    local out=$1
    shift
    SOURCE_DATE_EPOCH=1700000000 "$KILN" build -f "$hello/Dockerfile" --kiln-dir "$LAB/kiln" \
        --build-context "debian=oci-layout://$LAB/debian" -o "type=oci,dest=$out" "$@" "$hello"
}

ok "builds" build "$LAB/hello"
ok "gives a sound image" flatten --check "$LAB/hello"
is "of one file" "$(flatten --no-root --only type,mode,uid,gid "$LAB/hello")" \
    "./bin type=dir mode=0755 uid=0 gid=0
./bin/hello type=file mode=0755 uid=0 gid=0"

ok "the build stage can be the target" build "$LAB/stage" --target build
like "with the compiler's output in a layer" "$(flatten --layers --since 2 --only type "$LAB/stage")" './src/hello type=file'
fails "a compiler's failure is the build's" 1 build "$LAB/broken" --build-context "debian=oci-layout://$LAB/debian" \
    -f <(sed 's/gcc -O2/gcc --no-such-option/' "$hello/Dockerfile")
like "and its words are shown" "$output" 'no-such-option'

if lab_can_podman; then
    lab_podman_load "$LAB/hello" hello
    is "podman runs it" "$(lab_podman run --rm hello)" "Hello from the image, says uid 1000."
else
    skip "podman runs it" "$lab_reason"
fi
finish
