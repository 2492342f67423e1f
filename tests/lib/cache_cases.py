# SPDX-License-Identifier: Apache-2.0
"""Generated builds and what each of their steps can see, for cache_property.py.

A Case is a context, build arguments and stages, made from a seed. A mutation changes it in one place and returns the steps that see
that place; standing_on() adds what stands on these. Nothing here knows how kiln makes keys.

Commands tell all that they can see (TELL), so that a layer taken wrongly differs from the one that should have been made.
"""
import io
import os
import re
import tarfile

TELL = ('{ env | grep -v -i proxy | sort; id; pwd; cd /; for d in x d* h* w* y* z* v* a* m; do find "$d"; done 2>/dev/null | sort | '
        'while read -r f; do stat -c "%n %f %u:%g %t" "$f"; readlink "$f"; [ ! -f "$f" ] || { stat -c "%h %s" "$f"; md5sum "$f"; }; done; '
        'cat /secret; } >/tmp/$O 2>&1 || :')


class Step:
    """kind: RUN HEREDOC EXEC COPY ADD FROM FILE, or an instruction of which only the words matter here"""

    def __init__(self, kind, **fields):
        self.kind, self.mounts, self.flags = kind, [], []
        self.__dict__.update(fields)

    def text(self, odd=False):
        """odd: the same, formatted in another way"""
        join = ' \\\n# between\n    ' if odd else ' '
        word = self.kind.lower() if odd else self.kind
        if self.runs():
            mounts = ''.join(join + '--mount=' + ','.join('%s=%s' % kv for kv in m.items()) for m in self.mounts)
            if self.kind == 'HEREDOC':
                return '%s%s <<EOF\n%s\nEOF' % ('run' if odd else 'RUN', mounts, self.command)
            if self.kind == 'EXEC':
                return '%s%s ["sh",%s"-c", "%s"]' % ('run' if odd else 'RUN', mounts, '  ' if odd else ' ', self.command)
            return word + mounts + join + self.command
        flags = ''.join('%s--%s=%s' % ((join,) + f) for f in self.flags)
        if self.kind in ('COPY', 'ADD'):
            return word + flags + join + join.join(self.sources + [self.dest])
        if self.kind == 'FROM':
            return ('copy' if odd else 'COPY') + join + '--from=%s%s%s %s' % (self.stage, join, self.source, self.dest)
        if self.kind == 'FILE':
            return '%s <<%s %s\n%s\nEOF' % ('copy' if odd else 'COPY', self.mark, self.dest, self.body)
        return word + ('   ' if odd else ' ') + self.words

    def layer(self):
        return self.kind in ('RUN', 'HEREDOC', 'EXEC', 'COPY', 'ADD', 'FROM', 'FILE', 'WORKDIR')

    def runs(self):
        return self.kind in ('RUN', 'HEREDOC', 'EXEC')

    def names_env(self):
        """is given the variable E"""
        return self.runs() or '${E}' in getattr(self, 'dest', '')

    def names_arg(self):
        """is given the argument V where it is declared"""
        return self.runs() or '$V' in getattr(self, 'dest', '') or (self.kind == 'FILE' and self.mark == 'EOF' and '$V' in self.body)

    def gives_modes(self):
        """whatever the modes of the sources are: to files and directories"""
        return any(name == 'chmod' and value.isdigit() for name, value in self.flags)

    def of_stages(self):
        """the stages that it reads"""
        return ([self.stage] if self.kind == 'FROM' else []) + [m['from'] for m in self.mounts if 'from' in m]


class Stage:
    def __init__(self, name, base):
        self.name, self.base, self.steps = name, base, []


class File:
    """target: of a symlink; hard: another path that is the same file; raw: an archive with the content in it"""

    def __init__(self, content='', mode=0o644, target=None, hard=None, raw=False):
        self.content, self.mode, self.target, self.hard, self.raw, self.owner = content, mode, target, hard, raw, None

    def bytes(self):
        if not self.raw:
            return self.content.encode()
        out = io.BytesIO()
        with tarfile.open(fileobj=out, mode='w') as t:
            for name in ('one', 'd/two'):
                info = tarfile.TarInfo(name)
                info.size, info.mtime = len(self.content), 1
                t.addfile(info, io.BytesIO(self.content.encode()))
        return out.getvalue()


