# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# The laboratory: real registries, base images, container runtimes and peers for the end-to-end scripts.
#
#   . "$(dirname "$0")/../lib/lab.sh"
#
#   $LAB                         a temporary directory; when the script ends, what is mounted below it is unmounted, the
#                                servers started are stopped and it is removed
#   $KILN                        the program under test (build/kiln unless set)
#   mkimage, flatten             tests/lib/mkimage.py and flatten.py
#   lab_need TOOL...             succeeds when the tools are installed; else $lab_reason says which is not
#   lab_can_chown                succeeds when files can be given other owners; else $lab_reason
#
#   lab_registry_start [htpasswd] [tls]   a registry on loopback; sets LAB_REGISTRY (host:port), LAB_REGISTRY_LOG and
#                                LAB_REGISTRY_PID, with htpasswd LAB_REGISTRY_USER and _PASSWORD, with tls LAB_REGISTRY_CA
#   lab_files_start DIR [tls]    a web server for the files of a directory that can also misbehave (tests/lib/fileserver.py);
#                                sets LAB_FILES (its URL), LAB_FILES_LOG (a line for each request), LAB_FILES_PID and with tls
#                                LAB_FILES_CA
#   lab_registry_stop            stops the one started last (all are stopped at the end)
#   lab_base_busybox DIR [MKIMAGE-OPTION...]   an OCI layout of busybox-static, every applet, a few users
#   lab_base_debian DIR [devel]  an OCI layout of Debian 12; devel adds gcc, libc6-dev and libcap2-bin. Made once and kept
#                                in ${XDG_CACHE_HOME:-~/.cache}/kiln-lab
#
#   lab_podman ARG...            podman with a store of its own below $LAB, the runc runtime, host network for `run`
#   lab_podman_load LAYOUT NAME  an image from an OCI layout into that store
#   lab_gvisor ARG...            the same podman, with gVisor as its runtime
#   lab_can_podman, lab_can_gvisor   succeed when a container really runs; else $lab_reason says why not
#   lab_buildah ARG...           buildah with a store of its own
#   lab_buildah_bud ARG...       `buildah bud` the way it works in most places
#   lab_can_buildah              as above
#
#   lab_user ids|none COMMAND... as an ordinary user, with a range of subordinate ids or without any; the user exists only in a
#                                mount namespace of the command. $HOME and $TMPDIR are a directory of his, $LAB_USER_HOME
#
# Every function that fails says why on standard error or in $lab_reason; a script then calls skip or skip_all with it.

set -u
lab_lib=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=tests/lib/tap.sh
. "$lab_lib/tap.sh"

KILN=${KILN:-$lab_lib/../../build/kiln}
LAB=${TMPDIR:-/tmp}/kiln-lab-$$-$RANDOM # lower case: podman takes the path into an image name
mkdir -m 700 "$LAB" || exit 1
lab_reason=''
lab_pids=()
lab_epoch=1700000000 # of the base images
export PYTHONDONTWRITEBYTECODE=1

mkimage() { python3 "$lab_lib/mkimage.py" "$@"; }
flatten() { python3 "$lab_lib/flatten.py" "$@"; }

# ---- the end

lab_cleanup() {
    local pid
    [ "$BASHPID" = "$$" ] || return 0 # a child that a signal met before it had become its program
    for pid in "${lab_pids[@]}"; do lab_stop "$pid"; done
    [ "$(id -u)" = 0 ] || lab_cleanup_rootless
    lab_unmount "$LAB"
    rm -rf --one-file-system "$LAB"
}
trap lab_cleanup EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP

# What an ordinary user leaves: files that belong to podman's user namespace, which a process of its own keeps open, and
# directories without permission to write.
lab_cleanup_rootless() {
    local pause=$LAB/containers/tmp/pause.pid
    if [ -d "$LAB/containers/graph" ]; then
        lab_podman unshare rm -rf "$LAB/containers/graph" "$LAB/containers/run" 2>/dev/null
        [ ! -s "$pause" ] || kill "$(cat "$pause")" 2>/dev/null
    fi
    find "$LAB" -type d ! -perm -700 -exec chmod u+rwx {} \; 2>/dev/null
}

