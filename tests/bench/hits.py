# SPDX-License-Identifier: Apache-2.0
"""Case f of the benchmark: a build that finds everything in its cache, against a plain client (curl) that sends as many HEAD requests to the
same registry over at most 8 connections. Each build has an empty kiln directory; 35 instructions in 5 stages, 21 of which make layers."""
import os
import re
import shutil
import statistics
import subprocess
import sys

import material
import measure

STAGES = 4  # below the target
REQUEST = re.compile(r'"(?:GET|HEAD|POST|PUT|PATCH|DELETE) (/v2/[^ ]*) HTTP/1')
MANIFEST = re.compile(r'"(?:GET|HEAD) (/v2/[^ ]*/manifests/[^ ]*) HTTP/1')
ACCEPT = 'Accept: application/vnd.oci.image.manifest.v1+json'


def dockerfile(base):
    lines = [f'FROM {base} AS base']
    for n in range(STAGES):
        lines += [f'FROM base AS s{n}', f'ENV N={n}', 'WORKDIR /w', f'COPY f{n} ./', 'RUN cat f* >made && date +%N >>made', f'LABEL l={n}']
    lines += ['FROM base'] + [f'COPY --from=s{n} /w/made /made{n}' for n in range(STAGES)]
    lines += ['RUN cat /made* >/all', 'RUN date +%N >/when', 'WORKDIR /last', 'COPY f0 f1 ./', 'RUN ls >/list', 'CMD ["sh"]']
    return '\n'.join(lines) + '\n'


def make_context(to, base):
    os.mkdir(to)
    for n in range(STAGES):
        with open(os.path.join(to, f'f{n}'), 'w', encoding='utf-8') as f:
            f.write(f'content {n}\n')
    with open(os.path.join(to, 'Dockerfile'), 'w', encoding='utf-8') as f:
        f.write(dockerfile(base))


def push_base(work, address):
    layout = os.path.join(work, 'busybox')
    material.lab('lab_base_busybox "$1"', layout)
    subprocess.run(['skopeo', '--insecure-policy', 'copy', '-q', '--dest-tls-verify=false', 'oci:' + layout,
                    f'docker://{address}/bench/busybox:1'], check=True)
    return f'{address}/bench/busybox:1'


class Build:
    def __init__(self, kiln, work, address):
        self.kiln, self.work = kiln, work
        self.context, self.dir = os.path.join(work, 'context-f'), os.path.join(work, 'kiln-f')
        self.env = os.environ | {'DOCKER_CONFIG': work}
        make_context(self.context, push_base(work, address))
        self.command = [kiln, 'build', '--kiln-dir', self.dir, '--insecure', '--insecure-pull', '--cache', '--push', '-t', f'{address}/bench/app:1',
                        self.context]

    def run(self):
        shutil.rmtree(self.dir, ignore_errors=True)
        return run('kiln', [self.command], [self.kiln], self.env, self.work)


def run(name, commands, programs, env, work):
    log = os.path.join(work, f'log-f-{name}')
    try:
        return measure.run(commands, measure.Programs(programs), env, log)
    except measure.Failed as e:
        with open(log, encoding='utf-8', errors='replace') as f:
            sys.stderr.writelines(f.readlines()[-20:])
        sys.exit(f'bench: {name}, case f: {e}')


def lines_of(path):
    with open(path, encoding='utf-8', errors='replace') as f:
        return f.readlines()


def requests_of(build, log):
    """(number of requests, paths of manifests among them) of one build."""
    before = len(lines_of(log))
    build.run()
    lines = lines_of(log)[before:]
    return sum(1 for line in lines if REQUEST.search(line)), [m[1] for m in map(MANIFEST.search, lines) if m]


def heads(address, paths, n):
    curl = ['curl', '-sS', '-f', '-I', '-H', ACCEPT, '--parallel', '--parallel-max', '8', '-o', os.devnull]
    urls = [f'http://{address}{paths[i % len(paths)]}' for i in range(n)]
    return [[*curl, urls[0], *(word for u in urls[1:] for word in ('-o', os.devnull, u))]]


def target(value, most, what):
    print(f'f: {value:.3f} {what}, at most {most}: {"holds" if value <= most else "MISSED"}')
    return value > most


def case_f(work, kiln, registry, rounds):
    """How many targets are missed. registry(storage, log) as in run."""
    log = os.path.join(work, 'log-registry')
    with registry(os.path.join(work, 'registry-f'), log) as address:
        build, curl = Build(kiln, work, address), shutil.which('curl')
        build.run()
        n, paths = requests_of(build, log)
        commands = heads(address, paths, n)
        costs = [(build.run(), run('curl', commands, [curl], os.environ, work)) for _ in range(rounds)]
    wall, peer = (statistics.median(c[i].wall for c in costs) for i in (0, 1))
    cpu = statistics.median(c[0].cpu for c in costs)
    print(f'f  a full hit: {n} requests in {wall * 1000:.0f} ms, {cpu * 1000:.0f} ms of CPU; {n} HEAD requests by curl in {peer * 1000:.0f} ms')
    return target(wall / peer, 2, f'of the time of {n} HEAD requests') + target(cpu, 0.15, 's of CPU')
