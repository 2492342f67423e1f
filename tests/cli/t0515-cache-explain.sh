#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# What a plan says of a step that is not in the cache: the file, variable, flag or line that differs.
. "$(dirname "$0")/../lib/lab.sh"

export KILN_DIR=$LAB/kiln
lab_base_busybox "$LAB/base"
lab_base_busybox "$LAB/other" --env OTHER=1
mkdir -p "$LAB/made/src/deep" "$LAB/made/n"
echo 1 >"$LAB/made/src/a"
echo 2 >"$LAB/made/src/deep/b"
echo 3 >"$LAB/made/package.json"
ln -s a "$LAB/made/src/l"
ln -s a "$LAB/made/src/l (1)"
chmod 644 "$LAB"/made/src/a
cat >"$LAB/made/Dockerfile" <<'D'
FROM base AS build
ARG VERSION=1
ENV CC=gcc MODE=debug
WORKDIR /work
COPY package.json ./
RUN --mount=type=cache,target=/root/.cache --mount=type=secret,id=tok echo a long command that does install
COPY src ./src
COPY <<EOF /etc/conf
version
second line
third line
EOF
RUN --mount=target=/ctx,source=src <<EOF
set -e
echo build
EOF
FROM base
COPY --from=build /work /w
COPY --chmod=755 --chown=1:1 src/a /bin/a
RUN echo last
D

base=$LAB/base
plan() { "$KILN" build --cache --build-context "base=oci-layout://$base" "$@" "$LAB/ctx" 2>&1; }
fresh() { rm -rf "$LAB/ctx" && cp -a "$LAB/made" "$LAB/ctx"; }
# why NAME COMMAND REGEX [OPTION...]: the first miss after a change of the context says so
why() {
    local name=$1 change=$2 want=$3
    shift 3
    fresh
    (cd "$LAB/ctx" && eval "$change")
    like "$name" "$(plan --dryrun "$@" | grep -m 1 ' miss ')" "$want"
}

fresh
ok "a build that fills the cache" plan
is "nothing to explain" "$(plan --dryrun | grep -c ' miss ')" 0
why "a file" 'echo x >src/deep/b' '\[build 6/8\] miss .*: file deep/b differs$'
why "its mode" 'chmod 600 src/a' ': file a \(0600\) is new, file a \(0644\) is gone$'
why "a link" 'ln -sfn deep src/l' ': file l differs$'
why "a name with brackets" 'ln -sfn deep "src/l (1)"' ': file l \(1\) differs$'
why "files come and go" 'mv src/deep/b src/deep/c' ': file deep/c \(0644\) is new, file deep/b \(0644\) is gone$'
why "an argument" : '\[build 5/8\] miss .*: variable VERSION differs$' --build-arg VERSION=2
why "a variable" 'sed -i s/gcc/clang/ Dockerfile' ': variable CC differs$'
why "a new variable" 'sed -i s/MODE/X=y\ MODE/ Dockerfile' ': variable X is new$'
why "a command" 'sed -i s/install/remove/ Dockerfile' ': command differs \(it was "...command that does install"\)$'
why "a line of a heredoc" 'sed -i s/second/2nd/ Dockerfile' '\[build 7/8\] miss .*: heredoc line 2 differs$'
why "a line put into a heredoc" 'sed -i "/^set -e/a true" Dockerfile' '\[build 8/8\] miss .*: heredoc line 2 differs$'
why "a flag" 'sed -i s/1:1/2:2/ Dockerfile' '\[stage-1 2/3\] miss .*: flag --chown differs$'
why "another mount" 'sed -i s/id=tok/id=other/ Dockerfile' ': mount 2: id differs$'
why "a user" 'sed -i "/^RUN echo last/i USER 5" Dockerfile' '\[stage-1 4/4\] miss .*: user differs$'
why "a new instruction" 'sed -i "/^RUN echo last/i RUN echo new" Dockerfile' 'RUN echo new: the instruction is new$'
base=$LAB/other
why "another base" : '\[build 3/8\] miss .*: the base image differs$'
base=$LAB/base
why "another compression" : ': --compression differs$' --compression zstd
SOURCE_DATE_EPOCH=5 why "another epoch" : ': SOURCE_DATE_EPOCH differs$'
why "an ignored path" : ': --ignore-path (differs|is new)$' --ignore-path /x
why "another target" 'echo x >package.json' 'no earlier build of this Dockerfile, target and platform is on record' --target build

fresh
echo x >"$LAB/ctx/package.json"
explained=$(plan --explain-cache)
like "a build says it too" "$explained" '\[build 4/8\] miss [0-9a-f]{12} COPY package.json ./: file package.json differs'
like "and what follows from it" "$explained" '\[build 6/8\] miss [0-9a-f]{12} COPY src ./src: a step before it is not in the cache'
like "also in another stage" "$explained" '\[stage-1 1/3\] miss .*: the stage that it copies from is not in the cache'
finish