# Unmount what is mounted at or below a directory, the last mounted first; mountinfo writes odd bytes as \ooo.
lab_unmount() {
    local points point
    points=$(awk '{ print $5 }' /proc/self/mountinfo | tac)
    while read -r point; do
        point=$(printf '%b' "${point//\\/\\0}")
        case $point in
        "$1" | "$1"/*) umount "$point" 2>/dev/null || umount -l "$point" ;;
        esac
    done <<<"$points"
}

lab_need() {
    local tool
    for tool in "$@"; do
        command -v "$tool" >/dev/null || { lab_reason="$tool is not installed"; return 1; }
    done
}

# Owners other than oneself can be had: as root, or with a range of subordinate ids.
lab_can_chown() {
    [ "$(id -u)" = 0 ] || grep -q "^\($(id -un)\|$(id -u)\):" /etc/subuid 2>/dev/null || {
        lab_reason="needs root or a range of user ids in /etc/subuid"
        return 1
    }
}

# ---- registry

lab_registry_start() {
    local dir mode auth='' tls=''
    lab_need docker-registry || { echo "$lab_reason" >&2; return 1; }
    dir=$(mktemp -d "$LAB/registry.XXXXXX")
    for mode in "$@"; do
        case $mode in
        htpasswd) lab_registry_users "$dir" && auth="auth: {htpasswd: {realm: lab, path: $dir/htpasswd}}" ;;
        tls) lab_certificate "$dir" && tls=", tls: {certificate: $dir/server.pem, key: $dir/server.key}" ;;
        *) echo "lab_registry_start: no mode $mode" >&2; return 1 ;;
        esac || return 1
    done
    cat >"$dir/registry.yml" <<YAML
version: 0.1
log: {level: info, accesslog: {disabled: false}}
storage: {filesystem: {rootdirectory: $dir/data}, delete: {enabled: true}}
http: {addr: "127.0.0.1:0"$tls}
$auth
YAML
    LAB_REGISTRY_LOG=$dir/log
    OTEL_TRACES_EXPORTER=none docker-registry serve "$dir/registry.yml" >"$LAB_REGISTRY_LOG" 2>&1 &
    LAB_REGISTRY_PID=$!
    lab_pids+=("$LAB_REGISTRY_PID")
    lab_registry_wait
}

# Wait until a command succeeds; a loaded machine takes its time, so the minute that it gets is for what will never succeed.
lab_wait() {
    local end=$((SECONDS + 60))
    until "$@" 2>/dev/null; do
        [ "$SECONDS" -lt "$end" ] || { echo "in vain: $*" >&2; return 1; }
        sleep 0.05
    done
}

# A server that was started: until it has written its port to FILE, or ended.
lab_wait_port() { # FILE PID LOG
    lab_wait eval "[ -s '$1' ] || ! kill -0 $2" && [ -s "$1" ] || { echo "the server does not start:" >&2; cat "$3" >&2; return 1; }
}

lab_listens() { (exec 3<>"/dev/tcp/127.0.0.1/$1"); }

# The registry picks a free port and names it in its log.
lab_registry_wait() {
    lab_wait eval "grep -q 'listening on' '$LAB_REGISTRY_LOG' || ! kill -0 $LAB_REGISTRY_PID"
    LAB_REGISTRY=127.0.0.1:$(sed -n 's/.*listening on 127\.0\.0\.1:\([0-9]*\).*/\1/p' "$LAB_REGISTRY_LOG" | head -n 1)
    export LAB_REGISTRY
    [ "$LAB_REGISTRY" != 127.0.0.1: ] || { echo "docker-registry does not start:" >&2; cat "$LAB_REGISTRY_LOG" >&2; return 1; }
}

lab_registry_stop() {
    local pid keep=()
    for pid in "${lab_pids[@]}"; do [ "$pid" = "$LAB_REGISTRY_PID" ] || keep+=("$pid"); done
    lab_pids=("${keep[@]}")
    lab_stop "$LAB_REGISTRY_PID"
}

# End a process that this shell started and wait for it, so that its number is not somebody else's when it is used. A signal
# that reaches a shell's child before it has become the program is lost; hence the repetition.
lab_stop() {
    local tries
    for tries in $(seq 100); do
        kill "$1" 2>/dev/null || break
        sleep 0.05
    done
    [ "$tries" -lt 100 ] || kill -KILL "$1" 2>/dev/null
    wait "$1" 2>/dev/null || true
}

lab_registry_users() {
    LAB_REGISTRY_USER=lab
    LAB_REGISTRY_PASSWORD='pass word:$1'
    [ -z "${KILN_SECRETS:-}" ] || echo "$LAB_REGISTRY_PASSWORD" >>"$KILN_SECRETS"
    lab_need htpasswd || { echo "$lab_reason" >&2; return 1; }
    htpasswd -Bbn -C 4 "$LAB_REGISTRY_USER" "$LAB_REGISTRY_PASSWORD" >"$1/htpasswd"
}

