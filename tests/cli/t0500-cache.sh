#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The layer cache against a real registry, with its requests counted; layouts; the kiln directory; damage and absence.
. "$(dirname "$0")/../lib/lab.sh"

lab_need docker-registry skopeo jq || skip_all "$lab_reason"
export DOCKER_CONFIG=$LAB/docker KILN_DIR=$LAB/kiln
mkdir -p "$LAB/ctx" "$DOCKER_CONFIG"
lab_base_busybox "$LAB/busybox"
lab_registry_start
base=(--build-context "base=oci-layout://$LAB/busybox")

# 35 instructions in 5 stages, 21 of them make layers; the four WORKDIR on the base are one
{
    for n in 1 2 3 4; do
        printf 'FROM base AS s%s\nENV N=%s\nWORKDIR /w\nCOPY f%s ./\nRUN cat f* >made && date +%%N >>made\nLABEL l=%s\n' $n $n $n $n
        echo "content $n" >"$LAB/ctx/f$n"
    done
    printf 'FROM base\n'
    for n in 1 2 3 4; do printf 'COPY --from=s%s /w/made /made%s\n' $n $n; done
    printf 'RUN cat /made* >/all\nRUN date +%%N >/when\nWORKDIR /last\nCOPY f1 f2 ./\nRUN ls >/list\nCMD ["sh"]\n'
} >"$LAB/ctx/Dockerfile"
keys=18

fresh() { rm -rf "$KILN_DIR" 2>/dev/null || { sleep 1 && rm -rf "$KILN_DIR"; }; }
build() { "$KILN" build "${base[@]}" --digest-file "$LAB/digest" "$@" "$LAB/ctx"; }
digest() { cat "$LAB/digest"; }
mark() { log_from=$(wc -l <"$LAB_REGISTRY_LOG"); }
requests() { tail -n "+$((log_from + 1))" "$LAB_REGISTRY_LOG" | grep -c "\"$1 /v2/${2:-}.*HTTP/1" || true; } # METHOD-REGEX [PATH]
layer_gets() { tail -n "+$((log_from + 1))" "$LAB_REGISTRY_LOG" | grep -c '"GET /v2/.*/blobs/.*HTTP/1' || true; }
connections() {
    tail -n "+$((log_from + 1))" "$LAB_REGISTRY_LOG" | sed -n 's/.*http.request.remoteaddr="\([^"]*\)".*/\1/p' | sort -u | wc -l
}
cached_steps() { grep -c 'cached: layer' <<<"$output" || true; }

# ---- a registry

fill=(--cache --push -t "$LAB_REGISTRY/team/app:1")
ok "a build that fills the cache" build "${fill[@]}"
filled=$(digest)
is "takes nothing from it" "$(cached_steps)" 0
mounted=$(grep -c '"POST /v2/team/app/cache/blobs/uploads/?mount=.*" 201 ' "$LAB_REGISTRY_LOG" || true)
is "layers of the image are mounted into it, not sent again" "$mounted" 9

fresh
mark
ok "the same build somewhere else" build "${fill[@]}"
is "gives the same image" "$(digest)" "$filled"
is "without running anything" "$(cached_steps)" 9
total=$(requests '[A-Z]*')
is "one request a key" "$(requests GET team/app/cache/manifests)" "$keys"
[ "$total" -le $((keys + 4)) ] || tap_say "$total requests"
is "and few more" "$([ "$total" -le $((keys + 4)) ] && echo yes)" yes
is "downloads no blob" "$(layer_gets)" 0
is "uploads none, and does not ask whether it might" "$(requests 'P[A-Z]*')" 0
opened=$(connections)
is "over at most 8 connections" "$([ "$opened" -ge 1 ] && [ "$opened" -le 8 ] && echo yes)" yes
is "and unpacks nothing" "$(find "$KILN_DIR" -path '*/blobs/sha256/*' -size +8k | wc -l)" 0

fresh
touch -d 2001-01-01 "$LAB/ctx/"f*
echo more >"$LAB/ctx/unrelated"
ok "other times, a file that nobody copies" build "${fill[@]}" --build-arg HTTP_PROXY=http://proxy.example
is "still the same" "$(digest)" "$filled"

fresh
echo changed >"$LAB/ctx/f3"
mark
ok "a file of one stage changes" build "${fill[@]}"
is "permission to push is asked for before it is built" "$(requests DELETE team/app/blobs/uploads/)" 1
like "its COPY is done" "$output" '\[s3 3/5\] done'
like "what is below is taken" "$output" '\[s3 2/5\] cached'
is "stages that do not see it are left out" "$(grep -c '^.s[12] ' <<<"$output" || true)" 0
changed=$(digest)
fresh
ok "once more" build "${fill[@]}"
is "is found" "$(digest)" "$changed"
fresh
sed -i 's/^RUN cat f\* >made && date +%N >>made$/RUN cat f* >made \&\& : >>made/' "$LAB/ctx/Dockerfile"
ok "commands whose output stays the same after the first time" build "${fill[@]}"
fresh
sed -i 's/&& : >>made/\&\& : another/' "$LAB/ctx/Dockerfile"
ok "are run again when they change" build "${fill[@]}"
like "as it is shown" "$output" '\[s1 4/5\] done'
is "but what copies their output is found by its content" "$(grep -c '^.stage-4 .*cached' <<<"$output" || true)" 9

