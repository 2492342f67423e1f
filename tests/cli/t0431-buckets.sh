#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Contexts in buckets of servers that other people wrote: s3rver for Amazon S3, Azurite for Azure Blob Storage.
. "$(dirname "$0")/../lib/lab.sh"
. "$lab_lib/lab_clouds.sh"
lab_need node curl || skip_all "$lab_reason"
npm=${XDG_CACHE_HOME:-$HOME/.cache}/kiln-lab/npm/node_modules/.bin
[ -x "$npm/s3rver" ] && [ -x "$npm/azurite-blob" ] || skip_all "s3rver and azurite are not installed (./dev setup does it, with npm)"

clouds_forget
mkdir -p "$LAB/ctx/sub" "$LAB/s3" "$LAB/azure"
echo hello >"$LAB/ctx/sub/a"
head -c 2000000 /dev/urandom >"$LAB/ctx/noise"
printf 'FROM scratch\nCOPY sub noise /\n' >"$LAB/ctx/Dockerfile"
tar -C "$LAB/ctx" -czf "$LAB/context.tar.gz" .
tar -C "$LAB" -czf "$LAB/below.tar.gz" ctx
free_port() { python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'; }
s3_port=$(free_port)
blob_port=$(free_port)
"$npm/s3rver" -d "$LAB/s3" -a 127.0.0.1 -p "$s3_port" --configure-bucket bucket --configure-bucket dotted.bucket >"$LAB/s3.log" 2>&1 &
lab_pids+=($!)
"$npm/azurite-blob" --silent --location "$LAB/azure" --blobHost 127.0.0.1 --blobPort "$blob_port" >"$LAB/azure.log" 2>&1 &
lab_pids+=($!)
answers() { lab_wait curl -s -o /dev/null "$1"; }
ok "s3rver is there" answers "http://127.0.0.1:$s3_port/"
ok "Azurite is there" answers "http://127.0.0.1:$blob_port/"
ln -s "$(realpath "$KILN")" "$LAB/executor"
build() { # OPTION...
    rm -rf "$LAB/out"
    "$LAB/executor" --force --no-push --kiln-dir "$LAB/kiln" --oci-layout-path "$LAB/out" "$@"
}
made() { flatten --only content "$LAB/out" | grep -cE '^\./(a|noise) '; }

# ---- S3

export S3_ENDPOINT=http://127.0.0.1:$s3_port AWS_ACCESS_KEY_ID=S3RVER AWS_SECRET_ACCESS_KEY=S3RVER AWS_REGION=eu-west-1
upload() { "$lab_lib/put_object.py" s3 "$S3_ENDPOINT" S3RVER S3RVER eu-west-1 "$2" "$1"; }
ok "another program uploads" upload "$LAB/context.tar.gz" bucket/context.tar.gz
ok "and into a bucket whose name is no host's" upload "$LAB/below.tar.gz" "dotted.bucket/dir/with space.tgz"
ok "s3://BUCKET" build -c s3://bucket
is "has the files" "$(made)" 2
ok "a key with a space, and a directory of the archive" build -c "s3://dotted.bucket/dir/with space.tgz" --context-sub-path ctx
is "has the files" "$(made)" 2
ok "S3_FORCE_PATH_STYLE" env S3_FORCE_PATH_STYLE=true "$LAB/executor" --force --no-push --kiln-dir "$LAB/kiln" -c s3://bucket/context.tar.gz
ok "AWS_ENDPOINT_URL_S3 instead of kaniko's variable" env -u S3_ENDPOINT AWS_ENDPOINT_URL_S3="$S3_ENDPOINT" \
    "$LAB/executor" --force --no-push --kiln-dir "$LAB/kiln" -c s3://bucket
fails "no such bucket" 1 build -c s3://elsewhere
like "is named" "$output" 'NoSuchBucket.*check the name of the bucket'
fails "a key that does not exist" 1 env AWS_ACCESS_KEY_ID=OTHER "$LAB/executor" --force --no-push --kiln-dir "$LAB/kiln" -c s3://bucket
like "is named" "$output" 'InvalidAccessKeyId.*check AWS_ACCESS_KEY_ID'
is "nothing is left of the archives" "$(find "$LAB/kiln" -name '*.tar*' -o -name '*.tgz')" ""

# ---- Azure

key='Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw==' # Azurite's, known to all
end=http://127.0.0.1:$blob_port/devstoreaccount1
put() { "$lab_lib/put_object.py" azure "$end" devstoreaccount1 "$key" "$@"; }
ok "a container" put "files?restype=container"
ok "and a blob in it" put files/dir/context.tar.gz "$LAB/context.tar.gz"
blob=https://devstoreaccount1.blob.core.windows.net/files/dir/context.tar.gz
connection="DefaultEndpointsProtocol=http;AccountName=devstoreaccount1;BlobEndpoint=$end;AccountKey"
export AZURE_STORAGE_CONNECTION_STRING="$connection=$key"
ok "by a connection string" build -c "$blob"
is "has the files" "$(made)" 2
fails "no such blob" 1 build -c "${blob%/*}/none"
like "is named" "$output" 'BlobNotFound.*check the name of the blob'
fails "no such container" 1 build -c "${blob%/files/*}/others/none"
like "is named" "$output" 'ContainerNotFound.*check the name of the container'
fails "a wrong key" 1 env AZURE_STORAGE_CONNECTION_STRING="$connection=QUJD" "$LAB/executor" --force --no-push --kiln-dir "$LAB/kiln" -c "$blob"
like "is refused" "$output" "HTTP 403.*check the storage account's key"
finish
