#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A token server for docker-registry: who may do what, as signed JSON web tokens (RS256 by openssl(1)).

    token_server.py KEY.pem CERT.pem

Prints its port on a line, then serves on loopback until its standard input ends. alice:secret may do everything; bob:weak may
pull; nobody else gets in. GET /token with Basic, POST /token with grant_type=refresh_token (refresh token "alice-refresh").
"""
import base64
import http.server
import json
import subprocess
import sys
import threading
import time
import urllib.parse

USERS = {'alice': ('secret', {'pull', 'push'}), 'bob': ('weak', {'pull'})}
KEY, CERT = sys.argv[1:3]


def b64(data):
    return base64.urlsafe_b64encode(data).rstrip(b'=').decode()


def certificate():
    lines = open(CERT, encoding='ascii').read().splitlines()
    return ''.join(line for line in lines if not line.startswith('-----'))


def token(user, service, scopes):
    access, may = [], USERS[user][1]
    for scope in scopes:
        kind, rest = scope.split(':', 1)
        name, actions = rest.rsplit(':', 1)
        access.append({'type': kind, 'name': name, 'actions': sorted(may & set(actions.split(',')))})
    now = int(time.time())
    head = {'typ': 'JWT', 'alg': 'RS256', 'x5c': [certificate()]}
    body = {'iss': 'lab', 'sub': user, 'aud': service, 'exp': now + 300, 'nbf': now - 10, 'iat': now, 'jti': str(time.time_ns()),
            'access': access}
    text = b64(json.dumps(head).encode()) + '.' + b64(json.dumps(body).encode())
    signed = subprocess.run(['openssl', 'dgst', '-sha256', '-sign', KEY], input=text.encode(), stdout=subprocess.PIPE, check=True)
    return text + '.' + b64(signed.stdout)


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = 'HTTP/1.1'

    def answer(self, status, doc):
        data = json.dumps(doc).encode()
        self.send_response(status)
        self.send_header('Content-Type', 'application/json')
        self.send_header('Content-Length', str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def grant(self, user, query):
        scopes = [s for value in query.get('scope', []) for s in value.split()]
        text = token(user, query.get('service', [''])[0], scopes)
        self.answer(200, {'token': text, 'access_token': text, 'expires_in': 300})

    def do_GET(self):
        kind, _, value = self.headers.get('Authorization', '').partition(' ')
        user, _, password = base64.b64decode(value).decode().partition(':') if kind == 'Basic' else ('', '', '')
        if user not in USERS or USERS[user][0] != password:
            return self.answer(401, {'details': 'incorrect username or password'})
        return self.grant(user, urllib.parse.parse_qs(urllib.parse.urlsplit(self.path).query))

    def do_POST(self):
        body = self.rfile.read(int(self.headers.get('Content-Length') or 0)).decode()
        query = urllib.parse.parse_qs(body)
        if query.get('refresh_token') != ['alice-refresh']:
            return self.answer(401, {'details': 'no such refresh token'})
        return self.grant('alice', query)

    def log_message(self, *args):
        pass


def main():
    server = http.server.ThreadingHTTPServer(('127.0.0.1', 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    print(server.server_address[1], flush=True)
    sys.stdin.read()


main()
