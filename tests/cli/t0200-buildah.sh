#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The same Dockerfiles built by kiln and by buildah: the file systems and the configurations must be equal, but for times.
. "$(dirname "$0")/../lib/lab.sh"

lab_can_buildah || skip_all "$lab_reason"
lab_can_chown || skip_all "$lab_reason"
# Buildah leaves the files and directories that it mounts over in the image, so the bases have them.
cat >"$LAB/mount-points" <<LIST
./dev type=dir
./etc type=dir
./etc/hostname type=file data="base\n"
./etc/hosts type=file data="127.0.0.1 localhost\n"
./etc/resolv.conf type=file data=""
./proc type=dir mode=0555
./run type=dir
./sys type=dir mode=0555
LIST
lab_base_busybox "$LAB/busybox" --list "$LAB/mount-points"
mkdir -p "$LAB/ctx/d/sub"
echo a >"$LAB/ctx/a"
echo f >"$LAB/ctx/d/sub/f"
chmod 750 "$LAB/ctx/d/sub"
ln -s sub/f "$LAB/ctx/d/link"

# same NAME BASE: compare what the Dockerfile on standard input gives; its first FROM says BASE
same() {
    local name=$1 base=$2 dir=$LAB/case-${1// /-}
    mkdir "$dir"
    cat >"$dir/kiln.dockerfile"
    sed "s,^FROM BASE,FROM oci:$base," "$dir/kiln.dockerfile" >"$dir/buildah.dockerfile"
    ok "$name: kiln" "$KILN" build -f "$dir/kiln.dockerfile" --isolation namespaces --kiln-dir "$LAB/kiln" \
        --build-context "BASE=oci-layout://$base" -o "type=oci,dest=$dir/kiln" "$LAB/ctx"
    ok "$name: buildah" lab_buildah_bud -q --layers --identity-label=false -f "$dir/buildah.dockerfile" -t same "$LAB/ctx"
    lab_buildah push -q --signature-policy "$LAB/containers/policy.json" same "oci:$dir/buildah:1" >/dev/null 2>&1
    is "$name: the file systems" "$(flatten --omit mtime "$dir/kiln")" "$(flatten --omit mtime "$dir/buildah:1")"
    is "$name: the configurations" "$(config "$dir/kiln")" "$(config "$dir/buildah:1")"
    ok "$name: kiln's layers are sound" flatten --check --since 2 "$dir/kiln"
}

# The members that a container is run by. Not ArgsEscaped, Shell and a working directory "/", which buildah does not write.
config() {
    flatten --config "$1" | python3 -c '
import json, sys
config = json.load(sys.stdin)["config"]
config.pop("ArgsEscaped", None)
config.pop("Shell", None)
if config.get("WorkingDir") == "/": del config["WorkingDir"]
print(json.dumps({k: v for k, v in config.items() if v}, indent=1, sort_keys=True))'
}

same "changes" "$LAB/busybox" <<'DOCKERFILE'
FROM BASE
RUN mkdir -p /new/deep && echo x >/new/deep/x && echo h >/new/h && ln /new/h /new/hard && ln -s deep/x /new/soft && mkfifo /new/pipe
RUN echo more >>/new/deep/x && chmod 4711 /new/deep/x && chown 12:34 /new/soft /new/deep && chmod 2775 /new/deep
RUN rm /new/soft && mv /new/deep /new/moved && rm -rf /home && mkdir /home && echo h >/home/h
RUN rm -rf /var && echo now-a-file >/var && rm /etc/group && ln -s passwd /etc/group && rm -rf /usr/bin
RUN rm /var && mkdir /var && touch "/var/with blank" '/var/quo"te' /var/$(printf 'n%.0s' $(seq 150))
RUN chmod 700 /tmp && touch /root/.hidden && chmod 1777 /root
RUN true
DOCKERFILE

same "copy and run" "$LAB/busybox" <<'DOCKERFILE'
FROM BASE
COPY d /d
RUN echo seen >>/d/sub/f && rm /d/link
COPY --chown=user a /d/sub/
COPY d /d
RUN mv /d /e
COPY a /d
DOCKERFILE

same "stages" "$LAB/busybox" <<'DOCKERFILE'
FROM BASE AS build
WORKDIR /work/it
RUN echo made >made && chown 5:6 made && chmod 6755 made && ln made again && mkdir -m 700 private && touch private/f
FROM BASE AS other
COPY --from=build /work /work
RUN stat -c '%n %u %g %a' /work/it/* >/work/listing
FROM scratch
COPY --from=other /work/ /
COPY --from=build /work/it/private /p/
DOCKERFILE

same "environment" "$LAB/busybox" <<'DOCKERFILE'
FROM BASE
ARG ONE=1
ENV TWO=two THREE="th ree"
RUN echo "$ONE $TWO $THREE $PATH $HOME $PWD" >/seen
USER user
WORKDIR /tmp
RUN id >id; umask >umask; echo "$HOME $PWD" >home
USER 1000:50
RUN id >id2
USER root
SHELL ["/bin/sh", "-e", "-c"]
RUN echo shell >/shell; false || true; pwd >/pwd
RUN ["/bin/sh", "-c", "echo exec \"$0\" >/exec", "form"]
CMD ["a", "b"]
ENTRYPOINT ["/e"]
EXPOSE 80
VOLUME /v
LABEL l=1
STOPSIGNAL SIGINT
DOCKERFILE

# The Debian base's own layer, and one more.
with_mount_points() {
    local tar=$LAB/debian.tar
    zcat "$1/blobs/sha256/$(flatten --manifest "$1" | sed -n '/"layers"/,$s/.*"digest": "sha256:\(.*\)".*/\1/p')" >"$tar"
    mkimage "$2" --tar "$tar" --list "$LAB/mount-points" >/dev/null && rm "$tar"
}

if lab_base_debian "$LAB/minimal" devel 2>"$LAB/reason"; then
    with_mount_points "$LAB/minimal" "$LAB/debian"
    same "debian" "$LAB/debian" <<'DOCKERFILE'
FROM BASE
RUN useradd -m -u 1234 worker && echo worker:x | chpasswd -e && rm -f /etc/passwd- /etc/shadow- /etc/group- /etc/gshadow- /etc/subuid- /etc/subgid-
RUN sed -i 's/^\(worker:[^:]*\):[0-9]*:/\1:19000:/' /etc/shadow && rm -f /var/log/faillog /var/log/lastlog /etc/.pwd.lock
RUN printf 'int main(void) { return 7; }\n' >/tmp/x.c && gcc -o /usr/local/bin/x /tmp/x.c && rm /tmp/x.c && setcap cap_net_raw+ep /usr/local/bin/x
RUN rm -rf /usr/share/doc /usr/lib/gcc && mkdir /usr/share/doc && dpkg-query -W >/usr/share/doc/packages
USER worker
RUN x; test $? = 7 && mkdir ~/own && cd ~/own && touch f && ln f g
DOCKERFILE
else
    skip "debian" "$(tail -n 1 "$LAB/reason")"
fi
finish
