#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Layers are on their way while later steps still run; a build that fails then leaves no image.
. "$(dirname "$0")/../lib/lab.sh"

lab_need docker-registry skopeo || skip_all "$lab_reason"
lab_base_busybox "$LAB/base"
lab_registry_start
mkdir "$LAB/ctx"

build() { # TAG DOCKERFILE [ARG...]
    local tag=$1
    printf '%b\n' "$2" >"$LAB/ctx/Dockerfile"
    shift 2
    "$KILN" build --kiln-dir "$LAB/kiln" --isolation namespaces --build-context "base=oci-layout://$LAB/base" \
        -t "$LAB_REGISTRY/$tag" --push "$@" "$LAB/ctx"
}

# A command that ends well only when the registry knows the repository: it does as soon as a layer is in it.
wait_for() {
    echo "for i in \$(seq 300); do wget -qO- http://$LAB_REGISTRY/v2/_catalog | grep -q '\"$1\"' && exit 0; sleep 0.1; done; exit 1"
}

if build probe:1 'FROM base\nRUN true' >"$LAB/probe.log" 2>&1; then
    ok "the first layer is there while the second is made" \
        build early:1 "FROM base\nRUN echo one >/one\nRUN $(wait_for early)\nRUN echo two >/two"
    ok "the image is whole" skopeo copy -q --src-tls-verify=false "docker://$LAB_REGISTRY/early:1" "oci:$LAB/pulled:1"
    like "with all that was made" "$(flatten --no-root --only type "$LAB/pulled:1")" './one type=file.*./two type=file'

    fails "a later step fails" 7 build broken:1 "FROM base\nRUN echo one >/one\nRUN $(wait_for broken)\nRUN exit 7"
    fails "and there is no image" any skopeo inspect --tls-verify=false "docker://$LAB_REGISTRY/broken:1"

    ok "layers of other stages are not sent" build other:1 \
        "FROM base AS tool\nRUN echo one >/one && echo two >/two\nFROM base\nCOPY --from=tool /one /"
    is "but the base, the copy and the configuration" "$(grep -c '"PUT /v2/other/blobs/uploads/' "$LAB_REGISTRY_LOG")" 3
else
    skip "the first layer is there while the second is made" "no namespaces here: $(tail -n 1 "$LAB/probe.log")"
fi
finish
