#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# kiln push, index create, attach, inspect, login, logout; what a build says about itself in files.
. "$(dirname "$0")/../lib/lab.sh"

lab_need docker-registry skopeo jq curl || skip_all "$lab_reason"
export DOCKER_CONFIG=$LAB/docker KILN_DIR=$LAB/kiln SOURCE_DATE_EPOCH=1700000000
mkdir "$LAB/ctx"
echo hello >"$LAB/ctx/a"
printf 'FROM scratch\nCOPY a /a\n' >"$LAB/ctx/Dockerfile"
ln -s "$(realpath "$KILN")" "$LAB/executor"

lab_registry_start
R=$LAB_REGISTRY
raw() { skopeo inspect --tls-verify=false --raw "docker://$R/$1"; }
digest_of() { echo "sha256:$(raw "$1" | sha256sum | cut -d ' ' -f 1)"; }

# ---- what a build says about itself

ok "build, with all its files" env BUILDER_OUTPUT="$LAB/said" "$KILN" build -t "$R/app:1" -t "$R/other:2" --push \
    --annotation org.example.a=b --annotation manifest:c=d=e --metadata-file "$LAB/meta.json" --iidfile "$LAB/iid" \
    --image-name-tag-with-digest-file "$LAB/named" "$LAB/ctx"
is "the annotations are in the manifest" "$(raw app:1 | jq -c .annotations)" '{"org.example.a":"b","c":"d=e"}'
want=$(digest_of app:1)
is "metadata: the digest" "$(jq -r '."containerimage.digest"' "$LAB/meta.json")" "$want"
is "metadata: the descriptor" "$(jq -r '."containerimage.descriptor" | .digest + " " + .mediaType' "$LAB/meta.json")" \
    "$want application/vnd.oci.image.manifest.v1+json"
is "metadata: the config" "$(jq -r '."containerimage.config.digest"' "$LAB/meta.json")" "$(raw app:1 | jq -r .config.digest)"
is "metadata: the names" "$(jq -r '."image.name"' "$LAB/meta.json")" "$R/app:1,$R/other:2"
is "the id file" "$(cat "$LAB/iid")" "$(raw app:1 | jq -r .config.digest)"
is "names with tags" "$(cat "$LAB/named")" "$R/app:1@$want"$'\n'"$R/other:2@$want"
is "BUILDER_OUTPUT" "$(jq -r '.name + " " + .digest' "$LAB/said/images")" "$R/app:1 $want"$'\n'"$R/other:2 $want"
fails "annotations need OCI" 1 "$KILN" build --image-format docker --annotation a=b "$LAB/ctx"
like "and it says so" "$output" "image-format docker has no annotations"

# ---- push

"$KILN" build -q -t "$R/app:1" -o "type=oci,dest=$LAB/layout" -o "type=oci,dest=$LAB/oci.tar" \
    -o "type=docker-archive,dest=$LAB/docker.tar" "$LAB/ctx" >/dev/null
ok "push a layout" "$KILN" push "$LAB/layout" -d "$R/pushed:layout" -d "$R/pushed2:layout" --digest-file "$LAB/digest"
is "under its digest" "$(digest_of pushed:layout) $(digest_of pushed2:layout)" "$(cat "$LAB/digest") $(cat "$LAB/digest")"
ok "push an OCI archive" "$KILN" push "$LAB/oci.tar" -d "$R/pushed:oci"
is "the same image" "$(digest_of pushed:oci)" "$(cat "$LAB/digest")"
ok "executor push, a docker archive" "$LAB/executor" push "$LAB/docker.tar" --destination "$R/pushed:docker" --skip-push-permission-check
is "the same layers and config" "$(raw pushed:docker | jq -c '[.config.digest, .layers[].digest]')" \
    "$(raw pushed:oci | jq -c '[.config.digest, .layers[].digest]')"
