#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Long transfers on a terminal: one line that is drawn over, and nothing of it left when the build ends, fails or is stopped. In a pipe:
# plain lines only. (The figures and the widths: tests/unit/cli/test_transfers.c.)
. "$(dirname "$0")/../lib/lab.sh"

lab_need script skopeo || skip_all "$lab_reason"
export KILN_DIR=$LAB/kiln
unset CI
mkdir "$LAB/ctx" "$LAB/www"
printf 'FROM scratch\nCOPY noise /\n' >"$LAB/ctx/Dockerfile"
head -c 6000000 /dev/urandom >"$LAB/ctx/noise"
tar -C "$LAB/ctx" -cf "$LAB/www/c.tar" .
lab_files_start "$LAB/www"

# on_terminal COLUMNS COMMAND...: what is written to a terminal so wide is in $LAB/screen; exit status of the command
on_terminal() {
    local columns=$1
    shift
    TERM=xterm SHELL=/bin/sh script -qec "stty cols $columns -opost; $(printf '%q ' "$@")" "$LAB/screen" </dev/null >/dev/null
}
# What stands on it in the end, as a terminal shows it: \r goes to the beginning of the row, \033[K empties the rest.
shown() {
    python3 - "$LAB/screen" <<'PY'
import re, sys
text = re.sub(rb'^Script started.*?\n|\n?Script done.*', b'', open(sys.argv[1], 'rb').read(), flags=re.S).decode()
rows, at = [''], 0
for part in re.findall('\r|\n|\033\\[K|[^\r\n\033]+', text):
    if part == '\n':
        rows.append('')
        at = 0
    elif part == '\r':
        at = 0
    elif part == '\033[K':
        rows[-1] = rows[-1][:at]
    else:
        rows[-1] = rows[-1][:at].ljust(at) + part + rows[-1][at + len(part):]
        at += len(part)
print('\n'.join(rows).rstrip('\n'))
PY
}
drawn() { tr '\r' '\n' <"$LAB/screen" | grep -cE "$1"; }
widest() { tr '\r' '\n' <"$LAB/screen" | grep -E ' (k|M)?B/s' | sed 's/\x1b\[K//' | awk '{ if (length > n) n = length } END { print n + 0 }'; }

ok "a slow context, seen on a terminal" on_terminal 100 "$KILN" build "$LAB_FILES/slow/3/c.tar"
like "bytes, of how many, how fast" "$(tr '\r' '\n' <"$LAB/screen")" "K$LAB_FILES/slow/3/c.tar: [0-9.]+ MB of 6.0 MB, [0-9.]+ (k|M)B/s"
like "drawn over and over" "$(drawn 'MB of 6.0 MB')" '^([5-9]|1[0-9])$'
is "and gone in the end" "$(shown | grep -c 'B/s')" 0
like "the rest of what is said is whole" "$(shown)" $'^\[stage-0 1/1\] COPY noise /\n\[stage-0 1/1\] done in .*\n'

ok "a narrow one" on_terminal 40 "$KILN" build "$LAB_FILES/slow/2/c.tar"
like "has rows that fit" "$(widest)" '^[23][0-9]$'

head -c 4000000 "$LAB/www/c.tar" >"$LAB/www/cut.tar"
fails "a broken archive" 1 on_terminal 100 "$KILN" build "$LAB_FILES/slow/3/cut.tar"
like "was seen to come" "$(drawn 'MB of 4.0 MB')" '^[1-9]'
like "and leaves its error alone" "$(shown)" "^kiln: the context [^"$'\n'"]*\$"
fails "a build that is stopped" 143 on_terminal 100 timeout --foreground -s TERM --preserve-status 2 "$KILN" build "$LAB_FILES/slow/9/c.tar"
like "was seen to come" "$(drawn 'MB of 6.0 MB')" '^[1-9]'
like "and leaves its last word alone" "$(shown)" "^kiln: [^"$'\n'"]*SIGTERM[^"$'\n'"]*\$"

# The layers of a base on their way here, and those of the image on their way back.
faults="[{'method': 'GET', 'path': 'base/blobs', 'do': 'slow', 'chunk': 300000, 'pause_ms': 150, 'times': 0},
    {'method': 'PUT|PATCH', 'path': 'app/blobs', 'do': 'sip', 'chunk': 400000, 'pause_ms': 100, 'times': 0}]"
mkdir "$LAB/tree"
head -c 6000000 /dev/urandom >"$LAB/tree/random"
mkimage "$LAB/base" --tag 1 --tree "$LAB/tree" >/dev/null
python3 "$lab_lib/registry.py" --script "{'faults': $faults, 'mount': 202}" < <(sleep 60) >"$LAB/port" 2>"$LAB/registry-errors" &
lab_pids+=($!)
lab_wait_port "$LAB/port" "$!" "$LAB/registry-errors"
R=127.0.0.1:$(cut -d' ' -f1 "$LAB/port")
skopeo copy -q --dest-tls-verify=false "oci:$LAB/base:1" "docker://$R/team/base:1"
head -c 9000000 /dev/urandom >"$LAB/ctx/noise"
printf 'FROM %s/team/base:1\nCOPY noise /\n' "$R" >"$LAB/ctx/Dockerfile"
ok "a base and a push" on_terminal 100 "$KILN" build -t "$R/team/app:1" --push "$LAB/ctx"
like "the base was seen to come" "$(tr '\r' '\n' <"$LAB/screen")" "K(pulling $R/team/base [0-9a-f]{12}|2 transfers): [0-9.]+ MB of [0-9.]+ MB, [0-9.]+ (k|M)B/s"
like "the image was seen to go" "$(tr '\r' '\n' <"$LAB/screen")" "K(pushing $R/team/app [0-9a-f]{12}|2 transfers): [0-9.]+ MB of [0-9.]+ MB, [0-9.]+ (k|M)B/s"

"$KILN" build "$LAB_FILES/slow/2/c.tar" >"$LAB/pipe" 2>&1
is "in a pipe there is nothing of it" "$(grep -cE $'B/s|\r|\033' "$LAB/pipe")" 0
finish
