#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Do exactly the right steps miss, and is what is taken what would have been made?

Builds are generated from seeds (cache_cases.py), then changed in one place at a time. Of --cases only the keys are asked for
(`kiln build --dryrun`): what is visible to a step must change its key and those of everything that stands on it, what is not must
change none. --builds are carried out, again and again with one cache: the plan must say hit and miss where the model does, the image
must be that of the same build without a cache, and the next plan must have hits only.

    cache_property.py KILN BASE-LAYOUT-1 BASE-LAYOUT-2 [--cases N] [--builds N] [--seed N] [--jobs N]
"""
import argparse
import concurrent.futures
import copy
import os
import random
import re
import shutil
import subprocess
import sys
import tempfile

import cache_cases as cases

LINE = re.compile(r'^\[(\S+) (\d+)/\d+\] (hit|miss) (\S+) ')


class Wrong(Exception):
    pass


def kiln(case, o, where, options, touch=False):
    """-> what it prints"""
    case.write(where)
    if touch:
        for root, dirs, files in os.walk(os.path.join(where, 'ctx')):
            for name in dirs + files:
                os.utime(os.path.join(root, name), (touch, touch), follow_symlinks=False)
    cmd = [o.kiln, 'build'] + options + case.options(where)
    for name, which in case.bases.items():
        cmd += ['--build-context', '%s=oci-layout://%s' % (name, o.bases[which - 1])]
    done = subprocess.run(cmd + [os.path.join(where, 'ctx')], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                          env=dict(os.environ, SOURCE_DATE_EPOCH='1'))
    if done.returncode != 0 or 'warning: the cache' in done.stderr:
        raise Wrong('%s\n%s\n%s' % (' '.join(cmd), done.stderr, case.dockerfile()))
    return done.stdout


def plan(case, o, options, touch=False):
    """{(STAGE, STEP): (KEY, is a hit)} of all steps that make layers"""
    where = tempfile.mkdtemp(dir=o.work)
    steps = {}
    for line in kiln(case, o, where, ['--dryrun', '--kiln-dir', os.path.join(o.work, 'kiln')] + options, touch).splitlines():
        m = LINE.match(line)
        if m:
            steps[m.group(1), int(m.group(2)) - 1] = m.group(4), m.group(3) == 'hit'
    shutil.rmtree(where)
    return steps


def image(case, o, options, touch=False):
    """Builds in a kiln directory of its own. -> the digest of the manifest"""
    where = tempfile.mkdtemp(dir=o.work)
    digest = os.path.join(where, 'digest')
    kiln(case, o, where, ['--kiln-dir', os.path.join(where, 'kiln'), '--digest-file', digest, '-o',
                          'type=oci,dest=' + os.path.join(where, 'out')] + options, touch)
    with open(digest) as f:
        text = f.read()
    shutil.rmtree(where)
    return text


def visible_mutations(r, case):
    """Without end: (NAME, the case changed in one more place, the steps that must change)"""
    while True:
        mutate = r.choice(cases.VISIBLE)
        changed = copy.deepcopy(case)
        changed.r = r
        direct = mutate(changed)
        if direct is not None:
            yield mutate.__name__, changed, cases.standing_on(changed, direct)


def invisible_mutation(r, case):
    """-> (NAME, the case changed, a map of stages' new names to their old ones)"""
    mutate = r.choice(cases.INVISIBLE)
    changed = copy.deepcopy(case)
    changed.r = r
    renamed = mutate(changed)
    return mutate.__name__, changed, dict([renamed] if renamed else [])


def old_names(steps, renamed):
    return {(renamed.get(s, s), n): v for (s, n), v in steps.items() if s != 'extra'}


# ---- keys only

def check_keys(seed, o):
    """-> how many comparisons were made"""
    r = random.Random(seed)
    case = cases.Case(r, False)
    before = plan(case, o, ['--cache'])
    some = visible_mutations(r, case)
    for _ in range(4):
        name, changed, want = next(some)
        after = plan(changed, o, ['--cache'])
        got = {at for at in before if before[at] != after.get(at)}
        if got != want or set(before) != set(after):
            fail(seed, name, case, changed, want, got)
    name, changed, renamed = invisible_mutation(r, case)
    after = old_names(plan(changed, o, ['--cache'], touch=r.randint(1, 2000000000)), renamed)
    if after != before:
        fail(seed, name, case, changed, set(), {at for at in before if before[at] != after.get(at)})
    return 5


# ---- builds

def check_build(seed, o):
    """-> how many images were compared"""
    r = random.Random('build %d' % seed)
    case = cases.Case(r, True)
    run = Run(seed, o)
    run.compare('the first build', case, case, cases.layers(case))
    for _ in range(3):
        name, changed, want = next(visible_mutations(r, case))
        run.compare(name, case, changed, want)
        case = changed
    name, changed, renamed = invisible_mutation(r, case)
    run.compare(name, case, changed, set(), renamed, r.randint(1, 2000000000))
    shutil.rmtree(run.cache)
    return 5


class Run:
    """Builds with one cache."""

    def __init__(self, seed, o):
        self.seed, self.o = seed, o
        self.cache = tempfile.mkdtemp(dir=o.work)
        self.read = ['--cache', '--cache-repo', 'oci:' + self.cache]
        self.made = set()  # keys: two changes may lead back to what was there before

    def compare(self, name, before, case, want, renamed=None, touch=False):
        """The model's misses, the image of a build without cache, and then only hits."""
        steps = old_names(plan(case, self.o, self.read, touch), renamed or {})
        want = {at for at in want if steps[at][0] not in self.made}
        if misses(steps) != want:
            fail(self.seed, name, before, case, want, misses(steps))
        self.made |= {key for key, _ in steps.values()}
        if image(case, self.o, self.read, touch) != image(case, self.o, [], touch):
            fail(self.seed, name + ': another image than without the cache', before, case, want, misses(steps))
        again = misses(plan(case, self.o, self.read))
        if again:
            fail(self.seed, name + ': the next build', before, case, set(), again)


def misses(steps):
    return {at for at, (_, hit) in steps.items() if not hit}


def fail(seed, name, before, after, want, got):
    text = 'seed %d, %s: steps that should miss %s, that do %s\n' % (seed, name, sorted(want), sorted(got))
    for when, c in (('before', before), ('after', after)):
        files = {p: (f.content, '%o' % f.mode, f.target, f.hard) for p, f in c.files.items()}
        text += '---- %s %s %s %s\n%s' % (when, c.args, c.bases, files, c.dockerfile())
    raise Wrong(text)


def main():
    p = argparse.ArgumentParser()
    p.add_argument('kiln')
    p.add_argument('bases', nargs=2)
    p.add_argument('--cases', type=int, default=200)
    p.add_argument('--builds', type=int, default=4)
    p.add_argument('--seed', type=int, default=1)
    p.add_argument('--jobs', type=int, default=2 * len(os.sched_getaffinity(0)))  # each waits for the clock now and then
    o = p.parse_args()
    with tempfile.TemporaryDirectory() as o.work, concurrent.futures.ThreadPoolExecutor(o.jobs) as pool:
        made = [[pool.submit(check, seed, o) for seed in range(o.seed, o.seed + n)]
                for check, n in ((check_build, o.builds), (check_keys, o.cases))]
        try:
            done = [sum(f.result() for f in some) for some in made]
        except Wrong as e:
            pool.shutdown(cancel_futures=True)
            sys.exit(str(e))
    print('%d comparisons of keys, %d of images' % (done[1], done[0]))


if __name__ == '__main__':
    main()
