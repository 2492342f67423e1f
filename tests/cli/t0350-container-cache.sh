#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The layer cache in a container, in place: what follows a step that came out as before is found in the registry although "/" is the base
# image's by then, without a name being looked up; and commands run on what was found; cache mounts that go from one container to the next.
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
build_in=lab_podman
build() {
    kiln_in "$build_in" -e SOURCE_DATE_EPOCH=1 --add-host registry.lab:127.0.0.1 -v "$W:/workspace:ro" -- --isolation inplace --insecure \
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

# ---- directories of RUN --mount=type=cache, from one container to the next

mounting() { # COMMAND
    printf 'FROM %s/lab/base:1\nRUN --mount=type=cache,id=m,target=/c %s\n' "$R" "$1" >"$W/Dockerfile"
    build --cache-mounts
}
ok "a command fills a cache mount" mounting 'mkdir /c/d; head -c 3000000 /dev/urandom >/c/d/f; md5sum /c/d/f >/c/sum; chown 12:34 /c/d; ln -s d/f /c/l'
like "which is kept" "$output" 'cache mount m: 3.0 MB in .*, 3.0 MB sent'
ok "another container has it" mounting 'md5sum -c /c/sum && [ "$(stat -c "%u:%g" /c/d) $(readlink /c/l)" = "12:34 d/f" ] && echo more >/c/more'
like "and sends what is new" "$output" 'cache mount m: 3.0 MB in .*, [0-9.]+ kB sent'
if lab_can_gvisor; then
    build_in=lab_gvisor
    ok "so has one in gVisor" mounting '[ "$(cat /c/more)" = more ] && md5sum -c /c/sum'
else
    skip "so has one in gVisor" "$lab_reason"
fi
finish
