#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Layers and archives that nobody should trust: whatever they hold, nothing outside the root is read or written.
. "$(dirname "$0")/../lib/lab.sh"

export SOURCE_DATE_EPOCH=1700000000 KILN_DIR=$LAB/kiln
hostile() { python3 "$lab_lib/hostile.py" "$@"; }
outside=$LAB/outside
mkdir "$outside" "$LAB/ctx"
echo "the secret" >"$outside/secret"
echo f >"$LAB/ctx/f"
touch -d @1500000000 "$outside/secret" "$outside"
untouched=$(find "$outside" -printf '%P %m %s %T@ %n\n'; cat "$outside/secret")
sh "$lab_lib/busybox_root.sh" "$LAB/busybox-root"
lab_base_busybox "$LAB/busybox"

# Build "FROM hostile" three ways: the tree alone, on a disk by a command, and copied whole into another image.
declare -A dockerfile
dockerfile[tree]='FROM hostile\nCOPY f /new/f\nWORKDIR /way/work'
dockerfile[run]='FROM hostile\nCOPY --from=tools /bin/busybox /tools/busybox\nRUN ["/tools/busybox", "true"]\nUSER 7\nRUN ["/tools/busybox", "true"]'
dockerfile[copy]='FROM tools\nCOPY --from=hostile / /h/\nRUN find /h >/dev/null'

build() { # WAY [ARG...]: its output in $said
    local way=$1
    shift
    printf '%b\n' "${dockerfile[$way]}" >"$LAB/ctx/Dockerfile"
    rm -rf "$LAB/out"
    "$KILN" build --isolation namespaces --build-context "hostile=oci-layout://$LAB/hostile" --build-context "tools=oci-layout://$LAB/busybox" \
        -o "type=oci,dest=$LAB/out" "$@" "$LAB/ctx" 2>&1
}

# Whatever came of it, this must hold.
nothing_happened() {
    local now
    now=$(find "$outside" -printf '%P %m %s %T@ %n\n'; cat "$outside/secret")
    [ "$now" = "$untouched" ] || { echo "outside: $now"; return 1; }
    [ -z "$(find "$KILN_DIR/store/tmp" "$KILN_DIR/roots" -mindepth 1 2>/dev/null)" ] || { echo "something is left in $KILN_DIR"; return 1; }
    [ ! -e "$LAB/out/index.json" ] || ! flatten --only content "$LAB/out" | grep -F "the secret" || { echo "the secret got into the image"; return 1; }
}

# layer KIND MODE...: what comes of each of the ways: "works", "fails" with one line, "any" of both
layer() {
    local kind=$1 way want text status lines
    shift
    rm -rf "$LAB/hostile"
    hostile layer "$LAB/hostile" "$kind" "$outside"
    for way in tree run copy; do
        want=$1
        shift
        status=0
        text=$(build "$way") || status=$?
        lines=$(grep -c '^kiln: ' <<<"$text")
        case $want:$status:$lines in
        works:0:0 | fails:1:1 | any:0:0 | any:1:1) tap_result 0 "$kind, $way: $want" ;;
        *) tap_result 1 "$kind, $way: $want"; tap_say "exit status $status"$'\n'"$text" ;;
        esac
        ok "$kind, $way: nothing happened outside" nothing_happened
    done
}

layer dotdot fails fails fails
layer dotdot_inside fails fails fails
layer absolute works works works
layer link_absolute works works works
layer link_relative works works works
layer link_twice works works works
layer link_replaced works works works
layer link_to_proc any any any
layer hard_absolute fails fails fails
layer hard_dotdot fails fails fails
layer hard_through_link fails fails fails
layer hard_to_link works works works
layer whiteout_dotdot any any any
layer whiteout_outside fails fails fails
layer whiteout_through_link works works works
layer passwd_is_link any any any
layer passwd_is_fifo any any any
layer mount_points_are_links any any works
layer mount_points_are_files any any works
layer long_name fails fails fails
layer deep fails fails fails
layer long_component fails fails fails
layer tebibyte fails fails fails
layer negative fails fails fails
layer huge_pax fails fails fails
layer cut fails fails fails
layer garbage fails fails fails
layer loop fails fails fails
layer below_file any any any
layer root_is_file any any any
layer root_is_link any any any

# The same archives out of the context, by ADD.
add() { # KIND
    rm -f "$LAB/ctx/a.tar"
    hostile tar "$LAB/ctx/a.tar" "$1" "$outside"
    dockerfile[add]='FROM tools\nRUN mkdir /d && ln -s / /d/up\nADD a.tar /d/\nRUN true'
    output=$(build add) || true
    ok "ADD $1: nothing happened outside" nothing_happened
}
for kind in dotdot dotdot_inside absolute link_absolute link_relative link_twice link_replaced link_to_proc hard_absolute hard_dotdot \
    hard_through_link hard_to_link whiteout_outside long_name deep tebibyte negative huge_pax cut loop below_file root_is_file root_is_link; do
    add "$kind"
done
rm -f "$LAB/ctx/a.tar"

# What a command leaves behind for the next steps.
dockerfile[left]='FROM tools\nRUN ln -s '$outside' /way && ln -s '$outside'/secret /f\nCOPY f /way/\nCOPY f /f\nWORKDIR /way/work\nADD f /way/added\nRUN cat /f && echo x >/way/by-command'
ok "links that a command leaves are followed inside the image" build left
ok "nothing happened outside" nothing_happened
like "the files are in it" "$(flatten --only content "$LAB/out")" "\./${outside#/}/added data=\"f\\\\n\""
dockerfile[escape]='FROM tools\nRUN ls -A '$LAB' && exit 9; mount --bind /proc /tmp 2>/dev/null; mkdir /x && chroot /x ls / ; cd /x/../../../../../.. && ls '$outside' && exit 9; true'
ok "a command does not see what is outside" build escape
dockerfile[background]='FROM tools\nRUN (trap "" TERM HUP; sleep 987) & sleep 986 & true'
ok "processes that a command leaves behind do not keep it" build background
is "and are ended" "$(find /proc -maxdepth 2 -name cmdline -exec grep -lazE '^98[67]$' {} + 2>/dev/null)" ""
finish
