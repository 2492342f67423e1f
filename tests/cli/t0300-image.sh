#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The release image itself: what is in it, what it says of itself, and that it starts everywhere.
# shellcheck disable=SC2034,SC2154
. "$(dirname "$0")/../lib/lab.sh"
. "$lab_lib/container.sh"

image=$LAB/image-release
lab_can_podman || skip_all "$lab_reason"
container_image || exit 1

ok "it is sound" flatten --check "$image"
list=$(flatten --omit mtime "$image")
is "nothing but kiln, kaniko's places and mount points" "$(sed -n 's,^\./\([^ /]*\)[ /].*,\1,p' <<<"$list" | sort -u | tr '\n' ' ')" \
    'kaniko kiln tmp workspace '
is "outside them, no file but the one that keeps gVisor's hands off /tmp" \
    "$(grep -E ' type=(file|link|hardlink)' <<<"$list" | grep -vE '^\./(kiln|kaniko)/' | cut -d' ' -f1,2)" './tmp/.keep type=file'
like "everybody may write to /kiln" "$(line_of "$list" kiln)" 'mode=0777'
like "and put a config.json into /kaniko/.docker" "$(line_of "$list" kaniko/.docker)" 'mode=0777'
like "executor is a link" "$(line_of "$list" kaniko/executor)" 'type=link .*target="../kiln/bin/kiln"'
like "so is warmer" "$(line_of "$list" kaniko/warmer)" 'type=link .*target="../kiln/bin/kiln"'
like "the CA bundle" "$(line_of "$list" kaniko/ssl/certs/ca-certificates.crt)" 'type=file mode=0644'

container=$(lab_podman create kiln-release)
lab_podman cp "$container:/kiln/bin/kiln" "$LAB/kiln-binary"
lab_podman rm "$container" >/dev/null
elf=$(readelf -lWd "$LAB/kiln-binary")
like "the program is position independent" "$elf" 'Elf file type is DYN'
is "needs no loader and no library" "$(grep -E 'INTERP|NEEDED' <<<"$elf")" ''

config=$(flatten --config "$image")
for v in HOME=/root USER=root KILN_DIR=/kiln SSL_CERT_DIR=/kaniko/ssl/certs DOCKER_CONFIG=/kaniko/.docker/; do
    like "variable $v" "$config" "\"$v\""
done
is "entrypoint" "$(python3 -c 'import json,sys; c=json.load(sys.stdin)["config"]; print(c["Entrypoint"], c["WorkingDir"])' <<<"$config")" \
    "['/kaniko/executor'] /workspace"

like "it starts" "$(lab_podman run --rm kiln-release version)" '^kiln [0-9]'
like "under kaniko's other name" "$(lab_podman run --rm --entrypoint /kaniko/warmer kiln-release 2>&1)" 'no image is named'
mkdir "$LAB/ctx"
printf 'FROM scratch\nCOPY Dockerfile /\n' >"$LAB/ctx/Dockerfile"
ok "a build without RUN" kiln_in lab_podman -v "$LAB/ctx:/workspace:ro" -- --no-push
ok "as any user, without any privilege" kiln_in lab_podman --user 65532:65532 --cap-drop all --security-opt no-new-privileges \
    -v "$LAB/ctx:/workspace:ro" -- --no-push
ok "in a container with a read-only root, /kiln/work on a volume" \
    kiln_in lab_podman --read-only --tmpfs /kiln/work -v "$LAB/ctx:/workspace:ro" -- --no-push --kiln-dir /kiln/work

container_image debug || exit 1
ok "the debug variant has a shell" \
    lab_podman run --rm --entrypoint /busybox/sh kiln-debug -c 'test -x /kaniko/executor && kiln version && ls /'
finish