# A certificate for 127.0.0.1 and localhost from a CA of its own.
lab_certificate() {
    lab_need openssl || { echo "$lab_reason" >&2; return 1; }
    (
        cd "$1" || exit 1
        openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj "/CN=lab CA" -keyout ca.key -out ca.pem &&
            openssl req -newkey rsa:2048 -nodes -subj "/CN=127.0.0.1" -keyout server.key -out server.csr &&
            openssl x509 -req -in server.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 2 -out server.pem \
                -extfile <(echo "subjectAltName=IP:127.0.0.1,DNS:localhost")
    ) >"$1/openssl.log" 2>&1 || { cat "$1/openssl.log" >&2; return 1; }
    export LAB_REGISTRY_CA=$1/ca.pem
}

# ---- files

lab_files_start() {
    local state scheme=http tls=()
    state=$(mktemp -d "$LAB/files.XXXXXX")
    if [ "${2:-}" = tls ]; then
        (unset LAB_REGISTRY_CA && lab_certificate "$state") || return 1
        tls=(--tls "$state/server.pem" "$state/server.key")
        LAB_FILES_CA=$state/ca.pem
        scheme=https
    fi
    LAB_FILES_LOG=$state/log
    python3 "$lab_lib/fileserver.py" "$1" "${tls[@]}" >"$state/port" 2>"$LAB_FILES_LOG" &
    LAB_FILES_PID=$!
    lab_pids+=("$LAB_FILES_PID")
    lab_wait_port "$state/port" "$LAB_FILES_PID" "$LAB_FILES_LOG" || return 1
    LAB_FILES=$scheme://127.0.0.1:$(cat "$state/port")
}

# ---- base images

lab_base_busybox() {
    local dir=$1 root=$LAB/busybox-root
    shift
    [ -d "$root" ] || sh "$lab_lib/busybox_root.sh" "$root" || return 1
    mkimage "$dir" --owner 0 --tree "$root" --cmd '["sh"]' \
        --env PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin "$@" >/dev/null
}

lab_base_debian() {
    local dir=$1 variant=${2:-minbase} cache=${XDG_CACHE_HOME:-$HOME/.cache}/kiln-lab made
    made=$cache/debian-12-$variant-$lab_epoch
    mkdir -p "$cache"
    (
        flock 9 # one script makes it, the others wait
        [ -d "$made" ] || lab_make_debian "$variant" "$made"
    ) 9>"$cache/lock" || return 1
    cp -al "$made" "$dir" 2>/dev/null || { rm -rf "$dir"; cp -a "$made" "$dir"; }
}

# lab_make_debian VARIANT DIR: the packages come from where apt on this machine takes them; no manual pages, no documentation.
lab_make_debian() {
    local extra=() sources=() part=$2.part
    lab_need mmdebstrap || { echo "$lab_reason" >&2; return 1; }
    [ "$1" != devel ] || extra=("--include=gcc,libc6-dev,libcap2-bin")
    for s in /etc/apt/sources.list.d/debian.sources /etc/apt/sources.list; do [ ! -s "$s" ] || sources+=("$s"); done
    rm -rf "$part"
    SOURCE_DATE_EPOCH=$lab_epoch mmdebstrap --quiet --variant=minbase "${extra[@]}" \
        --dpkgopt='path-exclude=/usr/share/man/*' --dpkgopt='path-exclude=/usr/share/doc/*' \
        --dpkgopt='path-include=/usr/share/doc/*/copyright' --dpkgopt='path-exclude=/usr/share/locale/*' \
        bookworm "$LAB/debian.tar" "${sources[@]}" >"$LAB/mmdebstrap.log" 2>&1 ||
        { tail -n 20 "$LAB/mmdebstrap.log" >&2; return 1; }
    mkimage "$part" --tar "$LAB/debian.tar" --cmd '["bash"]' --created 2023-11-14T22:13:20Z \
        --env PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin >/dev/null &&
        rm -f "$LAB/debian.tar" && mv "$part" "$2"
}

# ---- container runtimes and peers

# lab_store: the configuration of podman and buildah below $LAB, made at first use. File locks: those in shared memory belong to
# every podman of the machine at once.
lab_store() {
    local dir=$LAB/containers
    [ ! -d "$dir" ] || return 0
    mkdir -p "$dir/tmp" "$dir/user" "$dir/home"
    [ "$(id -u)" = 0 ] || export XDG_RUNTIME_DIR=$dir/user
    cat >"$dir/containers.conf" <<TOML
[containers]
default_ulimits = ["nofile=$(ulimit -Hn | sed 's/unlimited/1048576/'):$(ulimit -Hn | sed 's/unlimited/1048576/')", "nproc=32768:32768"]
netns = "host"
[engine]
cgroup_manager = "cgroupfs"
events_logger = "file"
runtime = "runc"
lock_type = "file"
TOML
    cat >"$dir/storage.conf" <<TOML
[storage]
driver = "overlay"
graphroot = "$dir/graph"
runroot = "$dir/run"
TOML
    echo '{"default": [{"type": "insecureAcceptAnything"}]}' >"$dir/policy.json"
    printf '#!/bin/sh\nexec runsc --platform=ptrace --network=host --ignore-cgroups "$@"\n' >"$dir/gvisor"
    chmod +x "$dir/gvisor"
}