skopeo copy -q "oci-archive:$LAB/oci.tar" "docker-archive:$LAB/skopeo.tar:x:1"
ok "push what skopeo saved" "$KILN" push "$LAB/skopeo.tar" -d "$R/pushed:skopeo"
is "its layers, which were not compressed, are the build's blobs again" "$(raw pushed:skopeo | jq -c '[.layers[] | .digest, .mediaType]')" \
    "$(raw pushed:oci | jq -c '[.layers[] | .digest, .mediaType]')"
ok "and skopeo takes it back" skopeo copy -q --src-tls-verify=false "docker://$R/pushed:skopeo" "oci:$LAB/back:1"
is "with its file" "$(flatten --only content "$LAB/back:1" | grep '^./a ')" './a data="hello\n"'
: >"$LAB/empty.tar"
fails "an empty file is no image" 1 "$KILN" push "$LAB/empty.tar" -d "$R/none:1"
like "which is said" "$output" "no image"
head -c 2000 "$LAB/oci.tar" >"$LAB/cut.tar"
fails "nor is half an archive" 1 "$KILN" push --kiln-dir "$LAB/fresh" "$LAB/cut.tar" -d "$R/none:1"
fails "push needs a destination" 1 "$KILN" push "$LAB/layout"
fails "and nothing of it is there" any raw none:1

# ---- index create

for arch in amd64 arm64; do "$KILN" build -q -t "$R/app:$arch" --push --platform linux/$arch "$LAB/ctx" >/dev/null; done
ok "index create" "$KILN" index create -t "$R/app:multi" -t "$R/elsewhere/app:multi" --annotation x=y --digest-file "$LAB/index" \
    "$R/app:amd64" "$R/app:arm64"
is "has both platforms" "$(raw app:multi | jq -r '.manifests[].platform | .os + "/" + .architecture')" $'linux/amd64\nlinux/arm64'
is "and the annotation" "$(raw app:multi | jq -c .annotations)" '{"x":"y"}'
is "is an OCI index" "$(raw app:multi | jq -r .mediaType)" application/vnd.oci.image.index.v1+json
is "the digest file" "$(cat "$LAB/index")" "$(digest_of app:multi)"
ok "another program pulls one of the other repository" skopeo copy -q --src-tls-verify=false --override-arch arm64 \
    "docker://$R/elsewhere/app:multi" "oci:$LAB/arm:1"
ok "an index of an index, into a layout" "$KILN" index create --oci-layout-path "$LAB/multi" -t "$R/x:y" "$R/app:multi"
ok "from where it can be pushed" "$KILN" push "$LAB/multi" -d "$R/from-layout:multi"
is "whole" "$(raw from-layout:multi | jq -c .manifests)" "$(raw app:multi | jq -c .manifests)"
"$KILN" build -q -t "$R/app:amd64-2" --label x=y --push --platform linux/amd64 "$LAB/ctx" >/dev/null
fails "two images of one platform are refused" 1 "$KILN" index create -t "$R/app:bad" "$R/app:amd64" "$R/app:amd64-2"
like "by name" "$output" "another image for linux/amd64"

# ---- attach: Debian's registry has no referrers API, so the tag is kept

echo '{"bom": 1}' >"$LAB/bom.json"
echo 'fine' >"$LAB/report"
ok "attach a file" "$KILN" attach "$R/app:1" "$LAB/bom.json:application/spdx+json" --artifact-type application/spdx+json --annotation by=test
ok "and another" "$KILN" attach "$R/app:1" "$LAB/report" --artifact-type text/x-report
ok "the same once more" "$KILN" attach "$R/app:1" "$LAB/report" --artifact-type text/x-report
ok "list them" "$KILN" inspect --referrers "$R/app:1"
is "both, once" "$(jq -c '[.manifests[] | [.artifactType, .annotations.by]]' <<<"$output")" \
    '[["application/spdx+json","test"],["text/x-report",null]]'
