#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Compare two images of one Dockerfile: their flattened file systems and their configurations.

    compare.py CASE BUILDAH-IMAGE KILN-IMAGE DIFFERENCES

Every difference is a line, "-" what the first has and "+" what the second has; where both have a path, with the fields that differ
only. DIFFERENCES lists those that are meant to be:

    CASE  REGULAR-EXPRESSION  # reason

CASE may be "*". The expression is to match the whole line. A listed difference that no longer occurs is reported as well, unless
its case is "*". Times are not compared, but for the files of the case's context (mtime 1600000000) and what its Dockerfile sets.
"""
import json
import re
import subprocess
import sys
import os

FLATTEN = os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', 'lib', 'flatten.py')
CHOSEN_TIMES = {'1600000000', '1500000000', '1400000000', '1300000000'}


def run(*args):
    return subprocess.run([sys.executable, FLATTEN, *args], stdout=subprocess.PIPE, text=True, check=True).stdout


def fields(line):
    """{"type": ..., ...} of one line of a listing; quoted values may hold blanks."""
    path, _, rest = line.partition(' ')
    return path, dict(re.findall(r'(\S+?)=("(?:[^"\\]|\\.)*"|\S+)', rest))


def tree(image, chosen=CHOSEN_TIMES.__contains__):
    """{path: fields}; with the time where `chosen` says that it is no accident."""
    out = {}
    for line in run('--no-root', image).splitlines():
        path, f = fields(line)
        if 'mtime' in f and not chosen(f['mtime']):
            f.pop('mtime', None)
        out[path] = f
    return out


def config(image):
    whole = json.loads(run('--config', image))
    lines = {k: whole.get(k) for k in ('os', 'architecture', 'variant', 'author')}
    lines.update({f'config.{k}': v for k, v in (whole.get('config') or {}).items()})
    return {k: json.dumps(v, sort_keys=True) for k, v in lines.items() if v not in (None, '', [], {})}


def show(f, keys):
    return ' '.join(f'{k}={f[k]}' for k in keys if k in f)


def tree_differences(a, b):
    for path in sorted(a.keys() | b.keys()):
        x, y = a.get(path), b.get(path)
        if x and y:
            keys = [k for k in sorted(x.keys() | y.keys()) if x.get(k) != y.get(k)]
            if keys:
                yield f'{path} -{show(x, keys)} +{show(y, keys)}'
        elif x:
            yield f'-{path} {show(x, x)}'
        else:
            yield f'+{path} {show(y, y)}'


def config_differences(a, b):
    for key in sorted(a.keys() | b.keys()):
        if a.get(key) != b.get(key):
            yield f'{key} -{a.get(key)} +{b.get(key)}'


def listed(path, case):
    """[(expression, must occur)] of the case."""
    out = []
    with open(path, encoding='utf-8') as f:
        for number, line in enumerate(f, 1):
            if not line.strip() or line.startswith('#'):
                continue
            m = re.match(r'(\S+)\s+(.*\S)\s+# .+$', line)
            if not m:
                sys.exit(f'{path}:{number}: not "CASE EXPRESSION # reason"')
            if m[1] in (case, '*'):
                out.append((re.compile(m[2]), m[1] != '*'))
    return out


def main(case, first, second, differences):
    known, seen, good = listed(differences, case), set(), True
    found = [*config_differences(config(first), config(second)), *tree_differences(tree(first), tree(second))]
    for line in found:
        by = [i for i, (expression, _) in enumerate(known) if expression.fullmatch(line)]
        seen.update(by)
        if not by:
            good = False
            print(line)
    for i, (expression, must) in enumerate(known):
        if must and i not in seen:
            good = False
            print(f'listed, but there is no such difference any more: {expression.pattern}')
    return 0 if good else 1


if __name__ == '__main__':
    if len(sys.argv) != 5:
        sys.exit(__doc__)
    sys.exit(main(*sys.argv[1:]))
