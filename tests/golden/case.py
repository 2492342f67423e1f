# SPDX-License-Identifier: Apache-2.0
"""What a golden case is: its files, wherever they are written, the directories it is built from and kiln's arguments.

A case is a file GROUP/NAME.case or a directory NAME; run.py --help says what is in it.
"""
import os
import pwd
import re
import shlex
import shutil
import stat
import subprocess
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
LIB = os.path.join(HERE, '..', 'lib')
EPOCH = 1700000000
MTIME = 1600000000  # of everything in a context that does not choose its own
EXPECTATIONS = ('want.config', 'want.history', 'want.tree')  # of every .case that is to succeed
MARKER = re.compile(r'^-- (\S+) --\n', re.M)


class Failure(Exception):
    pass


def read(path):
    with open(path, encoding='utf-8') as f:
        return f.read()


def write(path, text):
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, 'w', encoding='utf-8') as f:
        f.write(text)


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


# ---- directories

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


# ---- the files of a case

class DirectoryFiles:
    """A directory: the files are there."""

    def __init__(self, directory):
        self.directory = directory

    def names(self):
        return [os.path.relpath(p, self.directory) for p in under(self.directory) if os.path.isfile(p)]

    def text(self, name):
        path = os.path.join(self.directory, name)
        return read(path) if os.path.exists(path) else None

    def path(self, name):
        path = os.path.join(self.directory, name)
        return path if os.path.exists(path) else None

    def context(self, ctx):
        if os.path.isdir(os.path.join(self.directory, 'ctx')):
            shutil.copytree(os.path.join(self.directory, 'ctx'), ctx, symlinks=True)
            plain_modes(ctx)

    def replace(self, texts):
        for name, text in texts.items():
            write(os.path.join(self.directory, name), text)


class OneFile:
    """A .case file: a description, then the text of each file below a line "-- NAME --". Written out to `directory` as needed."""

    def __init__(self, case, directory):
        self.case, self.directory = case, directory
        self.about, *rest = MARKER.split(read(case))
        self.texts = dict(zip(rest[::2], rest[1::2]))
        if len(self.texts) * 2 != len(rest):
            raise Failure(f'{case}: a section is there twice')

    def names(self):
        return list(self.texts)

    def text(self, name):
        return self.texts.get(name)

    def path(self, name):
        path = os.path.join(self.directory, name)
        if name in self.texts and not os.path.exists(path):
            write(path, self.texts[name])
        return path if name in self.texts else None

    def context(self, ctx):
        for name, text in self.texts.items():
            if name.startswith('ctx/'):
                write(os.path.join(ctx, name[4:]), text)

    def replace(self, texts):
        self.texts.update(texts)
        write(self.case, self.about + ''.join(f'-- {n} --\n{t}' for n, t in self.texts.items() if t))


# ---- a case

