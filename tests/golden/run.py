#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Build every golden case with kiln and compare what comes out with what the case wants. Prints TAP.

A case is a directory tests/golden/NAME; adding a case is adding files:

  Dockerfile        given with -f; without it kiln looks for one in the context
  ctx/              the context. Modes are made 0644, or 0755 for executables and directories
  ctx.sh            makes (more of) the context; runs in it, for links, modes, odd names
  base.sh           makes base images; runs in a directory whose every sub-directory N is given to kiln as
                    --build-context N=oci-layout://...; $MKIMAGE is tests/lib/mkimage.py and $BUSYBOX tests/lib/busybox_root.sh
  args              more arguments for kiln, words as in a shell; {work} {ctx} {bases} are directories
  needs             words: root; run (RUN works here: root, or user namespaces and a range of user ids; and busybox)

  want.layers       listing of each layer from the first "# layer N" on, sorted, as tests/lib/flatten.py prints it
  want.tree         listing of the flattened file system
                    A line "# fields: type,mode,..." chooses the fields; else all but size and mtime
  want.config.json  members of the image configuration and of its "config", each compared whole; null = absent
  want.history      the history, as flatten.py --history prints it
  want.stderr       one regular expression per line, each to be found in what kiln writes to standard error
  want.exit         the exit status, when it is not 0
  check.sh          anything else; $IMAGE is the layout built, $BASES as above, $FLATTEN is tests/lib/flatten.py

Every image is also checked for soundness (flatten.py --check) and is built a second time, into fresh directories: the
manifest must have the same digest. After a failure no output may be there. SOURCE_DATE_EPOCH is 1700000000, and what a
context holds is older.
"""
import argparse
import difflib
import json
import os
import pwd
import re
import shlex
import shutil
import stat
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
LIB = os.path.join(HERE, '..', 'lib')
EPOCH = 1700000000
MTIME = 1600000000  # of everything in a context that does not choose its own
DEFAULT_OMIT = 'size,mtime'


class Failure(Exception):
    pass


def read(path):
    with open(path, encoding='utf-8') as f:
        return f.read()


def flatten(*args):
    """(status, text) of tests/lib/flatten.py."""
    p = subprocess.run([sys.executable, os.path.join(LIB, 'flatten.py'), *args],
                       stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    return p.returncode, p.stdout


def flat(*args):
    status, text = flatten(*args)
    if status:
        raise Failure(text)
    return text


# ---- what a case needs: the reason why it cannot run here, or None

def need_root():
    return 'needs root' if os.geteuid() else None


def has_user_ids():
    """A range of subordinate ids, and a kernel that lets us have a user namespace."""
    name = pwd.getpwuid(os.geteuid()).pw_name
    ranges = read('/etc/subuid') if os.path.exists('/etc/subuid') else ''
    return re.search(rf'^({re.escape(name)}|{os.geteuid()}):', ranges, re.M) and shutil.which('newuidmap') and \
        subprocess.run(['unshare', '-Ur', 'true'], stderr=subprocess.DEVNULL, check=False).returncode == 0


def need_run():
    if not shutil.which('busybox'):
        return 'busybox is not installed'
    return None if os.geteuid() == 0 or has_user_ids() else 'needs root, or user namespaces and a range in /etc/subuid'


NEEDS = {'root': need_root, 'run': need_run}


# ---- what a case is built from

def run_script(path, cwd, **env):
    tools = {'MKIMAGE': os.path.join(LIB, 'mkimage.py'), 'FLATTEN': os.path.join(LIB, 'flatten.py'),
             'BUSYBOX': os.path.join(LIB, 'busybox_root.sh')}
    p = subprocess.run(['bash', '-eu', path], cwd=cwd, env={**os.environ, **tools, **env}, stdin=subprocess.DEVNULL,
                       stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    if p.returncode:
        raise Failure(f'{os.path.basename(path)}: exit status {p.returncode}\n{p.stdout}')


def under(top):
    yield top
    for here, dirs, files in os.walk(top):
        for name in dirs + files:
            yield os.path.join(here, name)


def plain_modes(top):
    for path in under(top):
        mode = os.lstat(path).st_mode
        if not stat.S_ISLNK(mode):
            os.chmod(path, 0o755 if stat.S_ISDIR(mode) or mode & 0o100 else 0o644)


def settle_times(top, start):
    """Give what was just made the one old time; deepest first, since a directory changes with what is in it."""
    for path in sorted(under(top), reverse=True):
        if os.lstat(path).st_mtime >= start:
            os.utime(path, (MTIME, MTIME), follow_symlinks=False)


class Case:
    def __init__(self, directory, work):
        self.name, self.directory, self.work = os.path.basename(directory), directory, work
        self.ctx, self.bases = os.path.join(work, 'ctx'), os.path.join(work, 'bases')

    def file(self, name):
        """The path of one of the case's files, or None."""
        path = os.path.join(self.directory, name)
        return path if os.path.exists(path) else None

    def text(self, name, default=''):
        return read(self.file(name)) if self.file(name) else default

    def missing(self):
        for need in self.text('needs').split():
            if need not in NEEDS:
                raise Failure(f'needs: {need} is not known')
            if reason := NEEDS[need]():
                return reason
        return None

    def prepare(self):
        start = int(time.time()) - 1
        if self.file('ctx'):
            shutil.copytree(self.file('ctx'), self.ctx, symlinks=True)
            plain_modes(self.ctx)
            settle_times(self.ctx, 0)
        os.makedirs(self.ctx, exist_ok=True)
        os.makedirs(self.bases)
        if self.file('ctx.sh'):
            run_script(self.file('ctx.sh'), self.ctx)
        settle_times(self.ctx, start)
        if self.file('base.sh'):
            run_script(self.file('base.sh'), self.bases)

    def command(self, kiln, attempt):
        """Arguments of the kiln run whose output goes to out-ATTEMPT."""
        out = os.path.join(self.work, f'out-{attempt}')
        words = [kiln, 'build', '--isolation', 'namespaces', '--kiln-dir', os.path.join(self.work, f'kiln-{attempt}'),
                 '-o', f'type=oci,dest={out}']
        if self.file('Dockerfile'):
            words += ['-f', self.file('Dockerfile')]
        for base in sorted(os.listdir(self.bases)):
            words += ['--build-context', f'{base}=oci-layout://{self.bases}/{base}']
        places = {'work': self.work, 'ctx': self.ctx, 'bases': self.bases}
        words += [re.sub(r'\{(work|ctx|bases)\}', lambda m: places[m[1]], w) for w in shlex.split(self.text('args'), comments=True)]
        return words + [self.ctx], out

    def build(self, kiln, attempt):
        command, out = self.command(kiln, attempt)
        env = {k: v for k, v in os.environ.items() if not k.startswith(('KILN_', 'KANIKO_', 'DOCKER_'))}
        env.setdefault('SOURCE_DATE_EPOCH', str(EPOCH))
        p = subprocess.run(command, env=env, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                           check=False, timeout=300)
        return p.returncode, p.stderr.decode(errors='replace'), out


