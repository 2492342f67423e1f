#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Amazon, Google and Microsoft on loopback: a proxy that answers CONNECT to their hosts itself, and their metadata services.

usage: clouds.py STATE [REGISTRY]     prints its port; STATE holds tls.pem, tls.key and config.json; REGISTRY (host:port) is
                                      a real registry that stands behind their registries' hosts

It is strict: a header, token, query or signature that is not exactly right is refused and written to STATE/bad. It shares no
code with kiln. What was asked goes to STATE/log, one line each. Each line of STATE/faults, "SUBSTRING ACTION", spoils one
request whose line holds SUBSTRING: "503" answers so, "none" that there is nothing, "drop" says nothing and closes, "cut N" ends the body after N bytes,
"swap N" does that and the object is another one from then on,
"delay SECONDS" waits before the answer and "stall N SECONDS" after N bytes of its body, "expired" answers as if the session were
over. Members of config.json: "life", seconds of tokens; "corrupt", a bit of every object is wrong; "skew", seconds that the clouds'
clock is ahead of ours; "also", addresses of which port 80 is served, too.
"""
import base64, datetime, email.utils, hashlib, hmac, http.client, http.server, json, os, pathlib, ssl, sys, threading, time
import urllib.parse as up
import xml.sax.saxutils as sx

STATE = pathlib.Path(sys.argv[1])
CONFIG = json.loads((STATE / 'config.json').read_text())
UPSTREAM = sys.argv[2] if len(sys.argv) > 2 else None
LOCK = threading.Lock()
REGION, ACCOUNT = 'eu-west-1', '123456789012'
KEYS = {'AKIDENV': ('envsecret', None), 'AKIDFILE': ('filesecret', None)}  # id -> secret, session
ISSUED = {}                                                              # tokens that were given out -> for what
CRC = []


def crc32c(data):
    if not CRC:
        for i in range(256):
            c = i
            for _ in range(8):
                c = c >> 1 ^ (0x82f63b78 if c & 1 else 0)
            CRC.append(c)
    c = 0xffffffff
    for b in data:
        c = c >> 8 ^ CRC[(c ^ b) & 255]
    return c ^ 0xffffffff


def note(name, text):
    with LOCK, open(STATE / name, 'a') as f:
        f.write(text + '\n')
    if name == 'secrets' and os.environ.get('KILN_SECRETS'):  # ./dev test searches the logs for them
        with LOCK, open(os.environ['KILN_SECRETS'], 'a') as f:
            f.write(text + '\n')


def fault_for(line):
    path = STATE / 'faults'
    with LOCK:
        rules = path.read_text().splitlines() if path.exists() else []
        for i, rule in enumerate(rules):
            match, action = rule.split(' ', 1)
            if match in line:
                path.write_text(''.join(r + '\n' for r in rules[:i] + rules[i + 1:]))
                return action
    return ''


def b64url(text):
    return base64.urlsafe_b64decode(text + '=' * (-len(text) % 4))


def now():
    return time.time() + CONFIG.get('skew', 0)


def later(seconds):
    return (datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(seconds=seconds)).strftime('%Y-%m-%dT%H:%M:%SZ')


class Refused(Exception):
    def __init__(self, status, body, headers=()):
        self.status, self.body, self.headers = status, body, headers


def issue(what, text=None):
    text = text or f'{what}-SECRET-{len(ISSUED)}'
    ISSUED[text] = what
    note('secrets', text)
    return text


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = 'HTTP/1.1'
    site = None

    # ---- plumbing

    def log_message(self, *a):
        pass

    def do_CONNECT(self):
        self.send_response_only(200)
        self.end_headers()
        tls = TLS.wrap_socket(self.connection, server_side=True)
        self.connection, self.site = tls, self.path.rsplit(':', 1)[0]
        self.rfile, self.wfile = tls.makefile('rb'), tls.makefile('wb', buffering=0)
        self.close_connection = False
        while not self.close_connection:
            self.handle_one_request()
        tls.close()

    def answer(self, status, body=b'', headers=(), head=False):
        body = body.encode() if isinstance(body, str) else body
        self.send_response(status)
        for k, v in headers:
            self.send_header(k, v)
        self.send_header('Content-Length', str(len(body)))
        self.end_headers()
        if head:
            return
        if self.fault.startswith(('cut', 'swap')):
            CONFIG['swapped'] = self.fault.startswith('swap')
            body = body[:int(self.fault.split()[1])]
            self.close_connection = True
        if self.fault.startswith('stall'):
            _, n, seconds = self.fault.split()
            self.wfile.write(body[:int(n)])
            body = body[int(n):]
            time.sleep(float(seconds))
        self.wfile.write(body)

    def date_time_string(self, timestamp=None):
        return email.utils.formatdate(timestamp or now(), usegmt=True)

    def json(self, value, headers=()):
        self.answer(200, json.dumps(value), [('Content-Type', 'application/json'), *headers])

    def need(self, condition, why, status=403, body=None, headers=()):
        if not condition:
            note('bad', f'{self.line}: {why}')
            raise Refused(status, body or json.dumps({'error': 'refused', 'error_description': why}), headers)

    def handle_any(self):
        host = self.site or 'metadata'
        self.url = up.urlsplit(self.path)
        self.query = up.parse_qsl(self.url.query, keep_blank_values=True)
        self.line = f'{self.command} {host}{self.path.split("sig=")[0]}'
        self.data = self.rfile.read(int(self.headers.get('Content-Length') or 0)) if not self.streams(host) else b''
        note('log', self.line + (' range ' + self.headers['Range'] if self.headers['Range'] else ''))
        self.fault = fault_for(self.line)
        if self.fault == 'drop':
            self.close_connection = True
            return
        if self.fault.startswith('delay'):
            time.sleep(float(self.fault.split()[1]))
        try:
            if self.fault == 'none':
                raise Refused(404, 'not found', [('Metadata-Flavor', 'Google')])
            if self.fault == '503':
                raise Refused(503, '{}')
            self.need(not self.site or self.headers['Host'] == self.site, 'wrong Host')
            self.dispatch(host)
        except Refused as r:
            self.answer(r.status, r.body, r.headers, self.command == 'HEAD')

    do_GET = do_POST = do_PUT = do_PATCH = do_HEAD = do_DELETE = handle_any

    @staticmethod
    def streams(host):
        return '.dkr.ecr' in host or host == 'public.ecr.aws' or host.endswith(('.gcr.io', '.azurecr.io'))

    def form(self):
        self.need(self.headers['Content-Type'].split(';')[0] == 'application/x-www-form-urlencoded', 'not a form')
        pairs = up.parse_qsl(self.data.decode(), keep_blank_values=True, strict_parsing=True)
        self.need(len(dict(pairs)) == len(pairs), 'a field comes twice')
        return dict(pairs)

    def dispatch(self, host):
        for name, method in SITES:
            if host == name or (name.startswith('*') and host.endswith(name[1:])):
                return method(self)
        self.need(False, 'nobody lives there', 404)

    # ---- Amazon

    def error(self, code, message, status=403, headers=(), more=''):
        raise Refused(status, f'<?xml version="1.0"?><Error><Code>{code}</Code><Message>{sx.escape(message)}</Message>{more}</Error>',
                      [('Content-Type', 'application/xml'), *headers])

    def sigv4(self, service, region=REGION):
        """The whole of Signature Version 4, on what came over the wire."""
        auth = self.headers.get('Authorization', '')
        if not auth:
            self.error('AccessDenied', 'Access Denied')
        self.need(auth.startswith('AWS4-HMAC-SHA256 '), 'no SigV4')
        parts = dict(p.strip().split('=', 1) for p in auth[len('AWS4-HMAC-SHA256 '):].split(','))
        key, day, where, what, end = parts['Credential'].split('/')
        self.need((what, end) == (service, 'aws4_request'), f'scope {what}')
        if where != region:
            self.error('AuthorizationHeaderMalformed', f'the region is wrong; expecting {region!r}', 400,
                       [('x-amz-bucket-region', region)], f'<Region>{region}</Region>')
        if key not in KEYS:
            self.error('InvalidAccessKeyId', 'no such key')
        secret, session = KEYS[key]
        self.need(self.headers.get('X-Amz-Security-Token') == session, 'session token')
        names = parts['SignedHeaders'].split(';')
        self.need(names == sorted(names) and 'host' in names and 'x-amz-date' in names, 'signed headers')
        for name in self.headers:
            if name.lower().startswith('x-amz-') or name.lower() == 'x-amz-target':
                self.need(name.lower() in names, f'{name} is not signed')
        date = self.headers['X-Amz-Date']
        self.need(date[:8] == day, 'date')
        age = now() - datetime.datetime.strptime(date + '+0000', '%Y%m%dT%H%M%SZ%z').timestamp()
        if abs(age) > 300:
            self.error('RequestTimeTooSkewed', 'The difference between the request time and the current time is too large.')
        if self.fault == 'expired':
            self.error('ExpiredToken', 'The provided token has expired.', 400)
        body = hashlib.sha256(self.data).hexdigest()
        if service == 's3':
            self.need(self.headers['X-Amz-Content-Sha256'] == body, 'x-amz-content-sha256')
        path = self.url.path if service == 's3' else up.quote(self.url.path)
        query = '&'.join(sorted(f'{up.quote(k, safe="-_.~")}={up.quote(v, safe="-_.~")}' for k, v in self.query))
        headers = ''.join(f'{n}:{" ".join(self.headers[n].split())}\n' for n in names)
        request = '\n'.join([self.command, path or '/', query, headers, ';'.join(names), body])
        text = '\n'.join(['AWS4-HMAC-SHA256', date, f'{day}/{where}/{what}/{end}', hashlib.sha256(request.encode()).hexdigest()])
        k = ('AWS4' + secret).encode()
        for step in (day, where, what, end):
            k = hmac.new(k, step.encode(), hashlib.sha256).digest()
        if hmac.new(k, text.encode(), hashlib.sha256).hexdigest() != parts['Signature']:
            note('bad', f'{self.line}: signature')
            self.error('SignatureDoesNotMatch', 'The request signature does not match.')
        return key

    def new_keys(self, what):
        key = f'ASIA{what}{len(KEYS)}'
        KEYS[key] = (issue(f'{what}-key'), issue(f'{what}-session'))
        return key, *KEYS[key], later(CONFIG.get('life', 3600))

    def sts(self):
        f = self.form()
        self.need(f.pop('Version') == '2011-06-15', 'version')
        if f['Action'] == 'AssumeRoleWithWebIdentity':
            self.need('Authorization' not in self.headers, 'signed')
            self.need(f['RoleSessionName'] and f['RoleArn'] == 'arn:aws:iam::1:role/web', 'role')
            if self.fault == 'expired':
                self.error('ExpiredTokenException', 'Token expired', 400)
            self.need(f['WebIdentityToken'] == (STATE / 'web-token').read_text().strip(), 'web token')
            got = self.new_keys('WEB')
        else:
            key = self.sigv4('sts')
            self.need(f['Action'] == 'AssumeRole' and key == 'AKIDFILE', f'{f["Action"]} by {key}')
            self.need(f['RoleArn'] == 'arn:aws:iam::2:role/other' and f.get('ExternalId') == 'ext&id', 'role')
            got = self.new_keys('ROLE')
        tags = ('AccessKeyId', 'SecretAccessKey', 'SessionToken', 'Expiration')
        body = ''.join(f'<{t}>{sx.escape(v)}</{t}>' for t, v in zip(tags, got))
        self.answer(200, f'<R xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><Credentials>{body}</Credentials></R>')

    def ecr(self):
        self.sigv4('ecr')
        self.need(self.headers['X-Amz-Target'] == 'AmazonEC2ContainerRegistry_V20150921.GetAuthorizationToken', 'target')
        self.need(self.headers['Content-Type'] == 'application/x-amz-json-1.1' and json.loads(self.data) == {}, 'body')
        token = base64.b64encode(b'AWS:' + issue('ecr').encode()).decode()
        note('secrets', token)
        self.json({'authorizationData': [{'authorizationToken': token, 'expiresAt': time.time() + CONFIG.get('life', 43200),
                                          'proxyEndpoint': 'https://x'}]})

    def ecr_public(self):
        self.sigv4('ecr-public', 'us-east-1')
        self.need(self.headers['X-Amz-Target'] == 'SpencerFrontendService.GetAuthorizationToken', 'target')
        self.need(self.headers['Content-Type'] == 'application/x-amz-json-1.1' and json.loads(self.data) == {}, 'body')
        token = base64.b64encode(b'AWS:' + issue('ecr-public').encode()).decode()
        note('secrets', token)
        self.json({'authorizationData': {'authorizationToken': token, 'expiresAt': time.time() + CONFIG.get('life', 43200)}})

    def ecr_public_registry(self):
        if self.url.path == '/token/':
            user, _, password = base64.b64decode(self.headers['Authorization'][len('Basic '):]).decode().partition(':')
            self.need(user == 'AWS' and ISSUED.get(password) == 'ecr-public', 'login', 401)
            return self.json({'token': issue('public-registry')})
        self.bearer('public-registry', f'Bearer realm="https://{self.site}/token/",service="{self.site}"')

    def ecr_registry(self):
        kind, _, value = self.headers.get('Authorization', '').partition(' ')
        user, _, password = base64.b64decode(value or '').decode().partition(':')
        if kind != 'Basic' or user != 'AWS' or ISSUED.get(password) != 'ecr':
            raise Refused(401, '{}', [('WWW-Authenticate', f'Basic realm="https://{self.site}/",service="ecr.amazonaws.com"')])
        self.upstream()

    def s3(self):
        if self.site == f'bucket.s3.us-east-1.amazonaws.com':
            self.error('PermanentRedirect', 'elsewhere', 301, [('x-amz-bucket-region', REGION)])
        if self.site != f'bucket.s3.{REGION}.amazonaws.com':
            self.error('NoSuchBucket', 'The specified bucket does not exist', 404)
        self.sigv4('s3')
        data = self.stored(up.unquote(self.url.path)[1:])
        if data is None:
            self.error('NoSuchKey', 'The specified key does not exist.', 404)
        self.body(data, f'"{hashlib.md5(data).hexdigest()}"', [('x-amz-server-side-encryption', 'AES256')])

    def imds(self):
        path = self.url.path
        if path == '/latest/api/token':
            self.need(self.command == 'PUT' and 0 < int(self.headers['X-aws-ec2-metadata-token-ttl-seconds']) <= 21600, 'ttl')
            return self.answer(200, issue('imds'))
        self.need(ISSUED.get(self.headers.get('X-aws-ec2-metadata-token')) == 'imds', 'IMDSv1', 401)
        if path == '/latest/meta-data/iam/security-credentials/':
            return self.answer(200, 'the-role')
        self.need(path == '/latest/meta-data/iam/security-credentials/the-role', 'path', 404)
        self.metadata_keys('IMDS')

    def metadata_keys(self, what):
        key, secret, session, until = self.new_keys(what)
        self.json({'Code': 'Success', 'AccessKeyId': key, 'SecretAccessKey': secret, 'Token': session, 'Expiration': until})

    def eks(self):
        self.need(self.headers.get('Authorization') == (STATE / 'pod-token').read_text().strip(), 'pod token', 401)
        self.metadata_keys('EKS')

    # ---- objects

    def stored(self, name):
        path = STATE / 'objects' / name
        return path.read_bytes() + b'\0' * CONFIG.get('swapped', 0) if path.is_file() else None

    def body(self, data, etag, headers):
        start = 0
        if self.headers.get('If-Match') not in (None, etag):
            CONFIG['swapped'] = False
            self.error('ConditionNotMet', 'changed', 412)
        if self.headers.get('Range'):
            start = int(self.headers['Range'][len('bytes='):-1])
            headers = [*headers, ('Content-Range', f'bytes {start}-{len(data) - 1}/{len(data)}')]
        if CONFIG.get('corrupt'):
            data = data[:-1] + bytes([data[-1] ^ 1])
        self.answer(206 if start else 200, data[start:], [('ETag', etag), *headers])

    # ---- Google

    def jwt(self, text):
        head, claims, signature = text.split('.')
        h, c = json.loads(b64url(head)), json.loads(b64url(claims))
        n, e = int(CONFIG['google_modulus'], 16), 65537
        plain = pow(int.from_bytes(b64url(signature), 'big'), e, n).to_bytes((n.bit_length() + 7) // 8, 'big')
        info = bytes.fromhex('3031300d060960864801650304020105000420') + hashlib.sha256(f'{head}.{claims}'.encode()).digest()
        self.need(plain == b'\0\1' + b'\xff' * (len(plain) - len(info) - 3) + b'\0' + info, 'JWT signature')
        self.need(h == {'alg': 'RS256', 'typ': 'JWT', 'kid': 'key1'}, 'JWT header')
        self.need(c['iat'] <= now() < c['exp'] <= c['iat'] + 3600 and now() - c['iat'] < 60, 'JWT times', 400, json.dumps(
            {'error': 'invalid_grant', 'error_description': 'Invalid JWT: Token must be a short-lived token (60 minutes)'}))
        self.need((c['iss'], c['aud']) == ('sa@p.iam.gserviceaccount.com', f'https://{self.site}{self.path}'), 'JWT names')
        self.need(c['scope'] == 'https://www.googleapis.com/auth/cloud-platform', 'JWT scope')

    def google_oauth(self):
        f = self.form()
        if f['grant_type'] == 'refresh_token':
            want = {'grant_type': 'refresh_token', 'client_id': 'cid', 'client_secret': 'csecret', 'refresh_token': 'rtoken'}
            self.need(f == want, 'refresh token', 400, json.dumps({'error': 'invalid_grant'}))
        else:
            self.need(f['grant_type'] == 'urn:ietf:params:oauth:grant-type:jwt-bearer' and len(f) == 2, 'grant')
            self.jwt(f['assertion'])
        self.json({'access_token': issue('google'), 'expires_in': CONFIG.get('life', 3599), 'token_type': 'Bearer'})

    def google_sts(self):
        f = self.form()
        self.need(f['subject_token'] == (STATE / 'web-token').read_text().strip(), 'subject token')
        self.need(f['audience'] == '//iam.googleapis.com/pool' and f['subject_token_type'] == 'urn:ietf:params:oauth:token-type:jwt'
                  and f['grant_type'] == 'urn:ietf:params:oauth:grant-type:token-exchange', 'exchange')
        self.json({'access_token': issue('federated'), 'expires_in': 3599, 'token_type': 'Bearer'})

    def google_iam(self):
        self.need(ISSUED.get(self.headers['Authorization'][7:]) in ('federated', 'google'), 'token')
        self.need(json.loads(self.data)['scope'] == ['https://www.googleapis.com/auth/cloud-platform'], 'scope')
        self.json({'accessToken': issue('google'), 'expireTime': later(3600)})

    def google_metadata(self):
        self.need(self.headers.get('Metadata-Flavor') == 'Google', 'flavor')
        self.json({'access_token': issue('google'), 'expires_in': CONFIG.get('life', 3599), 'token_type': 'Bearer'},
                  [('Metadata-Flavor', 'Google')])

    def gcs(self):
        auth = self.headers.get('Authorization')
        if self.fault == 'expired':
            raise Refused(401, json.dumps({'error': {'code': 401, 'message': 'Invalid Credentials'}}))
        self.need(auth is None or ISSUED.get(auth[len('Bearer '):]) == 'google', 'token', 401)
        self.need(auth, 'anonymous', 401, json.dumps({'error': {'code': 401, 'message': 'Anonymous caller does not have access'}}))
        self.need(self.query == [('alt', 'media')] and self.url.path.startswith('/storage/v1/b/bucket/o/'), 'path', 404,
                  json.dumps({'error': {'code': 404, 'message': 'The specified bucket does not exist.'}}))
        data = self.stored(up.unquote(self.path[len('/storage/v1/b/bucket/o/'):].split('?')[0]))
        if data is None:
            raise Refused(404, json.dumps({'error': {'code': 404, 'message': 'No such object'}}))
        sums = f'crc32c={base64.b64encode(crc32c(data).to_bytes(4, "big")).decode()},md5={base64.b64encode(hashlib.md5(data).digest()).decode()}'
        self.body(data, f'"CKih16Gjyc{len(data)}"', [('x-goog-hash', sums)])

    def gcr(self):
        if self.url.path == '/v2/token':
            user, _, password = base64.b64decode(self.headers['Authorization'][len('Basic '):]).decode().partition(':')
            self.need(user == 'oauth2accesstoken' and ISSUED.get(password) == 'google', 'login', 401)
            return self.json({'token': issue('gcr'), 'expires_in': 300})
        self.bearer('gcr', f'Bearer realm="https://{self.site}/v2/token",service="{self.site}"')

    def bearer(self, what, challenge):
        kind, _, token = self.headers.get('Authorization', '').partition(' ')
        if kind != 'Bearer' or ISSUED.get(token) != what:
            raise Refused(401, '{}', [('WWW-Authenticate', challenge)])
        self.upstream()

    # ---- Microsoft

    def entra(self):
        f = self.form()
        self.need(self.url.path == '/tenant-id/oauth2/v2.0/token' and f['client_id'] == 'client-id', 'client')
        self.need(f['grant_type'] == 'client_credentials', 'grant')
        if 'client_secret' in f:
            self.need(f['client_secret'] == 'client-SECRET', 'secret', 401,
                      json.dumps({'error': 'invalid_client', 'error_description': 'AADSTS7000215: Invalid client secret provided.'}))
        else:
            self.need(f['client_assertion_type'] == 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer'
                      and f['client_assertion'] == (STATE / 'web-token').read_text().strip(), 'assertion')
        self.entra_token(f['scope'].removesuffix('/.default'))

    def entra_token(self, resource, as_text=False):
        life = CONFIG.get('life', 3599)
        self.need(resource in ('https://storage.azure.com', 'https://containerregistry.azure.net'), 'resource')
        self.json({'access_token': issue(resource), 'expires_in': str(life) if as_text else life, 'token_type': 'Bearer'})

    def azure_metadata(self):
        self.need(self.headers.get('Metadata') == 'true' and ('api-version', '2018-02-01') in self.query, 'metadata')
        self.entra_token(dict(self.query)['resource'], True)

    def app_service(self):
        self.need(self.headers.get('X-IDENTITY-HEADER') == 'app-SECRET' and ('api-version', '2019-08-01') in self.query, 'header')
        self.entra_token(dict(self.query)['resource'], True)

    def shared_key(self, account):
        h = lambda name: self.headers.get(name) or ''
        ms = ''.join(f'{k}:{h(k)}\n' for k in sorted(k.lower() for k in self.headers if k.lower().startswith('x-ms-')))
        resource = f'/{account}{self.url.path}' + ''.join(f'\n{k.lower()}:{v}' for k, v in sorted(self.query))
        text = '\n'.join([self.command, h('Content-Encoding'), h('Content-Language'), '', h('Content-MD5'), h('Content-Type'), h('Date'),
                          h('If-Modified-Since'), h('If-Match'), h('If-None-Match'), h('If-Unmodified-Since'), h('Range'), ms + resource])
        return base64.b64encode(hmac.new(base64.b64decode(CONFIG['azure_key']), text.encode(), hashlib.sha256).digest()).decode()

    def blob(self):
        auth = self.headers.get('Authorization', '')
        self.need(self.headers.get('x-ms-version', '') >= '2017-11-09', 'x-ms-version')
        if dict(self.query).get('sig'):
            self.need(not auth and dict(self.query)['sig'] == 'sas+SECRET=', 'SAS')
            if self.fault == 'expired':
                self.error('AuthenticationFailed', 'Signature not valid in the specified time frame', 403,
                           [('x-ms-error-code', 'AuthenticationFailed')])
        elif auth.startswith('Bearer '):
            if self.fault == 'expired':
                self.error('InvalidAuthenticationInfo', 'Lifetime validation failed. The token is expired.', 401,
                           [('x-ms-error-code', 'InvalidAuthenticationInfo')])
            self.need(ISSUED.get(auth[7:]) == 'https://storage.azure.com', 'token', 401)
        elif abs(now() - email.utils.parsedate_to_datetime(self.headers['x-ms-date']).timestamp()) > 900:
            self.error('AuthenticationFailed', 'Server failed to authenticate the request.', 403,
                       [('x-ms-error-code', 'AuthenticationFailed')])
        elif auth != 'SharedKey acct:' + self.shared_key('acct'):
            note('bad', f'{self.line}: ' + ('signature' if auth else 'anonymous'))
            code = 'AuthenticationFailed' if auth else 'PublicAccessNotPermitted'
            self.error(code, 'Server failed to authenticate the request.' if auth else 'No.', 403, [('x-ms-error-code', code)])
        if not self.url.path.startswith('/c/'):
            self.error('ContainerNotFound', 'The specified container does not exist.', 404, [('x-ms-error-code', 'ContainerNotFound')])
        data = self.stored(up.unquote(self.url.path).removeprefix('/c/'))
        if data is None:
            self.error('BlobNotFound', 'The specified blob does not exist.', 404, [('x-ms-error-code', 'BlobNotFound')])
        md5 = base64.b64encode(hashlib.md5(data).digest()).decode()
        self.body(data, f'"0x8DABC{len(data)}"', [('x-ms-blob-content-md5' if self.headers.get('Range') else 'Content-MD5', md5)])

    def acr(self):
        if self.url.path == '/oauth2/exchange':
            f = self.form_of(self.rfile.read(int(self.headers['Content-Length'])))
            self.need(f['grant_type'] == 'access_token' and f['service'] == self.site
                      and ISSUED.get(f['access_token']) == 'https://containerregistry.azure.net', 'exchange', 401)
            claims = base64.urlsafe_b64encode(json.dumps({'exp': int(time.time()) + CONFIG.get('life', 10800)}).encode()).decode()
            return self.json({'refresh_token': issue('acr-refresh', f'aaa.{claims.rstrip("=")}.SECRET{len(ISSUED)}')})
        if self.url.path == '/oauth2/token':
            f = self.form_of(self.rfile.read(int(self.headers['Content-Length'])))
            self.need(f['grant_type'] == 'refresh_token' and ISSUED.get(f['refresh_token']) == 'acr-refresh', 'refresh', 401)
            return self.json({'access_token': issue('acr')})
        self.bearer('acr', f'Bearer realm="https://{self.site}/oauth2/token",service="{self.site}"')

    def form_of(self, data):
        self.data = data
        return self.form()

    # ---- the registry behind

    def upstream(self):
        c = http.client.HTTPConnection(UPSTREAM)
        n = int(self.headers.get('Content-Length') or 0)
        headers = {k: v for k, v in self.headers.items() if k.lower() not in ('authorization', 'connection')}
        c.request(self.command, self.path, self.rfile.read(n) if n else None, {**headers, 'X-Forwarded-Proto': 'https'})
        r = c.getresponse()
        body = r.read()
        self.send_response(r.status)
        for k, v in r.getheaders():
            if k.lower() not in ('connection', 'transfer-encoding', 'date', 'server') and (k.lower() != 'content-length' or self.command == 'HEAD'):
                self.send_header(k, v)
        if self.command != 'HEAD':
            self.send_header('Content-Length', str(len(body)))
        self.end_headers()
        if self.command != 'HEAD':
            self.wfile.write(body)

    def metadata(self):
        for prefix, method in (('/latest/', self.imds), ('/computeMetadata/', self.google_metadata), ('/metadata/identity/', self.azure_metadata),
                               ('/msi/', self.app_service), ('/v1/credentials', self.eks)):
            if self.url.path.startswith(prefix):
                return method()
        self.need(False, 'path', 404)


SITES = [('metadata', Handler.metadata), (f'sts.{REGION}.amazonaws.com', Handler.sts), (f'api.ecr.{REGION}.amazonaws.com', Handler.ecr),
         (f'{ACCOUNT}.dkr.ecr.{REGION}.amazonaws.com', Handler.ecr_registry),
         (f'ecr-fips.{REGION}.amazonaws.com', Handler.ecr), (f'{ACCOUNT}.dkr.ecr-fips.{REGION}.amazonaws.com', Handler.ecr_registry),
         ('api.ecr-public.us-east-1.amazonaws.com', Handler.ecr_public), ('public.ecr.aws', Handler.ecr_public_registry), ('*.s3.eu-west-1.amazonaws.com', Handler.s3),
         ('*.s3.us-east-1.amazonaws.com', Handler.s3), ('oauth2.googleapis.com', Handler.google_oauth), ('sts.googleapis.com', Handler.google_sts),
         ('iamcredentials.googleapis.com', Handler.google_iam), ('storage.googleapis.com', Handler.gcs), ('eu.gcr.io', Handler.gcr),
         ('login.microsoftonline.com', Handler.entra), ('acct.blob.core.windows.net', Handler.blob), ('reg.azurecr.io', Handler.acr)]
TLS = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
TLS.load_cert_chain(STATE / 'tls.pem', STATE / 'tls.key')
server = http.server.ThreadingHTTPServer(('127.0.0.1', 0), Handler)
for address in CONFIG.get('also', ()):  # the services of a machine, at their own addresses
    threading.Thread(target=http.server.ThreadingHTTPServer((address, 80), Handler).serve_forever, daemon=True).start()
print(server.server_port, flush=True)
server.serve_forever()
