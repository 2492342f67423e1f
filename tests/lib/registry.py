#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A container registry that misbehaves on request (Python standard library only, loopback only).

    registry.py [--script JSON | --script-file FILE] [--log FILE]

Prints "PORT STORAGE-PORT" on one line once it listens, then serves until its standard input ends or
it is killed. STORAGE-PORT is a second server: where blobs are redirected to, and which answers 400 to
any request that brings an Authorization header or no valid signature.

The script is one JSON object, in which ' may stand for every "; every member is optional.

    tls         {"cert": FILE, "key": FILE}: speak HTTPS on both ports
    auth        {"mode": "none" | "basic" | "bearer",
                 "users": {"alice": "secret"},      Basic, here or at the token endpoint
                 "refresh": {"TOKEN": "alice"},     identity tokens (POST /token)
                 "tokens": {"TOKEN": "alice"},      ready-made bearer tokens (registrytoken)
                 "anonymous": ["pull"],             what a client without credentials may do
                 "rights": {"alice": {"repo": ["pull"]}},   default: everything everywhere
                 "uses": N,                         a token stops working after N requests
                 "expires_in": SECONDS, "realm": URL, "refuse_post": bool,
                 "refuse_mount_scope": bool}        the token endpoint denies two scopes at once
    ping        false: GET /v2/ is 404
    max_body    N: a larger request body is 413, as from a proxy
    chunk_min   N: OCI-Chunk-Min-Length of every upload; what follows a smaller piece is 400
    head        false: HEAD is 405
    ranges      true | false (Range ignored) | "wrong" (another range is sent) | "none" (416)
    mount       201 (default: if the source has it) | any other status
    location    "absolute" | "relative";   location_query  "a=b": put into every upload's Location
    location_host  "HOST:PORT" of absolute Locations;   resume  false: GET of an upload is 404
    redirect    true: blobs are answered with 307 to the storage server;  a string: to that URL
    digest_header  false: no Docker-Content-Digest
    referrers   true: the referrers API (OCI 1.1)
    strict      true: a manifest whose blobs are not there is 400, as every good registry has it
    repos       {"some/name": {"blobs": [BLOB...], "manifests": {"TAG": MANIFEST}}}
                BLOB      {"text": "..."} | {"size": N} (bytes (i*7 + i/256) mod 256);
                          of a layer also "foreign": URL, where it is said to be instead of here
                MANIFEST  {"layers": [BLOB...], "config": {...}, "docker": bool, "type": "..."}
                          {"index": [{"platform": {...}, "image": MANIFEST}...], "docker": bool}
                          {"entries": N}   an index of N entries; the last is linux/amd64
                          {"raw": "...", "type": "..."}   {"huge": N}   N bytes of padding
    faults      a list; the first that matches and is not used up is applied to a request
                  "method", "path" (regular expressions, path without query), "host" ("registry" |
                  "storage"), "skip": N first matches, "times": N (default 1, 0 = always), and
                  "do": "status"   "status": 503, "headers": {...}, "body": "...", "repeat": N (of the body),
                                   "pad": N (extra header lines of 1000 bytes)
                        "cut"      close after "after" bytes of the body (Content-Length says more)
                        "reset"    the same with a TCP reset; "after": -1 = before any answer
                        "stall"    after "after" bytes nothing comes any more
                        "slow"     "chunk" bytes every "pause_ms", of the answer
                        "sip"      the same of the request
                        "corrupt"  one bit of the body is wrong
                        "longer"   "extra" more bytes than there should be, Content-Length included
                        "drop"     take "after" bytes of the request body (kept), then reset
                        "lose"     do what was asked, then reset instead of answering
                        "headers"  add or replace "headers" of the true answer

--log: one JSON object a line, written before the answer is sent:
    {"host", "method", "path", "query", "auth" ("", "Basic", "Bearer"), "user", "range",
     "content_range", "type", "length", "conn" (a number per connection), "fault", "status"}