# ---- comparing

def fields(text):
    m = re.search(r'^# fields: *(\S+)$', text, re.M)
    return ['--only', m[1]] if m else ['--omit', DEFAULT_OMIT]


def without_comments(text):
    return [line for line in text.splitlines() if line.strip() and (not line.startswith('#') or re.match(r'# layer \d+$', line))]


def first_layer(text):
    m = re.search(r'^# layer (\d+)$', text, re.M)
    if not m:
        raise Failure('want.layers has no line "# layer N"')
    return m[1]


def listing(case, name, out):
    """What the image has, in the form of the file want.layers or want.tree."""
    text = case.text(name)
    if name == 'want.tree':
        return flat('--no-root', *fields(text), out)
    return flat('--layers', '--since', first_layer(text), '--sort', '--no-root', *fields(text), out)


def difference(name, want, got):
    return '\n'.join(difflib.unified_diff(want, got, name, 'built', lineterm='', n=2))


def select(want, got):
    """The members of the document, and of its "config", that `want` names; None for one that is not there."""
    chosen = {k: got.get(k) for k in want}
    if 'config' in want:
        chosen['config'] = {k: (got.get('config') or {}).get(k) for k in want['config']}
    return chosen


def compare_listing(case, name, out):
    want, got = without_comments(case.text(name)), listing(case, name, out).splitlines()
    return [] if want == got else [difference(name, want, got)]


def compare_config(case, out):
    want = json.loads(case.text('want.config.json'))
    got = select(want, json.loads(flat('--config', out)))
    lines = [json.dumps(v, indent=2, sort_keys=True).splitlines() for v in (want, got)]
    return [] if want == got else [difference('want.config.json', *lines)]


def compare_history(case, out):
    want, got = case.text('want.history').splitlines(), flat('--history', out).splitlines()
    return [] if want == got else [difference('want.history', want, got)]


