#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The laboratory itself: what the other scripts rely on really works here, or says why not.
. "$(dirname "$0")/../lib/lab.sh"

has() { # what a command prints matches: has REGEX COMMAND...
    local regex=$1 text
    shift
    text=$("$@" 2>&1) || { echo "$text"; return 1; }
    grep -qE "$regex" <<<"$text" || { echo "$text"; return 1; }
}

https_status() { # of /v2/, with these curl arguments
    curl -s -o /dev/null -w '%{http_code}' "$@" "https://$LAB_REGISTRY/v2/"
}

ok "a busybox layout" lab_base_busybox "$LAB/busybox" --tag one
ok "which is sound" flatten --check "$LAB/busybox:one"
is "and the same twice" "$(lab_base_busybox "$LAB/again" --tag one && cat "$LAB/again/index.json")" "$(cat "$LAB/busybox/index.json")"

if lab_need docker-registry htpasswd openssl curl skopeo; then
    lab_registry_start
    plain=$LAB_REGISTRY
    ok "takes an image" skopeo copy -q --dest-tls-verify=false "oci:$LAB/busybox:one" "docker://$LAB_REGISTRY/lab/busybox:1"
    ok "and gives it back" skopeo copy -q --src-tls-verify=false "docker://$LAB_REGISTRY/lab/busybox:1" "oci:$LAB/back:one"
    is "unchanged" "$(flatten --manifest "$LAB/back:one")" "$(flatten --manifest "$LAB/busybox:one")"
    lab_registry_start tls htpasswd
    is "another with a CA of its own asks for a password" "$(https_status --cacert "$LAB_REGISTRY_CA")" 401
    is "and takes the right one" "$(https_status --cacert "$LAB_REGISTRY_CA" -u "$LAB_REGISTRY_USER:$LAB_REGISTRY_PASSWORD")" 200
    lab_registry_stop
    fails "is gone when stopped" 7 curl -s "https://$LAB_REGISTRY/v2/"
    is "the first one is not" "$(curl -s "http://$plain/v2/_catalog")" '{"repositories":["lab/busybox"]}'
else
    skip "registries" "$lab_reason"
fi

if lab_can_podman; then
    ok "podman runs a container with the default capabilities" \
        has '^CapEff:.*00a80425fb$' lab_podman run --rm lab-probe grep CapEff /proc/self/status
    ok "and the default seccomp filter" has '^Seccomp:.*2$' lab_podman run --rm lab-probe grep Seccomp: /proc/self/status
    fails "exit statuses come through" 42 lab_podman run --rm lab-probe sh -c 'exit 42'
else
    skip "podman" "$lab_reason"
fi

if lab_can_gvisor; then
    ok "gVisor runs one" has 'gVisor' lab_gvisor run --rm lab-probe dmesg
else
    skip "gVisor" "$lab_reason"
fi

if lab_can_buildah; then
    printf 'FROM oci:%s\nRUN echo made >/made\n' "$LAB/busybox:one" >"$LAB/Dockerfile"
    ok "buildah builds" lab_buildah_bud -q -t made "$LAB"
    ok "and writes a layout" lab_buildah push -q --signature-policy "$LAB/containers/policy.json" made "oci:$LAB/made:1"
    ok "that can be read" has './made type=file .* data="made' flatten "$LAB/made:1"
else
    skip "buildah" "$lab_reason"
fi

inner=$(bash -c '. "$1"; echo "$LAB"; mkdir "$LAB/a b"; mount -t tmpfs none "$LAB/a b" 2>/dev/null; sleep 1000 & lab_pids+=($!); exit 3' \
    bash "$lab_lib/lab.sh")
fails "nothing is left of a script that ends" any test -e "$inner"
finish
