#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The same files from every kind of context are the same image; what is broken, missing or hostile is one line and leaves nothing.
. "$(dirname "$0")/../lib/lab.sh"

unset SOURCE_DATE_EPOCH
export KILN_DIR=$LAB/kiln
lab_base_busybox "$LAB/busybox"
mkdir -p "$LAB/ctx/dir/deep" "$LAB/ctx/secret" "$LAB/www"
cd "$LAB" || exit 1
printf 'FROM base AS one\nCOPY . /all/\nFROM base\nCOPY --from=one /all /all\nCOPY dir /dir\nADD data.tar /data\n' >ctx/Dockerfile
printf 'secret\n*.tmp\n' >ctx/.dockerignore
echo 1 >ctx/a.tmp && echo 2 >ctx/secret/key
seq 50000 >ctx/dir/numbers
printf '#!/bin/sh\n' >ctx/dir/deep/run && chmod 755 ctx/dir/deep/run
ln -s deep/run ctx/dir/link && ln ctx/dir/numbers ctx/hard
tar -C ctx -cf ctx/data.tar dir
find ctx -depth -exec touch -h -d @1600000000 {} +

build() { "$KILN" build -q --build-context "base=oci-layout://$LAB/busybox" "$@"; }
tar -C ctx -cf c.tar .
tar -C ctx -czf c.tar.gz Dockerfile data.tar dir hard a.tmp secret .dockerignore # no entry for the root, .dockerignore last
bzip2 -k c.tar && xz -k c.tar && zstd -q c.tar
cp c.tar.gz www/ && cp ctx/Dockerfile www/
want=$(build ctx)
like "a directory" "$want" '^sha256:'
is "dir://" "$(build dir://ctx)" "$want"
for f in c.tar c.tar.gz c.tar.bz2 c.tar.xz c.tar.zst; do is "tar://$f" "$(build "tar://$LAB/$f")" "$want"; done
is "an archive on standard input" "$(build - <c.tar.gz)" "$want"
is "in a pipe" "$(tail -c +1 c.tar | build -)" "$want"
is "tar://stdin, as kaniko says it" "$("$KILN" build -q --build-context "base=oci-layout://$LAB/busybox" tar://stdin <c.tar.gz)" "$want"
is "the Dockerfile on standard input" "$(build -f - ctx <ctx/Dockerfile)" "$want"
mkdir whole && cp -a ctx whole/sub && tar -cf whole.tar whole
ln -sf "$KILN" executor
executor() { ./executor --no-push --build-context "base=oci-layout://$LAB/busybox" --digest-file digest "$@" >/dev/null 2>&1 && cat digest; }
is "a directory of an archive" "$(executor -c "tar://$LAB/whole.tar" --context-sub-path whole/sub)" "$want"
is "D-18: a directory of a plain directory" "$(executor -c whole --context-sub-path sub)" "$want"
fails "one that is not there" 1 ./executor --no-push -c "tar://$LAB/whole.tar" --context-sub-path nosuch
like "it says which" "$output" 'has no directory nosuch'

# A Dockerfile alone.
is "a Dockerfile alone on standard input" "$(printf 'FROM base\nLABEL a=b\n' | build -)" "$(printf 'FROM base\nLABEL a=b\n' | build -f - ctx)"
fails "it has no files" 1 build - <ctx/Dockerfile
like "it says so" "$output" '"/dir": not found'

