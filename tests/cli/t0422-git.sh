#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Repositories as contexts and for ADD, from git's own servers: smart HTTP in both versions of the protocol, git daemon, sshd.
. "$(dirname "$0")/../lib/lab.sh"

lab_need git || skip_all "$lab_reason"
unset SOURCE_DATE_EPOCH GIT_TOKEN GIT_USERNAME GIT_PASSWORD
export KILN_DIR=$LAB/kiln HOME=$LAB/home
export GIT_AUTHOR_DATE='1600000000 +0000' GIT_COMMITTER_DATE='1600000000 +0000' GIT_CONFIG_NOSYSTEM=1
cd "$LAB" || exit 1
mkdir home git ctx
git config --global user.email lab@example.invalid
git config --global user.name lab
git config --global init.defaultBranch main
git config --global advice.detachedHead false
git config --global protocol.file.allow always
git config --global safe.directory '*'

# A repository with a submodule, some history, branches, a tag; packed with deltas.
git init -q sub && (cd sub && echo sub >s && git add s && git commit -qm sub) && git clone -q --bare sub git/sub.git
git init -q work && cd work || exit 1
printf 'FROM scratch\nCOPY . /all/\nCOPY dir /dir\n' >Dockerfile
echo nothing >.dockerignore && echo x >nothing
mkdir -p dir/deep && printf '#!/bin/sh\n' >dir/deep/run && chmod 755 dir/deep/run && ln -s deep/run dir/link
git submodule --quiet add "$LAB/git/sub.git" mod && git config -f .gitmodules submodule.mod.url ../sub.git
for i in $(seq 20); do seq "$i" 5000 >dir/numbers && git add -A && git commit -qm "change $i"; done
git tag -a v1 -m v1 HEAD~3
git checkout -qb topic/x && echo topic >topic && git add topic && git commit -qm topic && git checkout -q main
cd .. && git clone -q --bare work git/r.git && git -C git/r.git repack -adfq --depth=50
git clone -q --bare work git/old.git && git -C git/old.git config uploadpack.allowAnySHA1InWant false
head=$(git -C work rev-parse HEAD) third=$(git -C work rev-parse HEAD~3) topic=$(git -C work rev-parse topic/x)

# The same files as a directory.
files() { # COMMIT DIR
    git clone -q --no-hardlinks work "$2" && git -C "$2" checkout -q "$1"
    rm -rf "$2/.git" "$2/mod" && mkdir "$2/mod" && cp sub/s "$2/mod/s"
    find "$2" -type d -exec chmod 755 {} + && find "$2" -type f -perm /100 -exec chmod 755 {} + -o -type f -exec chmod 644 {} +
    find "$2" -depth -exec touch -h -d @1600000000 {} +
}
for c in $head $third $topic; do files "$c" "dir-$c"; done
build() { timeout 60 "$KILN" build -q "$@"; }
plain() { # the digest of a directory, its .dockerignore not followed
    printf '!nothing\n' >"Dockerfile-$1.dockerignore" && cp "dir-$1/Dockerfile" "Dockerfile-$1" && build -f "Dockerfile-$1" "dir-$1"
}
want=$(plain "$head") want_third=$(plain "$third") want_topic=$(plain "$topic")
like "a directory" "$want" '^sha256:'

lab_files_start "$LAB/git"
for how in git git-v0; do
    url=$LAB_FILES/$how/r.git
    is "$how: the default branch" "$(build "$url")" "$want"
    is "$how: a branch" "$(build "$url#topic/x")" "$want_topic"
    is "$how: refs/heads/..., as kaniko says it" "$(build "$url#refs/heads/topic/x")" "$want_topic"
    is "$how: an annotated tag" "$(build "$url#v1")" "$want_third"
    is "$how: a commit" "$(build "$url#$third")" "$want_third"
    is "$how: a branch and a commit, as kaniko says it" "$(build "$url#refs/heads/main#$third")" "$want_third"
    is "$how: keys" "$(build "$url?tag=v1&checksum=${third:0:12}")" "$want_third"
    fails "$how: an unknown ref" 1 build "$url#nosuch"
    like "$how: names those that there are" "$output" 'no branch or tag "nosuch" \(branches: main, topic/x\)'
    fails "$how: an unknown commit" 1 build "$url#$(printf '%040d' 5)"
    like "$how: says so" "$output" "no commit 0000"
    fails "$how: another commit than it must be" 1 build "$url?checksum=1234567"
    like "$how: says which" "$output" "expected checksum to match 1234567, got $head"
done
git init -q --object-format=sha256 long && (cd long && cp ../work/Dockerfile . && git add . && git commit -qm long) && git clone -q --bare long git/long.git
for how in git git-v0; do
    fails "$how: a repository with SHA-256 names" 1 build "$LAB_FILES/$how/long.git"
    like "$how: is refused by name" "$output" 'repositories with SHA-256 names are not supported yet'