class Case:
    """real: every instruction can be carried out, commands tell what they see"""

    def __init__(self, r, real):
        self.r, self.real = r, real
        self.files = {}
        self.dirs = {'src': 0o755, 'src/deep': 0o755, 'lib': 0o755}
        for d in ('src', 'lib', 'src/deep'):
            for n in range(r.randint(1, 3)):
                self.files['%s/f%d' % (d, n)] = File(str(r.random()), r.choice([0o644, 0o755, 0o600]))
        same = str(r.random())
        self.files.update({
            'src/same1': File(same), 'src/same2': File(same),
            'src/link': File(target='f0'), 'src/deep/up': File(target='../f0'), 'lib/dir': File(target='../src/deep'),
            'lib/t.tar': File('packed', raw=True),
            'other': File('unrelated'), 'ignored/f': File('ignored'), '.dockerignore': File('ignored\n.dockerignore\n')})
        self.args = {'V': str(r.random()), 'UNUSED': '1'}
        self.secrets = {'s1': 'one', 's2': 'one'}
        self.stages = []
        self.comments = self.odd = False
        self.proxy = self.platform = None
        self.bases = {'base1': 1, 'base2': 2, 'again1': 1}  # names of layouts
        for n in range(r.randint(1, 4)):
            self.stages.append(self.make_stage(n))
        for s in self.stages[:-1]:  # the last reads every other: all are needed
            self.stages[-1].steps.append(Step('FROM', stage=s.name, source='/x', dest='/z' + s.name))

    def make_stage(self, n):
        r = self.r
        earlier = [s.name for s in self.stages]
        s = Stage('st%d' % n, r.choice(['base1', 'base2', 'base1', 'scratch'] + earlier))
        s.steps.append(Step('COPY', sources=[r.choice(['src', 'lib', 'src/link'])], dest='/x/'))  # others copy that
        for k in range(r.randint(1, 6)):
            s.steps.append(self.make_step(s, earlier, '%d-%d' % (n, k)))
        return s

    def has_shell(self, s):
        while s.base not in self.bases and s.base != 'scratch':
            s = next(t for t in self.stages if t.name == s.base)
        return s.base != 'scratch'

    def make_step(self, stage, earlier, tag):
        r = self.r
        kinds = ['COPY', 'COPY', 'ENV', 'ARG', 'WORKDIR', 'LABEL', 'FILE', 'ADD', 'USER', 'SHELL']
        if not self.real or self.has_shell(stage):
            kinds += ['RUN', 'RUN', 'RUN', 'HEREDOC', 'EXEC']
        kind = r.choice(kinds + (['FROM', 'FROM'] if earlier else []))
        at = r.choice(['', '', '', '${E}', '$V'])
        if kind in ('RUN', 'HEREDOC', 'EXEC'):
            tell = 'O=o%s; %s' % (tag, TELL) if self.real else 'echo ' + tag
            if kind == 'EXEC':
                tell = tell.replace('"', '\\"')
            return Step(kind, command=tell, mounts=self.make_mounts(earlier))
        if kind == 'COPY':
            flags = r.sample([('chown', '1:2'), ('chmod', '700'), ('chmod', 'g-w'), ('exclude', 'f1')], r.randint(0, 1))
            sources = r.choice([['src'], ['lib', 'src'], ['src/f*'], ['src/f0'], ['lib/'], ['src/link'], ['src/*']])
            return Step(kind, sources=sources, flags=flags, dest='/d%s%s/' % (tag, at))
        if kind == 'ADD':
            flags = r.sample([('chmod', '750'), ('chmod', 'a+x')], r.randint(0, 1))
            return Step(kind, sources=[r.choice(['lib/t.tar', 'src/f0'])], flags=flags, dest='/a%s%s/' % (tag, at))
        if kind == 'FILE':
            mark = r.choice(['EOF', "'EOF'"])
            return Step(kind, mark=mark, dest='/h' + tag, body='text %s %s' % (tag, r.choice(['', '$V'])))
        if kind == 'FROM':
            return Step(kind, stage=r.choice(earlier), source='/x', dest='/y%s%s' % (tag, at))
        words = {'ENV': 'E=' + tag, 'ARG': 'V', 'WORKDIR': '/w' + tag, 'LABEL': 'l=' + tag, 'USER': r.choice(['1', '2']),
                 'SHELL': '["sh", "-ec"]'}
        return Step(kind, words=words[kind])

    def make_mounts(self, earlier):
        r = self.r
        mounts = [{'type': 'bind', 'source': r.choice(['src', 'lib', 'src/f0']), 'target': '/m/c'},
                  {'type': 'secret', 'id': 's1', 'target': '/secret', 'mode': '0444'},
                  {'type': 'cache', 'id': 'c', 'target': '/kept'}, {'type': 'tmpfs', 'target': '/gone'}]
        if earlier:
            mounts.append({'type': 'bind', 'from': r.choice(earlier), 'source': '/x', 'target': '/m/s'})
        return r.sample(mounts, r.choice([0, 0, 1, 1, 2]))

    def write(self, where):
        """DIR/ctx, DIR/Dockerfile, DIR/secret-*"""
        ctx = os.path.join(where, 'ctx')
        for path, f in sorted(self.files.items(), key=lambda kv: kv[1].hard is not None):
            full = os.path.join(ctx, path)
            os.makedirs(os.path.dirname(full), exist_ok=True)
            if f.target is not None:
                os.symlink(f.target, full)
            elif f.hard:
                os.link(os.path.join(ctx, f.hard), full)
            else:
                with open(full, 'wb') as out:
                    out.write(f.bytes())
                os.chmod(full, f.mode)
            if f.owner:
                os.chown(full, *f.owner, follow_symlinks=False)
        for path, mode in self.dirs.items():
            os.chmod(os.path.join(ctx, path), mode)
        for name, value in self.secrets.items():
            with open(os.path.join(where, 'secret-' + name), 'w') as out:
                out.write(value)
        with open(os.path.join(where, 'Dockerfile'), 'w') as out:
            out.write(self.dockerfile())

    def dockerfile(self):
        lines = []
        for s in self.stages:
            lines += ['FROM %s AS %s' % (s.base, s.name)]
            for step in s.steps:
                lines += ['# %s' % step.kind, ''] if self.comments else []
                lines.append(step.text(self.odd))
        return '\n'.join(lines) + '\n'

    def options(self, where):
        out = ['-f', os.path.join(where, 'Dockerfile')]
        for k, v in self.args.items():
            out += ['--build-arg', '%s=%s' % (k, v)]
        for name in self.secrets:
            out += ['--secret', 'id=%s,src=%s' % (name, os.path.join(where, 'secret-' + name))]
        if self.proxy:
            out += ['--build-arg', 'HTTP_PROXY=' + self.proxy]
        if self.platform:
            out += ['--platform', self.platform]
        return out