"""
import argparse
import base64
import hashlib
import http.server
import json
import re
import secrets
import socket
import socketserver
import ssl
import struct
import sys
import threading
import time
import urllib.parse

OCI = 'application/vnd.oci.image.'
DOCKER = 'application/vnd.docker.distribution.'
MAX_BODY = 1 << 30


def digest_of(data):
    return 'sha256:' + hashlib.sha256(data).hexdigest()


def blob_bytes(spec):
    if 'text' in spec:
        return spec['text'].encode()
    n = spec['size']
    period = bytes((i * 7 + i // 256) & 255 for i in range(65536))
    return (period * (n // 65536 + 1))[:n]


class Repo:
    def __init__(self):
        self.blobs = {}
        self.manifests = {}  # key (tag or digest) -> (type, bytes)

    def put_blob(self, data):
        self.blobs[digest_of(data)] = data
        return digest_of(data)

    def has_all_of(self, data):
        try:
            doc = json.loads(data)
        except ValueError:
            return False
        wanted = doc.get('layers', []) + ([doc['config']] if 'config' in doc else [])
        return (all(d['digest'] in self.blobs for d in wanted) and
                all(d['digest'] in self.manifests for d in doc.get('manifests', [])))

    def put_manifest(self, key, kind, data):
        self.manifests[key] = self.manifests[digest_of(data)] = (kind, data)
        return digest_of(data)


def descriptor(kind, data):
    return {'mediaType': kind, 'digest': digest_of(data), 'size': len(data)}


def make_image(repo, spec):
    docker = spec.get('docker', False)
    layers = []
    for blob in spec.get('layers', []):
        data = blob_bytes(blob)
        if 'foreign' in blob:
            kind = 'application/vnd.docker.image.rootfs.foreign.diff.tar.gzip' if docker else OCI + 'layer.nondistributable.v1.tar+gzip'
            layers.append({**descriptor(kind, data), 'urls': [blob['foreign']]})
            continue
        repo.put_blob(data)
        kind = 'application/vnd.docker.image.rootfs.diff.tar.gzip' if docker else OCI + 'layer.v1.tar+gzip'
        layers.append(descriptor(kind, data))
    config = json.dumps(spec.get('config', {'os': 'linux', 'architecture': 'amd64'})).encode()
    repo.put_blob(config)
    kind = DOCKER + 'manifest.v2+json' if docker else OCI + 'manifest.v1+json'
    ckind = 'application/vnd.docker.container.image.v1+json' if docker else OCI + 'config.v1+json'
    doc = {'schemaVersion': 2, 'mediaType': kind, 'config': descriptor(ckind, config), 'layers': layers}
    return spec.get('type', kind), json.dumps(doc).encode()


def make_entries(repo, n):
    kind, image = make_image(repo, {'layers': [{'text': 'the one'}]})
    real = descriptor(kind, image)
    repo.put_manifest(real['digest'], kind, image)
    entries = []
    for i in range(n - 1):
        entries.append({'mediaType': kind, 'digest': digest_of(b'%d' % i), 'size': 1,
                        'platform': {'os': 'plan9', 'architecture': 'a%d' % i}})
    entries.append({**real, 'platform': {'os': 'linux', 'architecture': 'amd64'}})
    return OCI + 'index.v1+json', json.dumps({'schemaVersion': 2, 'manifests': entries}).encode()


def make_index(repo, spec):
    entries = []
    for e in spec['index']:
        kind, data = make_manifest(repo, e['image'])
        repo.put_manifest(digest_of(data), kind, data)
        entries.append({**descriptor(kind, data), **({'platform': e['platform']} if 'platform' in e else {})})
    kind = DOCKER + 'manifest.list.v2+json' if spec.get('docker') else OCI + 'index.v1+json'
    return kind, json.dumps({'schemaVersion': 2, 'mediaType': kind, 'manifests': entries}).encode()


def make_manifest(repo, spec):
    if 'raw' in spec:
        return spec.get('type', OCI + 'manifest.v1+json'), spec['raw'].encode()
    if 'huge' in spec:
        return OCI + 'manifest.v1+json', b'{"a":"' + b'x' * spec['huge'] + b'"}'
    if 'entries' in spec:
        return make_entries(repo, spec['entries'])
    if 'index' in spec:
        return make_index(repo, spec)
    return make_image(repo, spec)


class Fault:
    def __init__(self, spec):
        self.spec = spec
        self.skip = spec.get('skip', 0)
        self.left = spec.get('times', 1) or sys.maxsize

    def matches(self, host, method, path):
        s = self.spec
        return (s.get('host', host) == host and re.fullmatch(s.get('method', '.*'), method) is not None
                and re.search(s.get('path', ''), path) is not None)


class Registry:
    """All state, shared by the connections' threads under one lock."""

    def __init__(self, script, log):
        self.script = script
        self.log_file = log
        self.lock = threading.RLock()
        self.repos = {}
        self.uploads = {}
        self.tokens = {}  # token -> [user, {repo: actions}, uses left]
        self.signature = secrets.token_hex(8)
        self.connections = 0
        self.faults = [Fault(f) for f in script.get('faults', [])]
        for name, spec in script.get('repos', {}).items():
            repo = self.repo(name)
            for blob in spec.get('blobs', []):
                repo.put_blob(blob_bytes(blob))
            for tag, m in spec.get('manifests', {}).items():
                repo.put_manifest(tag, *make_manifest(repo, m))

    def repo(self, name):
        return self.repos.setdefault(name, Repo())

    def next_connection(self):
        with self.lock:
            self.connections += 1
            return self.connections

    def pick_fault(self, host, method, path):
        with self.lock:
            for f in self.faults:
                if not f.matches(host, method, path) or f.left <= 0:
                    continue
                if f.skip > 0:
                    f.skip -= 1
                    continue
                f.left -= 1
                return f.spec
        return None

    def log(self, entry):
        if self.log_file:
            with self.lock:
                self.log_file.write(json.dumps(entry) + '\n')
                self.log_file.flush()

    # who may do what

    def rights(self, user, repo):
        auth = self.script.get('auth', {})
        if user is None:
            return set(auth.get('anonymous', []))
        if 'rights' in auth:
            return set(auth['rights'].get(user, {}).get(repo, []))
        return {'pull', 'push', 'delete'}

    def issue(self, user, scopes):
        access = {}
        for scope in scopes:
            kind, _, rest = scope.partition(':')
            name, _, actions = rest.rpartition(':')
            if kind == 'repository':
                access[name] = access.get(name, set()) | (set(actions.split(',')) & self.rights(user, name))
        token = secrets.token_urlsafe(24)
        with self.lock:
            self.tokens[token] = [user, access, self.script.get('auth', {}).get('uses', sys.maxsize)]
        return token

    def user_of_basic(self, header):
        """The user, or False when the password is wrong."""
        try:
            name, _, password = base64.b64decode(header.split(' ', 1)[1]).decode().partition(':')
        except (ValueError, IndexError):
            return False
        known = self.script.get('auth', {}).get('users', {})
        return name if known.get(name) == password and name in known else False

    def token_allows(self, token, repo, action):
        auth = self.script.get('auth', {})
        if token in auth.get('tokens', {}):
            return action in self.rights(auth['tokens'][token], repo)
        with self.lock:
            held = self.tokens.get(token)
            if held is None or held[2] <= 0:
                return False
            held[2] -= 1
            return repo is None or action in held[1].get(repo, set())


