#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Run clang-tidy on many files, and only on those that have changed since they were last found clean.

    tidy.py [--deep] BUILD_DIR FILE...

BUILD_DIR has compile_commands.json, made with clang; what was found clean is remembered in BUILD_DIR/tidy. "Changed" is
judged by the preprocessed text, so a changed header counts for whoever includes it. The analyzer of clang looks at
sources only, not at tests, and not far across functions: that takes a tenth of the time. --deep lets it (minutes).
"""
import concurrent.futures
import hashlib
import json
import os
import shlex
import subprocess
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
SHALLOW = ['-Xclang', '-analyzer-config', '-Xclang', 'mode=shallow']


def read(path):
    with open(path, 'rb') as f:
        return f.read()


def compile_commands(build):
    """Absolute path of a source -> (directory, words of its command)."""
    with open(os.path.join(build, 'compile_commands.json'), encoding='utf-8') as f:
        return {os.path.realpath(os.path.join(c['directory'], c['file'])): (c['directory'], shlex.split(c['command']))
                for c in json.load(f)}


def preprocessed(directory, words):
    out = words.index('-o')
    words = words[:out] + words[out + 2:]
    return subprocess.run([*words, '-E', '-o', '-'], cwd=directory, check=True, stdout=subprocess.PIPE).stdout


def tidy(path, command, build, deep):
    """The findings as text; empty when there are none."""
    args = ['clang-tidy', '--quiet', '-p', build]
    if path.startswith(os.path.join(ROOT, 'tests')):
        args.append('--checks=-clang-analyzer-*')
    elif not deep:
        args += ['--extra-arg=' + a for a in SHALLOW]
    key = hashlib.sha256(' '.join(args).encode() + read(os.path.join(ROOT, '.clang-tidy')) +
                         preprocessed(*command)).hexdigest()
    stamp = os.path.join(build, 'tidy', key)
    if os.path.exists(stamp):
        return ''
    p = subprocess.run([*args, path], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, check=False)
    if p.returncode:
        return p.stdout or p.stderr
    open(stamp, 'w', encoding='utf-8').close()
    return ''


def main():
    words = sys.argv[1:]
    deep = '--deep' in words
    build, *files = [w for w in words if w != '--deep']
    commands = compile_commands(build)
    os.makedirs(os.path.join(build, 'tidy'), exist_ok=True)
    paths = [os.path.realpath(f) for f in files]
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        found = list(pool.map(lambda p: tidy(p, commands[p], build, deep), [p for p in paths if p in commands]))
    sys.stdout.write(''.join(found))
    return 1 if any(found) else 0


if __name__ == '__main__':
    sys.exit(main())