# From a web server, also one that drops connections.
lab_files_start "$LAB/www"
mkdir plain && (cd ctx && cp -a Dockerfile data.tar dir hard ../plain/) && tar -C plain -czf www/p.tar.gz .
want=$(build plain)
for how in plain drop drop-norange flaky redirect/plain; do is "$how" "$(build "$LAB_FILES/$how/p.tar.gz")" "$want"; done
like "the rest of a dropped transfer was asked for" "$(cat "$LAB_FILES_LOG")" '/drop/p.tar.gz.* 206 .*bytes=[1-9][0-9]*-'
fails "a file that changes meanwhile" 1 build "$LAB_FILES/drop-changed/p.tar.gz"
like "is refused" "$output" 'changed on the server'
is "a Dockerfile behind a URL" "$(build -f "$LAB_FILES/plain/Dockerfile" plain)" "$want"
fails "a Dockerfile that is not there" 1 build -f "$LAB_FILES/plain/nosuch" plain
like "says so" "$output" 'Dockerfile http://.*/plain/nosuch: the server answers with status 404'
fails "no such archive" 1 build "$LAB_FILES/plain/nosuch.tgz"
like "says so as well" "$output" 'status 404'
fails "one for others" 1 build "$LAB_FILES/auth/p.tar.gz"
like "names credentials" "$output" 'needs credentials'
is "with credentials in the URL" "$(build "${LAB_FILES/http:\/\//http://user:secret@}/auth/p.tar.gz")" "$want"
if lab_files_start "$LAB/www" tls; then
    is "https with a private CA" "$(SSL_CERT_FILE=$LAB_FILES_CA build "$LAB_FILES/plain/p.tar.gz")" "$want"
    fails "which nobody named" 1 build "$LAB_FILES/plain/p.tar.gz"
    like "is an error of certificates" "$output" 'certificate'
fi

# Broken archives.
broken() { # NAME PATTERN [ARG...] <ARCHIVE
    local name=$1 pattern=$2
    shift 2
    fails "$name" 1 build "${@:--}"
    like "$name: one line" "$output" "^kiln: the context [^"$'\n'"]*${pattern}[^"$'\n'"]*\$"
}
for n in 100 1000 20000; do broken "cut after $n" '(truncated|the archive ends)' < <(head -c $n c.tar.gz); done
broken "cut, not compressed" '(end|truncated)' < <(head -c 100000 c.tar)
flip() { python3 -c 'import sys; d = bytearray(open("c.tar.gz", "rb").read()); d[eval(sys.argv[1])] ^= 4; sys.stdout.buffer.write(d)' "$1"; }
broken "a flipped bit of the checksum" '(gzip|checksum|crc|invalid)' < <(flip -8)
# what it makes of the archive is another thing each time: the instruction that reads so far may be named, too
fails "a flipped bit in the midst" 1 build - < <(flip 'len(d) // 2')
like "in the midst: the context is named" "$output" "^kiln: ([^ ]*Dockerfile:[0-9]+: [A-Z]+: )?the context -: [^"$'\n'"]*(gzip|checksum|crc|invalid|truncated|archive)"
broken "nothing" 'it is empty' </dev/null
broken "noise" 'not a tar archive' < <(head -c 1000 /dev/zero | tr '\0' '\1'; printf '\0')
broken "no archive" 'not a tar archive' "tar://$LAB/ctx/dir/numbers"
hostile() { python3 - "$1" "$2" "$3" <<'PY'
import sys, tarfile
t = tarfile.open(sys.argv[1], 'w')
i = tarfile.TarInfo(sys.argv[2])
if sys.argv[3]:
    i.type, i.linkname = tarfile.LNKTYPE, sys.argv[3]
t.addfile(i)
PY
}
hostile up.tar ../../escape '' && broken "a name that climbs out" 'leads out' "tar://$LAB/up.tar"
hostile link.tar x ../../etc/passwd && broken "a link that climbs out" 'leads out' "tar://$LAB/link.tar"
hostile abs.tar x /etc/passwd && broken "a hard link to outside" 'does not exist' "tar://$LAB/abs.tar"
fails "both from standard input" 1 build -f - - <ctx/Dockerfile
like "are too much" "$output" 'cannot both come from standard input'
fails "an unknown kind" 1 build nosuch://x
is "nothing is left in the kiln directory" "$(find "$KILN_DIR" -name "context*")" ""
is "nor in its store" "$(ls "$KILN_DIR/store/tmp" 2>/dev/null)" ""
finish
