#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# docker-registry behind every kind of door: a token server, TLS with a private CA, client certificates, nginx with a path prefix
# and with a limit on bodies; mirrors that fail; credential helpers. And no log ever tells a secret.
. "$(dirname "$0")/../lib/lab.sh"

lab_need docker-registry htpasswd openssl skopeo nginx python3 || skip_all "$lab_reason"
export DOCKER_CONFIG=$LAB/docker KILN_DIR=$LAB/kiln SOURCE_DATE_EPOCH=1700000000
mkdir "$LAB/ctx" "$DOCKER_CONFIG" "$LAB/bin"
head -c 3000000 /dev/urandom >"$LAB/ctx/a"
printf 'ARG BASE=scratch\nFROM $BASE\nCOPY a /a\n' >"$LAB/ctx/Dockerfile"

# Everything is built at trace level, and every line kept, for the last test.
build() { "$KILN" build -v trace "$@" "$LAB/ctx" 2>&1 | tee -a "$LAB/log"; return "${PIPESTATUS[0]}"; }
login() { printf '{"auths": {"%s": {"auth": "%s"}}}' "$1" "$(printf '%s:%s' "$2" "$3" | base64 -w 0)" >"$DOCKER_CONFIG/config.json"; }

# nginx_start LISTEN-OPTION TEXT: a server on a free port with these lines in it; sets NGINX and NGINX_LOG
nginx_start() {
    local dir
    dir=$(mktemp -d "$LAB/nginx.XXXXXX")
    NGINX=127.0.0.1:$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
    cat >"$dir/nginx.conf" <<CONF
daemon off; $([ "$(id -u)" != 0 ] || echo "user root;") worker_processes 1; pid $dir/pid; error_log $dir/error.log;
events { worker_connections 64; }
http {
    access_log $dir/access.log; client_body_temp_path $dir/body; proxy_temp_path $dir/proxy; fastcgi_temp_path $dir/f;
    uwsgi_temp_path $dir/u; scgi_temp_path $dir/s;
    server { listen $NGINX $1; client_max_body_size 0; $2 }
}
CONF
    nginx -c "$dir/nginx.conf" -e "$dir/error.log" 2>"$dir/stderr" &
    lab_pids+=("$!")
    NGINX_LOG=$dir/access.log
    lab_wait lab_listens "${NGINX#*:}" && return 0
    cat "$dir/stderr" "$dir/error.log" >&2
    return 1
}

# ---- a token server

mkdir "$LAB/token"
openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj "/CN=lab" -keyout "$LAB/token/key.pem" -out "$LAB/token/cert.pem" 2>/dev/null
mkfifo "$LAB/token/in"
python3 "$lab_lib/token_server.py" "$LAB/token/key.pem" "$LAB/token/cert.pem" <"$LAB/token/in" >"$LAB/token/port" &
lab_pids+=("$!")
exec 7>"$LAB/token/in"
lab_wait test -s "$LAB/token/port"
token_port=$(cat "$LAB/token/port")
export REGISTRY_AUTH=token REGISTRY_AUTH_TOKEN_SERVICE=lab REGISTRY_AUTH_TOKEN_ISSUER=lab \
    REGISTRY_AUTH_TOKEN_REALM="http://127.0.0.1:$token_port/token" REGISTRY_AUTH_TOKEN_ROOTCERTBUNDLE=$LAB/token/cert.pem
lab_registry_start
unset "${!REGISTRY_AUTH@}"
TOKEN_REGISTRY=$LAB_REGISTRY
login "$TOKEN_REGISTRY" alice secret
ok "push with a token" build -t "$TOKEN_REGISTRY/app:1" -t "$TOKEN_REGISTRY/other/app:1" --push
like "the second repository mounts from the first" "$output" "1 mounted|2 mounted"
ok "pull with a token" build --build-arg "BASE=$TOKEN_REGISTRY/app:1" -t "$TOKEN_REGISTRY/app:2" --push
login "$TOKEN_REGISTRY" bob weak
fails "who may only pull is told before anything is built" 1 build -t "$TOKEN_REGISTRY/app:3" --push
like "in one line with the reason" "$output" "checking push permission for .*app:3.* credentials from .*config.json were sent"
login "$TOKEN_REGISTRY" alice wrong-password
fails "a wrong password" 1 build -t "$TOKEN_REGISTRY/app:3" --push
like "is reported as such" "$output" "incorrect username or password"
printf '{"auths": {"%s": {"identitytoken": "alice-refresh"}}}' "$TOKEN_REGISTRY" >"$DOCKER_CONFIG/config.json"
ok "an identity token" build -t "$TOKEN_REGISTRY/app:4" --push
printf '{"auths": {"%s/app": {"auth": "%s"}, "%s": {"auth": "%s"}}}' "$TOKEN_REGISTRY" "$(printf bob:weak | base64)" \
    "$TOKEN_REGISTRY" "$(printf alice:secret | base64)" >"$DOCKER_CONFIG/config.json"
