#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The layer cache in a container, in place: what follows a step that came out as before is found in the registry although "/" is the base
# image's by then, without a name being looked up; and commands run on what was found.
# shellcheck disable=SC2034,SC2154
. "$(dirname "$0")/../lib/lab.sh"
. "$lab_lib/container.sh"

lab_need docker-registry skopeo || skip_all "$lab_reason"
lab_can_podman || skip_all "$lab_reason"
container_image || exit 1
lab_registry_start || exit 1
lab_base_busybox "$LAB/base" && skopeo copy -q --dest-tls-verify=false "oci:$LAB/base" "docker://$LAB_REGISTRY/lab/base:1" || exit 1
R=registry.lab:${LAB_REGISTRY#*:} # by a name, which /etc/hosts of the container has
W=$LAB/workspace
mkdir "$W"
echo 1 >"$W/a"
build() {
    kiln_in lab_podman -e SOURCE_DATE_EPOCH=1 --add-host registry.lab:127.0.0.1 -v "$W:/workspace:ro" -- --isolation inplace --insecure \
        --insecure-pull --cache --cache-copy-layers --cache-repo "$R/lab/cache" --destination "$R/lab/app:1" "$@"
}
file() { # FIRST-COMMAND [LAST-COMMAND]
    cat >"$W/Dockerfile" <<D
FROM $R/lab/base:1 AS s
RUN $1
RUN rm /etc/group && ln -s /etc /e && cat /out >/copy
FROM $R/lab/base:1
COPY --from=s /copy /
COPY a /a
RUN cat /copy /a >/both; rm /etc/group
${2:-}
D
}
cached() { grep -c 'cached: layer' <<<"$output" || true; }

file 'echo 1 >/out'
ok "a build that fills the cache" build
is "takes nothing from it" "$(cached)" 0
file 'true; echo 1 >/out'
ok "its first command is another" build
is "the rest is found by what it stands on" "$(cached)" 4
ok "once more" build
is "is found at once" "$(cached)" 3
file 'true && echo 1 >/out' 'RUN [ ! -e /etc/group ] && [ "$(cat /copy /a /both | tr "\\n" ,)" = 1,1,1,1, ]'
ok "a command that stands on layers found on the way sees them" build
is "which are all but its own and the first" "$(cached)" 4
echo 2 >"$W/a"
file 'true && echo 1 >/out'
sed -i '$d' "$W/Dockerfile" && sed -i '/^RUN cat/d' "$W/Dockerfile"
mark=$(wc -l <"$LAB_REGISTRY_LOG")
ok "a COPY that is made, on a large base" build
is "fetches only listings" "$(tail -n "+$((mark + 1))" "$LAB_REGISTRY_LOG" | grep -c '"GET /v2/lab/base/blobs/.*HTTP/1')" 1 # the config
ok "the release program compresses with zstd" build --compression zstd
finish