# ---- which steps see what

def copied(case, step, path, by_name=False):
    """Does a COPY, ADD or mount show this file of the context? by_name: its name and type as well as what is in it"""
    sources = step.sources if step.kind in ('COPY', 'ADD') else []
    for source in sources + [m['source'] for m in step.mounts if m['type'] == 'bind' and 'from' not in m]:
        if source == 'src/f*':
            if re.fullmatch(r'src/f[^/]*', path):
                return True
        elif source == 'src/*':  # what is below a directory that matches can be excluded, what matches cannot
            if path == 'src/deep/f1' and ('exclude', 'f1') in step.flags:
                continue
            if path.startswith('src/') or (not by_name and path == resolved(case, 'src/link')):
                return True
        elif source == 'src/link':
            if path == resolved(case, source):
                return True
        elif source == path:
            return True
        elif path.startswith(source.rstrip('/') + '/'):
            below = path[len(source.rstrip('/')) + 1:]
            if ('exclude', 'f1') in step.flags and below == 'f1':
                continue
            return True
    return False


def resolved(case, path):
    return os.path.normpath(os.path.join(os.path.dirname(path), case.files[path].target))


def see_file(case, path, by_name=False):
    return {(s.name, n) for s in case.stages for n, step in enumerate(s.steps) if copied(case, step, path, by_name)}


def see_setting(case, name, n, sets, sees):
    """Steps behind step n of a stage, in it and in those FROM it, that see what it sets until another sets it."""
    seen, live = set(), set()
    for s in case.stages:
        on = s.base in live
        for k, step in enumerate(s.steps):
            if (s.name, k) == (name, n):
                on = True
            elif on and sets(step):
                on = False
            if on and sees(step):
                seen.add((s.name, k))
        if on:
            live.add(s.name)
    return seen


def standing_on(case, direct):
    """All steps that change when these do. (STAGE, -1): the base of that stage."""
    changed, final = set(), {}
    for s in case.stages:
        bad = final.get(s.base, False) or (s.name, -1) in direct
        for n, step in enumerate(s.steps):
            if step.layer():
                bad = bad or (s.name, n) in direct or any(final[f] for f in step.of_stages())
                if bad:
                    changed.add((s.name, n))
        final[s.name] = bad
    return changed


def layers(case):
    return {(s.name, n) for s in case.stages for n, step in enumerate(s.steps) if step.layer()}


# ---- mutations that can be seen: each returns the steps that see it, None when there is nothing to change

