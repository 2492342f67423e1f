#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Contexts in buckets and registries of the three clouds, with every way of saying who we are, against strict stand-ins that
# check each signature, token and header (tests/lib/clouds.py).
. "$(dirname "$0")/../lib/lab.sh"
lab_need openssl docker-registry skopeo || skip_all "$lab_reason"
. "$lab_lib/lab_clouds.sh"

clouds_forget
clouds_certificates && clouds_keys || skip_all "openssl does not make keys here"
mkdir "$LAB/ctx"
echo hello >"$LAB/ctx/a"
head -c 3000000 /dev/urandom >"$LAB/ctx/noise"
printf 'FROM scratch\nCOPY a noise /\n' >"$LAB/ctx/Dockerfile"
find "$LAB/ctx" -exec touch -d @1600000000 {} +
mkdir -p "$CLOUDS/objects/dir"
tar -C "$LAB/ctx" -czf "$CLOUDS/objects/context.tar.gz" .
cp "$CLOUDS/objects/context.tar.gz" "$CLOUDS/objects/dir/a b+c.tgz"
echo web-token-SECRET >"$CLOUDS/web-token"
echo pod-SECRET >"$CLOUDS/pod-token"
lab_registry_start
clouds_start "$LAB_REGISTRY"
near=http://127.0.0.1:$CLOUDS_PORT
all=$LAB/output
ln -s "$(realpath "$KILN")" "$LAB/executor"

# build SPEC [NAME=VALUE...]: at the level that says most
build() {
    local spec=$1
    shift
    env "$@" "$LAB/executor" --force --no-push -v trace --kiln-dir "$LAB/kiln" --digest-file "$LAB/digest" -c "$spec" 2>&1 | tee -a "$all"
    return "${PIPESTATUS[0]}"
}
# digest_of COMMAND...: of the image that it builds
digest_of() { rm -f "$LAB/digest"; "$@" >/dev/null 2>&1; cat "$LAB/digest"; }
env_keys=(AWS_ACCESS_KEY_ID=AKIDENV AWS_SECRET_ACCESS_KEY=envsecret AWS_REGION=eu-west-1)
web=(AWS_WEB_IDENTITY_TOKEN_FILE="$CLOUDS/web-token" AWS_ROLE_ARN=arn:aws:iam::1:role/web AWS_REGION=eu-west-1)

# The same files from each service are the image that they are from a directory.
want=$(digest_of build "dir://$LAB/ctx")
like "a directory" "$want" '^sha256:'

# ---- Amazon

ok "s3: keys in variables" build s3://bucket "${env_keys[@]}"
ok "s3: a key with odd characters" build "s3://bucket/dir/a b+c.tgz" "${env_keys[@]}"
ok "s3: the bucket is in another region than asked" build s3://bucket "${env_keys[@]}" AWS_REGION=us-east-1
ok "s3: a web identity (IRSA)" build s3://bucket "${web[@]}"
ok "s3: EKS Pod Identity" build s3://bucket AWS_REGION=eu-west-1 AWS_CONTAINER_CREDENTIALS_FULL_URI="$near/v1/credentials" \
    AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE="$CLOUDS/pod-token"
ok "s3: instance metadata, version 2" build s3://bucket AWS_REGION=eu-west-1 AWS_EC2_METADATA_DISABLED=false \
    AWS_EC2_METADATA_SERVICE_ENDPOINT="$near/"
