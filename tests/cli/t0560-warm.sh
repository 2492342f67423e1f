#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The base-image cache: `warmer` and `kiln warm` fill a directory, builds read it instead of the registry.
. "$(dirname "$0")/../lib/lab.sh"

lab_need docker-registry skopeo || skip_all "$lab_reason"
export SOURCE_DATE_EPOCH=1700000000 KILN_DIR=$LAB/kiln
lab_registry_start || exit 1
R=$LAB_REGISTRY
lab_base_busybox "$LAB/one"
lab_base_busybox "$LAB/two" --label image=two
for n in one two; do skopeo copy -q --dest-tls-verify=false "oci:$LAB/$n" "docker://$R/base/$n:1" || exit 1; done
ln -s "$KILN" "$LAB/warmer"
ln -s "$KILN" "$LAB/executor"
cache=$LAB/cache
mkdir "$LAB/ctx"
echo f >"$LAB/ctx/f"

asked() { grep -c "\"GET /v2/[^ ]*/$1" "$LAB_REGISTRY_LOG"; } # manifests|blobs
entries() { find "$cache" -mindepth 1 -maxdepth 1 -name 'sha256:*' | wc -l; }
build() { # FROM-LINE [ARG...]: with an empty store; into $LAB/out
    printf 'FROM %s\nCOPY f /f\n' "$1" >"$LAB/ctx/Dockerfile"
    shift
    rm -rf "$LAB/out" "$KILN_DIR"
    "$LAB/executor" --context "$LAB/ctx" --cache-dir "$cache" --no-push --oci-layout-path "$LAB/out" "$@"
}

# ---- filling

ok "warmer fetches an image" "$LAB/warmer" --cache-dir "$cache" --image "$R/base/one:1"
is "it is an entry" "$(entries)" 1
entry=$(echo "$cache"/sha256:*)
ln -s "$entry" "$LAB/entry" # a name without a colon
is "which skopeo reads" "$(skopeo inspect --format '{{.Digest}}' "oci:$LAB/entry")" "$(basename "$entry")"
is "for everybody" "$(find "$entry" ! -perm -444 -o -type d ! -perm -555)" ""
blobs=$(asked blobs)
like "once more: it is there" "$("$LAB/warmer" -c "$cache" -i "$R/base/one:1" 2>&1)" "$R/base/one:1.*already"
is "and no blob is asked for" "$(asked blobs)" "$blobs"
touch -d '30 days ago' "$entry"
like "an entry that is too old is checked and kept" "$("$LAB/warmer" -c "$cache" -i "$R/base/one:1" 2>&1)" "renewed"
is "without any download" "$(asked blobs)" "$blobs"
ok "it is young again" test -n "$(find "$entry" -maxdepth 0 -mmin -10)"
ok "--force" "$LAB/warmer" -c "$cache" -f -i "$R/base/one:1"
ok "fetches it again" test "$(asked blobs)" -gt "$blobs"

printf 'ARG TAG=none\nFROM %s/base/two:${TAG} AS two\nFROM scratch\nCOPY --from=two /bin/busybox /b\nFROM two\nCOPY --from=%s/base/one:1 /etc/passwd /p\n' "$R" "$R" >"$LAB/Dockerfile.warm"
ok "kiln warm takes the images of a Dockerfile" "$KILN" warm --cache-dir "$cache" --file "$LAB/Dockerfile.warm" --build-arg TAG=1
is "all of them" "$(entries)" 2
is "nothing else is left there" "$(find "$cache" -mindepth 1 -maxdepth 1 ! -name 'sha256:*' -printf '%f ')" ".warmer-locks "

# Of an image for several platforms: that which is asked for, and builds for it read it.
lab_base_busybox "$LAB/s390" --platform linux/s390x
skopeo copy -q --dest-tls-verify=false "oci:$LAB/s390" "docker://$R/base/all:s390" || exit 1
ok "an index" "$KILN" index create --insecure -t "$R/base/all:1" "$R/base/one:1" "$R/base/all:s390"
warmed=$cache
cache=$LAB/platforms
ok "another platform" "$KILN" warm --cache-dir "$cache" --platform linux/s390x "$R/base/all:1"
is "is one entry" "$(entries)" 1
blobs=$(asked blobs)
ok "a build for it" build "$R/base/all:1" --custom-platform linux/s390x
is "reads it" "$(asked blobs)" "$blobs"
ok "a build for this machine" build "$R/base/all:1"
ok "does not" test "$(asked blobs)" -gt "$blobs"
cache=$warmed