ok "the second credential, where the first may not push" build -t "$TOKEN_REGISTRY/app:5" --push
rm "$DOCKER_CONFIG/config.json"
ok "DOCKER_AUTH_CONFIG without a file" env "DOCKER_AUTH_CONFIG={\"auths\": {\"$TOKEN_REGISTRY\": {\"auth\": \"$(printf alice:secret | base64)\"}}}" \
    "$KILN" build -t "$TOKEN_REGISTRY/app:6" --push "$LAB/ctx"
printf '#!/bin/sh\nread -r s; [ "$s" = %s ] && echo "{\\"Username\\": \\"alice\\", \\"Secret\\": \\"secret\\"}"\n' "$TOKEN_REGISTRY" \
    >"$LAB/bin/docker-credential-lab"
chmod +x "$LAB/bin/docker-credential-lab"
printf '{"credHelpers": {"%s": "lab"}}' "$TOKEN_REGISTRY" >"$DOCKER_CONFIG/config.json"
PATH=$LAB/bin:$PATH ok "a credential helper" build -t "$TOKEN_REGISTRY/app:7" --push
fails "a credential helper that is not installed" 1 build -t "$TOKEN_REGISTRY/app:8" --push
like "is named in the refusal" "$output" "docker-credential-lab is not installed"
rm "$DOCKER_CONFIG/config.json"
ok "GitLab's variables" env "CI_REGISTRY=$TOKEN_REGISTRY" CI_REGISTRY_USER=alice CI_REGISTRY_PASSWORD=secret \
    "$KILN" build -t "$TOKEN_REGISTRY/app:9" --push "$LAB/ctx"
fails "but not when they are not chosen" 1 env "CI_REGISTRY=$TOKEN_REGISTRY" CI_REGISTRY_USER=alice CI_REGISTRY_PASSWORD=secret \
    "$KILN" build --credential-helpers env -t "$TOKEN_REGISTRY/app:9" --push "$LAB/ctx"

# ---- TLS

lab_registry_start tls
TLS_REGISTRY=$LAB_REGISTRY TLS_CA=$LAB_REGISTRY_CA
lab_registry_start tls
OTHER=$LAB_REGISTRY
fails "a CA nobody knows" 1 build -t "$TLS_REGISTRY/app:1" --push
like "is told" "$output" "certificate"
ok "--registry-certificate" build -t "$TLS_REGISTRY/app:1" --push --registry-certificate "$TLS_REGISTRY=$TLS_CA"
fails "is for that registry only" 1 build -t "$OTHER/app:1" --push --registry-certificate "$TLS_REGISTRY=$TLS_CA"
mkdir "$LAB/cas" && cp "$TLS_CA" "$LAB/cas/one.pem"
ok "SSL_CERT_DIR" env SSL_CERT_DIR="$LAB/cas" "$KILN" build -t "$TLS_REGISTRY/app:2" --push "$LAB/ctx"
ok "SSL_CERT_FILE" env SSL_CERT_FILE="$TLS_CA" "$KILN" build -t "$TLS_REGISTRY/app:2" --push "$LAB/ctx"
ok "--skip-tls-verify pushes" build -t "$TLS_REGISTRY/app:3" --push --skip-tls-verify
fails "--skip-tls-verify does not pull" 1 build --build-arg "BASE=$TLS_REGISTRY/app:1" --skip-tls-verify
ok "--skip-tls-verify-pull pulls" build --build-arg "BASE=$TLS_REGISTRY/app:1" --skip-tls-verify-pull
fails "--skip-tls-verify-pull does not push" 1 build -t "$TLS_REGISTRY/app:4" --push --skip-tls-verify-pull
ok "--skip-tls-verify-registry does both" build -t "$TLS_REGISTRY/app:4" --push --build-arg "BASE=$TLS_REGISTRY/app:1" \
    --skip-tls-verify-registry "$TLS_REGISTRY"
fails "there only" 1 build -t "$OTHER/app:4" --push --skip-tls-verify-registry "$TLS_REGISTRY"
fails "a certificate file that is none" 1 build -t "$TLS_REGISTRY/app:5" --push --registry-certificate "$TLS_REGISTRY=$LAB/ctx/Dockerfile"

# ---- nginx before the registry: client certificates, a path prefix, a limit on bodies