mkdir "$HOME/.aws"
printf '[keys]\naws_access_key_id = AKIDFILE\naws_secret_access_key = filesecret # mine\n' >"$HOME/.aws/credentials"
printf '[profile other]\nrole_arn = arn:aws:iam::2:role/other\nexternal_id = ext&id\nsource_profile = keys\nregion = eu-west-1\n' >"$HOME/.aws/config"
ok "s3: a profile with keys" build s3://bucket AWS_PROFILE=keys AWS_REGION=eu-west-1
ok "s3: a role in another account, by a profile" build s3://bucket AWS_PROFILE=other
by_bucket() { env "${@:2}" "$LAB/executor" --force --no-push -v trace --kiln-dir "$LAB/kiln" --bucket "$1" 2>&1 | tee -a "$all"; return "${PIPESTATUS[0]}"; }
ok "s3: kaniko's --bucket" by_bucket s3://bucket "${env_keys[@]}"
is "nothing that was sent was wrong" "$(cat "$CLOUDS/bad" 2>/dev/null)" ""

is "s3: the same image as from a directory" "$(digest_of build s3://bucket "${env_keys[@]}")" "$want"
fails "s3: no such key" 1 build s3://bucket/none "${env_keys[@]}"
like "says what to check" "$output" 'NoSuchKey.*check the name of the object'
fails "s3: a wrong secret" 1 build s3://bucket "${env_keys[@]}" AWS_SECRET_ACCESS_KEY=other
like "says so" "$output" 'SignatureDoesNotMatch.*check the secret access key'
clouds_fault "bucket.s3 expired"
fails "s3: an expired session" 1 build s3://bucket "${env_keys[@]}"
like "says what to do" "$output" 'ExpiredToken.*get new keys'
fails "s3: a profile that is not there" 1 build s3://bucket AWS_PROFILE=none
like "is named" "$output" 'AWS_PROFILE names none'
fails "s3: a bare host as the container's end point" 1 build s3://bucket AWS_REGION=eu-west-1 \
    AWS_CONTAINER_CREDENTIALS_FULL_URI=http://example.com/x AWS_CONTAINER_AUTHORIZATION_TOKEN=pod-SECRET
like "gets no token" "$output" 'refused'
clouds_fault "sts.eu-west-1 expired"
fails "s3: an expired web identity" 1 build s3://bucket "${web[@]}"
like "speaks of the volume" "$output" 'projected volume'
fails "s3: no such bucket" 1 build s3://elsewhere "${env_keys[@]}"
like "says what to check" "$output" 'NoSuchBucket.*check the name of the bucket'
fails "s3: a bucket that is not for everybody, without credentials" 1 build s3://bucket AWS_REGION=eu-west-1
like "says how to give some" "$output" 'AccessDenied.*asked without credentials \(none were found\); it is not for everybody: give AWS_ACCESS_KEY_ID'
fails "s3: another region than the end point's" 1 build s3://bucket "${env_keys[@]}" AWS_REGION=us-west-2 S3_ENDPOINT=https://s3.eu-west-1.amazonaws.com
like "says which it is" "$output" 'set AWS_REGION=eu-west-1'
: >"$CLOUDS/log"
clouds_fault "bucket.s3 delay 1.5"
ok "s3: an answer that takes its time" build s3://bucket "${env_keys[@]}"
clouds_fault "bucket.s3 stall 1000000 1.5"
ok "s3: a body that stops and goes on" build s3://bucket "${env_keys[@]}"
is "each was asked for once" "$(clouds_asked 'GET bucket.s3')" 2
clouds_fault "bucket.s3 swap 2000000"
fails "s3: an object that is replaced on the way" 1 build s3://bucket "${env_keys[@]}"
like "is not mixed with the other" "$output" 'replaced while it was downloaded'
: >"$CLOUDS/log"
clouds_fault "bucket.s3 cut 2000000" "bucket.s3 503" "bucket.s3 drop"
ok "s3: cut, refused and dropped on the way" build s3://bucket "${env_keys[@]}"
is "and gone on with, signed anew" "$(clouds_asked 'range bytes=')" 3

# ---- Google