class Upload:
    def __init__(self, repo):
        self.id = secrets.token_hex(8)
        self.repo = repo
        self.data = bytearray()
        self.short = False


class Gone(Exception):
    """The connection is to end here, without another word."""


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = 'HTTP/1.1'
    disable_nagle_algorithm = True  # headers and body are two writes: together they would cost a delayed acknowledgement
    server_version = 'fault-registry'
    host = 'registry'

    # plumbing

    def setup(self):
        super().setup()
        self.number = self.server.registry.next_connection()

    def log_message(self, *args):
        pass

    def handle_one_request(self):
        try:
            super().handle_one_request()
        except (Gone, ConnectionError, ssl.SSLError, socket.timeout):
            self.close_connection = True

    def reset(self):
        # Zero linger makes close() send RST.
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack('ii', 1, 0))
        self.connection.close()
        raise Gone

    def begin(self):
        self.reg = self.server.registry
        self.script = self.reg.script
        url = urllib.parse.urlsplit(self.path)
        self.url_path, self.url_query = url.path, url.query
        self.query = {k: v[0] for k, v in urllib.parse.parse_qs(url.query, keep_blank_values=True).items()}
        self.scopes = urllib.parse.parse_qs(url.query).get('scope', [])
        self.user = ''
        self.fault = self.reg.pick_fault(self.host, self.command, self.url_path)
        self.kind = self.fault['do'] if self.fault else ''
        self.body_left = int(self.headers.get('Content-Length') or 0)
        if self.body_left > MAX_BODY:
            raise Gone

    def record(self, status):
        h = self.headers
        self.reg.log({
            'host': self.host, 'method': self.command, 'path': self.url_path, 'query': self.url_query,
            'auth': (h.get('Authorization') or '').split(' ')[0], 'user': self.user or '',
            'range': h.get('Range', ''), 'content_range': h.get('Content-Range', ''),
            'type': h.get('Content-Type', ''), 'length': h.get('Content-Length', ''),
            'conn': self.number, 'fault': self.kind, 'status': status})

    def read_body(self):
        data = b''
        limit = self.fault['after'] if self.kind == 'drop' else self.body_left
        want = min(limit, self.body_left)
        most = 65536
        if self.kind == 'sip':
            most = self.fault['chunk']
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65536)
        while len(data) < want:
            piece = self.rfile.read(min(most, want - len(data)))
            if self.kind == 'sip':
                time.sleep(self.fault['pause_ms'] / 1000)
            if not piece:
                break
            data += piece
        self.body_left -= len(data)
        return data

    def answer(self, status, headers=(), body=b''):
        fault, kind = self.fault or {}, self.kind
        if kind == 'drop' or kind == 'lose' or (kind == 'reset' and fault.get('after', 0) < 0):
            self.record(0)
            self.reset()
        headers = dict(headers)
        if kind == 'corrupt' and body:
            body = bytes([body[0] ^ 1]) + body[1:]
        if kind == 'longer':
            body += b'!' * fault.get('extra', 1)
        if kind == 'headers':
            headers.update(fault['headers'])
        self.read_body()  # whatever the handler left, so that the connection can go on
        self.record(status)
        self.send_response(status)
        for name, value in headers.items():
            if value is not None:
                self.send_header(name, value)
        if 'Content-Length' not in headers and status != 204:
            self.send_header('Content-Length', str(len(body)))
        self.end_headers()
        if self.command != 'HEAD':
            self.send_body(body)

    def send_body(self, body):
        fault, kind = self.fault or {}, self.kind
        after = fault.get('after', 0)
        if kind in ('cut', 'reset', 'stall'):
            self.wfile.write(body[:after])
            self.wfile.flush()
            if kind == 'reset':
                time.sleep(0.05)  # let the client read what was sent: a reset discards it
                self.reset()
            if kind == 'stall':
                self.connection.settimeout(60)
                self.rfile.read(1)  # until the client goes away
            raise Gone
        if kind == 'slow':
            for at in range(0, len(body), fault['chunk']):
                self.wfile.write(body[at:at + fault['chunk']])
                self.wfile.flush()
                time.sleep(fault['pause_ms'] / 1000)
            return
        self.wfile.write(body)

    def answer_status(self, fault):
        headers = dict(fault.get('headers', {}))
        headers.update(('X-Pad-%d' % i, 'x' * 1000) for i in range(fault.get('pad', 0)))
        self.answer(fault['status'], headers, fault.get('body', '').encode() * fault.get('repeat', 1))

    def fail(self, status, code, message, headers=()):
        body = json.dumps({'errors': [{'code': code, 'message': message, 'detail': None}]}).encode()
        self.answer(status, {'Content-Type': 'application/json', **dict(headers)}, body)

    def base_url(self, port=None):
        host = self.script.get('location_host') if port is None else None
        port = port or self.server.server_address[1]
        return '%s://%s' % ('https' if 'tls' in self.script else 'http', host or '127.0.0.1:%d' % port)

    def dispatch(self):
        self.begin()
        if self.kind == 'status':
            return self.answer_status(self.fault)
        if int(self.headers.get('Content-Length') or 0) > self.script.get('max_body', MAX_BODY):
            return self.fail(413, 'SIZE', 'request entity too large')
        if self.url_path == '/token':
            return self.token()
        if self.command == 'HEAD' and self.script.get('head') is False:
            return self.fail(405, 'UNSUPPORTED', 'no HEAD here')
        if self.url_path == '/v2/' or self.url_path == '/v2':
            if self.script.get('ping') is False:
                return self.fail(404, 'NOT_FOUND', 'no such page')
            return self.authorized(None, 'pull') and self.answer(200, {'Content-Type': 'application/json'}, b'{}')
        m = re.fullmatch(r'/v2/(.+)/referrers/(sha256:[0-9a-f]+)', self.url_path)
        if m and self.script.get('referrers'):
            return self.authorized(m[1], 'pull') and self.answer_referrers(m[1], m[2])
        m = re.fullmatch(r'/v2/(.+)/(manifests|blobs)/(uploads/)?([^/]*)', self.url_path)
        if not m:
            return self.fail(404, 'NOT_FOUND', 'no such page')
        name, kind, upload, key = m[1], m[2], m[3], urllib.parse.unquote(m[4])
        action = 'pull' if self.command in ('GET', 'HEAD') and not upload else 'push'
        if not self.authorized(name, action):
            return None
        if upload:
            return self.upload(name, key)
        return self.manifest(name, key) if kind == 'manifests' else self.blob(name, key)

    do_GET = do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = dispatch

    # authorization

    def authorized(self, repo, action):
        auth = self.script.get('auth', {})
        mode = auth.get('mode', 'none')
        header = self.headers.get('Authorization', '')
        if mode == 'none':
            return True
        if mode == 'basic':
            return self.authorized_basic(header, repo, action)
        if header.startswith('Bearer ') and self.reg.token_allows(header[7:], repo, action):
            held = self.reg.tokens.get(header[7:])
            self.user = held[0] if held else auth['tokens'].get(header[7:])
            return True
        realm = auth.get('realm') or self.base_url(self.server.server_address[1]) + '/token'
        challenge = 'Bearer realm="%s",service="fault registry, \\"quoted\\""' % realm
        if repo:
            challenge += ',scope="repository:%s:%s"' % (repo, 'pull' if action == 'pull' else 'pull,push')
        if header:
            challenge += ',error="invalid_token"'
        self.fail(401, 'UNAUTHORIZED', 'authentication required', {'WWW-Authenticate': challenge})
        return False

    def authorized_basic(self, header, repo, action):
        user = self.reg.user_of_basic(header) if header.startswith('Basic ') else None
        if user is not False and (repo is None and user or action in self.reg.rights(user, repo)):
            self.user = user
            return True
        if user:
            self.fail(403, 'DENIED', 'requested access to the resource is denied')
        else:
            self.fail(401, 'UNAUTHORIZED', 'authentication required',
                      {'WWW-Authenticate': 'Basic realm="fault registry"'})
        return False

    def token(self):
        auth = self.script.get('auth', {})
        header = self.headers.get('Authorization', '')
        scopes = self.scopes
        user = None
        if self.command == 'POST':
            form = urllib.parse.parse_qs(self.read_body().decode())
            if auth.get('refuse_post'):
                return self.fail(404, 'NOT_FOUND', 'no such page')
            user = auth.get('refresh', {}).get(form.get('refresh_token', [''])[0], False)
            scopes = form.get('scope', [])
            if form.get('grant_type') != ['refresh_token'] or 'service' not in form or 'client_id' not in form:
                return self.fail(400, 'UNSUPPORTED', 'not a refresh_token grant')
        else:
            if self.query.get('service') != 'fault registry, "quoted"':
                return self.fail(400, 'UNSUPPORTED', 'another service')
            if header:
                user = self.reg.user_of_basic(header)
        scopes = [s for many in scopes for s in many.split(' ')]
        if user is False:
            return self.fail(401, 'UNAUTHORIZED', 'incorrect username or password')
        if auth.get('refuse_mount_scope') and len({s.rpartition(':')[0] for s in scopes}) > 1:
            return self.fail(403, 'DENIED', 'one repository at a time')
        self.user = user
        doc = {'token': self.reg.issue(user, scopes)}
        if 'expires_in' in auth:
            doc['expires_in'] = auth['expires_in']
        return self.answer(200, {'Content-Type': 'application/json'}, json.dumps(doc).encode())

    # content

    def manifest(self, name, key):
        repo = self.reg.repo(name)
        if self.command == 'PUT':
            data = self.read_body()
            if self.kind == 'drop':
                return self.answer(0)
            if key.startswith('sha256:') and key != digest_of(data):
                return self.fail(400, 'DIGEST_INVALID', 'the manifest has another digest')
            if self.script.get('strict') and not repo.has_all_of(data):
                return self.fail(400, 'MANIFEST_BLOB_UNKNOWN', 'blob unknown to registry')
            repo.put_manifest(key, self.headers.get('Content-Type'), data)
            headers = {'Docker-Content-Digest': digest_of(data),
                       'Location': '/v2/%s/manifests/%s' % (name, digest_of(data))}
            if self.script.get('referrers') and b'"subject"' in data:
                headers['OCI-Subject'] = json.loads(data)['subject']['digest']
            return self.answer(201, headers)
        if key not in repo.manifests:
            return self.fail(404, 'MANIFEST_UNKNOWN', 'manifest unknown')
        kind, data = repo.manifests[key]
        headers = {'Content-Type': kind, 'Docker-Content-Digest': digest_of(data)}
        if self.script.get('digest_header') is False:
            del headers['Docker-Content-Digest']
        if self.command == 'HEAD':
            headers['Content-Length'] = str(len(data))
        return self.answer(200, headers, data)

    def answer_referrers(self, name, digest):
        found = []
        for key, (kind, data) in self.reg.repo(name).manifests.items():
            if key.startswith('sha256:') and b'"subject"' in data:
                doc = json.loads(data)
                if doc['subject']['digest'] == digest:
                    found.append({**descriptor(kind, data), 'artifactType': doc.get('artifactType', ''),
                                  'annotations': doc.get('annotations', {})})
        body = {'schemaVersion': 2, 'mediaType': OCI + 'index.v1+json', 'manifests': found}
        return self.answer(200, {'Content-Type': OCI + 'index.v1+json'}, json.dumps(body).encode())

    def blob(self, name, digest):
        data = self.reg.repo(name).blobs.get(digest)
        if data is None:
            return self.fail(404, 'BLOB_UNKNOWN', 'blob unknown to registry')
        if self.command == 'HEAD':
            return self.answer(200, {'Content-Length': str(len(data)), 'Docker-Content-Digest': digest})
        to = self.script.get('redirect')
        if to:
            url = to if isinstance(to, str) else '%s/storage/%s?sig=%s&x=%%2Fy' % (
                self.base_url(self.server.storage_port), digest, self.reg.signature)
            return self.answer(307, {'Location': url})
        return self.send_blob(data)

    def send_blob(self, data):
        m = re.fullmatch(r'bytes=(\d+)-', self.headers.get('Range', ''))
        ranges = self.script.get('ranges', True)
        if not m or ranges is False:
            return self.answer(200, {'Content-Type': 'application/octet-stream', 'ETag': '"fixed"'}, data)
        at = int(m[1]) + (1 if ranges == 'wrong' else 0)
        if ranges == 'none' or at >= len(data):
            return self.answer(416, {'Content-Range': 'bytes */%d' % len(data)})
        return self.answer(206, {'Content-Range': 'bytes %d-%d/%d' % (at, len(data) - 1, len(data))}, data[at:])

    # uploads

    def location(self, u):
        query = '?state=' + secrets.token_hex(4)
        if self.script.get('location_query'):
            query += '&' + self.script['location_query']
        path = '/v2/%s/blobs/uploads/%s%s' % (u.repo, u.id, query)
        return path if self.script.get('location', 'absolute') == 'relative' else self.base_url() + path

    def answer_upload(self, status, u):
        headers = {'Location': self.location(u), 'Docker-Upload-UUID': u.id, 'Range': '0-%d' % max(len(u.data) - 1, 0)}
        if 'chunk_min' in self.script:
            headers['OCI-Chunk-Min-Length'] = str(self.script['chunk_min'])
        self.answer(status, headers)

    def upload(self, name, key):
        if self.command == 'POST' and not key:
            return self.start_upload(name)
        u = self.reg.uploads.get(key)
        if not u or u.repo != name:
            return self.fail(404, 'BLOB_UPLOAD_UNKNOWN', 'blob upload unknown to registry')
        want = self.script.get('location_query')
        if want and want not in self.url_query:
            return self.fail(400, 'BLOB_UPLOAD_INVALID', 'the query of the Location is missing')
        if self.command == 'GET':
            if self.script.get('resume') is False:
                return self.fail(404, 'BLOB_UPLOAD_UNKNOWN', 'blob upload unknown to registry')
            return self.answer_upload(204, u)
        if self.command == 'DELETE':
            del self.reg.uploads[key]
            return self.answer(204)
        return self.continue_upload(name, key, u)

    def start_upload(self, name):
        if 'mount' in self.query:
            status = self.script.get('mount', 201)
            source = self.reg.repo(self.query.get('from', ''))
            data = source.blobs.get(self.query['mount'])
            if status == 201 and data is not None:
                digest = self.reg.repo(name).put_blob(data)
                return self.answer(201, {'Location': '/v2/%s/blobs/%s' % (name, digest),
                                         'Docker-Content-Digest': digest})
            if status not in (201, 202):
                return self.fail(status, 'DENIED', 'no mounting here')
        u = Upload(name)
        self.reg.uploads[u.id] = u
        return self.answer_upload(202, u)

    def continue_upload(self, name, key, u):
        m = re.fullmatch(r'(\d+)-(\d+)', self.headers.get('Content-Range', ''))
        if m and int(m[1]) != len(u.data):
            return self.fail(416, 'RANGE_INVALID', 'the upload is at %d' % len(u.data))
        piece = self.read_body()
        if piece and u.short:
            return self.fail(400, 'BLOB_UPLOAD_INVALID', 'the piece before was too small')
        u.short = self.command == 'PATCH' and len(piece) < self.script.get('chunk_min', 0)
        u.data += piece
        if self.kind == 'drop':
            return self.answer(0)
        if self.body_left:
            raise Gone
        if self.command == 'PATCH':
            return self.answer_upload(202, u)
        if digest_of(bytes(u.data)) != self.query.get('digest'):
            return self.fail(400, 'DIGEST_INVALID', 'provided digest did not match uploaded content')
        self.reg.repo(name).put_blob(bytes(u.data))
        del self.reg.uploads[key]
        return self.answer(201, {'Location': '/v2/%s/blobs/%s' % (name, self.query['digest']),
                                 'Docker-Content-Digest': self.query['digest']})