first=$(jq -r '.manifests[0].digest' <<<"$output")
is "the artifact names its subject" "$(raw "app@$first" | jq -r '.subject.digest + " " + .layers[0].mediaType')" \
    "$(digest_of app:1) application/spdx+json"
is "its file is there" "$(curl -s "http://$R/v2/app/blobs/$(raw "app@$first" | jq -r '.layers[0].digest')")" '{"bom": 1}'
is "the list is under the tag" "$(raw "app:$(digest_of app:1 | tr : -)" | jq '.manifests | length')" 2

# ---- inspect

ok "inspect an image" "$KILN" inspect "$R/app:1"
is "its digest and command" "$(jq -r '.digest + " " + .config.os + " " + .manifest.config.digest' <<<"$output")" \
    "$want linux $(raw app:1 | jq -r .config.digest)"
ok "inspect an index" "$KILN" inspect "$R/app:multi"
is "its images" "$(jq '.index.manifests | length' <<<"$output")" 2
is "the bytes" "$("$KILN" inspect --raw "$R/app:multi" | sha256sum | cut -d ' ' -f 1)" "$(digest_of app:multi | cut -d : -f 2)"
is "one platform's config" "$("$KILN" inspect --config --platform linux/arm64 "$R/app:multi" | jq -r .architecture)" arm64
fails "what is not there" 1 "$KILN" inspect "$R/nothing:1"
like "is said to be not there" "$output" "404"

# ---- login, logout

config=$DOCKER_CONFIG/config.json
ok "login" "$KILN" login -u me --password-stdin registry.example <<<'secret:word'
is "the entry" "$(jq -r '.auths["registry.example"].auth' "$config" | base64 -d)" me:secret:word
is "is its owner's only" "$(stat -c %a "$config")" 600
jq '.auths["https://registry.example/v2/"] = {"auth": "b2xkOm9sZA=="} | .proxies = {"x": 1}' "$config" >"$LAB/c" && cat "$LAB/c" >"$config"
ok "again, under other names" "$KILN" login -u you -p two https://registry.example/
is "there is one entry, and what else was there" "$(jq -c '[(.auths | keys), .proxies]' "$config")" '[["registry.example"],{"x":1}]'
ok "Docker Hub" "$LAB/executor" login docker.io -u hub --password-stdin <<<$'pw\r'
is "goes by its own name" "$(jq -r '.auths["https://index.docker.io/v1/"].auth' "$config" | base64 -d)" hub:pw
fails "an empty password" 1 "$KILN" login -u me --password-stdin registry.example </dev/null
fails "no password at all" 1 "$KILN" login -u me registry.example
ok "logout" "$KILN" logout registry.example
is "the other stays" "$(jq -c '.auths | keys' "$config")" '["https://index.docker.io/v1/"]'
mkdir "$LAB/bin"
printf '#!/bin/sh\n{ echo "$1"; cat; echo; } >>"%s/told"\n' "$LAB" >"$LAB/bin/docker-credential-lab"
chmod +x "$LAB/bin/docker-credential-lab"
echo '{"credsStore": "lab"}' >"$config"
ok "login with a credential store" env PATH="$LAB/bin:$PATH" "$KILN" login -u me --password-stdin registry.example <<<'kept'
is "which is told" "$(head -n 2 "$LAB/told")" $'store\n{"ServerURL":"registry.example","Username":"me","Secret":"kept"}'
is "and the file has no secret" "$(jq -c .auths "$config")" '{"registry.example":{}}'
ok "logout tells it, too" env PATH="$LAB/bin:$PATH" "$KILN" logout registry.example
is "by name" "$(tail -n 2 "$LAB/told")" $'erase\nregistry.example'
echo '{' >"$config"
fails "a broken file is left alone" 1 "$KILN" login -u me -p x registry.example
is "as it is" "$(cat "$config")" '{'
is "nothing was left behind" "$(ls "$DOCKER_CONFIG")" config.json

finish