key=$(curl -s "http://$LAB_REGISTRY/v2/team/app/cache/tags/list" | jq -r '.tags[0]')
like "an entry is an image for other programs" "$(skopeo inspect --tls-verify=false --config "docker://$LAB_REGISTRY/team/app/cache:$key")" \
    '"dev.kiln.cache.version": "kiln-cache-2"'

fresh
ok "entries that are too old" build "${fill[@]}" --cache-ttl 1ms --no-push-cache
is "are none" "$(cached_steps)" 0
ok "a lifetime of nothing" build "${fill[@]}" --cache-ttl 0 --no-push-cache
is "has none either" "$(cached_steps)" 0
mark
ok "the cache is only read" build "${fill[@]}" --no-push-cache --build-arg X=1
is "and not written" "$(tail -n "+$((log_from + 1))" "$LAB_REGISTRY_LOG" | grep -c '"PUT /v2/team/app/cache/.*HTTP/1')" 0

ln -s "$(realpath "$KILN")" "$LAB/executor"
executor() {
    "$LAB/executor" --context "$LAB/ctx" "${base[@]}" --digest-file "$LAB/digest" --insecure --cache --destination "$LAB_REGISTRY/team/k:1" "$@"
}
printf 'FROM base\nLABEL odd form\nRUN date +%%N >/when\nCOPY f1 /\nRUN cat /when /f1 >/both\n' >"$LAB/ctx/Dockerfile"
ok "executor" executor
filled=$(digest)
fresh
ok "executor again, with kaniko's defaults" executor
is "RUN is taken, COPY is done" "$(cached_steps)" 2
is "and the image is the same" "$(digest)" "$filled"
ok "--cache-copy-layers" executor --cache-copy-layers
fresh
ok "and again" executor --cache-copy-layers
is "takes that too" "$(cached_steps)" 3
fresh
ok "--cache-run-layers=false" executor --cache-run-layers=false
is "takes no RUN" "$(cached_steps)" 0
fresh
mark
ok "--no-push" executor --cache-copy-layers --no-push --cache-repo "$LAB_REGISTRY/team/k/cache"
is "takes all three" "$(cached_steps)" 3
is "and fetches none of them" "$(layer_gets)" 0
fails "--no-push without a repository" 1 "$LAB/executor" --context "$LAB/ctx" "${base[@]}" --cache --no-push
like "says what to do" "$output" '--cache-repo'

fresh
ok "a build whose last layer" build "${fill[@]}"
layer=$(skopeo inspect --tls-verify=false --raw "docker://$LAB_REGISTRY/team/app:1" | jq -r '.layers[-1].digest | ltrimstr("sha256:")')
rm "$(dirname "$LAB_REGISTRY_LOG")/data/docker/registry/v2/blobs/sha256/${layer:0:2}/$layer/data"
fresh
ok "is lost by the registry, though its manifest is there" build --cache --push -t "$LAB_REGISTRY/team/app:6"
ok "leaves an image that is whole" skopeo copy -q --src-tls-verify=false "docker://$LAB_REGISTRY/team/app:6" "dir:$LAB/mended"

# ---- listings

skopeo copy -q --dest-tls-verify=false "oci:$LAB/busybox" "docker://$LAB_REGISTRY/team/base:1"
whole=$(jq -r '.layers[0].digest' <(skopeo inspect --tls-verify=false --raw "docker://$LAB_REGISTRY/team/base:1"))
mkdir "$LAB/names"
printf 'FROM %s/team/base:1\nRUN seq 200000 >/seq; ln -s etc /e; echo joe:x:77:77::: >>/etc/passwd; echo joe:x:77: >>/etc/group\nCOPY --chown=joe f /e/\n' "$LAB_REGISTRY" >"$LAB/names/Dockerfile"
names() { "$KILN" build --push -t "$LAB_REGISTRY/team/names:1" "$@" "$LAB/names"; }
fetched() { tail -n "+$((log_from + 1))" "$LAB_REGISTRY_LOG" | grep -c "\"GET /v2/.*/blobs/$1 " || true; } # DIGEST-REGEX
content() {
    rm -rf "$LAB/content"
    skopeo copy -q --src-tls-verify=false "docker://$LAB_REGISTRY/team/names:1" "oci:$LAB/content" && flatten --omit mtime "$LAB/content"
}
fresh
echo 1 >"$LAB/names/f"
ok "a build on a base from the registry" names --cache
is "keeps two listings, which nobody takes for layers" "$(skopeo list-tags --tls-verify=false "docker://$LAB_REGISTRY/team/names/cache" |
    jq -r '.Tags[]' | while read -r tag; do
    skopeo inspect --raw --tls-verify=false "docker://$LAB_REGISTRY/team/names/cache:$tag" | jq -r '.layers[].mediaType'
