#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A web server for the tests of contexts and ADD: the files of a directory, served well or badly. Standard library only.

The first element of a path says how the rest is served:
    /plain/F                as any server does: Last-Modified, ETag, ranges
    /drop/F                 the connection ends after half of the file, the first time; ranges and a strong ETag
    /drop-norange/F         the same, but the whole file is sent again
    /drop-changed/F         the same, and the file has other bytes by then
    /drop-always/F          after half of what is left, each time
    /flaky/F                503 the first two times
    /slow/SECONDS/F         in thirty pieces, so that it takes so long
    /status/N/F             always status N
    /no-date/F              without Last-Modified
    /auth/F                 Basic credentials user:secret wanted
    /redirect/REST          to /REST
    /moved/F                to the path that F holds
    /weak/F                 as /plain, with a weak ETag
    /same/F                 as /plain, with one and the same ETag whatever F holds
    /liar/F                 304 to whoever has an ETag already
    /picky/F                400 to whoever has one
    /git/REPO...            git's smart protocol through `git http-backend`; /git-auth/ asks for user:secret
    /git-v0/REPO...         the same, deaf to the second version of the protocol
The first line on standard output is the port; each request is one line on standard error.
"""
import argparse, base64, email.utils, hashlib, http.server, os, pathlib, ssl, subprocess, sys, threading, time, urllib.parse


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = 'HTTP/1.1'
    disable_nagle_algorithm = True  # headers and body are two writes: together they would cost a delayed acknowledgement
    seen = {}
    lock = threading.Lock()

    def log_message(self, form, *args):
        sys.stderr.write('%s %s\n' % (form % args, self.headers.get('Range', '-') if hasattr(self, 'headers') else '-'))
        sys.stderr.flush()

    def count(self):
        with self.lock:
            self.seen[self.path] = self.seen.get(self.path, 0) + 1
            return self.seen[self.path]

    def answer(self, status, body=b'', **headers):
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace('_', '-'), value)
        self.send_header('Content-Length', str(len(body)))
        self.end_headers()
        if self.command != 'HEAD':
            self.wfile.write(body)

    def allowed(self):
        given = self.headers.get('Authorization', '')
        if given == 'Basic ' + base64.b64encode(b'user:secret').decode():
            return True
        self.answer(401, b'who are you?', WWW_Authenticate='Basic realm="lab"')
        return False

    def do_GET(self):
        how, _, rest = urllib.parse.unquote(self.path.split('?')[0]).lstrip('/').partition('/')
        if how == 'redirect':
            return self.answer(302, Location='/' + rest)
        if how == 'status':
            return self.answer(int(rest.split('/')[0]), b'no')
        if how.startswith('git'):
            return self.git(how, rest)
        if how == 'auth' and not self.allowed():
            return
        if how == 'slow':
            self.seconds, _, rest = rest.partition('/')
        path = pathlib.Path(self.server.root) / rest
        if '..' in rest.split('/') or not path.is_file():
            return self.answer(404, b'no such file')
        times = self.count()
        if how == 'flaky' and times <= 2:
            return self.answer(503, b'not now')
        if how == 'moved':
            return self.answer(302, Location=path.read_text().strip())
        if how == 'picky' and 'If-None-Match' in self.headers:
            return self.answer(400, b'I know what I have')
        self.serve(how, path, times)

    do_HEAD = do_GET

    def serve(self, how, path, times):
        data = path.read_bytes()
        if how == 'drop-changed' and times > 1:
            data = data[:100] + bytes([data[100] ^ 1]) + data[101:]
        etag = '"same"' if how in ('same', 'liar') else '"%s"' % hashlib.sha256(data).hexdigest()[:16]
        etag = 'W/' + etag if how == 'weak' else etag
        known = self.headers.get('If-None-Match')
        if known and (known.removeprefix('W/') == etag.removeprefix('W/') or how == 'liar'):
            return self.answer(304, ETag=etag)
        at, status, norange = 0, 200, how in ('drop-norange', 'drop-changed')
        wanted = self.headers.get('Range', '')
        if wanted.startswith('bytes=') and not norange and self.headers.get('If-Range', etag) == etag:
            at, status = int(wanted[6:].split('-')[0]), 206
        body = data[at:]
        self.send_response(status)
        self.send_header('Content-Length', str(len(body)))
        if status == 206:
            self.send_header('Content-Range', 'bytes %d-%d/%d' % (at, len(data) - 1, len(data)))
        if not norange:
            self.send_header('ETag', etag)
        if how != 'no-date':
            self.send_header('Last-Modified', email.utils.formatdate(path.stat().st_mtime, usegmt=True))
        self.end_headers()
        if how == 'drop-always' or (how.startswith('drop') and times == 1):
            body = body[:(len(body) + 1) // 2]
            self.close_connection = True
        if how == 'slow':
            return self.slowly(body)
        self.wfile.write(body)

    def slowly(self, body):
        step = len(body) // 30 + 1
        for at in range(0, len(body), step):
            self.wfile.write(body[at:at + step])
            time.sleep(float(self.seconds) / 30)

    # ---- git

    def do_POST(self):
        how, _, rest = self.path.lstrip('/').partition('/')
        self.git(how, rest) if how.startswith('git') else self.answer(405)

    def read_body(self):
        if self.headers.get('Transfer-Encoding') != 'chunked':
            return self.rfile.read(int(self.headers.get('Content-Length', 0)))
        body = b''
        while True:
            n = int(self.rfile.readline(), 16)
            body += self.rfile.read(n)
            self.rfile.readline()
            if n == 0:
                return body

    def git(self, how, rest):
        body = self.read_body()
        if how == 'git-auth' and not self.allowed():
            return
        env = dict(os.environ, GIT_PROJECT_ROOT=str(self.server.root), GIT_HTTP_EXPORT_ALL='1', PATH_INFO='/' + rest.split('?')[0],
                   QUERY_STRING=self.path.partition('?')[2], REQUEST_METHOD=self.command, CONTENT_LENGTH=str(len(body)),
                   CONTENT_TYPE=self.headers.get('Content-Type', ''), REMOTE_ADDR='127.0.0.1', REMOTE_USER='user')
        if how != 'git-v0' and self.headers.get('Git-Protocol'):
            env['GIT_PROTOCOL'] = self.headers['Git-Protocol']
        out = subprocess.run(['git', 'http-backend'], input=body, env=env, capture_output=True).stdout
        head, _, body = out.partition(b'\r\n\r\n')
        headers = dict(line.split(': ', 1) for line in head.decode().split('\r\n') if ': ' in line)
        self.answer(int(headers.pop('Status', '200').split()[0]), body, **headers)


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument('root')
    p.add_argument('--tls', nargs=2, metavar=('CERT', 'KEY'))
    args = p.parse_args()
    server = http.server.ThreadingHTTPServer(('127.0.0.1', 0), Handler)
    server.root = os.path.abspath(args.root)
    if args.tls:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*args.tls)
        server.socket = context.wrap_socket(server.socket, server_side=True)
    print(server.server_address[1], flush=True)
    server.serve_forever()


main()