def pick(case, wanted):
    found = [(s, n) for s in case.stages for n, step in enumerate(s.steps) if wanted(step)]
    return case.r.choice(found) if found else (None, None)


def is_kind(*kinds):
    return lambda step: step.kind in kinds


def regular(case):
    """a file with a name of its own"""
    return case.r.choice(sorted(p for p, f in case.files.items()
                                if f.target is None and not p.startswith(('.', 'ignored', 'src/same'))))


def content(case):
    path = regular(case)
    case.files[path].content += '!'
    return see_file(case, path)


def same_size(case):
    path = regular(case)
    text = case.files[path].content
    case.files[path].content = text[:-1] + ('x' if text[-1] != 'x' else 'y')
    return see_file(case, path)


def without_given_modes(case, seen):
    steps = {s.name: s.steps for s in case.stages}
    return {(name, n) for name, n in seen if not steps[name][n].gives_modes()}


def mode(case):
    path = regular(case)
    case.files[path].mode ^= 0o010
    return without_given_modes(case, see_file(case, path))


def dir_mode(case):
    path = case.r.choice(['src', 'src/deep', 'lib'])
    case.dirs[path] ^= 0o002
    seen = set()
    for s in case.stages:
        for n, step in enumerate(s.steps):
            within = step.sources if step.kind == 'COPY' else []
            mounted = [m['source'] for m in step.mounts if m['type'] == 'bind' and 'from' not in m]
            if (path == 'src/deep' and 'src' in within) or any(x == path or path.startswith(x + '/') for x in mounted):
                seen.add((s.name, n))
    return without_given_modes(case, seen)


def rename(case):
    paths = [p for p in case.files if re.fullmatch(r'(src/deep|lib)/g*f\d+x*', p) and p != 'src/deep/f0']
    if not paths:
        return None
    path = case.r.choice(sorted(paths))
    # by rule, not by name: files that --exclude names become others
    fresh = os.path.dirname(path) + '/g' + os.path.basename(path)
    seen = see_file(case, path) | see_file(case, fresh)
    case.files[fresh] = case.files.pop(path)
    return seen


def added(case):
    if 'lib/added' in case.files:
        return None
    case.files['lib/added'] = File('new')
    return see_file(case, 'lib/added')


def link(case):
    path = case.r.choice(['src/link', 'src/deep/up', 'lib/dir'])
    f = case.files[path]
    others = {'src/link': ('f0', 'deep/f0'), 'src/deep/up': ('../f0', '../same1'), 'lib/dir': ('../src/deep', '../src')}[path]
    f.target = others[1] if f.target == others[0] else others[0]
    seen = see_file(case, path)
    if path == 'src/link':  # named as a source it is followed
        seen |= {(s.name, n) for s in case.stages for n, step in enumerate(s.steps) if 'src/link' in getattr(step, 'sources', [])}
    return seen


def hard_link(case):
    """Two equal files become one with two names."""
    second = case.files['src/same2']
    second.hard = None if second.hard else 'src/same1'
    return see_file(case, 'src/same1') & see_file(case, 'src/same2')


def command(case):
    s, n = pick(case, Step.runs)
    if not s:
        return None
    s.steps[n].command = ': again; ' + s.steps[n].command
    return {(s.name, n)}


def exec_form(case):
    s, n = pick(case, is_kind('RUN'))
    if not s:
        return None
    s.steps[n].kind = 'HEREDOC'
    return {(s.name, n)}


def heredoc(case):
    s, n = pick(case, is_kind('FILE'))
    if not s:
        return None
    s.steps[n].body += '.'
    return {(s.name, n)}


def dest(case):
    s, n = pick(case, lambda step: step.kind in ('COPY', 'FROM', 'ADD') and step.dest != '/x/')
    if not s:
        return None
    s.steps[n].dest = '/d/moved%d/' % case.r.randint(1, 1 << 30)
    return {(s.name, n)}


def flag(case):
    s, n = pick(case, is_kind('COPY'))
    if not s:
        return None
    s.steps[n].flags = [f for f in s.steps[n].flags if f[0] != 'chown'] + [('chown', '%d:4' % case.r.randint(3, 1 << 20))]
    return {(s.name, n)}


def env(case):
    s, n = pick(case, is_kind('ENV'))
    if not s:
        return None
    s.steps[n].words += 'x'
    return see_setting(case, s.name, n, is_kind('ENV'), Step.names_env)


def arg(case):
    case.args['V'] += '1'
    seen, scope = set(), {}
    for s in case.stages:
        declared = scope.get(s.base, False)
        for n, step in enumerate(s.steps):
            declared = declared or step.kind == 'ARG'
            if declared and step.names_arg():
                seen.add((s.name, n))
        scope[s.name] = declared
    return seen


