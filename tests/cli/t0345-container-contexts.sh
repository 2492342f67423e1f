#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# In an ordinary container, in place: contexts from a bucket, by a token file that is read while "/" is the base image's, and from a git
# server over https. RUN sees their files; the digest is that of the same build from a directory.
# shellcheck disable=SC2034,SC2154
. "$(dirname "$0")/../lib/lab.sh"
. "$lab_lib/container.sh"
. "$lab_lib/lab_clouds.sh"

lab_need docker-registry skopeo openssl git || skip_all "$lab_reason"
lab_can_podman || skip_all "$lab_reason"
clouds_forget
clouds_certificates && clouds_keys || skip_all "openssl does not make keys here"
container_image || exit 1
lab_base_busybox "$LAB/base" && lab_registry_start || exit 1
export SOURCE_DATE_EPOCH=1700000000 GIT_AUTHOR_DATE='1600000000 +0000' GIT_COMMITTER_DATE='1600000000 +0000' GIT_CONFIG_NOSYSTEM=1

mkdir -p "$LAB/ctx/dir" "$LAB/git" "$LAB/tokens" "$CLOUDS/objects"
printf 'FROM base\nRUN rm -rf /etc/* /tmp 2>/dev/null; true\nCOPY . /ctx\nRUN sleep 0.2; cat /ctx/dir/file >/seen\nCOPY dir /again\n' >"$LAB/ctx/Dockerfile"
echo hello >"$LAB/ctx/dir/file"
find "$LAB/ctx" -type d -exec chmod 755 {} + -o -type f -exec chmod 644 {} +
find "$LAB/ctx" -exec touch -d @1600000000 {} +
tar -C "$LAB/ctx" -czf "$CLOUDS/objects/context.tar.gz" .
(cd "$LAB/ctx" && git init -q -b main && git add . && git -c user.name=lab -c user.email=lab@example.invalid commit -qm x && git clone -q --bare . "$LAB/git/r.git" && rm -rf .git)
touch -d @1600000000 "$LAB/ctx"
echo web-token-SECRET | tee "$CLOUDS/web-token" >"$LAB/tokens/token"
clouds_start

# build NAME CONTEXT [PODMAN-OPTION...]: its digest
build() {
    local name=$1 context=$2
    shift 2
    kiln_in lab_podman -v "$LAB/base:/base:ro" -v "$CLOUDS/ca.pem:/lab/ca.pem:ro" -v "$LAB/tokens:/tokens:ro" -e SOURCE_DATE_EPOCH "$@" -- \
        --isolation inplace -v trace -c "$context" --build-context base=oci-layout:///base --insecure-registry "$LAB_REGISTRY" \
        --destination "$LAB_REGISTRY/$name" >>"$LAB/log" 2>&1 || { tail -n 5 "$LAB/log" >&2; return 1; }
    skopeo inspect --tls-verify=false --format '{{.Digest}}' "docker://$LAB_REGISTRY/$name"
}
bucket=(-e HTTPS_PROXY -e SSL_CERT_FILE=/lab/ca.pem -e AWS_REGION=eu-west-1 -e AWS_EC2_METADATA_DISABLED=true)

want=$(build dir dir:///workspace -v "$LAB/ctx:/workspace:ro")
like "a directory" "$want" '^sha256:'
is "s3, with a web identity" "$(build s3 s3://bucket "${bucket[@]}" -e AWS_WEB_IDENTITY_TOKEN_FILE=/tokens/token -e AWS_ROLE_ARN=arn:aws:iam::1:role/web)" "$want"
is "gs, with a service account's key" "$(build gs gs://bucket -v "$CLOUDS/google.json:/lab/google.json:ro" "${bucket[@]}" \
    -e GOOGLE_APPLICATION_CREDENTIALS=/lab/google.json)" "$want"
is "nothing that was sent was wrong" "$(cat "$CLOUDS/bad" 2>/dev/null)" ""
if lab_files_start "$LAB/git" tls; then
    is "https git, with a token" "$(build git "$LAB_FILES/git-auth/r.git" -v "$LAB_FILES_CA:/lab/git-ca.pem:ro" \
        -e SSL_CERT_FILE=/lab/git-ca.pem -e GIT_USERNAME=user -e GIT_PASSWORD=secret)" "$want"
fi
is "no secret in the log" "$(clouds_leaks "$LAB/log")" ""
finish
