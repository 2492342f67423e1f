#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Without root: every golden case as an ordinary user with a range of subordinate ids, those without RUN also as one who has none, and
# that the images are those that root builds.
. "$(dirname "$0")/../lib/lab.sh"

lab_can_user || skip_all "$lab_reason"
lab_user ids true # makes the home
tests=$LAB_USER_HOME/tests
kiln=$LAB_USER_HOME/kiln
cp -r "$lab_lib/.." "$tests" && cp "$KILN" "$kiln" && chmod -R a+rX "$tests" || exit 1

# each NAME OUTPUT: the results in a TAP output become results of this script; cases that are not for this user are left out
each() {
    local name=$1 line
    while read -r line; do
        case $line in
        'not ok '* | 'ok '*)
            case $line in
            *'# SKIP needs root'*) ;;
            *'# SKIP '*) skip "$name: ${line#*- }" "${line#*# SKIP }" ;;
            *) [[ $line != not* ]]; tap_result $? "$name: ${line#*- }" ;;
            esac ;;
        '#'*) echo "$line" ;;
        esac
    done <<<"$2"
}

each "with sub-ids" "$(lab_user ids python3 "$tests/golden/run.py" "$kiln")"
each "without" "$(lab_user none python3 "$tests/golden/run.py" "$kiln")"

# The same Dockerfile as root and as a user: owners are the image's, not the builder's.
export SOURCE_DATE_EPOCH=1700000000
lab_base_busybox "$LAB/busybox"
chmod -R a+rX "$LAB/busybox"
mkdir "$LAB_USER_HOME/ctx"
echo f >"$LAB_USER_HOME/ctx/f"
cat >"$LAB_USER_HOME/ctx/Dockerfile" <<'D'
FROM base
RUN echo r >/root/r && echo u >/home/user/u && chown -R user:user /home/user && chmod 4711 /home/user/u && mkdir -m 1777 /shared && chown 0:50 /shared
USER user
WORKDIR /home/user/w
RUN echo mine >mine && mkdir -m 700 private && echo p >private/p
COPY --chown=33:44 f /f
RUN cat private/p >>mine
D
touch -d @1600000000 "$LAB_USER_HOME/ctx"/*
chown -R "$lab_user_id:$lab_user_id" "$LAB_USER_HOME/ctx"
build() { printf '%s ' build -q --kiln-dir "$LAB_USER_HOME/$1" --build-context "base=oci-layout://$LAB/busybox" "$LAB_USER_HOME/ctx"; }
# shellcheck disable=SC2046 # words without blanks
is "RUN: the image that root builds" "$(lab_user ids "$kiln" $(build k1))" "$("$KILN" $(build k2))"

# What commands have left in a cache belongs to his subordinate ids.
printf 'FROM base\nRUN --mount=type=cache,target=/c mkdir -m 700 /c/d && echo x >/c/d/f && chown -R 5:5 /c/d\n' >"$LAB_USER_HOME/ctx/Dockerfile"
# shellcheck disable=SC2046
ok "a cache with files of others" lab_user ids "$kiln" $(build k1)
ok "kiln prune without these" lab_user none "$kiln" prune --kiln-dir "$LAB_USER_HOME/k1"
like "says that something is left" "$output" 'not everything could be removed: .*Permission denied'
ok "kiln prune with them" lab_user ids "$kiln" prune --kiln-dir "$LAB_USER_HOME/k1"
is "removes it" "$(ls -A "$LAB_USER_HOME/k1/cache-mounts")" ""

# A user without sub-ids has one id to give: commands run as root of nothing else, and other owners are refused in words.
printf 'FROM base\nRUN id -u >/id && echo x >/x\n' >"$LAB_USER_HOME/ctx/Dockerfile"
# shellcheck disable=SC2046
ok "a command that needs no other owner runs without sub-ids" lab_user none "$kiln" $(build k3) -o "type=oci,dest=$LAB_USER_HOME/out"
like "as root" "$(flatten "$LAB_USER_HOME/out")" './id .*uid=0 gid=0 .*data="0\\n"'
printf 'FROM base\nRUN chown 5 /etc/passwd\n' >"$LAB_USER_HOME/ctx/Dockerfile"
# shellcheck disable=SC2046
fails "one that does fails by itself" 1 lab_user none "$kiln" $(build k3)
is "nothing is left of it" "$(find "$LAB_USER_HOME/k3/roots" "$LAB_USER_HOME/k3/store/tmp" -mindepth 1 2>/dev/null)" ""
finish
