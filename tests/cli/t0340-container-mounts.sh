#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# RUN --mount where nothing can be mounted: in place, in podman and in gVisor. Nothing of a mount or a secret is in a layer, on the
# container's disk or in its "/", also when the command fails or kiln is killed. (D-20, X-02, P-14)
# shellcheck disable=SC2034,SC2154
. "$(dirname "$0")/../lib/lab.sh"
. "$lab_lib/container.sh"

lab_can_podman || skip_all "$lab_reason"
container_image debug || exit 1
lab_base_busybox "$LAB/base" || exit 1

mkdir -p "$LAB/context/sub" "$LAB/context/excluded" "$LAB/result" "$LAB/secret"
echo from-context >"$LAB/context/f" && echo below >"$LAB/context/sub/g" && echo x >"$LAB/context/excluded/x"
printf 'excluded\n' >"$LAB/context/.dockerignore"
printf '%s' hush-hush-4711 >"$LAB/secret/s"

cat >"$LAB/context/all" <<'D'
FROM base AS tools
RUN mkdir /opt /opt/tool && echo made >/opt/tool/made && ln -s tool /opt/link
FROM base
WORKDIR /work
RUN --mount=target=/ctx [ "$(cat /ctx/f /ctx/sub/g)" = "$(printf 'from-context\nbelow')" ] && [ ! -e /ctx/excluded ]
RUN --mount=target=.,rw echo changed >f && rm -r sub && echo new >new
RUN --mount=target=/ctx [ "$(cat /ctx/f)" = from-context ] && [ ! -e /ctx/new ] && [ -z "$(ls)" ]
RUN --mount=from=tools,source=/opt/link,target=/t [ "$(cat /t/made)" = made ] && echo spoiled >/t/made || true
RUN --mount=from=tools,source=/opt/tool/made,target=/etc/passwd [ "$(cat /etc/passwd)" = made ]
RUN --mount=type=cache,target=/root/.cache,uid=5,gid=6,mode=0750 [ "$(stat -c '%a %u:%g' /root/.cache)" = '750 5:6' ] && echo kept >/root/.cache/k
RUN --mount=type=cache,target=/root/.cache,uid=5,gid=6,mode=0750 --mount=type=cache,id=/root/.cache,target=/b,uid=5,gid=6,mode=0750 [ "$(cat /root/.cache/k)$(cat /b/k)" = keptkept ]
RUN --mount=type=tmpfs,target=/tmp/t touch /tmp/t/x && [ "$(stat -c %a /tmp/t)" = 1777 ]
RUN --mount=type=secret,id=s [ "$(cat /run/secrets/s)" = "$(printf hush%shush-4711 -)" ] && [ "$(stat -c '%a %u:%g' /run/secrets/s)" = '400 0:0' ]
RUN --mount=type=secret,id=s,target=/etc/group,uid=7,mode=0440 [ "$(cat /etc/group)" = "$(printf hush%shush-4711 -)" ] && [ "$(stat -Lc '%a %u' /etc/group)" = '440 7' ]
RUN --mount=type=secret,id=s,env=KEY [ "$KEY" = "$(printf hush%shush-4711 -)" ]
RUN --mount=type=secret,id=s,target=/root/.ssh/id echo host >/root/.ssh/known_hosts && ! find / -xdev -type f -exec grep -sl hush[-]hush {} + | grep .
RUN --mount=type=secret,id=s,target=/home/user/k,uid=1000 --mount=type=cache,target=/home/user/c,uid=1000 su -s /bin/sh user -c 'cat /home/user/k >/dev/null && touch /home/user/c/mine' || [ "$(id -u user)" != 1000 ]
RUN <<EOF
#!/bin/busybox ash
[ "$0" = /dev/pipes/EOF ] && echo script >/script
EOF
COPY --from=tools /opt/tool/made /made
RUN ls -a / /run /home /root /etc 2>/dev/null | sort >/tmp/names
D
cat >"$LAB/context/fails" <<'D'
FROM base
RUN --mount=target=/ctx,rw --mount=type=cache,target=/root/.cache --mount=type=secret,id=s,target=/etc/passwd --mount=type=secret,id=s exit 9
D
cat >"$LAB/context/waits" <<'D'
FROM base
RUN --mount=target=/ctx,rw --mount=type=cache,target=/root/.cache --mount=type=secret,id=s,target=/etc/passwd --mount=type=secret,id=s touch /root/.cache/was-here /result/ready; sleep 60
D
cat >"$LAB/context/kills" <<'D'
FROM base
RUN --mount=type=cache,target=/root/.cache --mount=type=secret,id=s,target=/etc/passwd --mount=type=secret,id=s kill -9 $PPID; sleep 60
D