done | grep -c vnd.kiln.layer-listing.v1+zstd)" 2
fresh
echo 3 >"$LAB/names/f"
mark
ok "a COPY on it is made again" names --cache
is "without any of the layers below it" "$(fetched "$whole") $(cached_steps)" "0 1"
is "only their listings" "$([ "$(layer_gets)" -le 3 ] && echo yes)" yes
listed=$(content)
like "what it has to know of them is in those" "$listed" '\./etc/f .*uid=77'
fresh
ok "the same without a cache" names
is "is the same" "$(content)" "$listed"
fresh
echo 'RUN cat /seq /e/f | md5sum >/sum' >>"$LAB/names/Dockerfile"
mark
ok "a command on it" names --cache
is "fetches layers" "$(fetched "$whole")" 1
fresh
echo 4 >"$LAB/names/f"
sed -i '$d' "$LAB/names/Dockerfile"
for f in "$(dirname "$LAB_REGISTRY_LOG")"/data/docker/registry/v2/repositories/team/names/cache/_layers/sha256/*; do
    case ${f##*/} in "${whole#sha256:}") ;; *) rm -r "$f" ;; esac # every blob of the cache, listings among them
done
ok "a cache that lost its blobs" names --cache
is "costs a fetched layer" "$(content | grep -c '^\./etc/f .*uid=77')" 1

# ---- a layout

fresh
layout=(--cache --cache-repo "oci:$LAB/layout" -o "type=oci,dest=$LAB/out")
ok "a cache in a directory is filled" build "${layout[@]}"
filled=$(digest)
ok "skopeo lists it" skopeo inspect --raw "oci:$LAB/layout:$(jq -r '.manifests[0].annotations["org.opencontainers.image.ref.name"]' "$LAB/layout/index.json")"
fresh
ok "and read" build "${layout[@]}"
is "gives the same image" "$(digest)" "$filled"
is "all of it" "$(cached_steps)" 3
layer=$(jq -r '.layers[-1].digest' "$LAB/out/blobs/sha256/${filled#sha256:}")
cp "$LAB/layout/blobs/sha256/${layer#sha256:}" "$LAB/kept"
head -c "$(stat -c %s "$LAB/kept")" /dev/zero >"$LAB/layout/blobs/sha256/${layer#sha256:}"
fresh
rm -rf "$LAB/out"
ok "a damaged layer" build "${layout[@]}"
like "is noticed, and the build is done without the cache" "$output" 'a layer in the cache is damaged'
is "what the linter finds is told once" "$(grep -c LegacyKeyValueFormat <<<"$output")" 1
ok "the image is whole" skopeo copy -q "oci:$LAB/out" "dir:$LAB/copied"
rm "$LAB/layout/blobs/sha256/${layer#sha256:}"
fresh
ok "an entry without its layer" build "${layout[@]}"
echo '{' >"$LAB/layout/index.json"
fresh
ok "an index that is none" build "${layout[@]}"
rm -rf "$LAB/layout"
: >"$LAB/file"
ok "a place that cannot be" build --cache --cache-repo "oci:$LAB/file/x" -o "type=oci,dest=$LAB/out"
like "is a warning" "$output" 'the cache cannot be used'

# ---- buildx's words

fresh
to="type=registry,ref=$LAB_REGISTRY/team/two:main"
ok "--cache-to" build --cache-to "$to,mode=max" -o "type=oci,dest=$LAB/out"
filled=$(digest)
fresh
ok "--cache-from" build --cache-from "type=local,src=$LAB/nothing" --cache-from "$to" -o "type=oci,dest=$LAB/out"
is "finds all" "$(cached_steps)" 3
is "the same image" "$(digest)" "$filled"
fresh
mark
ok "what one cache has" build --cache-from "$to" --cache-to "type=registry,ref=$LAB_REGISTRY/team/three,mode=max" --push -t "$LAB_REGISTRY/team/app:5"
is "goes into the other without a transfer" "$(layer_gets)" 0
fresh
ok "which then" build --cache-from "type=registry,ref=$LAB_REGISTRY/team/three" --cache-to "type=local,dest=$LAB/four" -o "type=oci,dest=$LAB/out"
is "has all" "$(cached_steps)" 3
fresh
ok "a directory as well" build --cache-from "type=local,src=$LAB/four" -o "type=oci,dest=$LAB/out"
is "has all of it" "$(cached_steps)" 3
fresh
mark
ok "and the kiln directory" build --cache --cache-from "$to" --push -t "$LAB_REGISTRY/team/app:5"
is "only what is on the machine anyway" "$(cached_steps) $(layer_gets)" '3 0'
fails "another type" 1 build --cache-to type=gha -o "type=oci,dest=$LAB/out"
like "is refused" "$output" 'type=gha is not supported'