# lab_run PROGRAM ARG...: with that configuration; flags as well, since a rootless podman has its own ideas of the store
lab_run() {
    local program=$1
    shift
    lab_store
    HOME=$LAB/containers/home CONTAINERS_CONF=$LAB/containers/containers.conf \
        CONTAINERS_STORAGE_CONF=$LAB/containers/storage.conf \
        "$program" --root "$LAB/containers/graph" --runroot "$LAB/containers/run" "$@"
}

lab_podman() { lab_run podman --log-level=error --tmpdir "$LAB/containers/tmp" "$@"; }

lab_gvisor() { lab_podman --runtime "$LAB/containers/gvisor" "$@"; }

lab_podman_load() {
    local id
    lab_store
    id=$(lab_podman pull -q --signature-policy "$LAB/containers/policy.json" "oci:$1") && lab_podman tag "$id" "$2"
}

lab_buildah() { lab_run buildah "$@"; }

lab_buildah_bud() {
    lab_buildah bud --isolation oci --network host --runtime "$(command -v runc)" \
        --signature-policy "$LAB/containers/policy.json" "$@"
}

lab_can_podman() {
    lab_need podman runc && lab_probe_image && lab_probe lab_podman run --rm lab-probe true
}

lab_can_gvisor() {
    lab_need podman runsc && lab_probe_image && lab_probe lab_gvisor run --rm lab-probe true
}

lab_can_buildah() {
    lab_need buildah runc || return 1
    printf 'FROM oci:%s\nRUN true\n' "$LAB/probe" >"$LAB/probe.dockerfile"
    [ -d "$LAB/probe" ] || lab_probe lab_base_busybox "$LAB/probe" || return 1
    lab_probe lab_buildah_bud -q -f "$LAB/probe.dockerfile" "$LAB/containers/tmp"
}

lab_probe_image() {
    [ -d "$LAB/probe" ] || lab_probe lab_base_busybox "$LAB/probe" || return 1
    lab_podman image exists lab-probe || lab_probe lab_podman_load "$LAB/probe" lab-probe
}

# Run a command; when it fails, its last line is the reason.
lab_probe() {
    lab_store
    local text
    text=$("$@" 2>&1) && return 0
    lab_reason="$1 does not work here: $(tail -n 1 <<<"$text")"
    return 1
}

# ---- an ordinary user

LAB_USER_HOME=$LAB/user
lab_user_id=54321

# Copies of the user data base with one user more, mounted over the machine's own; only the command sees them.
lab_user() {
    local ids=$1 dir=$LAB/users-$1
    shift
    [ -d "$dir" ] || lab_user_files "$ids" "$dir"
    unshare --mount sh -c '
        for f in passwd group subuid subgid; do
            [ ! -e "/etc/$f" ] || mount --bind "$1/$f" "/etc/$f" || exit 1
        done
        cd "$2" && shift 2
        exec setpriv --reuid=labuser --regid=labuser --init-groups --inh-caps=-all "$@"' sh "$dir" "$LAB_USER_HOME" \
        env HOME="$LAB_USER_HOME" TMPDIR="$LAB_USER_HOME" XDG_CACHE_HOME="$LAB_USER_HOME/.cache" "$@"
}

lab_user_files() { # ids|none DIR
    local f
    mkdir -p "$2" "$LAB_USER_HOME"
    chmod 711 "$LAB"
    chown "$lab_user_id:$lab_user_id" "$LAB_USER_HOME"
    for f in passwd group subuid subgid; do cat "/etc/$f" >"$2/$f" 2>/dev/null || : >"$2/$f"; done
    echo "labuser:x:$lab_user_id:$lab_user_id::$LAB_USER_HOME:/bin/sh" >>"$2/passwd"
    echo "labuser:x:$lab_user_id:" >>"$2/group"
    [ "$1" != ids ] || echo "labuser:1000000:65536" | tee -a "$2/subuid" >>"$2/subgid"
}

lab_can_user() {
    [ "$(id -u)" = 0 ] || { lab_reason="needs root, to become another user"; return 1; }
    lab_need setpriv newuidmap && lab_probe lab_user ids true
}
