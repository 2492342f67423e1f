#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Build every golden case with kiln and compare what comes out with what the case wants. Prints TAP.

A case is one file, tests/golden/GROUP/NAME.case: a description, then the text of each of these files below a line
"-- NAME --". Adding a case is adding a file. Where a case needs files that are no text, it is a directory instead,
tests/golden/NAME, with the same files in it.

  Dockerfile        given with -f; without it kiln looks for one in the context
  ctx/FILE          the context. Modes are made 0644, or 0755 for executables and directories
  ctx.sh            makes (more of) the context; runs in it, for links, modes, odd names, bytes that are no text
  base.sh           makes base images; runs in a directory whose every sub-directory N is given to kiln as
                    --build-context N=oci-layout://...; $MKIMAGE is tests/lib/mkimage.py, $BUSYBOX tests/lib/busybox_root.sh,
                    $SHARED the directory of the bases of tests/golden/bases, which every case has besides
  args              more arguments for kiln, words as in a shell; {work} {ctx} {bases} {shared} are directories
  command           words of another command than build, with the same places; no image is expected: "lint --format json {ctx}"
  needs             words: root; run (RUN works here: root, or user namespaces and a range of user ids; and busybox), which a
                    .case with a RUN or "busybox" in its Dockerfile implies

A .case that is to succeed is compared with all of these; one that is not there stands for nothing:

  want.config       "MEMBER JSON" a line, of the configuration's "config" (and author): what is not as in the base; null =
                    absent. The base is a shared one, or else an empty image: PATH, and "/" as WorkingDir. In Env, "$PATH" stands
                    for the usual PATH
  want.history      the history, as flatten.py --history prints it
  want.tree         listing of the flattened file system; over a shared base only what differs, "-./path" for what is gone

A case that is to fail has instead

  want.error        "LINE REGEXP": what kiln's message matches, and the line of the Dockerfile that it names, or "-" for none;
                    further lines are further expressions. The exit status is 1

and there may be, in both kinds and in directories:

  want.layers       listing of each layer from the first "# layer N" on, sorted, as tests/lib/flatten.py prints it
                    A line "# fields: type,mode,..." here or in want.tree chooses the fields; else all but size and mtime
  want.config.json  members of the image configuration and of its "config", each compared whole; null = absent
  want.stdout       what kiln writes to standard output, word for word, {ctx} standing for the context's directory
  want.stderr       one regular expression per line, each to be found in what kiln writes to standard error
  want.exit         the exit status, when it is not 0 (with want.error: not 1)
  check.sh          anything else; $IMAGE is the layout built, $BASES as above, $FLATTEN is tests/lib/flatten.py

With --cache the expectations are left alone: what builds is built with an empty cache and once more from that cache, by the clock
and not for SOURCE_DATE_EPOCH; the second build must find every step and give the same manifest.

Every image is also checked for soundness (flatten.py --check) and is built a second time, into fresh directories: the
manifest must have the same digest. After a failure no output may be there. SOURCE_DATE_EPOCH is 1700000000, and what a
context holds is older.
"""
import argparse
import concurrent.futures
import difflib
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import tarfile
import tempfile

from case import EPOCH, Case, DirectoryFiles, Failure, HERE, LIB, find_cases, make_shared, read, run_script

sys.path.insert(0, LIB)
import flatten  # noqa: E402
import imagefile  # noqa: E402
import listing  # noqa: E402

BROKEN = (Failure, imagefile.ImageError, tarfile.TarError, OSError, ValueError, KeyError, subprocess.TimeoutExpired)
DEFAULT_OMIT = {'size', 'mtime'}
PATH = 'PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin'
EMPTY = {'Env': [PATH], 'WorkingDir': '/'}


class Built:
    """An image, each of its layers read once. `known` maps diff ids to what was read of a shared base's layers."""

    def __init__(self, path, known=None):
        self.path, self.image = path, imagefile.open_image(path)
        self.config, self.known = self.image.config, known or {}
        self.read = {}

    def layer(self, n):
        """The entries of layer n (from 1), and what is wrong with it."""
        found = self.known.get(self.image.diff_ids[n - 1]) or self.read.get(n)
        if not found:
            with self.image.layer(n - 1) as tar:
                members = list(tar)
                found = self.read[n] = [flatten.read_entry(tar, m) for m in members], flatten.check_layer(members)
        return found

    def tree(self, fields):
        tree = flatten.Tree()
        for n in range(1, len(self.image) + 1):
            tree.apply(self.layer(n)[0])
        return [listing.format_entry(e, fields) for e in tree.entries() if e.path]

    def layers(self, first, fields):
        for n in range(first, len(self.image) + 1):
            yield f'# layer {n}'
            entries = sorted(self.layer(n)[0], key=lambda e: e.path.split('/'))
            yield from (listing.format_entry(e, fields) for e in entries if e.path)

    def history(self):
        entries = [('-' if h.get('empty_layer') else '+') + ' ' + h.get('created_by', '') for h in self.config.get('history') or []]
        return '\n'.join(entries).splitlines()

    def problems(self, first):
        found = flatten.check_config(self.image)
        for n in range(first, len(self.image) + 1):
            found += [f'layer {n}: {p}' for p in self.layer(n)[1]]
        return found

    def digest(self):
        return [m['digest'] for m in json.loads(read(os.path.join(self.path, 'index.json')))['manifests']]