class Storage(Handler):
    """Where redirected blobs live: a signed URL or nothing."""
    host = 'storage'

    def dispatch(self):
        self.begin()
        if self.kind == 'status':
            return self.answer_status(self.fault)
        if self.headers.get('Authorization') or self.headers.get('Cookie'):
            return self.fail(400, 'InvalidArgument', 'only one auth mechanism allowed')
        if self.query.get('sig') != self.reg.signature or self.query.get('x') != '/y':
            return self.fail(403, 'SignatureDoesNotMatch', 'the signature does not match')
        for repo in self.reg.repos.values():
            data = repo.blobs.get(self.url_path.rsplit('/', 1)[1])
            if data is not None:
                return self.send_blob(data)
        return self.fail(404, 'NoSuchKey', 'no such key')

    do_GET = do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = dispatch


class Server(socketserver.ThreadingMixIn, http.server.HTTPServer):
    daemon_threads = True
    request_queue_size = 64

    def __init__(self, handler, registry, tls):
        super().__init__(('127.0.0.1', 0), handler)
        self.registry = registry
        self.tls = tls

    def finish_request(self, request, client_address):
        # The handshake belongs to the connection's own thread.
        if self.tls:
            try:
                request = self.tls.wrap_socket(request, server_side=True)
            except (ssl.SSLError, OSError):
                return
        elif request.recv(1, socket.MSG_PEEK) == b'\x16':
            return  # a TLS handshake: waiting for its end of line could take for ever
        super().finish_request(request, client_address)

    def handle_error(self, request, client_address):
        if not isinstance(sys.exc_info()[1], (OSError, ValueError)):
            super().handle_error(request, client_address)


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument('--script', default='{}')
    p.add_argument('--script-file')
    p.add_argument('--log')
    args = p.parse_args()
    text = open(args.script_file).read() if args.script_file else args.script
    script = json.loads(text if '"' in text else text.replace("'", '"'))
    tls = None
    if 'tls' in script:
        tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        tls.load_cert_chain(script['tls']['cert'], script['tls']['key'])
    registry = Registry(script, open(args.log, 'a') if args.log else None)
    storage = Server(Storage, registry, tls)
    front = Server(Handler, registry, tls)
    front.storage_port = storage.server_address[1]
    for s in (storage, front):
        threading.Thread(target=s.serve_forever, daemon=True).start()
    print(front.server_address[1], storage.server_address[1], flush=True)
    sys.stdin.read()


if __name__ == '__main__':
    main()