def user(case):
    s, n = pick(case, is_kind('USER'))
    if not s:
        return None
    s.steps[n].words = str(int(s.steps[n].words) + 7)
    return see_setting(case, s.name, n, is_kind('USER'), lambda p: p.runs() or p.kind == 'WORKDIR')


def shell(case):
    s, n = pick(case, is_kind('SHELL'))
    if not s:
        return None
    s.steps[n].words = '["sh", "-c"]' if 'e' in s.steps[n].words else '["sh", "-ec"]'
    return see_setting(case, s.name, n, is_kind('SHELL'), Step.runs)


def workdir(case):
    s, n = pick(case, is_kind('WORKDIR'))
    if not s:
        return None
    s.steps[n].words += 'x'
    return {(s.name, n)} | see_setting(case, s.name, n, is_kind('WORKDIR'), Step.runs)


def mount(case):
    """Another thing is mounted, or somewhere else; not what is in it."""
    s, n = pick(case, lambda step: step.mounts)
    if not s:
        return None
    m = case.r.choice(s.steps[n].mounts)
    if m['type'] == 'secret':
        m['id'] = 's2' if m['id'] == 's1' else 's1'
    elif m['type'] == 'cache':
        m['id'] += 'c'
    else:
        m['target'] += 'x'
    return {(s.name, n)}


def no_mount(case):
    s, n = pick(case, lambda step: step.mounts)
    if not s:
        return None
    s.steps[n].mounts.pop()
    return {(s.name, n)}


def base(case):
    users = [s for s in case.stages if s.base == 'base1']
    if not users or case.bases['base1'] == case.bases['base2']:
        return None
    s = case.r.choice(users)
    s.base = 'base2'
    return {(s.name, -1)}


def base_digest(case):
    """The image behind a name is another one."""
    users = [s for s in case.stages if s.base == 'base1']
    if not users:
        return None
    case.bases['base1'] = 3 - case.bases['base1']
    case.bases['again1'] = case.bases['base1']
    return {(s.name, -1) for s in users}


def platform(case):
    if case.real:
        return None
    case.platform = None if case.platform else 'linux/s390x'
    return {(s.name, -1) for s in case.stages}


VISIBLE = [content, same_size, mode, dir_mode, rename, added, link, hard_link, command, exec_form, heredoc, dest, flag, env, arg, user,
           shell, workdir, mount, no_mount, base, base_digest, platform]


# ---- mutations that cannot be seen by any step

def comments(case):
    case.comments = True


def formatting(case):
    case.odd = True


def unrelated(case):
    case.files['other'].content += 'x'
    case.files['another'] = File('x', 0o600)
    case.files['ignored/f'].content += 'x'


def owner(case):
    """COPY gives what is in the context to root, and mounts show it so."""
    if os.getuid() == 0:
        for f in case.files.values():
            f.owner = (12, 34)


def proxy(case):
    case.proxy = 'http://proxy.example:%d' % case.r.randint(1, 9999)


def unused_arg(case):
    case.args['UNUSED'] = '2'


def secret(case):
    """What a secret is, not which."""
    if not case.real:
        case.secrets['s1'] = 'two'


def label(case):
    s, n = pick(case, is_kind('LABEL'))
    if s:
        s.steps[n].words += 'x'


def base_name(case):
    for s in case.stages:
        s.base = 'again1' if s.base == 'base1' else s.base


def unused_stage(case):
    extra = Stage('extra', 'base1')
    extra.steps.append(Step('RUN', command='echo extra'))
    case.stages.insert(case.r.randint(0, len(case.stages) - 1), extra)


def order(case):
    """Two neighbours that do not know of each other change places."""
    for n in range(len(case.stages) - 2):
        a, b = case.stages[n], case.stages[n + 1]
        if b.base != a.name and not any(a.name in step.of_stages() for step in b.steps):
            case.stages[n], case.stages[n + 1] = b, a
            return


def names(case):
    """-> (the new name of a stage, what it was)"""
    old = case.stages[0].name
    for s in case.stages:
        s.name = 'renamed' if s.name == old else s.name
        s.base = 'renamed' if s.base == old else s.base
        for step in s.steps:
            if step.kind == 'FROM' and step.stage == old:
                step.stage = 'renamed'
            for m in step.mounts:
                if m.get('from') == old:
                    m['from'] = 'renamed'
    return 'renamed', old


INVISIBLE = [comments, formatting, unrelated, owner, proxy, unused_arg, secret, label, base_name, unused_stage, order, names]