class Shared:
    """The shared bases."""

    def __init__(self, directory):
        self.bases = [Built(os.path.join(directory, n)) for n in sorted(os.listdir(directory))]
        self.known = {b.image.diff_ids[n - 1]: b.layer(n) for b in self.bases for n in range(1, len(b.image) + 1)}

    def base_of(self, built):
        """The one that an image stands on, or None."""
        for b in self.bases:
            if b.image.diff_ids and b.image.diff_ids == built.image.diff_ids[:len(b.image)] and \
               b.history() == built.history()[:len(b.history())]:
                return b
        return None


# ---- what the image has, in the form of each expectation

def fields_of(text):
    m = re.search(r'^# fields: *(\S+)$', text, re.M)
    return set(m[1].split(',')) if m else set(listing.FIELDS) - DEFAULT_OMIT


def first_layer(text):
    m = re.search(r'^# layer (\d+)$', text, re.M)
    if not m:
        raise Failure('want.layers has no line "# layer N"')
    return int(m[1])


def select(want, got):
    """The members of the document, and of its "config", that `want` names; None for one that is not there."""
    chosen = {k: got.get(k) for k in want}
    if 'config' in want:
        chosen['config'] = {k: (got.get('config') or {}).get(k) for k in want['config']}
    return chosen


def members(config):
    """{name: value} of what want.config speaks of."""
    found = {'author': config['author']} if config.get('author') else {}
    return found | {k: v for k, v in (config.get('config') or {}).items() if v not in (None, {}, [], '')}


def usual_path(value, short):
    """Lists of variables with "$PATH" for the usual one, or the other way round."""
    pair = (PATH, '$PATH') if short else ('$PATH', PATH)
    return [pair[1] if v == pair[0] else v for v in value] if isinstance(value, list) else value


def config_lines(built, base):
    before = members(base.config) if base else EMPTY
    now = members(built.config)
    changed = {k: now.get(k) for k in [*before, *now] if before.get(k) != now.get(k)}
    return [f'{k} {json.dumps(usual_path(changed[k], True), ensure_ascii=False)}' for k in sorted(changed)]


def normal_config(line):
    name, _, value = line.partition(' ')
    return f'{name} {json.dumps(json.loads(value), ensure_ascii=False)}'


def tree_lines(built, base, fields):
    now = built.tree(fields)
    if not base:
        return now
    before, paths = set(base.tree(fields)), {line.split(' ')[0] for line in now}
    gone = ['-' + line.split(' ')[0] for line in before if line.split(' ')[0] not in paths]
    return [line for line in now if line not in before] + sorted(gone)


