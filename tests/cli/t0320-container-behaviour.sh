#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# In place, in podman and in gVisor: what a RUN can and cannot do, what happens to the container's own files, mounts and processes.
# shellcheck disable=SC2034,SC2154
. "$(dirname "$0")/../lib/lab.sh"
. "$lab_lib/container.sh"

lab_need docker-registry skopeo gcc || skip_all "$lab_reason"
lab_can_podman || skip_all "$lab_reason"
container_image || exit 1
container_image debug || exit 1
lab_base_busybox "$LAB/base" && lab_registry_start || exit 1
gcc -O2 -static -o "$LAB/probe-binary" "$lab_lib/probe/probe.c" || exit 1

runtime=lab_podman

# context DIR: a new one with the Dockerfile of standard input
context() {
    mkdir -p "$LAB/$1"
    cat >"$LAB/$1/Dockerfile"
}

# build CONTEXT [PODMAN-OPTION...] [-- EXECUTOR-OPTION...]: in place; the image goes to $LAB_REGISTRY/CONTEXT
build() {
    local name=$1 podman=()
    shift
    while [ $# -gt 0 ] && [ "$1" != -- ]; do
        podman+=("$1")
        shift
    done
    [ $# = 0 ] || shift
    kiln_in "$runtime" -v "$LAB/$name:/workspace:ro" -v "$LAB/base:/base:ro" "${podman[@]}" -- --isolation inplace \
        --build-context base=oci-layout:///base --insecure-registry "$LAB_REGISTRY" --destination "$LAB_REGISTRY/$name" "$@"
}

exit_codes() {
    context fails <<<$'FROM base\nRUN exit 42'
    fails "$1: a RUN's exit status is the container's" 42 build fails
    context killed <<<$'FROM base\nRUN kill -9 $$'
    fails "$1: killed by a signal" 255 build killed
    like "$1: which is said" "$output" 'killed by signal 9'
    context missing <<<$'FROM base\nRUN ["/no/such/program"]'
    fails "$1: a program that is not there" 127 build missing
    fails "$1: nothing was pushed" any skopeo inspect --tls-verify=false "docker://$LAB_REGISTRY/fails"
}

everything_replaced() {
    context replaced <<'D'
FROM base
RUN rm -rf /home /usr /var; mkdir -p /lib /usr/lib/x /etc/ssl; echo 'hosts: none' >/etc/nsswitch.conf; echo other >/etc/ld.so.preload
RUN rm -f /etc/passwd /etc/group; cat /etc/resolv.conf >/resolv; cat /etc/hosts >/hosts; ls -a / >/root-listing
RUN touch /tmp/a /root/b && chmod 700 /tmp
D
    ok "$1: a base without anything of the container's, pushed by a name" build replaced --add-host registry.lab:127.0.0.1 \
        -- --destination "registry.lab:${LAB_REGISTRY#*:}/named" --insecure-registry "registry.lab:${LAB_REGISTRY#*:}"
    ok "$1: skopeo copies it" image_of named "$LAB/named:1"
    list=$(flatten "$LAB/named:1")
    like "$1: RUN has the container's resolv.conf" "$(line_of "$list" resolv)" 'size=[1-9]'
    like "$1: and hosts" "$(line_of "$list" hosts)" 'registry\.lab|sha256'
    is "$1: which are not the image's" "$(line_of "$list" 'etc/\(hosts\|resolv.conf\|hostname\)')" ''
    like "$1: /tmp is the image's" "$(line_of "$list" tmp) $(line_of "$list" tmp/a)" 'mode=0700.* type=file'
    is "$1: nothing of the container's is in the image" "$(grep -E '^\./(kiln|kaniko|workspace|base|run/\.containerenv|\.kiln)' <<<"$list")" ''
    rm -rf "${LAB:?}/named"
}

mounts() {
    local odd=$LAB/odd-$1 name
    mkdir -p "$odd"
    echo kept >"$odd/file"
    context mounts <<'D'
FROM base
RUN find /mnt -type f -exec cat {} + | wc -l >/count
RUN rm -rf /mnt/beside; mkdir /mnt/new && touch /mnt/new/file
D
    ok "$1: mounts with odd names" build mounts -v "$odd:/mnt/a b" -v "$odd:/mnt/back\\slash/c" -v "$odd:/mnt/tab"$'\t'"x" -v "$odd:/mnt/ünï"
    ok "$1: skopeo copies it" image_of mounts "$LAB/mounts-$1:1"
    list=$(flatten "$LAB/mounts-$1:1")
    like "$1: RUN sees them all" "$(line_of "$list" count)" 'data="4.n"'
    is "$1: only what RUN made is in the image" "$(grep -o '^\./mnt[^ ]*' <<<"$list" | tr '\n' ' ')" './mnt ./mnt/new ./mnt/new/file '
    context hidden <<<$'FROM base\nCOPY Dockerfile /mnt/a/\nWORKDIR /mnt/b\nRUN test -e /mnt/a/file && echo lost >made\nRUN true'
    ok "$1: a mount over a directory of the image" build hidden -v "$odd:/mnt/a:ro" --tmpfs /mnt/b --tmpfs /mnt/c
    is "$1: is worth a warning, once each" "$(grep -o '/mnt/[abc] of the image is hidden' <<<"$output" | sort | tr '\n' ' ')" \
        '/mnt/a of the image is hidden /mnt/b of the image is hidden '
    is "$1: they are as they were" "$(cd "$odd" && ls -A && cat file)" $'file\nkept'
}

processes() {
    context daemon <<'D'
FROM base
RUN (setsid sleep 4242 </dev/null >/dev/null 2>&1 &) ; sleep 4243 & nohup sh -c 'sleep 4244 & sleep 4245' >/dev/null 2>&1 &
RUN sleep 0.1; ! ps -o args | grep '[s]leep 42'
D
    ok "$1: what a RUN leaves running is ended" build daemon

    cp "$LAB/probe-binary" "$LAB/daemon/probe"
    context daemon <<D
FROM base
COPY probe /probe
RUN ["/probe", "2-nekot-terces"$([ "$1" = podman ] || echo ', "gvisor"')]
D
    ok "$1: a RUN learns nothing of kiln's processes" build daemon -e "SECRET=secret-token-2" -- --label "l=secret-token-2"
}

# What stands in a container besides what podman and the store of blobs put there; with the modes.
own_files() {
    lab_podman export "$1" | tar -tv | awk '{ print $1, $2, $6, $7, $8 }' | grep -vE ' (kiln/(store|roots|lock|inplace\.lock)|dev|proc|sys|etc|run|workspace|base)(/| |$)' | sort
}

terminated() {
    local name=kiln-term-$1 status
    context term <<<$'FROM base\nRUN echo changed >/etc/passwd; trap "" TERM; echo begun; sleep 300; echo over'
    "$runtime" run -d --name "$name" -v "$LAB/term:/workspace:ro" -v "$LAB/base:/base:ro" kiln-release --isolation inplace \
        --build-context base=oci-layout:///base --destination "$LAB_REGISTRY/term" --insecure-registry "$LAB_REGISTRY" >/dev/null
    lab_wait eval "lab_podman logs $name 2>&1 | grep -q '^begun'"
    "$runtime" kill --signal TERM "$name" >/dev/null
    status=$("$runtime" wait "$name")
    is "$1: SIGTERM in the middle of a RUN: exit status" "$status" 143
    like "$1: and a word about it" "$(lab_podman logs "$name" 2>&1 | grep '^kiln: ')" '(signal|SIGTERM|interrupted|Terminated)'
    is "$1: the container's own files are back, and nothing else" "$(own_files "$name")" "$(own_files kiln-fresh)"
    fails "$1: nothing was pushed" any skopeo inspect --tls-verify=false "docker://$LAB_REGISTRY/term"
    "$runtime" rm -f "$name" >/dev/null
}

# A script in the debug image: files of its own, a context that is no mount, relative paths, two builds in a row.
as_a_script() {
    cat >"$LAB/script.sh" <<'S'
set -e
mkdir -p /workspace/app/sub /home/me
cd /workspace/app
printf 'FROM base\nCOPY . /app\nRUN cat /app/sub/file /app/Dockerfile >/joined; touch /app/made; rm -rf /home /var; echo changed >/etc/passwd\n' >Dockerfile
echo content >sub/file
echo mine >/home/me/file
chmod 640 /home/me/file
ln -s file /home/me/link
find / -xdev \( -path /kiln/store -o -path /kiln/lock -o -path /proc -o -path /sys -o -path /dev \) -prune -o -type f -print -o -type l -print | sort >/tmp/before
for i in 1 2; do
    executor --context . --isolation inplace --build-context base=oci-layout:///base --no-push --oci-layout-path "out$i" --digest-file "digest$i"
    test "$(pwd)" = /workspace/app
done
find / -xdev \( -path /kiln/store -o -path /kiln/lock -o -path /proc -o -path /sys -o -path /dev -o -path '/workspace/app/out*' -o -path '/workspace/app/digest*' \
    -o -path /kiln/inplace.lock -o -path /tmp/after \) -prune -o -type f -print -o -type l -print | sort >/tmp/after
sed -i '/^.tmp.before$/d' /tmp/before /tmp/after
diff /tmp/before /tmp/after
cat /home/me/link
test "$(find /home/me/file -perm 640)" = /home/me/file
cmp digest1 digest2 || true
tar -c -C out2 . >/result/image.tar
S
    mkdir -p "$LAB/result-$1"
    ok "$1: a script with two builds, its own files, relative paths" "$runtime" run --rm -v "$LAB/script.sh:/script.sh:ro" -v "$LAB/base:/base:ro" \
        -v "$LAB/result-$1:/result" --entrypoint /busybox/sh kiln-debug /script.sh
    mkdir -p "$LAB/result-$1/image"
    tar -x -C "$LAB/result-$1/image" -f "$LAB/result-$1/image.tar"
    list=$(flatten "$LAB/result-$1/image")
    like "$1: a context that was moved aside is still read" "$(line_of "$list" app/sub/file)" 'data="content'
    like "$1: RUN works on the copy" "$(line_of "$list" app/made) $(line_of "$list" joined)" 'type=file.* type=file.*size=[1-9]'
    is "$1: the script's files are not in the image" "$(grep -E '^\./(home|result|workspace|script\.sh)' <<<"$list")" ''
}

suite() {
    exit_codes "$1"
    everything_replaced "$1"
    mounts "$1"
    processes "$1"
    terminated "$1"
    as_a_script "$1"
}

lab_podman create --name kiln-fresh -v "$LAB/base:/base:ro" kiln-release >/dev/null
suite podman
if lab_can_gvisor; then
    runtime=lab_gvisor
    suite gVisor
else
    skip "gVisor" "$lab_reason"
fi
lab_podman rm kiln-fresh >/dev/null
finish
