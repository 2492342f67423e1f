#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# ADD of URLs: names, times, modes, checksums, archives, servers that fail. Rows D-11 and D-13 of docs/kaniko-defects.md.
. "$(dirname "$0")/../lib/lab.sh"

export KILN_DIR=$LAB/kiln
cd "$LAB" || exit 1
mkdir www ctx t
seq 100000 >www/f.txt && echo sp >"www/a b" && echo x >t/x && touch -d @1400000000 t/x
tar -C t -czf www/t.tgz x
touch -d @1500000000 www/*
sum=$(sha256sum <www/f.txt | cut -d' ' -f1)
lab_files_start "$LAB/www"
lab_base_busybox "$LAB/busybox"

dockerfile() { printf '%s\n' "$@" >ctx/Dockerfile; }
build() { "$KILN" build --build-context "base=oci-layout://$LAB/busybox" "$@" ctx; }
see() { rm -rf out && build -q -o type=oci,dest=out >/dev/null && flatten --only type,mode,uid,gid,size,mtime --no-root out; }
wrong() { # NAME PATTERN LINE...
    local name=$1 pattern=$2
    shift 2
    dockerfile "FROM scratch" "$@"
    fails "$name" 1 build
    like "$name: it says why" "$output" "$pattern"
}

# shellcheck disable=SC2016 # kiln expands them
dockerfile 'FROM scratch' "ARG U=$LAB_FILES/plain" 'ADD $U/f.txt?a=b $U/a%20b /d/' "ADD $LAB_FILES/no-date/f.txt /no-date" \
    "ADD --chmod=755 --chown=7:8 $LAB_FILES/redirect/plain/f.txt /other" "ADD $LAB_FILES/drop/f.txt $LAB_FILES/drop-norange/f.txt /dropped/" \
    "ADD $LAB_FILES/flaky/f.txt /flaky"
is "names, modes, owners, times" "$(see)" './d type=dir mode=0755 uid=0 gid=0 mtime=1500000000
./d/a\040b type=file mode=0600 uid=0 gid=0 size=3 mtime=1500000000
./d/f.txt type=file mode=0600 uid=0 gid=0 size=588895 mtime=1500000000
./dropped type=dir mode=0755 uid=0 gid=0 mtime=1500000000
./dropped/f.txt type=file mode=0600 uid=0 gid=0 size=588895 mtime=1500000000
./flaky type=file mode=0600 uid=0 gid=0 size=588895 mtime=1500000000
./no-date type=file mode=0600 uid=0 gid=0 size=588895 mtime=0
./other type=file mode=0755 uid=7 gid=8 size=588895 mtime=1500000000'
dockerfile 'FROM scratch' "ADD $LAB_FILES/plain/t.tgz /a/" "ADD --unpack=true $LAB_FILES/plain/t.tgz /b/" "ADD --unpack $LAB_FILES/plain/f.txt /c/"
is "D-13: archives are unpacked when asked for" "$(see | cut -d' ' -f1,2)" './a type=dir
./a/t.tgz type=file
./b type=dir
./b/x type=file
./c type=dir
./c/f.txt type=file'
cp www/t.tgz ctx/
dockerfile 'FROM scratch' 'ADD --unpack=false t.tgz /a/' 'ADD t.tgz /b/'
is "and local ones are not, when asked not to" "$(see | cut -d' ' -f1 | tr '\n' ' ')" './a ./a/t.tgz ./b ./b/x '

dockerfile 'FROM scratch' "ADD --checksum=sha256:$sum $LAB_FILES/plain/f.txt /f"
ok "D-13: a checksum that is right" build -q
before=$(build -q)
wrong "D-13: one that is wrong" 'digest mismatch' "ADD --checksum=sha256:${sum//[0-8]/9} $LAB_FILES/plain/f.txt /f"
wrong "a transfer that changes under a checksum" 'digest mismatch' "ADD --checksum=sha256:$sum $LAB_FILES/drop-changed/f.txt /f"
dockerfile 'FROM scratch' "ADD $LAB_FILES/plain/f.txt /f"
is "the checksum is not part of the layer" "$(build -q)" "$before"
echo more >>www/f.txt
if [ "$(build -q)" != "$before" ]; then changed=yes; else changed=no; fi
is "D-11: other content is another image" "$changed" yes
dockerfile 'FROM base' "ADD $LAB_FILES/plain/f.txt /f" 'RUN tail -n 1 /f >/last'
ok "D-11: a RUN after it" build -q -o type=oci,dest=run1
echo third >>www/f.txt
ok "D-11: a RUN after other content" build -q -o type=oci,dest=run2
like "D-11: saw that content" "$(flatten run2)" './last .*data="third'

dockerfile 'FROM base' "ADD $LAB_FILES/plain/f.txt /f" 'RUN tail -n 1 /f >/last'
ok "with a cache" build --cache
touch -d @1600000000 www/f.txt
is "the same content is found, and what follows" "$(build --cache --dryrun | grep -c ' hit ')" 2
is "and is the same image" "$(build -q --cache)" "$(build -q --cache)"
echo fourth >>www/f.txt
like "other content is not" "$(build --cache --dryrun)" 'miss .* ADD .*: file f.txt differs'
ok "it is copied" build -q --cache -o type=oci,dest=run3
like "as it was fetched" "$(flatten run3)" './last .*data="fourth'
dockerfile 'FROM base' "ADD --checksum=sha256:$(sha256sum <www/f.txt | cut -d' ' -f1) $LAB_FILES/plain/f.txt /f"
ok "with a checksum" build --cache
mv www/f.txt www/gone
ok "nothing is fetched" build --cache
mv www/gone www/f.txt

# what the server says is still the same is not transferred
mark() { log_from=$(wc -l <"$LAB_FILES_LOG"); }
statuses() { tail -n "+$((log_from + 1))" "$LAB_FILES_LOG" | sed -n 's/.* HTTP\/1.1" \([0-9]*\) .*/\1/p' | tr '\n' ' '; }
known() { # HOW FILE
    dockerfile 'FROM base' 'ARG ABOVE=1' "RUN echo \$ABOVE >/above" "ADD $LAB_FILES/$1/$2 /f" 'RUN tail -n 1 /f >/last'
    ok "$1: a file is added" build --cache -q
    mark
}
last() { rm -rf known && build --cache -q -o type=oci,dest=known "$@" 2>last.err >/dev/null && flatten known | sed -n 's/^\.\/last .*data="\(.*\)\\n".*/\1/p'; }
echo here >www/where && echo first >www/a.txt && echo second >www/b.txt && echo "/same/a.txt" >www/latest
known plain where
ok "again" build --cache
is "it is known by its ETag, and nothing is built" "$(statuses)$(grep -c 'cached: layer' <<<"$output")" "304 3"
mark
is "where the step has to be made it is fetched" "$(last --build-arg ABOVE=2) $(statuses)" "here 304 200 "
mark
echo there >www/where
is "another file has another one" "$(last) $(statuses)" "there 200 "
mark
is "which is kept then" "$(last) $(statuses)" "there 304 "
known weak where
is "a weak ETag is not believed" "$(last) $(statuses)" "there 200 "
known picky where
is "a server that takes no conditions is asked without" "$(last) $(statuses)" "there 400 200 "
known moved latest
is "behind a redirect" "$(last) $(statuses)" "first 302 304 "
echo "/same/b.txt" >www/latest
mark
is "the same ETag in another place says nothing" "$(last) $(statuses)" "second 302 304 302 200 "
known liar where
echo elsewhere >www/where
is "a server that is wrong is found out when the file is needed" "$(last --build-arg ABOVE=3)" "elsewhere"
like "and the build begins again" "$(cat last.err)" 'changed on the server during the build'
dockerfile 'FROM scratch' "ADD ${LAB_FILES/http:\/\//http://user:secret@}/auth/where /f"
ok "with credentials" build --cache -q
mark
ok "with credentials, again" build --cache -q
is "nothing is kept of it" "$(statuses)" "200 "