done
is "a server that gives tips only" "$(build "$LAB_FILES/git-v0/old.git#$third")" "$want_third"
is "git+http://" "$(build "git+$LAB_FILES/git/r.git")" "$want"
printf 'FROM scratch\nCOPY . /d/\n' >Dockerfile.sub
is "a directory of it, Dockerfile from elsewhere" "$(build -f Dockerfile.sub "$LAB_FILES/git/r.git#main:dir")" "$(build -f Dockerfile.sub "dir-$head/dir")"
ln -sf "$KILN" executor
executor() { timeout 60 ./executor --no-push --digest-file digest "$@" >/dev/null 2>&1 && cat digest; }
is "executor: git:// over what GIT_PULL_METHOD says" "$(GIT_PULL_METHOD=http executor -c "git://${LAB_FILES#http://}/git/r.git#refs/heads/main" --git recurse-submodules=true)" "$want"
is "executor: --git branch" "$(executor -c "git+$LAB_FILES/git/r.git" --git branch=topic/x --git recurse-submodules=true --git single-branch=true)" "$want_topic"
rm -rf "dir-$head/mod/s" && touch -d @1600000000 "dir-$head/mod"
is "executor: without submodules, unless asked for" "$(executor -c "$LAB_FILES/git/r.git")" "$(plain "$head")"
fails "executor: an unknown key" 1 ./executor --no-push -c "$LAB_FILES/git/r.git" --git nosuch=1

# Private repositories.
private=$LAB_FILES/git-auth/r.git
fails "a private repository without credentials" 1 build "$private"
like "names the remedy" "$output" 'private \(set GIT_TOKEN, or GIT_USERNAME and GIT_PASSWORD\)'
is "credentials in the environment" "$(GIT_USERNAME=user GIT_PASSWORD=secret build "$private")" "$want"
is "credentials in the address" "$(build "${private/http:\/\//http://user:secret@}")" "$want"
fails "wrong credentials" 1 env GIT_USERNAME=user GIT_PASSWORD=wrong "$KILN" build "$private"
like "are not accepted" "$output" 'does not accept these credentials'
case $output in *wrong*) leaked=yes ;; *) leaked=no ;; esac
is "and not shown" "$leaked" no
fails "no such repository" 1 build "$LAB_FILES/git/nosuch.git"
like "says so as well" "$output" 'no such repository'
fails "no git server" 1 build "git+$LAB_FILES/plain/r.git"
if lab_files_start "$LAB/git" tls; then
    is "https" "$(SSL_CERT_FILE=$LAB_FILES_CA build "$LAB_FILES/git/r.git")" "$want"
    is "https without verification" "$(executor -c "$LAB_FILES/git/r.git" --git insecure-skip-tls=true --git recurse-submodules=true)" "$want"
    fails "https of an unknown authority" 1 build "$LAB_FILES/git/r.git"
    lab_stop "$LAB_FILES_PID"
fi
lab_files_start "$LAB/git"

# git daemon.
port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
git daemon --listen=127.0.0.1 --port="$port" --base-path="$LAB/git" --export-all --reuseaddr --log-destination=none &
lab_pids+=($!)
lab_wait git ls-remote -q "git://127.0.0.1:$port/r.git" main >/dev/null
is "git://" "$(build "git://127.0.0.1:$port/r.git#main")" "$want"
fails "git://: no such repository" 1 build "git://127.0.0.1:$port/nosuch.git"
like "git://: what the server says" "$output" 'the server says: .*nosuch'
fails "git://: nobody there" 1 build "git://127.0.0.1:1/r.git"

# A server that never ends its list of refs.
eport=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
python3 - "$eport" <<'PY' &
import socket, sys
s = socket.create_server(("127.0.0.1", int(sys.argv[1])))
line = b"1" * 40 + b" refs/heads/" + b"x" * 4000 + b"\n"
refs = (b"%04x" % (len(line) + 4) + line) * 100
while True:
    c = s.accept()[0]
    try:
        while True:
            c.sendall(refs)
    except OSError:
        c.close()
PY
lab_pids+=($!)
lab_wait lab_listens "$eport"
fails "git://: refs without end" 1 build "git://127.0.0.1:$eport/r.git"
like "git://: refs without end: which limit" "$output" 'the server lists more than [0-9]+ bytes of refs'

# sshd.
sshd=$(command -v sshd || echo /usr/sbin/sshd)
if [ -x "$sshd" ] && lab_need ssh ssh-keygen && [ "$(id -u)" = 0 ]; then
    mkdir -p ssh home/.ssh /run/sshd
    ssh-keygen -q -t ed25519 -N '' -f ssh/host && ssh-keygen -q -t ed25519 -N '' -f ssh/key
    cp ssh/key.pub ssh/authorized_keys
    sport=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
    cat >ssh/config <<CONF
