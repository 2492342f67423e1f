#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# In place, kiln runs on in a "/" that a stranger has made: it must not read configuration there, nor load code. A base image tries, with
# the name service switch, ld.so.preload, OpenSSL's configuration and a CA of its own; strace is the judge. All in a "/" of our own
# (tmpfs, chroot, mount namespace), where strace can watch. At the end: on a machine that is no container kiln refuses.
# shellcheck disable=SC2034,SC2154
. "$(dirname "$0")/../lib/lab.sh"
. "$lab_lib/container.sh"

lab_need docker-registry skopeo gcc strace openssl unshare || skip_all "$lab_reason"
[ "$(id -u)" = 0 ] || skip_all "needs root for a mount namespace"
unshare -m true 2>/dev/null || skip_all "unshare -m does not work here"
lab_can_podman || skip_all "$lab_reason"
container_image || exit 1

# ---- the stranger's image

hostile_tree() {
    local t=$LAB/hostile lib=usr/lib/x86_64-linux-gnu modules
    mkdir -p "$t/$lib/ossl-modules" "$t/$lib/engines-3" "$t/$lib/gconv" "$t/etc/ssl/certs" "$t/usr/lib/ssl" "$t/lib/x86_64-linux-gnu" "$t/usr/local/ssl"
    gcc -shared -fPIC -o "$t/$lib/evidence.so" "$lab_lib/hostile/evidence.c" || return 1
    for f in $lib/libnss_evil.so.2 lib/x86_64-linux-gnu/libnss_evil.so.2 $lib/ossl-modules/evil.so $lib/engines-3/evil.so \
        $lib/gconv/EVIL.so $lib/libgcc_s.so.1 lib/x86_64-linux-gnu/libgcc_s.so.1; do
        cp "$t/$lib/evidence.so" "$t/$f"
    done
    printf '%s: evil files dns\n' hosts passwd group services >"$t/etc/nsswitch.conf"
    echo /$lib/evidence.so >"$t/etc/ld.so.preload"
    printf 'module INTERNAL EVIL// /%s/gconv/EVIL 1\nalias UTF-8// EVIL//\n' $lib >"$t/$lib/gconv/gconv-modules"
    modules=/$lib/ossl-modules/evil.so
    printf 'openssl_conf = i\n[i]\nproviders = p\nengines = e\n[p]\ndefault = d\nevil = v\n[d]\nactivate = 1\n[v]\nmodule = %s\nactivate = 1\n[e]\nx = xe\n[xe]\nengine_id = evil\ndynamic_path = /%s/engines-3/evil.so\ninit = 1\n' \
        "$modules" $lib | tee "$t/etc/ssl/openssl.cnf" "$t/usr/lib/ssl/openssl.cnf" >"$t/usr/local/ssl/openssl.cnf"
    cp "$LAB_REGISTRY_CA" "$t/etc/ssl/certs/ca-certificates.crt"
    cp "$LAB_REGISTRY_CA" "$t/etc/ssl/certs/$(openssl x509 -noout -hash -in "$LAB_REGISTRY_CA").0"
    echo 'multi on' >"$t/etc/host.conf"
    echo 'precedence ::ffff:0:0/96 100' >"$t/etc/gai.conf"
}

# ---- a "/" to spare

# in_spare COMMAND...: with $LAB/spare as "/", after what its mounts need
in_spare() {
    unshare -m -- bash -c '
        set -e
        root=$1; shift
        mount --make-rprivate /
        mount -t tmpfs -o mode=755 none "$root"
        cp -a "$root.files/." "$root"
        for d in proc dev sys; do mount --rbind "/$d" "$root/$d"; done
        for d in base trace; do mount --bind "$root.$d" "$root/$d"; done
        status=0
        "$@" || status=$?
        cp "$root/kiln/evidence" "$root.trace/" 2>/dev/null || true
        exit "$status"' in_spare "$LAB/spare" "$@"
}

spare_files() {
    local f=$LAB/spare.files container
    mkdir -p "$LAB/spare" "$LAB/spare.trace" "$f"/{proc,dev,sys,base,trace,etc,workspace}
    container=$(lab_podman create kiln-release)
    lab_podman export "$container" | tar -x -C "$f" kiln kaniko
    lab_podman rm "$container" >/dev/null
    echo "127.0.0.1 localhost registry.lab" >"$f/etc/hosts"
    : >"$f/etc/resolv.conf"
}