# as many as one likes: descriptors do not grow with them
mkdir www/many
many=()
for i in $(seq 300); do
    echo "number $i" >"www/many/$i"
    many+=("$LAB_FILES/plain/many/$i")
done
few() { (ulimit -n 100 && rm -rf out && build -q -o type=oci,dest=out "$@"); }
numbers() { flatten --only content --no-root out | grep -c '^./d/\([0-9]*\) data="number \1\\n"'; }
dockerfile 'FROM scratch' "${many[@]/%/ /d/}"
sed -i 's/^http/ADD &/' ctx/Dockerfile
ok "300 instructions, a cache, 100 descriptors" few --cache
is "all of them" "$(numbers)" 300
ok "again" few --cache
is "all of them, from the cache" "$(numbers)" 300
dockerfile 'FROM scratch' "ADD ${many[*]:0:150} $LAB_FILES/drop-norange/many/151 $LAB_FILES/drop/many/152 ${many[*]:152} /d/"
ok "300 sources of one instruction, two of which come in two pieces" few
is "all of them, each with its own content" "$(numbers)" 300
printf -v archives "$LAB_FILES/plain/t.tgz %.0s" $(seq 150)
dockerfile 'FROM scratch' "ADD --unpack $archives /d/"
ok "150 archives" few
like "are unpacked" "$(flatten out)" './d/x '

wrong "no such file" 'f: the server answers with status 404' "ADD $LAB_FILES/nosuch/f /"
wrong "forbidden" 'status 403 .*credentials' "ADD $LAB_FILES/status/403/f /"
wrong "a server at its end" 'status 410' "ADD $LAB_FILES/status/410/f /"
wrong "no server" 'Dockerfile:2: ADD: GET http://127.0.0.1:1/f .*connect' "ADD http://127.0.0.1:1/f /"
wrong "no such host" 'resolve' 'ADD http://nosuch.invalid/f /'
wrong "a URL for COPY" "source can't be a URL for COPY" "COPY $LAB_FILES/plain/f.txt /"
dockerfile 'FROM scratch' "ADD ${LAB_FILES/http:\/\//http://user:secret@}/auth/f.txt /f"
build -o type=oci,dest=auth --cache --cache-repo oci:auth-cache --explain-cache >auth.log 2>&1
ok "with credentials" test -s auth/index.json
fails "which are not in the history" 1 grep -r secret auth
like "nor in the log" "$(cat auth.log)" 'miss .* ADD http://xxxxx:xxxxx@.*\] ADD http://xxxxx:xxxxx@'
fails "nowhere in it" 1 grep secret auth.log
record=$(sed -s 's/"data":"/\n&/g' auth-cache/blobs/sha256/* | grep -ao '"text":"ADD [^"]*"')
is "nor in the record that explains misses" "$record" "\"text\":\"ADD ${LAB_FILES/http:\/\//http://xxxxx:xxxxx@}/auth/f.txt /f\""
is "nothing is left behind" "$(find "$KILN_DIR" -maxdepth 1 -name "context*")$(ls "$KILN_DIR/store/tmp" 2>/dev/null)" ""
finish