export GOOGLE_APPLICATION_CREDENTIALS=$CLOUDS/google.json
: >"$CLOUDS/bad"
ok "gs: a service account's key" build gs://bucket
ok "gs: kaniko's --bucket" by_bucket bucket
ok "gs: an object with odd characters" build "gs://bucket/dir/a b+c.tgz"
clouds_fault "storage.googleapis.com cut 1500000"
ok "gs: cut on the way" build gs://bucket/context.tar.gz
printf '{"type": "authorized_user", "client_id": "cid", "client_secret": "csecret", "refresh_token": "rtoken"}' >"$CLOUDS/user.json"
ok "gs: a user's login" build gs://bucket GOOGLE_APPLICATION_CREDENTIALS="$CLOUDS/user.json"
printf '{"type": "external_account", "audience": "//iam.googleapis.com/pool", "subject_token_type": "urn:ietf:params:oauth:token-type:jwt",
    "token_url": "https://sts.googleapis.com/v1/token", "credential_source": {"file": "%s"}, "service_account_impersonation_url":
    "https://iamcredentials.googleapis.com/v1/projects/-/serviceAccounts/sa:generateAccessToken"}' "$CLOUDS/web-token" >"$CLOUDS/external.json"
printf '{"type": "impersonated_service_account", "source_credentials": %s, "service_account_impersonation_url":
    "https://iamcredentials.googleapis.com/v1/projects/-/serviceAccounts/sa:generateAccessToken"}' "$(cat "$CLOUDS/user.json")" >"$CLOUDS/impersonated.json"
: >"$CLOUDS/log"
ok "gs: an impersonated service account" build gs://bucket GOOGLE_APPLICATION_CREDENTIALS="$CLOUDS/impersonated.json"
is "it is whom the bucket is asked as" "$(clouds_asked generateAccessToken)" 1
ok "gs: workload identity federation" build gs://bucket GOOGLE_APPLICATION_CREDENTIALS="$CLOUDS/external.json"
unset GOOGLE_APPLICATION_CREDENTIALS
ok "gs: the metadata server" build gs://bucket GCE_METADATA_HOST="127.0.0.1:$CLOUDS_PORT"
is "nothing that was sent was wrong" "$(cat "$CLOUDS/bad")" ""
is "gs: the same image as from a directory" "$(digest_of build gs://bucket GCE_METADATA_HOST="127.0.0.1:$CLOUDS_PORT")" "$want"
fails "gs: no such object" 1 build gs://bucket/none GCE_METADATA_HOST="127.0.0.1:$CLOUDS_PORT"
like "is named" "$output" 'gs://bucket/none.*No such object.*check the names'
fails "gs: no such bucket" 1 build gs://elsewhere GCE_METADATA_HOST="127.0.0.1:$CLOUDS_PORT"
like "is named" "$output" 'gs://elsewhere.*check the name of the bucket'
clouds_fault "computeMetadata none"
fails "gs: a machine without a service account" 1 build gs://bucket GCE_METADATA_HOST="127.0.0.1:$CLOUDS_PORT"
like "says how to give credentials" "$output" 'asked without credentials.*set GOOGLE_APPLICATION_CREDENTIALS, or give the machine a service account'
clouds_fault "storage.googleapis.com expired"
fails "gs: a token that is no longer good" 1 build gs://bucket GCE_METADATA_HOST="127.0.0.1:$CLOUDS_PORT"
like "says to get another" "$output" 'Invalid Credentials, asked with credentials from the Google metadata server; the credentials are no longer good: get new ones'
clouds_fault "storage.googleapis.com swap 1500000"
fails "gs: an object that is replaced on the way" 1 build gs://bucket GCE_METADATA_HOST="127.0.0.1:$CLOUDS_PORT"
like "is not mixed with the other" "$output" 'replaced while it was downloaded'
fails "gs: a login that has expired" 1 build gs://bucket GOOGLE_APPLICATION_CREDENTIALS=<(sed s/rtoken/old/ "$CLOUDS/user.json")
like "says what to do" "$output" 'gcloud auth application-default login'
fails "gs: a file that is none" 1 build gs://bucket GOOGLE_APPLICATION_CREDENTIALS="$LAB/ctx/a"
like "is named" "$output" "GOOGLE_APPLICATION_CREDENTIALS: $LAB/ctx/a"

