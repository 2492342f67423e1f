#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Bases from a registry, images into one: plain HTTP on loopback, TLS with a private CA, Basic authentication; both front ends.
. "$(dirname "$0")/../lib/lab.sh"

lab_need docker-registry htpasswd openssl skopeo curl || skip_all "$lab_reason"
export DOCKER_CONFIG=$LAB/docker KILN_DIR=$LAB/kiln SOURCE_DATE_EPOCH=1700000000
mkdir "$LAB/ctx" "$DOCKER_CONFIG"
echo hello >"$LAB/ctx/a"
printf 'ARG BASE\nFROM $BASE\nCOPY a /a\nLABEL made=here\n' >"$LAB/ctx/Dockerfile"
lab_base_busybox "$LAB/busybox" --tag 1

login() { # REGISTRY USER PASSWORD: what `docker login` leaves behind
    printf '{"auths": {"%s": {"auth": "%s"}}}' "$1" "$(printf '%s:%s' "$2" "$3" | base64 -w 0)" >"$DOCKER_CONFIG/config.json"
}

pull() { # NAME[:TAG] DIR [SKOPEO-OPTION...]: with the means of another program
    local name=$1 dir=$2
    shift 2
    rm -rf "$dir"
    skopeo copy -q "$@" "docker://$LAB_REGISTRY/$name" "oci:$dir:1"
}

digest_of() { skopeo inspect --tls-verify=false --format '{{.Digest}}' "docker://$LAB_REGISTRY/$1"; }

# ---- plain HTTP

lab_registry_start
skopeo copy -q --dest-tls-verify=false "oci:$LAB/busybox:1" "docker://$LAB_REGISTRY/base/busybox:1"

ok "kiln build pulls, builds and pushes" "$KILN" build -t "$LAB_REGISTRY/team/app:1" -t "$LAB_REGISTRY/team/app:latest" --push \
    --digest-file "$LAB/digest" --build-arg "BASE=$LAB_REGISTRY/base/busybox:1" "$LAB/ctx"
ok "another program pulls it" pull team/app:1 "$LAB/pulled" --src-tls-verify=false
like "with the file that was added" "$(flatten --only content "$LAB/pulled:1")" './a data="hello\\n"'
like "on the base" "$(flatten --only type "$LAB/pulled:1")" './bin/busybox type=file'
is "the digest file names what is there" "$(cat "$LAB/digest")" "$(digest_of team/app:1)"
is "under both tags" "$(digest_of team/app:latest)" "$(digest_of team/app:1)"

# Blobs that came in, by the registry's own access log.
uploads() { grep -c '"PUT /v2/team/app/blobs/uploads/.*" 201 ' "$LAB_REGISTRY_LOG" || true; }
is "two blobs were uploaded: the new layer and the configuration" "$(uploads)" 2
ok "the same build again" "$KILN" build -t "$LAB_REGISTRY/team/app:2" --push --build-arg "BASE=$LAB_REGISTRY/base/busybox:1" "$LAB/ctx"
is "uploads no more" "$(uploads)" 2
is "and gives the same image" "$(digest_of team/app:2)" "$(digest_of team/app:1)"

ln -s "$(realpath "$KILN")" "$LAB/executor"
ok "executor, with kaniko's options" "$LAB/executor" --context "$LAB/ctx" --dockerfile Dockerfile --destination "$LAB_REGISTRY/team/k:1" \
    --build-arg "BASE=$LAB_REGISTRY/base/busybox:1" --insecure --insecure-pull --image-name-with-digest-file "$LAB/named"
is "makes the same image" "$(cat "$LAB/named")" "$LAB_REGISTRY/team/k@$(digest_of team/app:1)"

fails "a base that is not there" 1 "$KILN" build -t "$LAB_REGISTRY/team/none:1" --push \
    --build-arg "BASE=$LAB_REGISTRY/base/nothing:1" "$LAB/ctx"
like "is named" "$output" "base/nothing"
fails "nothing is pushed then" any digest_of team/none:1

# ---- TLS and a password

lab_registry_start tls htpasswd
base=(--build-context "base=oci-layout://$LAB/busybox" --build-arg BASE=base)
trust=(--registry-certificate "$LAB_REGISTRY=$LAB_REGISTRY_CA")
push() { "$KILN" build -t "$LAB_REGISTRY/team/app:1" --push "${base[@]}" "$@" "$LAB/ctx"; }
repository() { curl -s --cacert "$LAB_REGISTRY_CA" -u "$LAB_REGISTRY_USER:$LAB_REGISTRY_PASSWORD" "https://$LAB_REGISTRY/v2/_catalog"; }

login "$LAB_REGISTRY" "$LAB_REGISTRY_USER" "$LAB_REGISTRY_PASSWORD"
fails "an unknown CA is refused" 1 push
login "$LAB_REGISTRY" "$LAB_REGISTRY_USER" wrong
fails "a wrong password is refused" 1 push "${trust[@]}"
like "in words that say so" "$output" '401|[Uu]nauthori|denied|credential'
rm "$DOCKER_CONFIG/config.json"
fails "no password as well" 1 push "${trust[@]}"
is "nothing has arrived" "$(repository)" '{"repositories":[]}'

login "$LAB_REGISTRY" "$LAB_REGISTRY_USER" "$LAB_REGISTRY_PASSWORD"
ok "the right one is taken" push "${trust[@]}"
ok "and the image is there" pull team/app:1 "$LAB/tls" --src-cert-dir "$(mkdir -p "$LAB/certs" && cp "$LAB_REGISTRY_CA" "$LAB/certs/ca.crt" && echo "$LAB/certs")" \
    --src-creds "$LAB_REGISTRY_USER:$LAB_REGISTRY_PASSWORD"
ok "sound" flatten --check --since 2 "$LAB/tls:1"
ok "--skip-tls-verify-registry needs no CA" push --skip-tls-verify-registry "$LAB_REGISTRY"
finish