# in_container SCRIPT: in the debug image; kiln FILE [OPTION...] there builds that Dockerfile of the context, left shows what is left
cat >"$LAB/secret/lib.sh" <<'S'
PATH=/busybox
exec_kiln() {
    local file=$1
    shift
    exec /kaniko/executor --context dir:///workspace --dockerfile "$file" --isolation inplace --build-context base=oci-layout:///base \
        --no-push --secret id=s,src=/secret/s "$@"
}
kiln() { (exec_kiln "$@"); }
left() {
    ls -d /ctx /root/.cache /run/secrets /dev/shm/kiln* /dev/kiln* /kiln/roots/swap/[0-9]* 2>/dev/null
    find / -xdev -type f -exec grep -sl 'hush[-]hush' {} +
    find /kiln/cache-mounts -name was-here
    echo end
}
S
in_container() {
    printf '. /secret/lib.sh\n%s\n' "$1" >"$LAB/secret/script.sh"
    rm -rf "$LAB/result"/*
    "$runtime" run --rm --timeout 120 -v "$LAB/context:/workspace:ro" -v "$LAB/base:/base:ro" -v "$LAB/result:/result" -v "$LAB/secret:/secret:ro" \
        --entrypoint /busybox/sh kiln-debug /secret/script.sh
}

# of $LAB/out, where the messages of kiln come in between
what_is_left() { grep -E '^(/|end|was)' "$LAB/out" | grep -v passwd; }

mounts_suite() {
    ok "$1: every type of mount" in_container 'kiln all --oci-layout-path /result/image && echo status && left'
    is "$1: nothing is left in the container" "$(sed '1,/^status/d' <<<"$output" | grep -E '^(/|end|was)')" end
    listing=$(flatten "$LAB/result/image")
    unlike "$1: nor in the image" "$listing" '^\./(ctx|t|b|run|root/\.cache|dev/pipes|tmp/t|home/user/[kc])( |/)|hush'
    like "$1: what a command wrote beside a secret is" "$(line_of "$listing" 'root/\.ssh/known_hosts')" type=file
    unlike "$1: but not the secret" "$listing" '^\./root/\.ssh/id '
    like "$1: a script ran" "$(line_of "$listing" script)" type=file
    layers=$(flatten --layers "$LAB/result/image" | sed -n '/^# layer 3/,/^# layer 15/p')
    unlike "$1: files that were mounted over are in no layer" "$layers" '^\./etc/|^\./(ctx|work/)'
    is "$1: a stage that was written to is what it was" "$(flatten --only content "$LAB/result/image" | grep '^\./made ')" './made data="made\n"'

    in_container 'kiln fails; echo "status $?"; left' >"$LAB/out" 2>&1
    is "$1: a command that fails" "$(grep ^status "$LAB/out")" 'status 9'
    is "$1: leaves nothing" "$(what_is_left)" end

    in_container 'kiln kills; echo "status $?"; left' >"$LAB/out" 2>&1
    is "$1: a command that kills its supervisor leaves nothing" "$(what_is_left)" end

    in_container 'exec_kiln waits & while [ ! -e /result/ready ] && kill -0 $!; do sleep 0.2; done
kill -9 $!; wait $!; sleep 1; echo "status $?"
ls -l /etc/passwd; left' >"$LAB/out" 2>&1
    like "$1: kiln is killed: the image's file is back" "$(grep 'Jan.*passwd$' "$LAB/out")" '^-rw-r--r--'
    is "$1: nothing but the cache is left" "$(what_is_left | sed 's,/kiln/cache-mounts/.*/,,')" "$(printf 'was-here\nend')"
}

runtime=lab_podman
mounts_suite podman
if lab_can_gvisor; then
    runtime=lab_gvisor
    mounts_suite gVisor
else
    skip "gVisor" "$lab_reason"
fi
finish