executor() { in_spare env -i HOME=/root KILN_DIR=/kiln SSL_CERT_DIR=/kaniko/ssl/certs DOCKER_CONFIG=/kaniko/.docker/ "PATH=$PATH" strace -f -qq -e trace=openat,open,openat2,execve,rename,renameat,renameat2 -o "$LAB/spare.trace/trace" chroot "$LAB/spare" /kaniko/executor "$@"; }

lab_registry_start && plain=registry.lab:${LAB_REGISTRY#*:} registry=$LAB_REGISTRY
lab_registry_start tls && secure=$LAB_REGISTRY
lab_base_busybox "$LAB/busybox" || exit 1
hostile_tree || exit 1
lab_base_busybox "$LAB/spare.base" --tree "$LAB/hostile" --owner 0 || exit 1
for r in "$registry --dest-tls-verify=false" "$secure --dest-cert-dir=$LAB/certs"; do
    mkdir -p "$LAB/certs" && cp "$LAB_REGISTRY_CA" "$LAB/certs/ca.crt"
    # shellcheck disable=SC2086 # two words
    skopeo copy -q ${r#* } "oci:$LAB/busybox" "docker://${r%% *}/lab/base:1" || exit 1
done
spare_files
cp "$LAB_REGISTRY_CA" "$LAB/spare.files/lab-ca.pem"

# The second stage's base and the image of COPY --from come from registries while the stranger's files are "/".
cat >"$LAB/spare.files/workspace/Dockerfile" <<D
FROM base AS hostile
RUN sleep 0.2; cat /etc/nsswitch.conf >/ran
FROM $plain/lab/base:1 AS second
COPY --from=hostile /ran /ran
RUN sleep 0.2
FROM base
RUN sleep 0.2
COPY --from=second /ran /ran
COPY --from=$secure/lab/base:1 /bin/busybox /copied
RUN cat /ran
D
options=(--context /workspace --force --isolation inplace --build-context base=oci-layout:///base --insecure-registry "$plain" -v debug)
ok "a build on a hostile base" executor "${options[@]}" --registry-certificate "$secure=/lab-ca.pem" --destination "$plain/hostile:1"
ok "skopeo copies it" skopeo copy -q --src-tls-verify=false "docker://$registry/hostile:1" "oci:$LAB/out:1"
like "what was copied from the secure registry is there" "$(line_of "$(flatten "$LAB/out:1")" copied)" 'type=file'

# What kiln's own processes and threads did while the "/" was the stranger's: those of the image have executed something else. Lines
# begin with the process's number.
trace=$LAB/spare.trace/trace
awk 'FNR == NR { if ($2 ~ /^execve\(/ && $2 !~ /"\/kaniko\/executor"/) other[$1] = 1; else if ($2 ~ /^execve\(/) delete other[$1]; next }
    /host\.moving/ { swapped = !/"host", .*"host\.moving"/ }
    swapped && !($1 in other)' "$trace" "$trace" >"$LAB/kiln.trace"
like "the trace has what kiln did in it" "$(cat "$LAB/kiln.trace")" 'openat2\('
# (For names of hosts: the container's hosts and resolv.conf; host.conf and gai.conf can only order the addresses that those give.)
is "no absolute path that kiln opened is the stranger's" \
    "$(grep ' open' "$LAB/kiln.trace" | grep -o '"/[^"]*"' | tr -d '"' | sort -u |
        grep -vE '^/(kiln|kaniko|proc|sys|base|workspace)/|^/(proc|dev/null|etc/(hosts|resolv\.conf|host\.conf|gai\.conf))?$')" ''
is "programs that it executed" "$(grep -c ' execve' "$LAB/kiln.trace")" 0
is "nothing of the stranger's was loaded" "$(cat "$LAB/spare.trace/evidence" 2>/dev/null)" ''

# ---- a machine

printf 'FROM base\nRUN true\n' >"$LAB/spare.files/workspace/Dockerfile"
alone() { in_spare env -i KILN_DIR=/kiln "PATH=$PATH" chroot "$LAB/spare" /kaniko/executor --isolation inplace --build-context base=oci-layout:///base --no-push "$@"; }
output=$(alone -v debug 2>&1)
status=$?
if [[ $output == *"no sign that this is a container"* ]]; then
    is "kiln refuses to replace / where nothing says container" "$status" 1
    like "and says what to do" "$output" '--force'
    ok "which helps" alone --force
else
    sign=$(grep -o 'sign of a container: .*' <<<"$output" | grep -v none)
    if [ -n "$sign" ]; then
        skip "refusal outside a container" "this looks like one: $sign"
    else
        fails "kiln refuses to replace / where nothing says container" 1 alone
    fi
fi
finish
