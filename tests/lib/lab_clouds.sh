# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash disable=SC2120,SC2154
# The three clouds on loopback, for scripts that have read lab.sh: tests/lib/clouds.py behind HTTPS_PROXY.

# What the machine at hand knows of clouds must not leak in.
clouds_forget() {
    local name
    for name in $(compgen -e | grep -E '^(AWS|GOOGLE|GCE|CLOUDSDK|AZURE|IDENTITY|MSI|S3|STORAGE)_' || true); do unset "$name"; done
    export HOME=$LAB/home AWS_EC2_METADATA_DISABLED=true
    mkdir -p "$HOME"
}

clouds_certificates() {
    local hosts='sts.eu-west-1.amazonaws.com api.ecr.eu-west-1.amazonaws.com 123456789012.dkr.ecr.eu-west-1.amazonaws.com
        bucket.s3.eu-west-1.amazonaws.com elsewhere.s3.eu-west-1.amazonaws.com bucket.s3.us-east-1.amazonaws.com oauth2.googleapis.com sts.googleapis.com public.ecr.aws
        api.ecr-public.us-east-1.amazonaws.com ecr-fips.eu-west-1.amazonaws.com 123456789012.dkr.ecr-fips.eu-west-1.amazonaws.com
        iamcredentials.googleapis.com storage.googleapis.com eu.gcr.io login.microsoftonline.com acct.blob.core.windows.net reg.azurecr.io'
    (
        cd "$CLOUDS" || exit 1
        openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj "/CN=clouds CA" -keyout ca.key -out ca.pem &&
            openssl req -newkey rsa:2048 -nodes -subj "/CN=clouds" -keyout tls.key -out tls.csr &&
            openssl x509 -req -in tls.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 2 -out tls.pem \
                -extfile <(printf 'subjectAltName='; printf 'DNS:%s,' $hosts | sed 's/,$//')
    ) >"$CLOUDS/openssl.log" 2>&1
}

# A service account's key and an Azure account's; clouds.py checks signatures with their public halves.
clouds_keys() {
    openssl genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:2048 -out "$CLOUDS/google.pem" 2>/dev/null
    AZURE_KEY=$(openssl rand -base64 64 | tr -d '\n')
    clouds_config
    python3 - "$CLOUDS/google.pem" >"$CLOUDS/google.json" <<'PY'
import json, sys
print(json.dumps({'type': 'service_account', 'private_key_id': 'key1', 'private_key': open(sys.argv[1]).read(),
                  'client_email': 'sa@p.iam.gserviceaccount.com', 'token_uri': 'https://oauth2.googleapis.com/token'}))
PY
}

clouds_config() { # [MEMBER...]
    printf '{"google_modulus": "%s", "azure_key": "%s"%s}' "$(openssl rsa -in "$CLOUDS/google.pem" -noout -modulus | cut -d= -f2)" \
        "$AZURE_KEY" "${1:+, $1}" >"$CLOUDS/config.json"
}

# clouds_start [REGISTRY]: $CLOUDS_PORT, proxied to by what is started from now on
clouds_start() {
    : >"$CLOUDS/port"
    python3 "$lab_lib/clouds.py" "$CLOUDS" "$@" >"$CLOUDS/port" 2>"$CLOUDS/err" &
    CLOUDS_PID=$!
    lab_pids+=("$CLOUDS_PID")
    lab_wait_port "$CLOUDS/port" "$CLOUDS_PID" "$CLOUDS/err" || return 1
    CLOUDS_PORT=$(cat "$CLOUDS/port")
    export HTTPS_PROXY=http://127.0.0.1:$CLOUDS_PORT SSL_CERT_FILE=$CLOUDS/ca.pem
}

clouds_fault() { printf '%s\n' "$@" >"$CLOUDS/faults"; }
clouds_asked() { grep -c -- "$1" "$CLOUDS/log" || true; }

# Nothing that was handed out, nor what it was got with, may show in a log: prints the lines where it does.
clouds_leaks() { # FILE
    printf '%s\n' "$AZURE_KEY" >>"$CLOUDS/secrets"
    "$lab_lib/leaks.py" --secrets "$CLOUDS/secrets" "$1"
}

CLOUDS=$LAB/clouds
mkdir -p "$CLOUDS/objects"