# ---- Microsoft

blob=https://acct.blob.core.windows.net/c/context.tar.gz
sp=(AZURE_TENANT_ID=tenant-id AZURE_CLIENT_ID=client-id)
: >"$CLOUDS/bad"
ok "azure: the account's key" build "$blob" AZURE_STORAGE_ACCESS_KEY="$AZURE_KEY"
clouds_fault "acct.blob cut 1500000"
ok "azure: cut on the way, with the range signed" build "$blob" AZURE_STORAGE_ACCESS_KEY="$AZURE_KEY"
ok "azure: a SAS in the URL" build "$blob?sv=2021-08-06&sp=r&sig=sas%2BSECRET%3D"
ok "azure: a SAS in the environment" build "$blob" AZURE_STORAGE_SAS_TOKEN='?sv=2021-08-06&sp=r&sig=sas%2BSECRET%3D'
ok "azure: a client's secret" build "$blob" "${sp[@]}" AZURE_CLIENT_SECRET=client-SECRET
ok "azure: workload identity" build "$blob" "${sp[@]}" AZURE_FEDERATED_TOKEN_FILE="$CLOUDS/web-token"
ok "azure: managed identity of a machine" build "$blob" AZURE_POD_IDENTITY_AUTHORITY_HOST="$near/"
ok "azure: managed identity of App Service" build "$blob" IDENTITY_ENDPOINT="$near/msi/token" IDENTITY_HEADER=app-SECRET
is "nothing that was sent was wrong" "$(cat "$CLOUDS/bad")" ""
is "azure: the same image as from a directory" "$(digest_of build "$blob" AZURE_STORAGE_ACCESS_KEY="$AZURE_KEY")" "$want"
mkdir "$LAB/named"
printf 'FROM scratch\nCOPY --from=s3 a /s3\nCOPY --from=gs a /gs\nCOPY --from=azure a /azure\n' >"$LAB/named/Dockerfile"
named() {
    env "${env_keys[@]}" GCE_METADATA_HOST="127.0.0.1:$CLOUDS_PORT" AZURE_STORAGE_ACCESS_KEY="$AZURE_KEY" "$LAB/executor" --force --no-push -v trace \
        --kiln-dir "$LAB/kiln" -c "dir://$LAB/named" --build-context s3=s3://bucket --build-context gs=gs://bucket --build-context "azure=$blob" \
        --oci-layout-path "$LAB/named-image" 2>&1 | tee -a "$all"
    return "${PIPESTATUS[0]}"
}
ok "one of each under a name" named
is "has their files" "$(flatten --no-root --only content "$LAB/named-image")" './azure data="hello\n"
./gs data="hello\n"
./s3 data="hello\n"'
fails "azure: a certificate is refused by name" 1 build "$blob" "${sp[@]}" AZURE_CLIENT_CERTIFICATE_PATH=/none AZURE_POD_IDENTITY_AUTHORITY_HOST="$near/"
like "and what would do" "$output" 'client certificates \(AZURE_CLIENT_CERTIFICATE_PATH\) are not supported yet; set AZURE_CLIENT_SECRET'
fails "azure: a user's password likewise" 1 build "$blob" "${sp[@]}" AZURE_USERNAME=u AZURE_PASSWORD=pw-SECRET
fails "azure: a wrong key" 1 build "$blob" AZURE_STORAGE_ACCESS_KEY=QUJD
like "says what to check" "$output" "AuthenticationFailed.*check the storage account's key"
fails "azure: no such blob" 1 build "${blob%/*}/none" AZURE_STORAGE_ACCESS_KEY="$AZURE_KEY"
like "is named" "$output" 'check the name of the blob'
fails "azure: no such container" 1 build "${blob/\/c\//\/other\/}" AZURE_STORAGE_ACCESS_KEY="$AZURE_KEY"
like "is named" "$output" 'ContainerNotFound.*check the name of the container'
fails "azure: a container that is not for everybody, without credentials" 1 build "$blob"
like "says how to give some" "$output" 'PublicAccessNotPermitted.*it is not for everybody: give AZURE_STORAGE_ACCESS_KEY, a URL with a SAS, or an identity'
clouds_fault "acct.blob expired"
fails "azure: a SAS that has expired" 1 build "$blob?sv=2021-08-06&sp=r&sig=sas%2BSECRET%3D"
like "says to get another" "$output" 'the SAS in the URL has expired or is not whole: get a new one'
clouds_fault "acct.blob expired"
fails "azure: a token that has expired" 1 build "$blob" "${sp[@]}" AZURE_CLIENT_SECRET=client-SECRET
like "says what to check" "$output" 'InvalidAuthenticationInfo.*the token was not taken: check AZURE_TENANT_ID'
clouds_fault "acct.blob swap 1500000"
fails "azure: an object that is replaced on the way" 1 build "$blob" AZURE_STORAGE_ACCESS_KEY="$AZURE_KEY"
like "is not mixed with the other" "$output" 'replaced while it was downloaded'
fails "azure: a wrong secret" 1 build "$blob" "${sp[@]}" AZURE_CLIENT_SECRET=other
like "in Entra's words" "$output" 'Microsoft Entra: HTTP 401.*AADSTS7000215'