Port $sport
ListenAddress 127.0.0.1
HostKey $LAB/ssh/host
AuthorizedKeysFile $LAB/ssh/authorized_keys
StrictModes no
UsePAM no
PermitRootLogin yes
PasswordAuthentication no
PidFile none
CONF
    "$sshd" -D -f "$LAB/ssh/config" 2>ssh/log &
    lab_pids+=($!)
    url=ssh://root@127.0.0.1:$sport$LAB/git/r.git
    # the program takes its files from the user's home directory in /etc/passwd: tell it another
    mkdir bin && cat >bin/ssh <<PROGRAM
#!/bin/sh
exec $(command -v ssh) -F none -oUserKnownHostsFile=$LAB/home/.ssh/known_hosts -oGlobalKnownHostsFile=none \${LAB_KEY:+-i \$LAB_KEY} -oIdentitiesOnly=yes "\$@"
PROGRAM
    chmod 755 bin/ssh
    PATH=$LAB/bin:$PATH
    lab_wait lab_listens "$sport"
    fails "ssh: an unknown host" 1 env LAB_KEY="$LAB/ssh/key" "$KILN" build "$url"
    like "ssh: names the remedy" "$output" 'Host key verification failed.*known_hosts'
    printf '[127.0.0.1]:%s %s\n' "$sport" "$(cat ssh/host.pub)" >home/.ssh/known_hosts
    fails "ssh: without a key" 1 build "$url"
    like "ssh: names the remedy" "$output" 'Permission denied.*SSH_AUTH_SOCK'
    is "ssh" "$(LAB_KEY=$LAB/ssh/key build "$url")" "$want"
    fails "ssh: no such repository" 1 env LAB_KEY="$LAB/ssh/key" "$KILN" build "ssh://root@127.0.0.1:$sport/nosuch.git"
    env PATH="$LAB/empty" "$LAB/executor" --no-push -c "$url" >out 2>&1
    like "ssh: where there is no such program" "$(cat out)" 'there is no program ssh here: use https'
else
    skip "ssh" "needs root, ssh and sshd"
fi

# ADD.
add() { printf 'FROM scratch\n%s\n' "$@" >ctx/Dockerfile; }
see() { rm -rf out && build -o type=oci,dest=out ctx >/dev/null && flatten --only type,mode,uid,mtime --no-root out; }
add "ADD --chown=3:4 $LAB_FILES/git/r.git#v1:dir /src"
is "ADD of a directory of a repository" "$(see)" './src type=dir mode=0755 uid=3 mtime=1600000000
./src/deep type=dir mode=0755 uid=3 mtime=1600000000
./src/deep/run type=file mode=0755 uid=3 mtime=1600000000
./src/link type=link uid=3 mtime=1600000000
./src/numbers type=file mode=0644 uid=3 mtime=1600000000'
add "ADD --checksum=$third $LAB_FILES/git/r.git?tag=v1 /src/"
is "ADD --checksum, with a submodule" "$(see | cut -d' ' -f1 | tr '\n' ' ')" './src ./src/.dockerignore ./src/.gitmodules ./src/Dockerfile ./src/dir ./src/dir/deep ./src/dir/deep/run ./src/dir/link ./src/dir/numbers ./src/mod ./src/mod/s ./src/nothing '
add "ADD --checksum=$head $LAB_FILES/git/r.git#v1 /src/"
fails "another commit" 1 build ctx
like "is refused" "$output" "expected checksum to match $head, got $third"
add "ADD $LAB_FILES/git/r.git?submodules=false /src/"
is "without submodules" "$(see | grep mod/)" ""
add "ADD $LAB_FILES/git/r.git#topic/x /src/"
ok "with a cache" build --cache ctx
add "ADD $LAB_FILES/git/r.git#topic/x /src/"
asked() { tail -n "+$((log_from + 1))" "$LAB_FILES_LOG" | grep -c '"POST .*git-upload-pack'; }
log_from=$(wc -l <"$LAB_FILES_LOG")
like "the same commit is found" "$("$KILN" build --cache ctx 2>&1)" 'cached: layer'
is "by asking for its id alone" "$(asked)" 1
add "ADD $LAB_FILES/git/r.git#v1 /src/"
like "others are not" "$("$KILN" build --cache --dryrun ctx)" ' miss '
git clone -q --bare work git/moving.git
add "ADD $LAB_FILES/git/moving.git /src/"
ok "a branch" build --cache ctx
(cd work && git checkout -qb moved && echo moved >moved && git add moved && git commit -qm moved && git push -q "$LAB/git/moving.git" moved:main && git checkout -q main)
like "that moves is another commit" "$("$KILN" build --cache --dryrun ctx)" ' miss .*: commit differs'
ok "it is fetched" build --cache -o type=oci,dest=moved ctx
is "as it is" "$(flatten moved | grep -c '^./src/moved ')" 1
like "and found where it is now" "$("$KILN" build --cache --dryrun ctx)" ' hit '
add "COPY $LAB_FILES/git/r.git /src/"
fails "COPY of a repository" 1 build ctx
like "is none" "$output" "source can't be a git ref for COPY"