def compare_image(case, out):
    problems = []
    for name in ('want.layers', 'want.tree'):
        if case.file(name):
            problems += compare_listing(case, name, out)
    if case.file('want.config.json'):
        problems += compare_config(case, out)
    if case.file('want.history'):
        problems += compare_history(case, out)
    if case.file('check.sh'):
        run_script(case.file('check.sh'), case.work, IMAGE=out, BASES=case.bases, CTX=case.ctx)
    since = first_layer(case.text('want.layers')) if case.file('want.layers') else '1'
    status, text = flatten('--check', '--since', since, out)
    return problems + ([f'not sound:\n{text}'] if status else [])


def compare_run(case, status, stderr, out):
    """The exit status and what kiln said."""
    problems, want = [], int(case.text('want.exit', '0'))
    if status != want:
        problems.append(f'exit status {status}, not {want}')
    for pattern in case.text('want.stderr').splitlines():
        if not re.search(pattern, stderr, re.M):
            problems.append(f'standard error does not match: {pattern}')
    if want and os.path.exists(os.path.join(out, 'index.json')):
        problems.append('the build failed, but there is an image')
    return problems + ([f'standard error:\n{stderr}'] if problems else [])


def digest(out):
    index = json.loads(read(os.path.join(out, 'index.json')))
    return [m['digest'] for m in index['manifests']]


def compare_again(case, kiln, out):
    status, stderr, again = case.build(kiln, 2)
    if status:
        return [f'the second build failed with {status}:\n{stderr}']
    return [] if digest(out) == digest(again) else ['the second build gave another image:\n' + layers_that_differ(out, again)]


def layers_that_differ(out, again):
    one, two = (flat('--layers', o).splitlines() + flat('--config', o).splitlines() for o in (out, again))
    return difference('first', one, two)


# ---- rewriting expectations

def update(case, out):
    for name in ('want.layers', 'want.tree'):
        if case.file(name):
            head = [line for line in case.text(name).splitlines() if line.startswith('#') and not line.startswith('# layer')]
            write(case, name, '\n'.join(head + listing(case, name, out).splitlines()))
    if case.file('want.history'):
        write(case, 'want.history', flat('--history', out).rstrip())
    if case.file('want.config.json'):
        got = select(json.loads(case.text('want.config.json')), json.loads(flat('--config', out)))
        write(case, 'want.config.json', json.dumps(got, indent=2))


def write(case, name, text):
    with open(case.file(name), 'w', encoding='utf-8') as f:
        f.write(text + '\n')


# ---- all cases

def run_case(case, o):
    case.prepare()
    status, stderr, out = case.build(o.kiln, 1)
    problems = compare_run(case, status, stderr, out)
    if status or problems:
        return problems
    if o.update:
        update(case, out)
    return compare_image(case, out) + compare_again(case, o.kiln, out)


def remove(work):
    """Also what a context or a build has made unreadable."""
    for here, dirs, _ in os.walk(work):
        for path in (os.path.join(here, d) for d in dirs):
            if not os.path.islink(path):
                os.chmod(path, 0o700)
    shutil.rmtree(work, ignore_errors=True)


def report(number, case, o):
    try:
        reason = case.missing()
        problems = [] if reason else run_case(case, o)
    except (Failure, OSError, ValueError, KeyError, subprocess.TimeoutExpired) as e:
        reason, problems = None, [str(e)]
    print(f"{'not ok' if problems else 'ok'} {number} - {case.name}" + (f' # SKIP {reason}' if reason else ''), flush=True)
    for line in '\n'.join(problems).splitlines():
        print('# ' + line, flush=True)
    return not problems


def cases_of(o):
    every = sorted(n for n in os.listdir(o.cases) if os.path.isdir(os.path.join(o.cases, n)) and n != '__pycache__')
    unknown = [n for n in o.case if n not in every]
    if unknown:
        sys.exit(f"run.py: no case {', '.join(unknown)}")
    return o.case or every


def parse_args(argv):
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument('kiln', help='the program to test')
    p.add_argument('case', nargs='*', help='names of cases; all without')
    p.add_argument('--update', action='store_true', help='rewrite the expectations (not want.stderr) by what is built')
    p.add_argument('--keep', action='store_true', help='leave the work directories and say where they are')
    p.add_argument('--cases', default=HERE, help='directory of the cases (default: the one of this program)')
    o = p.parse_args(argv)
    o.kiln = os.path.abspath(o.kiln)
    return o


def main(argv):
    o = parse_args(argv)
    names, good = cases_of(o), True
    os.umask(0o022)
    print(f'1..{len(names)}')
    for number, name in enumerate(names, 1):
        work = tempfile.mkdtemp(prefix='kiln-golden-')
        good = report(number, Case(os.path.join(o.cases, name), work), o) and good
        if o.keep:
            print(f'# {work}')
        else:
            remove(work)
    return 0 if good else 1


if __name__ == '__main__':
    sys.exit(main(sys.argv[1:]))