# ---- registries

push() { # IMAGE [NAME=VALUE...]
    local image=$1
    shift
    env "$@" "$LAB/executor" --force -v trace --kiln-dir "$LAB/kiln" -c "dir://$LAB/ctx" -d "$image" 2>&1 | tee -a "$all"
    return "${PIPESTATUS[0]}"
}
there() { skopeo inspect --no-creds --tls-verify=false "docker://$LAB_REGISTRY/$1" >/dev/null; }
ecr=123456789012.dkr.ecr.eu-west-1.amazonaws.com
: >"$CLOUDS/bad"
ok "ecr: keys in variables" push "$ecr/team/a:1" "${env_keys[@]}"
ok "it is there" there team/a:1
ok "ecr: a web identity" push "$ecr/team/a:2" "${web[@]}"
ok "ecr: a FIPS host" push "${ecr/.ecr./.ecr-fips.}/team/fips:1" "${env_keys[@]}"
ok "it is there" there team/fips:1
like "by the FIPS end point" "$(clouds_asked 'POST ecr-fips')" '^[1-9]'
ok "ecr: the public one" push public.ecr.aws/alias/a:1 "${env_keys[@]}"
ok "it is there" there alias/a:1
ok "gcr: the metadata server" push eu.gcr.io/p/a:1 GCE_METADATA_HOST="127.0.0.1:$CLOUDS_PORT"
ok "it is there" there p/a:1
ok "acr: workload identity" push reg.azurecr.io/z/a:1 "${sp[@]}" AZURE_FEDERATED_TOKEN_FILE="$CLOUDS/web-token"
ok "it is there" there z/a:1
is "nothing that was sent was wrong" "$(cat "$CLOUDS/bad")" ""
: >"$CLOUDS/log"
no_helper() { env "${env_keys[@]}" "$LAB/executor" --force --kiln-dir "$LAB/kiln" -c "dir://$LAB/ctx" -d "$ecr/team/a:4" --credential-helpers google; }
fails "--credential-helpers without ecr" 1 no_helper
is "asks nobody for a login" "$(clouds_asked api.ecr)" 0
fails "ecr: no credentials at all" 1 push "$ecr/team/a:5"
like "is said" "$output" 'no credentials for 123456789012'
fails "ecr: a wrong secret" 1 push "$ecr/team/a:6" "${env_keys[@]}" AWS_SECRET_ACCESS_KEY=other
like "and why there is no login" "$output" 'GetAuthorizationToken: HTTP 403.*SignatureDoesNotMatch'

