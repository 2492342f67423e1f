#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The Dockerfiles of tests/compat/, each built by buildah, by kiln as root and by kiln as an ordinary user: the same files and the same
# configuration, but for what tests/compat/differences.txt lists with its reasons.
. "$(dirname "$0")/../lib/lab.sh"

lab_can_buildah || skip_all "$lab_reason"
lab_need dpkg-deb mmdebstrap || skip_all "$lab_reason"
compat=$lab_lib/../compat
export SOURCE_DATE_EPOCH=1700000000
lab_base_busybox "$LAB/busybox" || exit 1
lab_base_debian "$LAB/debian" || exit 1
lab_base_debian "$LAB/devel" devel || exit 1

bases() { # PREFIX: build arguments that name the bases
    local b
    for b in busybox debian devel; do printf -- '--build-arg\n%s=%s%s\n' "${b^^}" "$1" "$LAB/$b"; done
}

context() { # CASE DIR
    mkdir -p "$2"
    [ ! -e "$compat/$1/ctx.sh" ] || (cd "$2" && bash -eu "$compat/$1/ctx.sh")
    find "$2" -exec touch -h -d @1600000000 {} +
}

with_buildah() { # CASE
    local args
    mapfile -t args < <(bases oci:)
    lab_buildah_bud -q --format docker "${args[@]}" -f "$compat/$1/Dockerfile" -t "$1" "$LAB/ctx/$1" &&
        lab_buildah push -q --signature-policy "$LAB/containers/policy.json" "$1" "docker-archive:$LAB/buildah/$1:$1:1"
}

with_kiln() { # CASE
    local args
    mapfile -t args < <(bases oci-layout://)
    "$KILN" build --kiln-dir "$LAB/kiln" --isolation namespaces "${args[@]}" -f "$compat/$1/Dockerfile" -o "type=oci,dest=$LAB/root/$1" "$LAB/ctx/$1"
}

as_user() { # CASE
    local args
    mapfile -t args < <(bases oci-layout://)
    lab_user ids "$LAB_USER_HOME/kiln" build "${args[@]}" -f "$LAB_USER_HOME/compat/$1/Dockerfile" \
        -o "type=oci,dest=$LAB_USER_HOME/$1" "$LAB_USER_HOME/ctx/$1"
}

same() { python3 "$compat/compare.py" "$1" "$2" "$3" "$4"; }

mkdir "$LAB/ctx" "$LAB/buildah"
cases=()
for dockerfile in "$compat"/${COMPAT_CASE:-*}/Dockerfile; do
    dir=${dockerfile%/Dockerfile}
    cases+=("${dir##*/}")
done
for c in "${cases[@]}"; do
    context "$c" "$LAB/ctx/$c"
    ok "$c: buildah" with_buildah "$c"
    ok "$c: kiln" with_kiln "$c"
    ok "$c: is sound" flatten --check --since 2 "$LAB/root/$c"
    ok "$c: the same files and configuration" same "$c" "$LAB/buildah/$c" "$LAB/root/$c" "$compat/differences.txt"
done
lab_buildah rm -a >/dev/null 2>&1

if lab_can_user; then
    chmod -R a+rX "$LAB/busybox" "$LAB/debian/" "$LAB/devel/"
    cp -r "$compat" "$LAB_USER_HOME/compat"
    cp "$KILN" "$LAB_USER_HOME/kiln"
    cp -a "$LAB/ctx" "$LAB_USER_HOME/ctx"
    chown -R "$lab_user_id:$lab_user_id" "$LAB_USER_HOME/ctx" "$LAB_USER_HOME/compat"
    : >"$LAB/no-differences"
    for c in "${cases[@]}"; do
        ok "$c: as an ordinary user" as_user "$c"
        ok "$c: the same as root's" same "$c" "$LAB/root/$c" "$LAB_USER_HOME/$c" "$LAB/no-differences"
    done
else
    skip "as an ordinary user" "$lab_reason"
fi
finish
