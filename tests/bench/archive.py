# SPDX-License-Identifier: Apache-2.0
"""What a context in an archive costs: case g of the benchmark, a tar.gz of 50,000 files and 1 GB, against `tar xzf` of the same file.

kiln is measured twice: with a Dockerfile that wants one file, so that what is left is the reading of the archive, as tar's is; and,
for the record, with one that copies them all into a compressed layer, which tar has no part of."""
import os
import shutil
import statistics
import sys

import material
import measure

MIB = 1024 * 1024
COUNT, TOTAL = 50_000, 1_000_000_000
NAME = f'archive-1-{COUNT}.tar.gz'  # another number whenever what is made changes
ONE = 'data/00/pack-00/file-00001.txt'
WALL, RSS = 1.2, 64


def write_archive(path):
    material.write_tar(path, material.Files('archive', COUNT, TOTAL), '.', 'w:gz')


def dockerfile(top, text):
    path = os.path.join(top, 'Dockerfile')
    with open(path, 'w', encoding='utf-8') as f:
        f.write(text)
    return path


def unpack(top, archive, _):
    os.mkdir(os.path.join(top, 'out'))
    return [['tar', '-xzf', archive, '-C', os.path.join(top, 'out')]], [shutil.which('tar'), shutil.which('gzip')]


def read(top, archive, kiln):
    return build(top, archive, kiln, f'FROM scratch\nCOPY {ONE} /\n')


def copy(top, archive, kiln):
    return build(top, archive, kiln, 'FROM scratch\nCOPY . /\n')


def build(top, archive, kiln, text):
    return [[kiln, 'build', '--kiln-dir', os.path.join(top, 'kiln'), '-f', dockerfile(top, text), '-o',
             'type=oci,dest=' + os.path.join(top, 'image'), 'tar://' + archive]], [kiln]


# what is run, in the order of the rounds
RUNS = {'tar': ('tar xzf', unpack), 'kiln': ('kiln, one file of it', read), 'copy': ('kiln, COPY . /', copy)}


def run_once(name, work, archive, kiln):
    top = os.path.join(work, 'g')
    os.mkdir(top)
    commands, programs = RUNS[name][1](top, archive, kiln)
    log = os.path.join(work, 'log-g')
    try:
        return measure.run(commands, measure.Programs(programs), dict(os.environ), log)
    except measure.Failed as e:
        with open(log, encoding='utf-8', errors='replace') as f:
            sys.stderr.writelines(f.readlines()[-20:])
        sys.exit(f'bench: {RUNS[name][0]}, case g: {e}')
    finally:
        shutil.rmtree(top)


def case_g(work, kiln, rounds):
    """How many targets are missed."""
    archive = material.kept(NAME, write_archive)
    material.warm_file(archive)
    costs = {name: [] for name in RUNS}
    for _ in range(rounds):
        for name in RUNS:
            costs[name].append(run_once(name, work, archive, kiln))
    wall = {name: statistics.median(c.wall for c in costs[name]) for name in RUNS}
    rss = {name: max(c.rss for c in costs[name]) / MIB for name in RUNS}
    for name, (title, _) in RUNS.items():
        cpu = statistics.median(c.cpu for c in costs[name])
        print(f'g  {title:22} {wall[name]:7.2f} s {cpu:7.2f} s of CPU {rss[name]:7.1f} MiB')
    ratio, most = wall['kiln'] / wall['tar'], max(rss['kiln'], rss['copy'])
    print(f'g: {ratio:.2f} of the time of tar xzf, at most {WALL}: {"holds" if ratio < WALL else "MISSED"}')
    print(f'g: {most:.1f} MiB, at most {RSS}: {"holds" if most < RSS else "MISSED"}')
    return (ratio >= WALL) + (most >= RSS)