def got_lines(case, name, built, shared):
    base = shared.base_of(built) if case.in_one_file else None
    text = case.text(name)
    if name == 'want.tree':
        return tree_lines(built, base, fields_of(text))
    if name == 'want.layers':
        return list(built.layers(first_layer(text), fields_of(text)))
    if name == 'want.history':
        return built.history()
    if name == 'want.config':
        return config_lines(built, base)
    chosen = select(json.loads(text), built.config)
    return json.dumps(chosen, indent=2, sort_keys=True).splitlines()


def want_lines(case, name):
    text = case.text(name)
    if name == 'want.config.json':
        return json.dumps(json.loads(text), indent=2, sort_keys=True).splitlines()
    if name == 'want.history':
        return text.splitlines()
    lines = [line for line in text.splitlines() if line.strip() and (not line.startswith('#') or re.match(r'# layer \d+$', line))]
    return sorted(map(normal_config, lines)) if name == 'want.config' else lines


# ---- comparing

def difference(name, want, got):
    return '\n'.join(difflib.unified_diff(want, got, name, 'built', lineterm='', n=2))


def expectations(case):
    """The files that say what the image has."""
    return [n for n in ('want.config', 'want.config.json', 'want.history', 'want.layers', 'want.tree') if n in case.wants()]


def compare_image(case, built, shared):
    problems = []
    for name in expectations(case):
        want, got = want_lines(case, name), got_lines(case, name, built, shared)
        problems += [] if want == got else [difference(name, want, got)]
    if case.has('check.sh'):
        run_script(case.files.path('check.sh'), case.work, IMAGE=built.path, BASES=case.bases, CTX=case.ctx)
    base = shared.base_of(built)
    first = len(base.image) + 1 if base else first_layer(case.text('want.layers')) if case.has('want.layers') else 1
    sound = built.problems(first)
    return problems + (['not sound:\n' + '\n'.join(sound)] if sound else [])


def compare_error(text, stderr):
    """The message of a build that must fail: which line it names, and what it says."""
    line, _, first = text.partition('\n')[0].partition(' ')
    place = rf'\S*ockerfile\S*:{line}: ' if line != '-' else r'(?!\S*ockerfile\S*:\d+: )'
    m = re.search(rf'^kiln: {place}(.*(?:\n(?!  *\d* \|).*)*)', stderr, re.M)
    if not m:
        return [f'the message does not name line {line}']
    return [f'the message does not match: {p}' for p in [first, *text.splitlines()[1:]] if not re.search(p, m[1])]


def compare_run(case, status, stderr, out):
    """The exit status and what kiln said."""
    problems, want = [], int(case.text('want.exit', '1' if case.has('want.error') else '0'))
    if status != want:
        problems.append(f'exit status {status}, not {want}')
    if case.has('want.error'):
        problems += compare_error(case.text('want.error'), stderr)
    for pattern in case.text('want.stderr').splitlines():
        if not re.search(pattern, stderr, re.M):
            problems.append(f'standard error does not match: {pattern}')
    if want and os.path.exists(os.path.join(out, 'index.json')):
        problems.append('the build failed, but there is an image')
    return problems + ([f'standard error:\n{stderr}'] if problems else [])


def stdout_lines(case, stdout):
    return stdout.replace(case.ctx, '{ctx}').splitlines()


def compare_stdout(case, stdout):
    want, got = case.text('want.stdout').splitlines(), stdout_lines(case, stdout)
    return [] if not case.has('want.stdout') or want == got else [difference('want.stdout', want, got)]


def compare_again(case, built, o):
    status, _, stderr, out = case.build(o.kiln, 2, o.isolation)
    if status:
        return [f'the second build failed with {status}:\n{stderr}']
    again = Built(out)
    if built.digest() == again.digest():
        return []
    lines = [[*b.layers(1, listing.FIELDS), *json.dumps([b.config, b.image.manifest], indent=2).splitlines()] for b in (built, again)]
    return ['the second build gave another image:\n' + difference('first', *lines)]


# ---- rewriting expectations

def update(case, built, shared):
    texts = {}
    for name in expectations(case):
        head = [] if name in ('want.history', 'want.config.json') else \
            [line for line in case.text(name).splitlines() if line.startswith('#') and not line.startswith('# layer')]
        texts[name] = ''.join(line + '\n' for line in head + got_lines(case, name, built, shared))
    case.files.replace(texts)