class Case:
    """`work` is a directory for what the case is built from; `shared` holds the bases that all cases may use."""

    def __init__(self, path, name, work, shared):
        self.name, self.work, self.shared, self.in_one_file = name, work, shared, path.endswith('.case')
        self.files = OneFile(path, os.path.join(work, 'case')) if self.in_one_file else DirectoryFiles(path)
        self.ctx, self.bases = os.path.join(work, 'ctx'), os.path.join(work, 'bases')

    def text(self, name, default=''):
        text = self.files.text(name)
        return default if text is None else text

    def has(self, name):
        return self.files.text(name) is not None

    def fails(self):
        return self.has('want.error') or self.text('want.exit', '0').strip() != '0'

    def wants(self):
        """The names of its expectations about the image."""
        names = [n for n in self.files.names() if n.startswith('want.')]
        return set(names + list(EXPECTATIONS) if self.in_one_file and not self.fails() and not self.has('command') else names)

    def check(self):
        known = r'Dockerfile|ctx/.+|(ctx|base|check)\.sh|args|command|needs|' \
                r'want\.(config|config\.json|history|tree|layers|stdout|stderr|error|exit)'
        for name in self.files.names():
            if not re.fullmatch(known, name) and self.in_one_file:
                raise Failure(f'there is no section "{name}"')

    def needs(self):
        implied = re.search(r'^\s*(onbuild\s+)?run\b|\bbusybox\b', self.text('Dockerfile'), re.I | re.M)
        return self.text('needs').split() + (['run'] if implied and self.in_one_file else [])

    def missing(self):
        for need in self.needs():
            if need not in NEEDS:
                raise Failure(f'needs: {need} is not known')
            if reason := NEEDS[need]():
                return reason
        return None

    def prepare(self):
        self.check()
        start = int(time.time()) - 1
        self.files.context(self.ctx)
        os.makedirs(self.ctx, exist_ok=True)
        settle_times(self.ctx, 0)
        os.makedirs(self.bases)
        if self.has('ctx.sh'):
            run_script(self.files.path('ctx.sh'), self.ctx)
        settle_times(self.ctx, start)
        if self.has('base.sh'):
            run_script(self.files.path('base.sh'), self.bases, SHARED=self.shared)
        if self.has('Dockerfile') and self.in_one_file:
            self.files.path('Dockerfile')

    def contexts(self):
        """(name, layout) of the bases."""
        for top in (self.bases, self.shared):
            for name in sorted(os.listdir(top) if os.path.isdir(top) else []):
                yield name, os.path.join(top, name)

    def words(self, name):
        """The words of one of its files, names of directories put in."""
        places = {'work': self.work, 'ctx': self.ctx, 'bases': self.bases, 'shared': self.shared}
        return [re.sub(r'\{(work|ctx|bases|shared)\}', lambda m: places[m[1]], w)
                for w in shlex.split(self.text(name), comments=True)]

    def command(self, kiln, attempt, isolation='namespaces'):
        """Arguments of the kiln run whose output goes to out-ATTEMPT."""
        out = os.path.join(self.work, f'out-{attempt}')
        if self.has('command'):
            return [kiln, *self.words('command')], out
        words = [kiln, 'build', '--isolation', isolation, '--kiln-dir', os.path.join(self.work, f'kiln-{attempt}'),
                 '-o', f'type=oci,dest={out}']
        if self.has('Dockerfile'):
            words += ['-f', self.files.path('Dockerfile')]
        for name, layout in self.contexts():
            words += ['--build-context', f'{name}=oci-layout://{layout}']
        words += self.words('args')
        return words + [self.ctx], out

    def build(self, kiln, attempt, isolation='namespaces', more=(), clock=False):
        """more: options. clock: the time of the build is that of the clock"""
        command, out = self.command(kiln, attempt, isolation)
        command[-1:] = [*more, command[-1]]
        env = {k: v for k, v in os.environ.items() if k == 'KILN_LOG_FILE' or not k.startswith(('KILN_', 'KANIKO_', 'DOCKER_'))}
        env.setdefault('SOURCE_DATE_EPOCH', str(EPOCH))
        if clock:
            del env['SOURCE_DATE_EPOCH']
        p = subprocess.run(command, env=env, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                           check=False, timeout=300)
        return p.returncode, p.stdout.decode(errors='replace'), p.stderr.decode(errors='replace'), out


def make_shared(cases, directory):
    """The bases that all cases may use, by cases/bases/NAME.sh: layouts directory/NAME."""
    os.makedirs(directory, exist_ok=True)
    top = os.path.join(cases, 'bases')
    for name in sorted(os.listdir(top) if os.path.isdir(top) else []):
        if name != 'busybox.sh' or shutil.which('busybox'):
            run_script(os.path.join(top, name), directory)
    for name in os.listdir(directory):  # what the scripts needed besides
        if not os.path.exists(os.path.join(directory, name, 'index.json')):
            path = os.path.join(directory, name)
            shutil.rmtree(path) if os.path.isdir(path) else os.remove(path)


def find_cases(top):
    """{name: path}."""
    found = {}
    for name in sorted(os.listdir(top)):
        path = os.path.join(top, name)
        if not os.path.isdir(path) or name in ('__pycache__', 'bases'):
            continue
        inside = sorted(os.listdir(path))
        found.update({f'{name}/{n[:-5]}': os.path.join(path, n) for n in inside if n.endswith('.case')})
        if any(not n.endswith('.case') for n in inside):
            found[name] = path
    return found
