#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# What COPY gives its files itself, modes with an octal --chmod and owners with --chown, they are not known by; everything else they are.
. "$(dirname "$0")/../lib/lab.sh"

[ "$(id -u)" = 0 ] || skip_all "needs root"
export KILN_DIR=$LAB/kiln SOURCE_DATE_EPOCH=1700000000
mkdir -p "$LAB/ctx/dir/sub"
echo x >"$LAB/ctx/dir/sub/f"
ln -s f "$LAB/ctx/dir/sub/l"
lab_base_busybox "$LAB/busybox"
build() {
    "$KILN" build --build-context "base=oci-layout://$LAB/busybox" -f "$LAB/Dockerfile" --digest-file "$LAB/digest" -o "type=oci,dest=$LAB/out" \
        "$@" "$LAB/ctx"
}
copies() { sed -n 's/^\[stage-1 1\/1\] \(done\|cached\).*/\1/p' <<<"$output"; }

# given FLAGS WANT: of the last COPY of a build whose stage gives another mode and owner to the same file
given() {
    # shellcheck disable=SC2016
    printf 'FROM base AS s\nARG N\nRUN mkdir /o && echo x >/o/f && mkdir /o/d && chmod 7$N /o/f /o/d && chown -R $N /o && : "%s"\nFROM base\n' "$1" >"$LAB/Dockerfile"
    printf 'COPY --from=s %s /o /made/\n' "$1" >>"$LAB/Dockerfile"
    ok "COPY --from $1" build --cache --build-arg N=55
    ok "of files with another mode and owner" build --cache --build-arg N=44
    is "is $2" "$(copies)" "$2"
    cached=$(cat "$LAB/digest")
    ok "and without a cache" build --build-arg N=44
    is "gives the same" "$(cat "$LAB/digest")" "$cached"
}
given "--chown=1:2 --chmod=640" cached
given "--chown=1:2" "done"
given "--chmod=640" "done"
given "--chown=1:2 --chmod=u=rw,g=r,o=" "done"

# of_context FLAGS COMMAND WANT
of_context() {
    printf 'FROM base AS s\nFROM base\nCOPY %s dir /made/\n' "$1" >"$LAB/Dockerfile"
    ok "COPY $1" build --cache
    (cd "$LAB/ctx/dir" && eval "$2")
    ok "after $2" build --cache
    is "is $3" "$(copies)" "$3"
    cached=$(cat "$LAB/digest")
    ok "and without a cache" build
    is "gives the same" "$(cat "$LAB/digest")" "$cached"
}
chmod 755 "$LAB/ctx/dir/sub"
chmod 644 "$LAB/ctx/dir/sub/f"
of_context "--chmod=4711" "chmod 700 sub; chmod 600 sub/f" cached
of_context "--chmod=\${NOT_SET}" "chmod 750 sub" "done"
of_context "--chmod=u+x" "chmod 640 sub/f" "done"
of_context "--chmod=700" "ln -sfn g sub/l" "done"
of_context "--parents --chmod=700" "chmod 555 sub . sub/f" cached
of_context "--parents" "chmod 500 ." "done"
rm -r "$LAB/ctx/dir/sub/f" && mkdir "$LAB/ctx/dir/sub/f"
of_context "--chmod=0700" "rmdir sub/f; : >sub/f" "done"
finish