def run_case(case, o):
    case.prepare()
    status, stdout, stderr, out = case.build(o.kiln, 1, o.isolation)
    if o.update and case.has('want.stdout'):
        case.files.replace({'want.stdout': ''.join(line + '\n' for line in stdout_lines(case, stdout))})
    problems = compare_run(case, status, stderr, out) + compare_stdout(case, stdout)
    if status or problems or case.has('command'):
        return problems
    built = Built(out, o.shared.known)
    if o.update:
        update(case, built, o.shared)
    return compare_image(case, built, o.shared) + compare_again(case, built, o)


# ---- built from a cache

def run_cached(case, o):
    """Problems, None for a case that makes no image."""
    if case.fails() or case.has('command'):
        return None
    case.prepare()
    words = ['--cache', '--cache-repo', f'oci:{case.work}/cache', '--explain-cache']
    images = []
    for attempt in (1, 2):
        status, stdout, stderr, out = case.build(o.kiln, attempt, o.isolation, words, clock=True)
        if status:
            return [f'build {attempt} failed with {status}:\n{stderr}']
        images.append(Built(out))
    missed = [line for line in (stdout + stderr).splitlines() if re.match(r'\[\S+ \d+/\d+\] miss ', line)]
    warned = [line for line in stderr.splitlines() if re.search(r'warning: .*(the cache |in the cache|stored in)', line)]
    same = images[0].digest() == images[1].digest()
    return missed + warned + ([] if same else ['the build from the cache gave another image'])


# ---- built elsewhere: in a container

LOOP = '''# Builds every case beside it with $KILN; shell builtins only, because kiln moves the programs of a container away.
export SOURCE_DATE_EPOCH={epoch}
for c in {here}/*/; do
    [ -e "$c/command" ] || continue
    . "$c/command" >/dev/null 2>"$c/stderr" </dev/null
    echo $? >"$c/status"
done
'''


def place_of(name, o):
    return os.path.join(o.prepare or o.judge, name.replace('/', '_'))


def prepare_elsewhere(names, o):
    """DIR/NAME: what each case is built from, and `command`, which builds it where DIR is called o.seen_as; DIR/build.sh: all."""
    for name in names:
        case = Case(o.found[name], name, place_of(name, o), o.directory)
        if case.missing():
            continue
        os.makedirs(case.work)
        if not case.in_one_file:  # its files are to be seen there, too
            case.files = DirectoryFiles(shutil.copytree(o.found[name], os.path.join(case.work, 'case'), symlinks=True))
        case.prepare()
        words = case.command('KILN', 1, o.isolation)[0]
        at = words.index('--kiln-dir')
        text = shlex.join(words[1:at] + words[at + 2:]).replace(o.prepare, o.seen_as)
        with open(os.path.join(case.work, 'command'), 'w', encoding='utf-8') as f:
            f.write(f'"$KILN" {text}\n')
    with open(os.path.join(o.prepare, 'build.sh'), 'w', encoding='utf-8') as f:
        f.write(LOOP.format(epoch=EPOCH, here=o.seen_as))


def judge(name, o):
    """As run_named(), of what build.sh has built; and it is built here a second time."""
    case = Case(o.found[name], name, place_of(name, o), o.directory)
    try:
        if not os.path.exists(os.path.join(case.work, 'status')):
            return name, 'not prepared', [], case.work
        out = os.path.join(case.work, 'out-1')
        status = int(read(os.path.join(case.work, 'status')))
        with open(os.path.join(case.work, 'stderr'), encoding='utf-8', errors='replace') as f:
            problems = compare_run(case, status, f.read(), out)
        if not status and not problems:
            built = Built(out, o.shared.known)
            problems = compare_image(case, built, o.shared) + compare_again(case, built, o)
    except BROKEN as e:
        problems = [f'{type(e).__name__}: {e}']
    return name, None, problems, case.work


# ---- all cases

def remove(work):
    """Also what a context or a build has made unreadable."""
    for here, dirs, _ in os.walk(work):
        for path in (os.path.join(here, d) for d in dirs):
            if not os.path.islink(path):
                os.chmod(path, 0o700)
    shutil.rmtree(work, ignore_errors=True)


