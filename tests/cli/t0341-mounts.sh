#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# RUN --mount in namespaces, as root and as an ordinary user: caches between builds and at the same time, secrets when kiln is
# killed, contexts of other owners, ssh agents.
# shellcheck disable=SC2034,SC2154
. "$(dirname "$0")/../lib/lab.sh"

[ "$(id -u)" = 0 ] || skip_all "needs root"
chmod 755 "$LAB"
lab_base_busybox "$LAB/base" || exit 1
mkdir "$LAB/context" "$LAB/context/sub"
echo file >"$LAB/context/f" && echo below >"$LAB/context/sub/g" && printf hush-hush-4711 >"$LAB/secret"
chown -R 12345:54321 "$LAB/context"
chmod -R a+rX "$LAB/context" "$LAB/secret" "$LAB/base"

# build NAME [OPTION...] <DOCKERFILE: the image is $work/NAME
work=$LAB/root
mkdir "$work"
as=()
build() {
    local name=$1
    shift
    "${as[@]}" "$KILN" build --isolation namespaces --kiln-dir "$work/kiln" --build-context base=oci-layout://"$LAB/base" \
        --secret id=s,src="$LAB/secret" -o type=oci,dest="$work/$name" -f - "$@" "$LAB/context"
}

everything() {
    ok "$1: every type of mount" build all <<'D'
FROM base AS tools
RUN echo made >/made
FROM base
RUN --mount=target=/ctx [ "$(stat -c '%u:%g' /ctx /ctx/f /ctx/sub/g | sort -u)" = 0:0 ] && ! touch /ctx/n 2>/dev/null
RUN --mount=target=/ctx,rw rm -r /ctx/sub && mkdir /ctx/sub && echo changed >/ctx/f
RUN --mount=target=/ctx [ "$(cat /ctx/f /ctx/sub/g)" = "$(printf 'file\nbelow')" ]
RUN --mount=from=tools,target=/t,rw rm -r /t/bin && echo changed >/t/made
RUN --mount=from=tools,target=/t [ "$(cat /t/made)" = made ] && [ -d /t/bin ]
RUN --mount=type=cache,target=/c echo kept >/c/k
RUN --mount=type=cache,target=/c [ "$(cat /c/k)" = kept ]
RUN --mount=type=tmpfs,target=/t,size=64k touch /t/x
RUN --mount=type=secret,id=s,target=/etc/passwd [ "$(stat -c '%a %u' /etc/passwd)" = '400 0' ] && [ "$(wc -c </etc/passwd)" = 14 ]
RUN --network=none [ "$(ls /sys/class/net)" = lo ]
RUN <<EOF
#!/bin/sh
echo "$0" >/script
EOF
D
    listing=$(flatten "$work/all")
    is "$1: nothing of it is in the image" "$(grep -E '^\./(ctx|t|c|dev/pipes|run)( |/)' <<<"$listing")" ''
    is "$1: nor in the kiln directory" "$(ls "$work/kiln/roots")" ''
}

everything root
as=(lab_user ids)
work=$LAB/user
if lab_user ids true 2>/dev/null; then
    work=$LAB_USER_HOME
    everything "ordinary user"
else
    skip "an ordinary user" "no such users here"
fi
as=()
work=$LAB/root

count='FROM base
RUN --mount=type=cache,target=/c,id=count echo x >>/c/n; wc -l </c/n >/n'
ok "a cache is there in the next build" build count1 <<<"$count"
ok "and the next" build count2 <<<"$count"
is "with what was left in it" "$(flatten --only content "$work/count2" | grep '^\./n ')" './n data="2\n"'
ok "but not in another name space" build count3 --build-arg BUILDKIT_CACHE_MOUNT_NS=other <<<"$count"
is "which has its own" "$(flatten --only content "$work/count3" | grep '^\./n ')" './n data="1\n"'

locked='FROM base
RUN --mount=type=cache,target=/c,id=l,sharing=locked mkdir /c/taken && sleep 0.5 && rmdir /c/taken'
build locked1 <<<"$locked" >"$LAB/locked1" 2>&1 &
first=$!
ok "a locked cache: two builds take turns" build locked2 <<<"$locked"
wait "$first"
is "both get through" $? 0

# killed in the middle: the secret is in no file, and the next build finds nothing in its way
sed 's/^ *//' >"$LAB/killed" <<'D'
    FROM base
    RUN --mount=type=secret,id=s --mount=type=cache,target=/c touch /c/ready; sleep 30
D
"$KILN" build --isolation namespaces --kiln-dir "$work/kiln" --build-context base=oci-layout://"$LAB/base" --secret id=s,src="$LAB/secret" \
    -f "$LAB/killed" "$LAB/context" >/dev/null 2>&1 &
pid=$!
lab_wait eval '[ -n "$(find "$work/kiln/cache-mounts" -name ready)" ]'
is "while the command runs, its secret is in no file" "$(grep -rl hush-hush "$work")" ''
kill -9 "$pid"
wait "$pid" 2>/dev/null
is "nor when kiln was killed" "$(grep -rl hush-hush "$work")" ''
ok "the next build" build after <<<$'FROM base\nRUN --mount=type=cache,target=/c [ -e /c/ready ] && [ ! -e /run/secrets ]'
is "cleans up" "$(ls "$work/kiln/roots")" ''

ok "a secret of the environment" env TOKEN=hush "$KILN" build --kiln-dir "$work/kiln" --build-context base=oci-layout://"$LAB/base" \
    --secret id=TOKEN -f - "$LAB/context" <<<$'FROM base\nRUN --mount=type=secret,id=TOKEN,env=T,required [ "$T" = hush ]'
fails "a secret's file that is not there" 1 build no --secret id=x,src="$LAB/none" <<<'FROM base'
fails "one id twice" 1 build no --secret id=s,env=HOME <<<'FROM base'
fails "an ssh agent that is not there" 1 build no --ssh default="$LAB/none" <<<'FROM base'

if lab_need ssh-agent ssh-add ssh-keygen; then
    ssh-keygen -q -t ed25519 -N '' -C of-the-lab -f "$LAB/key"
    eval "$(ssh-agent -a "$LAB/agent")" >/dev/null
    lab_pids+=("$SSH_AGENT_PID")
    ssh-add -q "$LAB/key"
    ok "an ssh agent is forwarded" build ssh --ssh default <<'D'
FROM base
RUN --mount=type=ssh [ -S "$SSH_AUTH_SOCK" ] && [ "$SSH_AUTH_SOCK" = /run/buildkit/ssh_agent.0 ]
RUN --mount=type=ssh,target=/sock,mode=0666,uid=7 [ "$(stat -c '%a %u' /sock)" = '666 7' ]
RUN --mount=type=ssh,id=other [ -z "$SSH_AUTH_SOCK" ]
D
    is "no socket is in the image" "$(flatten "$work/ssh" | grep -E '^\./(run|sock)')" ''
else
    skip "an ssh agent" "$lab_reason"
fi
finish
