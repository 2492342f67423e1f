#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Put a file into a bucket, with signatures of its own.

usage: put_object.py s3 ENDPOINT ACCESS-KEY SECRET REGION BUCKET/KEY FILE
       put_object.py azure ENDPOINT ACCOUNT KEY PATH[?QUERY] [FILE]     without FILE: a container, with restype=container
"""
import base64, datetime, email.utils, hashlib, hmac, sys
import urllib.parse as up
import urllib.request as ur


def put(url, data, headers):
    ur.urlopen(ur.Request(url, data=data, method='PUT', headers=headers))


def s3(end, key, secret, region, name, file):
    data = open(file, 'rb').read()
    path = '/' + up.quote(name)
    date = datetime.datetime.now(datetime.timezone.utc).strftime('%Y%m%dT%H%M%SZ')
    headers = {'host': up.urlsplit(end).netloc, 'x-amz-content-sha256': hashlib.sha256(data).hexdigest(), 'x-amz-date': date}
    names = ';'.join(headers)
    request = '\n'.join(['PUT', path, '', *(f'{k}:{v}' for k, v in headers.items()), '', names, headers['x-amz-content-sha256']])
    scope = f'{date[:8]}/{region}/s3/aws4_request'
    text = '\n'.join(['AWS4-HMAC-SHA256', date, scope, hashlib.sha256(request.encode()).hexdigest()])
    k = ('AWS4' + secret).encode()
    for step in scope.split('/'):
        k = hmac.new(k, step.encode(), hashlib.sha256).digest()
    signature = hmac.new(k, text.encode(), hashlib.sha256).hexdigest()
    put(end + path, data, {**headers, 'Authorization': f'AWS4-HMAC-SHA256 Credential={key}/{scope}, SignedHeaders={names}, Signature={signature}'})


def azure(end, account, key, path, file=None):
    data = open(file, 'rb').read() if file else b''
    url = up.urlsplit(f'{end}/{path}')
    ms = {'x-ms-date': email.utils.formatdate(usegmt=True), 'x-ms-version': '2020-10-02'}
    if file:
        ms['x-ms-blob-type'] = 'BlockBlob'
    text = '\n'.join(['PUT', '', '', str(len(data) or ''), '', 'application/octet-stream', '', '', '', '', '', '',
                      *(f'{k}:{ms[k]}' for k in sorted(ms)), f'/{account}{url.path}',
                      *(f'{k}:{v}' for k, v in sorted(up.parse_qsl(url.query)))])
    signature = base64.b64encode(hmac.new(base64.b64decode(key), text.encode(), hashlib.sha256).digest()).decode()
    put(url.geturl(), data, {**ms, 'Content-Type': 'application/octet-stream', 'Authorization': f'SharedKey {account}:{signature}'})


if len(sys.argv) < 6 or sys.argv[1] not in ('s3', 'azure'):
    sys.exit(__doc__)
{'s3': s3, 'azure': azure}[sys.argv[1]](*sys.argv[2:])