def fast_directory():
    """Memory, where there is a file system of it that programs can be run from: kiln syncs what it writes to a disk."""
    shm = '/dev/shm'
    if 'TMPDIR' in os.environ or not os.access(shm, os.W_OK):
        return None
    st = os.statvfs(shm)
    return shm if st.f_bavail * st.f_frsize > 1 << 30 and not st.f_flag & os.ST_NOEXEC else None


def run_named(name, o):
    """(name, reason why it was skipped, problems, directory)."""
    work, reason = tempfile.mkdtemp(prefix='kiln-golden-', dir=o.top), None
    try:
        case = Case(o.found[name], name, work, o.directory)
        reason = case.missing()
        problems = [] if reason else (run_cached if o.cache else run_case)(case, o)
        if problems is None:
            reason, problems = 'makes no image', []
    except BROKEN as e:
        problems = [f'{type(e).__name__}: {e}']
    if not o.keep:
        remove(work)
    return name, reason, problems, work


def report(number, result, o):
    name, reason, problems, work = result
    print(f"{'not ok' if problems else 'ok'} {number} - {name}" + (f' # SKIP {reason}' if reason else ''), flush=True)
    for line in '\n'.join(problems + ([work] if o.keep else [])).splitlines():
        print('# ' + line, flush=True)
    return not problems


def choose(o):
    """The names asked for: of a case, or of a group."""
    names = [n for n in o.found if not o.case or n in o.case or n.split('/')[0] in o.case]
    unknown = [c for c in o.case if c not in o.found and not any(n.startswith(c + '/') for n in names)]
    if unknown:
        sys.exit(f"run.py: no case {', '.join(unknown)}")
    return names


def parse_args(argv):
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument('kiln', help='the program to test')
    p.add_argument('case', nargs='*', help='names of cases or groups; all without')
    p.add_argument('-j', '--jobs', type=int, default=len(os.sched_getaffinity(0)), help='cases built at a time (default: processors)')
    p.add_argument('--isolation', default='namespaces', help='of the builds (default: namespaces)')
    p.add_argument('--update', action='store_true', help='rewrite the expectations about the image by what is built')
    p.add_argument('--cache', action='store_true', help='only: does a build from a cache give what the build that filled it gave?')
    p.add_argument('--keep', action='store_true', help='leave the work directories and say where they are')
    p.add_argument('--cases', default=HERE, help='directory of the cases (default: the one of this program)')
    far = p.add_argument_group('cases that are built elsewhere, as in a container')
    far.add_argument('--prepare', metavar='DIR', help='only make in DIR what the cases are built from, and build.sh, which builds them with $KILN')
    far.add_argument('--seen-as', metavar='DIR', help='what that directory is called there')
    far.add_argument('--judge', metavar='DIR', help='compare what build.sh has built there, also with what is built here')
    o = p.parse_args(argv)
    o.prepare, o.judge = (d and os.path.realpath(d) for d in (o.prepare, o.judge))
    o.seen_as = o.seen_as or o.prepare
    o.kiln = os.path.abspath(o.kiln)
    return o


def main(argv):
    o = parse_args(argv)
    o.found, o.top, good = find_cases(o.cases), fast_directory(), True
    names = choose(o)
    os.umask(0o022)
    with tempfile.TemporaryDirectory(prefix='kiln-golden-bases-', dir=o.top) as temporary:
        o.directory = os.path.join(o.prepare or o.judge, 'bases') if o.prepare or o.judge else temporary
        if not o.judge:
            make_shared(o.cases, o.directory)
        if o.prepare:
            prepare_elsewhere(names, o)
            return 0
        o.shared = Shared(o.directory)
        print(f'1..{len(names)}')
        with concurrent.futures.ThreadPoolExecutor(o.jobs) as pool:
            for number, result in enumerate(pool.map(lambda n: (judge if o.judge else run_named)(n, o), names), 1):
                good = report(number, result, o) and good
    return 0 if good else 1


if __name__ == '__main__':
    sys.exit(main(sys.argv[1:]))
