#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Secrets in logs: leaks.py [--secrets FILE]... LOG...

Prints every line of the logs that holds a secret of the tests as it is, percent-encoded, in hexadecimal or in base64 (wherever it
begins), or what looks like one: a JSON web token, the value of an Authorization header, a signature in a URL. Secrets are those of
the files, one a line, and the ones that tests have written into them. Exit status 1 when there is any."""
import argparse
import base64
import re
import sys
import urllib.parse

KNOWN = ['alice:secret', 'bob:weak', 'user:secret', 'alice-refresh', 'wrong-password', 'envsecret', 'filesecret', 'web-token-SECRET', 'pod-SECRET',
         'client-SECRET', 'app-SECRET', 'sas+SECRET', 'csecret', 'pw-SECRET', 'PRIVATE KEY',
         'Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw==']
SHAPES = [rb'eyJ[A-Za-z0-9_-]{20}', rb'\b(?:Bearer|Basic) +[A-Za-z0-9+/._=-]{12}', rb'[?&](?:sig|signature|X-Amz-Signature|X-Goog-Signature)=[^&\s"]{4}']
LEAST = 6  # bytes; what is shorter occurs by itself


def forms(secret):
    data = secret.encode()
    yield data
    yield urllib.parse.quote(secret, safe='').encode()
    yield data.hex().encode()
    for shift in range(3):  # without the characters that neighbours have a part in
        text = base64.b64encode(bytes(shift) + data)
        middle = text[(0, 2, 3)[shift]:len(text.rstrip(b'=')) - ((shift + len(data)) % 3 > 0)]
        if len(middle) >= LEAST:
            yield middle
            yield middle.replace(b'+', b'-').replace(b'/', b'_')


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument('--secrets', action='append', default=[])
    p.add_argument('logs', nargs='+')
    o = p.parse_args()
    secrets = set(KNOWN)
    for name in o.secrets:
        with open(name, encoding='utf-8') as f:
            secrets |= {line.strip() for line in f}
    wanted = {form for s in secrets if len(s) >= LEAST for form in forms(s)}
    pattern = re.compile(b'|'.join([re.escape(w) for w in sorted(wanted, key=len, reverse=True)] + SHAPES))
    found = 0
    for name in o.logs:
        with open(name, 'rb') as f:
            for line in f:
                if pattern.search(line):
                    found += 1
                    print(f'{name}: {line.decode(errors="replace").rstrip()}')
    sys.exit(found > 0)


main()