# ---- the kiln directory

fresh
ok "without a repository" build --cache
filled=$(digest)
ok "the kiln directory is the cache" build --cache
is "all of it" "$(cached_steps)" 3
build --cache >/dev/null 2>"$LAB/one" &
build --cache --build-arg X=1 >/dev/null 2>"$LAB/two" &
wait -n && wait -n
is "two builds at once" "$(digest)" "$filled"
like "a plan shows what would be taken" "$(build --cache --dryrun)" 'hit [0-9a-f]{12} RUN date'
echo other >"$LAB/ctx/f1"
plan=$(build --cache --dryrun)
like "and why the rest would not: by what differs" "$plan" 'miss [0-9a-f]{12} COPY f1 /: file f1 differs'
like "or because of that" "$plan" 'miss [0-9a-f]{12} RUN cat.*: a step before it is not in the cache'

mkdir "$LAB/same"
echo same | tee "$LAB/same/a" >"$LAB/same/b"
touch -d 2001-01-01 "$LAB/same/a" "$LAB/same/b"
same() { "$KILN" build "${base[@]}" --cache "$@" "$LAB/same"; }
printf 'FROM base\nCOPY a /x\nCOPY b /y\nRUN cat /x /y\n' >"$LAB/same/Dockerfile"
ok "a build whose first step" same
sed -i 's/COPY a/COPY b/' "$LAB/same/Dockerfile"
ok "is done otherwise, with the same result" same
is "finds the rest by that, though none of its keys is known" "$(cached_steps)" 2

mkdir "$LAB/named" "$LAB/mounted"
echo one >"$LAB/named/f"
printf 'FROM base\nRUN --mount=from=n,target=/n cat /n/f >/out\n' >"$LAB/mounted/Dockerfile"
mounted() { "$KILN" build "${base[@]}" --build-context "n=$LAB/named" --cache "$@" "$LAB/mounted"; }
ok "a RUN that mounts a named context" mounted
touch -d 2001-01-01 "$LAB/named/f"
like "is found by what that holds" "$(mounted --dryrun)" '1/1. hit '
echo two >"$LAB/named/f"
like "and by nothing else" "$(mounted --dryrun)" '1/1. miss .*: file f differs'

entries() { find "$KILN_DIR/cache" -type f | wc -l; }
ok "--keep-size that suffices" build --cache --keep-size 1GB
is "keeps all" "$([ "$(entries)" -ge 4 ] && echo yes)" yes
flock --no-fork --shared "$KILN_DIR/lock" sleep 60 &
other=$!
until ! flock --exclusive --nonblock "$KILN_DIR/lock" true; do sleep 0.05; done
KILN_KEEP_SIZE=0 ok "nothing is removed" build --cache
is "while another build uses the directory" "$([ "$(entries)" -ge 4 ] && echo yes)" yes
kill "$other"
wait "$other" 2>/dev/null
KILN_KEEP_SIZE=0 ok "the last one" build --cache
is "makes room" "$(entries)" 0
fails "a size that is none" 1 build --cache --keep-size 3x
like "is refused" "$output" '--keep-size 3x: expected a size'

# ---- no registry, and death

fresh
ok "a cache that is not there" build --cache-from "type=registry,ref=127.0.0.1:1/x" --cache-to "type=registry,ref=127.0.0.1:1/x" -o "type=oci,dest=$LAB/out"
like "is a warning" "$output" 'cannot be read, going on without it'
is "said once" "$(grep -c "warning: the cache " <<<"$output")" 1
is "after no long trying" "$(grep -c tries <<<"$output")" 0
fresh
for pause in 0.2 0.5; do
    "$KILN" build "${base[@]}" "${fill[@]}" --build-arg "X=$pause" "$LAB/ctx" >/dev/null 2>&1 & # no function: the shell of one would be killed
    victim=$!
    sleep "$pause"
    kill -KILL "$victim" 2>/dev/null
    wait "$victim" 2>/dev/null
done
fresh
ok "after builds that were killed" build "${fill[@]}"
one=$(digest)
fresh
ok "the next is right" build "${fill[@]}"
is "and the same" "$(digest)" "$one"
ok "and whole" skopeo copy -q --src-tls-verify=false "docker://$LAB_REGISTRY/team/app:1" "dir:$LAB/whole"
finish