# ---- long builds: tokens that are renewed before they expire

lab_stop "$CLOUDS_PID"
clouds_config '"life": 290'
clouds_start "$LAB_REGISTRY"
: >"$CLOUDS/log"
ok "tokens good for less than five minutes" push eu.gcr.io/p/b:1 GCE_METADATA_HOST="127.0.0.1:$CLOUDS_PORT"
like "are asked for again" "$(clouds_asked computeMetadata)" '^([2-9]|[1-9][0-9]+)$'

# ---- the services of a machine, at the addresses where they really are: in a network of its own

export -f clouds_start lab_wait lab_wait_port
export CLOUDS lab_lib
on_machine() { # COMMAND...: with the clouds beside it
    unshare -n bash -c '
        ip link set lo up && ip address add 169.254.170.2/32 dev lo && ip address add 169.254.169.254/32 dev lo || exit 99
        lab_pids=()
        clouds_start && "$@"; status=$?
        kill "$CLOUDS_PID"
        exit $status' "on a machine" "$@"
}
machine() { # SPEC [NAME=VALUE...]
    on_machine env "${@:2}" "$LAB/executor" --force --no-push -v trace --kiln-dir "$LAB/kiln" -c "$1" 2>&1 | tee -a "$all"
    return "${PIPESTATUS[0]}"
}
lab_stop "$CLOUDS_PID"
clouds_config '"also": ["169.254.170.2", "169.254.169.254"]'
: >"$CLOUDS/bad"
if [ "$(id -u)" = 0 ] && lab_need ip unshare && unshare -n true; then
    ok "s3: a task of ECS, by a relative URI" machine s3://bucket AWS_REGION=eu-west-1 AWS_CONTAINER_CREDENTIALS_RELATIVE_URI=/v1/credentials \
        AWS_CONTAINER_AUTHORIZATION_TOKEN="$(cat "$CLOUDS/pod-token")"
    ok "s3: an instance's metadata" machine s3://bucket AWS_REGION=eu-west-1 AWS_EC2_METADATA_DISABLED=false
    ok "gs: a machine's metadata" machine gs://bucket
    ok "azure: a machine's identity" machine "$blob"
    is "nothing that was sent was wrong" "$(cat "$CLOUDS/bad")" ""
else
    skip "the addresses of metadata services" "needs root and ip"
fi

# ---- a machine whose clock is twenty minutes slow

clouds_config '"skew": 1230'
clouds_start "$LAB_REGISTRY"
slow='the clock of this machine is 20 minutes slow: set it'
fails "s3: a slow clock" 1 build s3://bucket "${env_keys[@]}"
like "is told" "$output" "RequestTimeTooSkewed.*$slow"
fails "gs: a slow clock" 1 build gs://bucket GOOGLE_APPLICATION_CREDENTIALS="$CLOUDS/google.json"
like "is told" "$output" "short-lived token.*$slow"
fails "azure: a slow clock" 1 build "$blob" AZURE_STORAGE_ACCESS_KEY="$AZURE_KEY"
like "is told" "$output" "AuthenticationFailed.*$slow"
fails "ecr: a slow clock" 1 push "$ecr/team/a:7" "${env_keys[@]}"
like "is told" "$output" "$slow"

lab_stop "$CLOUDS_PID"
clouds_config '"corrupt": true'
clouds_start
fails "s3: bytes that are not what was stored" 1 build s3://bucket "${env_keys[@]}"
fails "gs: the same" 1 build gs://bucket GOOGLE_APPLICATION_CREDENTIALS="$CLOUDS/google.json"
fails "azure: the same" 1 build "$blob" AZURE_STORAGE_ACCESS_KEY="$AZURE_KEY"

is "no secret in anything that was printed" "$(clouds_leaks "$all")" ""
finish