wrong() { # NAME REGEXP COMMAND...
    local name=$1 want=$2 text status=0
    shift 2
    text=$("$@" 2>&1) || status=$?
    ok "$name: fails" test "$status" = 1
    like "$name: says why" "$text" "$want"
}
wrong "an image that is not there" "base/none:1.*(404|unknown)" "$LAB/warmer" -c "$cache" -i "$R/base/none:1"
wrong "nothing to do" "no image is named" "$LAB/warmer" -c "$cache"
wrong "a Dockerfile without images" "names no image" "$KILN" warm --cache-dir "$cache" -f <(printf 'FROM scratch\n')
wrong "a lifetime that is none" "--cache-ttl soon" "$LAB/warmer" -c "$cache" -i "$R/base/one:1" --cache-ttl soon
ok "as kaniko: one of two is enough" "$LAB/warmer" -c "$cache" -i "$R/base/none:1" -i "$R/base/one:1"
wrong "kiln warm wants all" "base/none" "$KILN" warm --cache-dir "$cache" "$R/base/none:1" "$R/base/one:1"

# ---- reading

blobs=$(asked blobs)
ok "a build from it" build "$R/base/one:1"
is "asks for no blob" "$(asked blobs)" "$blobs"
want=$(flatten "$LAB/out")
touch -d '30 days ago' "$entry"
ok "an entry that is too old" build "$R/base/one:1"
ok "does not count" test "$(asked blobs)" -gt "$blobs"
touch "$entry"
blobs=$(asked blobs)
ok "a longer life" build "$R/base/one:1" --cache-ttl 1h
is "counts" "$(asked blobs)" "$blobs"

digest=$(basename "$entry")
lab_registry_stop
ok "a base named by its digest needs no registry at all" build "$R/base/one@$digest"
is "the image is the same" "$(flatten "$LAB/out")" "$want"
wrong "a tag does" "Dockerfile:1: FROM: .*base/one" build "$R/base/one:1"

chmod -R a-w "$cache"
if lab_can_user; then
    chmod 711 "$LAB"
    chmod -R a+rX "$LAB/ctx"
    cp "$KILN" "$LAB_USER_HOME/executor"
    lab_user none "$LAB_USER_HOME/executor" --context "$LAB/ctx" --dockerfile "$LAB/ctx/Dockerfile" --no-push --cache-dir "$cache" \
        --build-arg x=y --kiln-dir "$LAB_USER_HOME/k" --oci-layout-path "$LAB_USER_HOME/out" >/dev/null 2>&1 || true
    printf 'FROM %s\nCOPY f /f\n' "$R/base/one@$digest" >"$LAB/ctx/Dockerfile"
    ok "another user reads it, read-only" lab_user none "$LAB_USER_HOME/executor" --context "$LAB/ctx" --no-push --cache-dir "$cache" \
        --kiln-dir "$LAB_USER_HOME/k" --oci-layout-path "$LAB_USER_HOME/out"
    is "the image is the same" "$(flatten "$LAB_USER_HOME/out")" "$want"
else
    skip "another user" "$lab_reason"
fi
chmod -R u+w "$cache"

# ---- damage

lab_registry_start || exit 1
R2=$LAB_REGISTRY
skopeo copy -q --dest-tls-verify=false "oci:$LAB/one" "docker://$R2/base/one:1"
layer=$(find "$entry/blobs" -type f -size +100k)
printf 'x' | dd of="$layer" bs=1 seek=50000 conv=notrunc status=none
like "a damaged entry is not used" "$(build "$R2/base/one:1" 2>&1)" "base-image cache is damaged.*kiln warm --force mends"
is "the image is the same" "$(flatten "$LAB/out")" "$want"
ok "which does" "$LAB/warmer" --force -c "$cache" -i "$R2/base/one:1"
unlike "so that it is used" "$(build "$R2/base/one:1" 2>&1)" "damaged"
rm "$layer"
ok "one with a layer missing" build "$R2/base/one:1"
is "the image is the same" "$(flatten "$LAB/out")" "$want"
ok "warming mends it" "$LAB/warmer" -c "$cache" -i "$R2/base/one:1"
blobs=$(asked blobs)
ok "and it is read again" build "$R2/base/one:1"
is "without any download" "$(asked blobs)" "$blobs"
finish