# .git is kept when asked for: a repository that git itself works in.
unpacked() { rm -rf out root && build -o type=oci,dest=out "$@" >/dev/null && mkdir root && for l in $(layers out); do tar -xf "$l" -C root; done; }
layers() { python3 -c 'import json,sys; b = sys.argv[1] + "/blobs/"; o = lambda d: json.load(open(b + d["digest"].replace(":", "/")))
for l in o(json.load(open(sys.argv[1] + "/index.json"))["manifests"][0])["layers"]: print(b + l["digest"].replace(":", "/"))' "$1"; }
for how in git git-v0; do
    add "ADD --keep-git-dir $LAB_FILES/$how/r.git#v1 /src"
    unpacked ctx
    is "$how: --keep-git-dir: git log" "$(git -C root/src log --format=%H:%s)" "$third:change 17"
    is "$how: --keep-git-dir: git status, submodules too" "$(git -C root/src status --porcelain 2>&1)" ""
    is "$how: --keep-git-dir: git describe" "$(git -C root/src describe)" v1
    ok "$how: --keep-git-dir: git fsck" git -C root/src fsck --strict
done
is "--keep-git-dir: where it came from" "$(git -C root/src remote get-url origin)" "$LAB_FILES/git-v0/r.git"
is "--keep-git-dir: the submodule's own" "$(git -C root/src/mod log --format=%s)" sub
echo changed >>root/src/Dockerfile
is "--keep-git-dir: what is changed afterwards shows" "$(git -C root/src status --porcelain)" " M Dockerfile"
unpacked --build-arg BUILDKIT_CONTEXT_KEEP_GIT_DIR=1 "$LAB_FILES/git/r.git#topic/x"
is "BUILDKIT_CONTEXT_KEEP_GIT_DIR: git log" "$(git -C root/all log --format=%H)" "$topic"
is "BUILDKIT_CONTEXT_KEEP_GIT_DIR: git status" "$(git -C root/all status --porcelain)" ""
is "BUILDKIT_CONTEXT_KEEP_GIT_DIR: the branch" "$(git -C root/all rev-parse topic/x)" "$topic"
is "?keep-git-dir: the same image" "$(build "$LAB_FILES/git/r.git?keep-git-dir=1&ref=topic/x")" "$(build --build-arg BUILDKIT_CONTEXT_KEEP_GIT_DIR=1 "$LAB_FILES/git/r.git#topic/x")"
is "?keep-git-dir=0 wins" "$(build --build-arg BUILDKIT_CONTEXT_KEEP_GIT_DIR=1 "$LAB_FILES/git/r.git?keep-git-dir=0&ref=topic/x")" "$want_topic"
add "ADD --keep-git-dir=false $LAB_FILES/git/r.git?keep-git-dir=1 /src/"
fails "one says yes, one no" 1 build ctx
like "is inconsistent" "$output" 'inconsistent keep-git-dir configuration'

# A repository that means harm: git itself makes none of these without being forced to.
tree() { # NAME: a repository with a file of that name
    local blob t
    git init -q --bare "git/$2.git"
    blob=$(echo x | git -C "git/$2.git" hash-object -w --stdin)
    # shellcheck disable=SC2001
    t=$(printf '100644 %s\0%b' "$1" "$(sed 's/../\\x&/g' <<<"$blob")" | git -C "git/$2.git" hash-object -w -t tree --literally --stdin)
    git -C "git/$2.git" update-ref refs/heads/main "$(git -C "git/$2.git" commit-tree -m x "$t")"
}
tree .git dotgit && tree .GIT dotgit2 && tree .. dotdot && tree a/b slash
for r in dotgit dotgit2 dotdot slash; do
    fails "a repository with a file that no checkout may have ($r)" 1 build "$LAB_FILES/git/$r.git"
    like "$r: refused" "$output" 'which no checkout may have'
done
git init -q lfs && (cd lfs && printf 'version https://git-lfs.github.com/spec/v1\noid sha256:1\nsize 3\n' >big && printf 'FROM scratch\nCOPY big /\n' >Dockerfile && git add . && git commit -qm l)
git clone -q --bare lfs git/lfs.git
like "pointers of LFS are told" "$(timeout 60 "$KILN" build "$LAB_FILES/git/lfs.git" 2>&1)" '1 file is a pointer of Git LFS'
is "nothing is left in the kiln directory" "$(find "$KILN_DIR" -name "context*")" ""
finish
