#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Build the golden cases that are to succeed with kiln and with buildah, and compare the images. Prints TAP.

Compared are the configuration and the flattened file system, as tests/compat/compare.py does it; a time only where it is older than
SOURCE_DATE_EPOCH, which is what a case has chosen. History is not: the two say the same in other words. A difference is a line:

    MEMBER -BUILDAH'S +KILN'S       of the configuration
    PATH -FIELDS +FIELDS            of a file that both have;  "-PATH FIELDS" what only buildah has, "+PATH FIELDS" what only kiln has
    buildah fails: LAST LINE        what it says, where it cannot build the case

The file of differences holds what is meant to be, in paragraphs: the reason, then below it lines "CASES  EXPRESSION". CASES are names or
shell patterns of names with commas between them; the expression is to match the whole line of the difference. Whatever is not listed is a
failure, and so is what is listed and does not occur in any of its cases (if all of those were built).
"""
import argparse
import concurrent.futures
import fnmatch
import os
import re
import subprocess
import sys
import tempfile

from case import EPOCH, HERE, Case, Failure, find_cases, make_shared, read
from run import BROKEN, fast_directory, remove

sys.path.insert(0, os.path.join(HERE, '..', 'compat'))
import compare  # noqa: E402


# ---- what is meant to be

class Listed:
    """A line of the file of differences."""

    def __init__(self, place, text):
        cases, _, expression = text.strip().partition('  ')
        if not expression:
            raise Failure(f'{place}: not "CASES  EXPRESSION"')
        self.place, self.cases, self.expression = place, cases.split(','), re.compile(expression.strip())
        self.seen = False

    def of(self, name):
        return any(fnmatch.fnmatchcase(name, c) for c in self.cases)

    def complete(self, found, built):
        """Were all of its cases built?"""
        return all(n in built for n in found if self.of(n))


def read_listed(path):
    listed, reason = [], None
    for number, line in enumerate(read(path).splitlines(), 1):
        if not line.strip():
            reason = None
        elif line.startswith('#'):
            reason = line
        elif not reason:
            raise Failure(f'{path}:{number}: no reason stands above it')
        else:
            listed.append(Listed(f'{os.path.basename(path)}:{number}', line))
    return listed


def unexplained(name, differences, listed):
    left = []
    for line in differences:
        by = [e for e in listed if e.of(name) and e.expression.fullmatch(line)]
        for e in by:
            e.seen = True
        left += [] if by else [line]
    return left


# ---- buildah

class Refused(Exception):
    """What buildah said."""


class Peer:
    """`program` runs buildah with a store of its own."""

    def __init__(self, program, policy):
        self.program, self.policy, self.known = program, policy, {}

    def run(self, *words):
        p = subprocess.run([self.program, *words], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, check=False,
                           timeout=300)
        text = p.stderr.decode(errors='replace').strip()
        return p.returncode, p.stdout.decode().strip(), text.splitlines()[-1] if text else ''

    def load(self, layout, tag):
        """The name of an image from a layout, in the store."""
        if layout not in self.known:
            status, image, said = self.run('pull', '-q', '--signature-policy', self.policy, f'oci:{layout}')
            if status == 0:
                status, _, said = self.run('tag', image, f'localhost/{tag}:1')
            if status == 0:  # it was called localhost/PATH, by the last word of which a FROM could find it
                status, _, said = self.run('rmi', f'localhost{layout}')
            if status:
                raise Refused(said)
            self.known[layout] = f'localhost/{tag}:1'
        return self.known[layout]

    def context(self, case, number, name, layout):
        shared = os.path.dirname(layout) == case.shared
        tag = f'shared-{os.path.basename(layout)}' if shared else f'{os.path.basename(case.work)}-{number}'
        return f'{name}=container-image://{self.load(layout, tag)}'

    def arguments(self, case):
        words = ['-f', case.files.path('Dockerfile')] if case.has('Dockerfile') else []
        for number, (name, layout) in enumerate(case.contexts()):
            words += ['--build-context', self.context(case, number, name, layout)]
        for number, word in enumerate(case.words('args'), 100):
            m = re.fullmatch(r'(\S+)=oci-layout://(.*)', word)
            words.append(self.context(case, number, m[1], m[2]) if m else word)
        return words

    def build(self, case):
        """The image."""
        tag, out = os.path.basename(case.work), os.path.join(case.work, 'peer')
        status, _, said = self.run('bud', '--isolation', 'chroot', '--signature-policy', self.policy, '-q', '--format', 'docker', '--layers=false',
                                   '--pull=never', '--identity-label=false', *self.arguments(case), '-t', tag, case.ctx)
        if status:
            raise Refused(said)
        status, _, said = self.run('push', '-q', '--signature-policy', self.policy, tag, f'docker-archive:{out}:{tag}:1')
        if status:
            raise Failure(f'buildah push: {said}')
        return out


# ---- comparing

def chosen(mtime):
    return float(mtime) < EPOCH


def differences(kiln, peer):
    yield from compare.config_differences(compare.config(peer), compare.config(kiln))
    yield from compare.tree_differences(compare.tree(peer, chosen), compare.tree(kiln, chosen))


def compare_case(case, o):
    case.prepare()
    status, _, stderr, out = case.build(o.kiln, 1)
    if status:
        raise Failure(f'kiln fails:\n{stderr}')
    try:
        found = list(differences(out, o.peer.build(case)))
    except Refused as e:
        found = [f'buildah fails: {e}']
    return unexplained(case.name, found, o.listed)


def run_named(name, o):
    """(name, reason why it was skipped, problems)."""
    work, reason = os.path.join(o.top, f'case-{o.names.index(name)}'), None
    os.mkdir(work)
    try:
        case = Case(o.found[name], name, work, o.directory)
        reason = case.missing()
        problems = [] if reason else compare_case(case, o)
    except BROKEN as e:
        problems = [f'{type(e).__name__}: {e}']
    remove(work)
    return name, reason, problems


# ---- all cases

def comparable(path, name):
    case = Case(path, name, '', '')
    return not case.fails() and not case.has('command')


def choose(o):
    names = [n for n in o.found if not o.case or any(fnmatch.fnmatchcase(n, c) or n.startswith(c + '/') for c in o.case)]
    if not names:
        sys.exit('peer.py: no such case')
    return names


def parse_args(argv):
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument('kiln', help='the program to test')
    p.add_argument('peer', help='a program that runs buildah')
    p.add_argument('policy', help='policy.json of its signatures')
    p.add_argument('case', nargs='*', help='names of cases or groups, or patterns of names; all without')
    p.add_argument('-j', '--jobs', type=int, default=len(os.sched_getaffinity(0)), help='cases built at a time (default: processors)')
    p.add_argument('--differences', default=os.path.join(HERE, 'buildah.txt'), help='the file of differences (default: buildah.txt)')
    o = p.parse_intermixed_args(argv)
    o.kiln = os.path.abspath(o.kiln)
    o.peer = Peer(o.peer, o.policy)
    return o


def gone(o, built):
    """What is listed and no longer occurs."""
    return [e.place for e in o.listed if not e.seen and e.complete(o.found, built)]


def report(number, name, problems, reason=None):
    print(f"{'not ok' if problems else 'ok'} {number} - {name}" + (f' # SKIP {reason}' if reason else ''), flush=True)
    for line in '\n'.join(problems).splitlines():
        print('# ' + line, flush=True)
    return not problems


def main(argv):
    o = parse_args(argv)
    o.found = {n: p for n, p in find_cases(HERE).items() if comparable(p, n)}
    o.listed, o.names, built, good = read_listed(o.differences), choose(o), set(), True
    os.umask(0o022)
    # buildah makes names out of paths, and does not like all of those that tempfile chooses
    o.top = os.path.join(fast_directory() or tempfile.gettempdir(), f'kiln-peer-{os.getpid()}')
    o.directory = os.path.join(o.top, 'bases')
    try:
        make_shared(HERE, o.directory)
        for name in sorted(os.listdir(o.directory)):  # one after the other: every case wants them
            o.peer.load(os.path.join(o.directory, name), f'shared-{name}')
        print(f'1..{len(o.names) + 1}')
        with concurrent.futures.ThreadPoolExecutor(o.jobs) as pool:
            for number, (name, reason, problems) in enumerate(pool.map(lambda n: run_named(n, o), o.names), 1):
                good = report(number, name, problems, reason) and good
                built |= set() if reason else {name}
    finally:
        remove(o.top)
    return 0 if report(len(o.names) + 1, 'what is listed occurs', gone(o, built)) and good else 1


if __name__ == '__main__':
    sys.exit(main(sys.argv[1:]))
