#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Do exactly the right steps miss?

Generates Dockerfiles and contexts from a seed, asks `kiln build --dryrun --cache` for the keys of their steps, changes one
thing and asks again. What is visible to a step must change its key and those of everything after it; what is not must change
none. The model below knows nothing of how keys are made.

    cache_property.py KILN BASE-LAYOUT-1 BASE-LAYOUT-2 [--cases N] [--seed N]
"""
import argparse
import copy
import os
import random
import re
import shutil
import subprocess
import sys
import tempfile

LINE = re.compile(r'^\[(\S+) (\d+)/\d+\] (?:hit|miss) (\S+) ')


class Step:
    def __init__(self, kind, **fields):
        self.kind = kind
        self.__dict__.update(fields)

    def text(self):
        if self.kind == 'RUN':
            return 'RUN ' + self.command
        if self.kind == 'HEREDOC':
            return 'RUN <<EOF\n' + self.command + '\nEOF'
        if self.kind == 'COPY':
            flags = ''.join(' --%s=%s' % f for f in self.flags)
            return 'COPY%s %s %s' % (flags, ' '.join(self.sources), self.dest)
        if self.kind == 'FROM':
            return 'COPY --from=%s %s %s' % (self.stage, self.source, self.dest)
        if self.kind == 'FILE':
            return 'COPY <<EOF %s\n%s\nEOF' % (self.dest, self.body)
        return self.kind + ' ' + self.words

    def layer(self):
        return self.kind in ('RUN', 'HEREDOC', 'COPY', 'FROM', 'FILE', 'WORKDIR')

    def runs(self):
        return self.kind in ('RUN', 'HEREDOC')


class Stage:
    def __init__(self, name, base):
        self.name, self.base, self.steps = name, base, []


class Case:
    """stages; files of the context: path -> [content, mode, link target or None]; build arguments; comments"""

    def __init__(self, r):
        self.r = r
        self.files = {}
        for d in ('src', 'lib', 'src/deep'):
            for n in range(r.randint(1, 3)):
                self.files['%s/f%d' % (d, n)] = [str(r.random()), r.choice([0o644, 0o755, 0o600]), None]
        self.files['src/link'] = ['', 0, 'f0']
        self.files['other'] = ['unrelated', 0o644, None]
        self.args = {'V': str(r.random()), 'UNUSED': '1'}
        self.stages = []
        self.bases = ['base1']
        self.comments = False
        self.proxy = None
        self.platform = None
        for n in range(r.randint(1, 4)):
            self.stages.append(self.make_stage(n))
        self.link_all()

    def make_stage(self, n):
        r = self.r
        earlier = [s.name for s in self.stages]
        s = Stage('st%d' % n, r.choice(['base1', 'base2', 'scratch'] + earlier))
        for k in range(r.randint(1, 6)):
            s.steps.append(self.make_step(earlier, '%d-%d' % (n, k)))
        return s

    def make_step(self, earlier, tag):
        r = self.r
        kinds = ['RUN', 'RUN', 'COPY', 'COPY', 'ENV', 'ARG', 'WORKDIR', 'LABEL', 'USER', 'HEREDOC', 'FILE']
        kind = r.choice(kinds + (['FROM', 'FROM'] if earlier else []))
        if kind in ('RUN', 'HEREDOC'):
            return Step(kind, command='echo %s' % tag)
        if kind == 'COPY':
            flags = r.sample([('chown', '1:2'), ('chmod', '700'), ('exclude', 'f1')], r.randint(0, 1))
            return Step(kind, sources=r.choice([['src'], ['lib', 'src'], ['src/f*'], ['src/f0'], ['lib/']]), flags=flags,
                        dest='/d%s/' % tag)
        if kind == 'FILE':
            return Step(kind, dest='/h' + tag, body='text ' + tag)
        if kind == 'FROM':
            return Step(kind, stage=r.choice(earlier), source='/x', dest='/y' + tag)
        words = {'ENV': 'E=' + tag, 'ARG': 'V', 'WORKDIR': '/w' + tag, 'LABEL': 'l=' + tag, 'USER': r.choice(['1', '2'])}
        return Step(kind, words=words[kind])

    def link_all(self):
        """The last stage reads every other, so that all are needed."""
        for s in self.stages[:-1]:
            self.stages[-1].steps.append(Step('FROM', stage=s.name, source='/z', dest='/z' + s.name))

    def stage(self, name):
        return next((s for s in self.stages if s.name == name), None)

    def write(self, where):
        ctx = os.path.join(where, 'ctx')
        for path, (content, mode, target) in self.files.items():
            full = os.path.join(ctx, path)
            os.makedirs(os.path.dirname(full), exist_ok=True)
            if target is not None:
                os.symlink(target, full)
                continue
            with open(full, 'w') as f:
                f.write(content)
            os.chmod(full, mode)
        lines = []
        for s in self.stages:
            lines.append('FROM %s AS %s' % (s.base, s.name))
            for step in s.steps:
                if self.comments:
                    lines.append('# %s' % step.kind)
                lines.append(step.text())
        with open(os.path.join(where, 'Dockerfile'), 'w') as f:
            f.write('\n'.join(lines) + '\n')


def keys_of(case, o, touch=False):
    where = tempfile.mkdtemp(dir=o.work)
    try:
        case.write(where)
        if touch:
            for root, dirs, files in os.walk(os.path.join(where, 'ctx')):
                for name in dirs + files:
                    os.utime(os.path.join(root, name), (touch, touch), follow_symlinks=False)
        cmd = [o.kiln, 'build', '--dryrun', '--cache', '--kiln-dir', os.path.join(o.work, 'kiln'),
               '-f', os.path.join(where, 'Dockerfile')]
        for n, base in enumerate((o.base1, o.base2)):
            cmd += ['--build-context', 'base%d=oci-layout://%s' % (n + 1, base)]
        for k, v in case.args.items():
            cmd += ['--build-arg', '%s=%s' % (k, v)]
        if case.proxy:
            cmd += ['--build-arg', 'HTTP_PROXY=' + case.proxy]
        if case.platform:
            cmd += ['--platform', case.platform]
        done = subprocess.run(cmd + [os.path.join(where, 'ctx')], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        if done.returncode != 0:
            with open(os.path.join(where, 'Dockerfile')) as f:
                raise SystemExit('%s\n%s\n%s' % (' '.join(cmd), done.stderr, f.read()))
        keys = {}
        for line in done.stdout.splitlines():
            m = LINE.match(line)
            if m:
                keys[m.group(1), int(m.group(2)) - 1] = m.group(3)
        return keys
    finally:
        shutil.rmtree(where)


# ---- which steps see what

def copied(step, path):
    """Does the COPY take this file of the context?"""
    for source in step.sources:
        if source == 'src/f*':
            if re.fullmatch(r'src/f[^/]*', path):
                return True
        elif source == path:
            return True
        elif path.startswith(source.rstrip('/') + '/'):
            below = path[len(source.rstrip('/')) + 1:]
            if ('exclude', 'f1') in step.flags and below == 'f1':
                continue
            return True
    return False


def see_file(case, path):
    return {(s.name, n) for s in case.stages for n, step in enumerate(s.steps)
            if step.kind == 'COPY' and copied(step, path)}


def see_from(case, name, n, what):
    """Steps at or behind step n of a stage, in it and in those FROM it, that see the variable or user."""
    seen = set()
    changed = {name: n}
    for s in case.stages:
        start = changed.get(s.name, 0 if s.base in changed else None)
        if start is None:
            continue
        overridden = False
        for k, step in enumerate(s.steps):
            if k < start:
                continue
            if (s.name, k) != (name, n) and what(step) == 'set':
                overridden = True
                break
            if what(step) == 'sees':
                seen.add((s.name, k))
        if not overridden:
            changed[s.name] = start
        elif s.name in changed:
            del changed[s.name]
    return seen


def closure(case, direct):
    """Everything that stands on a changed step."""
    changed, final = set(), {}
    for s in case.stages:
        bad = final.get(s.base, False) or (s.name, -1) in direct
        for n, step in enumerate(s.steps):
            if not step.layer():
                continue
            bad = bad or (s.name, n) in direct or (step.kind == 'FROM' and final.get(step.stage, False))
            if bad:
                changed.add((s.name, n))
        final[s.name] = bad
    return changed


# ---- mutations: each changes the case and returns the steps that see it

def pick(case, *kinds):
    all_steps = [(s, n) for s in case.stages for n, step in enumerate(s.steps) if step.kind in kinds]
    return case.r.choice(all_steps) if all_steps else (None, None)


def regular(case):
    return case.r.choice([p for p, f in case.files.items() if f[2] is None])


def content(case):
    path = regular(case)
    case.files[path][0] += '!'
    return see_file(case, path)


def same_size(case):
    path = regular(case)
    text = case.files[path][0]
    case.files[path][0] = text[:-1] + ('x' if text[-1] != 'x' else 'y')
    return see_file(case, path)


def mode(case):
    path = regular(case)
    case.files[path][1] ^= 0o010
    return see_file(case, path)


def rename(case):
    path = case.r.choice([p for p in case.files if p.startswith('src/deep/') or p.startswith('lib/')])
    # by rule, not by name: files that --exclude or a source names are left where they are
    if os.path.basename(path) in ('f0', 'f1'):
        fresh = os.path.dirname(path) + '/g' + os.path.basename(path)
        seen = see_file(case, path) | {x for x in see_file(case, fresh)}
    else:
        fresh = path + 'x'
        seen = see_file(case, path)
    case.files[fresh] = case.files.pop(path)
    return seen


def added(case):
    case.files['lib/added'] = ['new', 0o644, None]
    return see_file(case, 'lib/added')


def link(case):
    case.files['src/link'][2] = 'deep/f0'
    return see_file(case, 'src/link')


def command(case):
    s, n = pick(case, 'RUN', 'HEREDOC')
    if not s:
        return None
    s.steps[n].command += ' more'
    return {(s.name, n)}


def heredoc(case):
    s, n = pick(case, 'FILE')
    if not s:
        return None
    s.steps[n].body += '.'
    return {(s.name, n)}


def dest(case):
    s, n = pick(case, 'COPY', 'FROM')
    if not s:
        return None
    s.steps[n].dest = '/moved/'
    return {(s.name, n)}


def flag(case):
    s, n = pick(case, 'COPY')
    if not s:
        return None
    s.steps[n].flags = [f for f in s.steps[n].flags if f[0] != 'chown'] + [('chown', '3:4')]
    return {(s.name, n)}


def env(case):
    s, n = pick(case, 'ENV')
    if not s:
        return None
    s.steps[n].words += 'x'
    return see_from(case, s.name, n, lambda p: 'set' if p.kind == 'ENV' else 'sees' if p.runs() else '')


def arg(case):
    case.args['V'] += '1'
    seen = set()
    scope = {}
    for s in case.stages:
        declared = scope.get(s.base, False)
        for n, step in enumerate(s.steps):
            declared = declared or step.kind == 'ARG'
            if declared and step.runs():
                seen.add((s.name, n))
        scope[s.name] = declared
    return seen


def user(case):
    s, n = pick(case, 'USER')
    if not s:
        return None
    s.steps[n].words = '77'
    return see_from(case, s.name, n, lambda p: 'set' if p.kind == 'USER' else 'sees' if p.runs() or p.kind == 'WORKDIR' else '')


def base(case):
    users = [s for s in case.stages if s.base == 'base1']
    if not users:
        return None
    s = case.r.choice(users)
    s.base = 'base2'
    return {(s.name, -1)}


def platform(case):
    if any(s.base in ('base1', 'base2') for s in case.stages):
        return None
    case.platform = 'linux/s390x'
    return {(s.name, -1) for s in case.stages}


VISIBLE = [content, same_size, mode, rename, added, link, command, heredoc, dest, flag, env, arg, user, base, platform]


def comments(case):
    case.comments = True


def unrelated(case):
    case.files['other'][0] += 'x'
    case.files['another'] = ['x', 0o600, None]


def proxy(case):
    case.proxy = 'http://proxy.example:%d' % case.r.randint(1, 9999)


def unused_arg(case):
    case.args['UNUSED'] = '2'


def label(case):
    s, n = pick(case, 'LABEL')
    if s:
        s.steps[n].words += 'x'


def unused_stage(case):
    extra = Stage('extra', 'base1')
    extra.steps.append(Step('RUN', command='echo extra'))
    case.stages.insert(case.r.randint(0, len(case.stages) - 1), extra)


def order(case):
    """Two neighbours that do not know of each other change places."""
    for n in range(len(case.stages) - 2):
        a, b = case.stages[n], case.stages[n + 1]
        if b.base != a.name and not any(p.kind == 'FROM' and p.stage == a.name for p in b.steps):
            case.stages[n], case.stages[n + 1] = b, a
            return


def names(case):
    old = case.stages[0].name
    case.renamed = (old, 'renamed')
    for s in case.stages:
        if s.name == old:
            s.name = 'renamed'
        if s.base == old:
            s.base = 'renamed'
        for p in s.steps:
            if p.kind == 'FROM' and p.stage == old:
                p.stage = 'renamed'


INVISIBLE = [comments, unrelated, proxy, unused_arg, label, unused_stage, order, names]


def check(seed, o):
    """Returns how many comparisons were made."""
    r = random.Random(seed)
    case = Case(r)
    before = keys_of(case, o)
    made = 0
    for mutate in r.sample(VISIBLE, 4):
        changed = copy.deepcopy(case)
        direct = mutate(changed)
        if direct is None:
            continue
        want = closure(changed, direct)
        after = keys_of(changed, o)
        got = {at for at in before if before[at] != after.get(at)}
        if got != want:
            fail(seed, mutate, case, changed, want, got)
        made += 1
    mutate = r.choice(INVISIBLE)
    changed = copy.deepcopy(case)
    mutate(changed)
    after = keys_of(changed, o, touch=r.randint(1, 2000000000))
    back = getattr(changed, 'renamed', (None, None))
    after = {(back[0] if at[0] == back[1] else at[0], at[1]): k for at, k in after.items() if at[0] != 'extra'}
    if after != before:
        fail(seed, mutate, case, changed, set(), {at for at in before if before[at] != after.get(at)})
    return made + 1


def fail(seed, mutate, case, changed, want, got):
    print('seed %d, %s: steps that should have changed %s, that have %s' % (seed, mutate.__name__, sorted(want), sorted(got)))
    for name, c in (('before', case), ('after', changed)):
        print('---- ' + name, c.args, c.files)
        for s in c.stages:
            print('FROM %s AS %s' % (s.base, s.name))
            for p in s.steps:
                print(p.text())
    sys.exit(1)


def main():
    p = argparse.ArgumentParser()
    p.add_argument('kiln')
    p.add_argument('base1')
    p.add_argument('base2')
    p.add_argument('--cases', type=int, default=60)
    p.add_argument('--seed', type=int, default=1)
    o = p.parse_args()
    made = 0
    with tempfile.TemporaryDirectory() as o.work:
        for seed in range(o.seed, o.seed + o.cases):
            made += check(seed, o)
    print('%d comparisons' % made)


if __name__ == '__main__':
    main()