lab_registry_start
PLAIN=$LAB_REGISTRY
certs=$(dirname "$TLS_CA")
openssl req -newkey rsa:2048 -nodes -subj "/CN=client" -keyout "$LAB/client.key" -out "$LAB/client.csr" 2>/dev/null
openssl x509 -req -in "$LAB/client.csr" -CA "$certs/ca.pem" -CAkey "$certs/ca.key" -CAcreateserial -days 2 -out "$LAB/client.pem" 2>/dev/null
proxy="proxy_set_header Host \$http_host; proxy_set_header X-Forwarded-Proto \$scheme;"
nginx_start ssl "ssl_certificate $certs/server.pem; ssl_certificate_key $certs/server.key; ssl_client_certificate $certs/ca.pem;
    ssl_verify_client on; location / { proxy_pass http://$PLAIN; $proxy }"
trust=(--registry-certificate "$NGINX=$TLS_CA")
fails "no client certificate" 1 build -t "$NGINX/mtls:1" --push "${trust[@]}"
ok "--registry-client-cert" build -t "$NGINX/mtls:1" --push "${trust[@]}" --registry-client-cert "$NGINX=$LAB/client.pem,$LAB/client.key"
fails "half of one" 1 build -t "$NGINX/mtls:2" --push "${trust[@]}" --registry-client-cert "$NGINX=$LAB/client.pem"

nginx_start "" "location /v2/ { client_max_body_size 1m; proxy_pass http://$PLAIN; $proxy }"
ok "a proxy that takes no more than 1 MB at once" build -t "$NGINX/limited:1" --push
like "has refused the whole blob" "$(cat "$NGINX_LOG")" '"PATCH [^"]*" 413'
ok "and it has all of it" skopeo copy -q --src-tls-verify=false "docker://$PLAIN/limited:1" "oci:$LAB/limited:1"

nginx_start "" "location /v2/hub/ { rewrite ^/v2/hub/(.*)\$ /v2/\$1 break; proxy_pass http://$PLAIN; $proxy } location = /v2/ { proxy_pass http://$PLAIN; }"
ok "a mirror with a path prefix" build --build-arg BASE=registry.invalid/limited:1 --registry-map "registry.invalid=$NGINX/hub"
like "was asked" "$(cat "$NGINX_LOG")" 'GET /v2/hub/limited/manifests/1'
ok "KANIKO_REGISTRY_MAP" env "KANIKO_REGISTRY_MAP=registry.invalid=$NGINX/hub" "$KILN" build --build-arg BASE=registry.invalid/limited:1 "$LAB/ctx"

# ---- mirrors that fail, each in its way; the registry itself has the image

mirror() { # NAME FAULT: a mirror with this fault for every request but the first contact
    coproc MIRROR { exec python3 "$lab_lib/registry.py" --script "{'faults': [{'path': '/v2/.+', 'times': 0, $2}], 'repos': {'limited':
        {'manifests': {'1': {'layers': [{'text': 'x'}]}}}}}"; }
    local port pid=$MIRROR_PID
    read -r port _ <&"${MIRROR[0]}"
    rm -rf "$LAB/kiln-mirror"
    ok "a mirror that $1" build --kiln-dir "$LAB/kiln-mirror" --build-arg "BASE=$PLAIN/limited:1" --registry-map "$PLAIN=127.0.0.1:$port"
    is "is named to the user, once" "$(grep -c "^kiln: warning: mirror 127.0.0.1:$port: .*; asking $PLAIN instead" <<<"$output")" 1
    kill "$pid" && wait "$pid" 2>/dev/null
}
mirror "has nothing" "'do': 'status', 'status': 404"
mirror "lets nobody in" "'do': 'status', 'status': 403"
mirror "sends a page" "'do': 'status', 'status': 200, 'body': '<html>hello</html>'"
mirror "sends wrong bytes" "'do': 'corrupt'"
mirror "sends too little" "'do': 'cut', 'after': 10"
ok "a mirror that is not there" build --build-arg "BASE=$PLAIN/limited:1" --registry-map "$PLAIN=127.0.0.1:9"
fails "without a fall-back there is no other" 1 build --build-arg "BASE=$PLAIN/limited:1" --registry-map "$PLAIN=127.0.0.1:9" \
    --skip-default-registry-fallback --image-download-retry 0

# ---- secrets

secrets="secret|weak"
is "the logs tell no secret" "$(strings "$LAB/log" | grep -vE "incorrect username or password" | grep -cE "(^|[^a-z-])($secrets)([^a-z-]|\$)")" 0
is "nor one that is encoded" "$("$lab_lib/leaks.py" "$LAB/log")" ""
like "although they tell much" "$(grep -c '^debug' "$LAB/log")" '[0-9]{2}'
finish
