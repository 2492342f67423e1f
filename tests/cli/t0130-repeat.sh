#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The same inputs give the same image: built again, from another directory, with another order of directory entries, with a warm
# store and a cold one, with other names on the command line. Without SOURCE_DATE_EPOCH, because that is how most people build.
. "$(dirname "$0")/../lib/lab.sh"

unset SOURCE_DATE_EPOCH
lab_base_busybox "$LAB/busybox" --tag one
dockerfile='FROM scratch AS first
COPY . /ctx/
ADD t.tar.gz /unpacked/
FROM base
ENV A=1
WORKDIR /made/here
COPY --from=first /ctx/many /many
COPY --chown=user --chmod=go-w x* /x/
LABEL b=2 a=1
CMD ["x"]'

# context DIR ORDER: the same files and times, made in the order that `sort ORDER` gives: directories list their entries by it (by hash
# elsewhere, where a directory that was made twice often has another order as well)
context() {
    local n
    mkdir -p "$1/many" "$1/xd/empty"
    for n in $(seq 300 | sort "$2"); do echo "$n" >"$1/many/f$n"; done
    ln "$1/many/f7" "$1/xhard"
    ln -s many/f8 "$1/xlink"
    printf '%s\n' "$dockerfile" >"$1/Dockerfile"
    tar -C "$1" --sort=name --mtime=@1500000000 --owner=0 --group=0 --numeric-owner -c many | gzip -n >"$1/t.tar.gz"
    find "$1" -depth -exec touch -h -d @1600000000 {} +
}

# digest CONTEXT ARG...: of the image that is built
digest() { local ctx=$1; shift; "$KILN" build -q --kiln-dir "$LAB/kiln" --build-context "base=oci-layout://$LAB/busybox" "$@" "$ctx"; }

context "$LAB/one" -n
context "$LAB/two" -rn
mkdir "$LAB/deep" "$LAB/deep/down"
context "$LAB/deep/down/three" -R
first=$(digest "$LAB/one")
like "an image" "$first" '^sha256:[0-9a-f]{64}$'
is "the same again" "$(digest "$LAB/one")" "$first"
is "with a cold store" "$(digest "$LAB/one" --kiln-dir "$LAB/cold")" "$first"
is "from another directory, made in another order" "$(digest "$LAB/two")" "$first"
is "from inside it" "$(cd "$LAB/deep/down/three" && digest .)" "$first"
is "in another time zone and language" "$(TZ=Asia/Tokyo LC_ALL=C.UTF-8 digest "$LAB/one")" "$first"
is "with another umask" "$(umask 077 && digest "$LAB/one" --kiln-dir "$LAB/masked")" "$first"
is "on one processor" "$(taskset -c 0 "$KILN" build -q --kiln-dir "$LAB/single" --build-context "base=oci-layout://$LAB/busybox" "$LAB/one")" "$first"
is "with arguments that nothing uses" "$(digest "$LAB/one" --build-arg UNUSED=1 -t some/name)" "$first"
if lab_can_user; then
    cp -a "$LAB/one" "$LAB_USER_HOME/one" && chown -R "$lab_user_id:$lab_user_id" "$LAB_USER_HOME/one" && chmod -R a+rX "$LAB/busybox"
    cp "$KILN" "$LAB_USER_HOME/kiln"
    is "as another user, who owns the context" "$(lab_user none "$LAB_USER_HOME/kiln" build -q --build-context "base=oci-layout://$LAB/busybox" one)" "$first"
else
    skip "as another user" "$lab_reason"
fi
for compression in zstd none; do
    is "with $compression as well" "$(digest "$LAB/one" --compression "$compression")" "$(digest "$LAB/two" --compression "$compression")"
done

# D-24: no access or change times in the layers; every instruction has its line of history, with a time that can be.
ok "an image of all of it" digest "$LAB/one" -o "type=oci,dest=$LAB/out"
ok "D-24: is sound: no access times, no names, nothing twice" flatten --check --since 2 "$LAB/out"
is "D-24: each instruction is in the history" "$(flatten --history "$LAB/out" | tail -n +2)" '- ENV A=1
+ WORKDIR /made/here
+ COPY /ctx/many /many # buildkit
+ COPY --chown=user --chmod=go-w x* /x/ # buildkit
- LABEL b=2 a=1
- CMD ["x"]'
is "D-24: with the time of what is in it" "$(flatten --config "$LAB/out" | grep -o '"created": "[^"]*"' | sort -u)" '"created": "1970-01-01T00:00:00Z"
"created": "2020-09-13T12:26:40Z"'
touch -d @1700000000 "$LAB/one/xd/empty"
isnt=$(digest "$LAB/one")
fails "another time is another image" 1 test "$isnt" = "$first"
is "unless SOURCE_DATE_EPOCH says how late it is" "$(SOURCE_DATE_EPOCH=1600000000 digest "$LAB/one")" "$(SOURCE_DATE_EPOCH=1600000000 digest "$LAB/two")"
finish
