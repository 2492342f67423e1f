#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# --build-context: directories, archives, URLs, repositories, images and layouts under a name.
. "$(dirname "$0")/../lib/lab.sh"

unset SOURCE_DATE_EPOCH
export KILN_DIR=$LAB/kiln HOME=$LAB
cd "$LAB" || exit 1
lab_base_busybox "$LAB/busybox"
mkdir -p ctx files/d www git
echo 1 >files/a && echo 2 >files/d/b && echo 3 >files/hidden && echo hidden >files/.dockerignore
chown -R 0:0 files && find files -depth -exec touch -h -d @1600000000 {} +
tar -C files -czf www/files.tgz . && echo plain >www/plain.txt && touch -d @1600000000 www/plain.txt
lab_files_start "$LAB/www"

dockerfile() { printf '%s\n' "$@" >ctx/Dockerfile; }
build() { timeout 60 "$KILN" build "$@" ctx; }
see() { rm -rf out && build -q -o type=oci,dest=out "$@" >/dev/null && flatten --only type,mode,uid,size --no-root out; }
all='./x type=dir mode=0755 uid=0
./x/.dockerignore type=file mode=0644 uid=0 size=7
./x/a type=file mode=0644 uid=0 size=2
./x/d type=dir mode=0755 uid=0
./x/d/b type=file mode=0644 uid=0 size=2'
hidden=$'\n''./x/hidden type=file mode=0644 uid=0 size=2'

dockerfile 'FROM scratch' 'COPY --from=src . /x/'
is "a directory, with its own .dockerignore" "$(see --build-context src=files)" "$all"
is "dir://" "$(see --build-context "src=dir://$LAB/files")" "$all"
is "an archive" "$(see --build-context "src=tar://$LAB/www/files.tgz")" "$all"
is "an archive behind a URL, without .dockerignore" "$(see --build-context "src=$LAB_FILES/plain/files.tgz")" "$all$hidden"
is "any other file behind a URL is called context" "$(see --build-context "src=$LAB_FILES/plain/plain.txt")" './x type=dir mode=0755 uid=0
./x/context type=file mode=0600 uid=0 size=6'
if lab_need git; then
    export GIT_AUTHOR_DATE='1600000000 +0000' GIT_COMMITTER_DATE='1600000000 +0000'
    git init -q work && cp -r files/. work/ && git -C work add -fA && git -C work -c user.name=l -c user.email=l@l commit -qm x
    git clone -q --bare work www/r.git
    is "a repository" "$(see --build-context "src=$LAB_FILES/git/r.git")" "$all$hidden"
    is "a directory of it" "$(see --build-context "src=$LAB_FILES/git/r.git#HEAD:d")" './x type=dir mode=0755 uid=0
./x/b type=file mode=0644 uid=0 size=2'
fi
fails "a directory that is not there" 1 build --build-context src=nosuch
like "names the context" "$output" 'the build context src: the context nosuch does not exist'
fails "an archive that is broken" 1 build --build-context "src=tar://$LAB/www/plain.txt"
like "says so" "$output" 'plain.txt: it is not a tar archive'

dockerfile 'FROM src' 'COPY --from=tools /bin/busybox /bin/busybox' 'CMD ["x"]'
tools="tools=oci-layout://$LAB/busybox"
is "FROM files" "$(rm -rf out; build -q -o type=oci,dest=out --build-context src=files --build-context "$tools" >/dev/null; flatten --only type --no-root out | tr '\n' ' ')" \
    './.dockerignore type=file ./a type=file ./bin type=dir ./bin/busybox type=file ./d type=dir ./d/b type=file '
like "has no config but PATH" "$(flatten --config out | tr -d ' \n')" '"Env":\["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"\],"WorkingDir":"/"\}'
dockerfile 'FROM src' 'COPY --from=tools /bin/busybox /bin/busybox' 'RUN ["/bin/busybox", "cp", "/a", "/made"]'
ok "and commands run in it" build -q -o type=oci,dest=ran --build-context src=files --build-context "$tools"
like "with its files" "$(flatten ran)" './made type=file .*data="1'

dockerfile 'FROM tools' 'RUN --mount=from=src,target=/m cat /m/d/b >/from-mount'
ok "a mount of it" build -q -o type=oci,dest=mounted --build-context src=files --build-context "$tools"
like "shows its files" "$(flatten mounted)" './from-mount type=file .*data="2'
ok "a mount of an archive" build -q --build-context "src=tar://$LAB/www/files.tgz" --build-context "$tools"

dockerfile 'FROM nowhere.invalid/never AS base' 'RUN exit 1' 'FROM base' 'COPY --from=base /bin/busybox /copied'
ok "a stage is replaced by its own name, by an image" build -q --build-context "base=oci-layout://$LAB/busybox"
dockerfile 'FROM nowhere.invalid/never AS Base' 'RUN exit 1' 'FROM scratch' 'COPY --from=base . /x/'
is "by files" "$(see --build-context base=files)" "$all"
dockerfile 'FROM alpine:latest' 'COPY --from=debian:12 /bin/busybox /x'
ok "the name of an image" build -q --build-context "alpine=oci-layout://$LAB/busybox" --build-context "debian:12=oci-layout://$LAB/busybox"
arch=$(flatten --config "$LAB/busybox" | sed -n 's/.*"architecture": "\(.*\)".*/\1/p')
dockerfile 'FROM scratch' 'COPY --from=src . /x/'
is "a name for one platform counts first" "$(see --build-context src=www --build-context "src::linux/$arch=files")" "$all"
dockerfile 'FROM scratch' 'COPY a /'
fails "context is no name" 1 build --build-context context=files
cat >ctx/Dockerfile <<'D'
FROM tools
COPY --from=src . /x/
RUN cat /x/a
D
ok "a cache" build -q --cache --build-context src=files --build-context "$tools"
like "finds the same files again" "$(build --cache --build-context src=files --build-context "$tools" 2>&1)" '[Cc]ached|CACHED|cache'
first=$(build -q --cache --build-context src=files --build-context "$tools")
cp -a files other && echo changed >other/a && touch -d @1600000000 other/a
if [ "$(build -q --cache --build-context src=other --build-context "$tools")" != "$first" ]; then differs=yes; else differs=no; fi
is "and not other ones" "$differs" yes
is "nothing is left" "$(find "$KILN_DIR" -name 'context*')" ""

finish
