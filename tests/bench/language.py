# SPDX-License-Identifier: Apache-2.0
"""What the Dockerfile language costs: cases d and e of the benchmark. Both are CPU only, without starting a program: the program
tests/bench/language.c measures itself. Buildah's .dockerignore is part of a build, so the same context is built by both, too."""
import os
import shutil
import subprocess
import sys

import measure

HERE = os.path.dirname(os.path.abspath(__file__))
PROGRAM = os.path.join(HERE, '..', '..', 'build', 'tests', 'bench', 'language')
STAGES, FILES = 100, 100_000


def dockerfile():
    """1,000 instructions in 100 stages, every kind of which is there, each with variables."""
    lines = ['ARG VERSION=1']
    for s in range(STAGES):
        base = 'scratch' if s % 5 == 0 else f'stage-{s - 1}'
        body = [f'FROM {base} AS stage-{s}', 'ARG VERSION', f'ENV NAME_{s}="value $VERSION" PREFIX_{s}=/opt/${{VERSION:-0}}/bin',
                f'LABEL stage.number="{s}" stage.prefix="$PREFIX_{s}"', 'WORKDIR /src/${VERSION}',
                f'COPY --chown=1:1 a{s} b{s} /dst/$VERSION/', f'COPY --from=stage-{s // 2} /out /in/{s}',
                'RUN make -j4 && \\\n    make install && \\\n    # clean up\n    rm -rf /tmp/*', 'EXPOSE 80/tcp 443', 'USER 1:1']
        if s < 2:
            body[6] = 'CMD ["/bin/app"]'
        lines += body
    return '\n'.join(lines) + '\n'


def patterns():
    """A hundred of the kinds that people write, which leave one file in a hundred."""
    kinds = ['.git{n}', '**/node_modules{n}', 'build{n}/**/*.o', '**/*.tmp{n}', '/dist/part{n}', '**/.cache{n}/**', '*.log{n}', 'docs/*/draft-{n}-*.md',
             '**/__pycache__{n}', 'src/**/test_{n}*.py']
    lines = [k.format(n=n) for n in range(10) for k in kinds]
    return '\n'.join(lines[:97] + ['**/*.c', '**/*.h', 'src/module-1??/**']) + '\n'


def paths():
    for n in range(FILES):
        ext = 'txt' if n % 100 == 0 else 'c' if n % 2 else 'h'
        yield f'src/module-{n % 300}/part-{n % 17}/some/deeper/file-{n}.{ext}'


def write(path, text):
    with open(path, 'w', encoding='utf-8') as f:
        f.write(text)
    return path


def program(*args):
    """{name: value} of what the program prints."""
    p = subprocess.run([PROGRAM, *args], stdout=subprocess.PIPE, text=True, check=False)
    if p.returncode:
        sys.exit('bench: language failed')
    return {name: float(value) for name, value in (line.split() for line in p.stdout.splitlines())}


def target(case, value, unit, most, what):
    print(f'{case}: {value:.1f} {unit} {what}, at most {most}: {"holds" if value <= most else "MISSED"}')
    return value > most


def case_d(work):
    ms = program('plan', write(os.path.join(work, 'Dockerfile.d'), dockerfile()))
    print(f'd  parse {ms["parse"]:.2f} ms, plan {ms["plan"]:.2f} ms, lint {ms["lint"]:.2f} ms of CPU')
    return target('d', ms['parse'] + ms['plan'], 'ms', 10, 'to parse and plan 1,000 instructions in 100 stages')


def make_context(work):
    context = os.path.join(work, 'context-e')
    for path in paths():
        full = os.path.join(context, path)
        os.makedirs(os.path.dirname(full), exist_ok=True)
        with open(full, 'wb'):
            pass
    write(os.path.join(context, '.dockerignore'), patterns())
    return context


def built(name, commands, programs, env, work):
    try:
        cost = measure.run(commands, measure.Programs(programs), env, os.path.join(work, f'log-{name}'))
    except measure.Failed as e:
        sys.exit(f'bench: {name}, case e: {e}')
    print(f'e  {name:8} builds it in {cost.wall:.2f} s, {cost.cpu:.2f} s of CPU')


def case_e(work, kiln, names):
    """names: of the builders to compare."""
    lists = [write(os.path.join(work, n), t) for n, t in (('patterns', patterns()), ('paths', '\n'.join(paths())))]
    ms = program('ignore', *lists)
    context, top = make_context(work), os.path.join(work, 'e')
    dockerfile_e = write(os.path.join(work, 'Dockerfile.e'), 'FROM scratch\nCOPY . /\n')
    print(f'e  {ms["excluded"]:.0f} of {FILES} paths excluded in {ms["ignore"]:.0f} ms of CPU')
    os.mkdir(top)
    if 'kiln' in names:
        built('kiln', [[kiln, 'build', '--kiln-dir', f'{top}/kiln', '-f', dockerfile_e, '-o', f'type=oci,dest={top}/image', context]],
              [kiln], dict(os.environ), work)
    if 'buildah' in names:
        built('buildah', [['buildah', '--root', f'{top}/graph', '--runroot', f'{top}/run', '--storage-driver', 'overlay', 'bud', '-q',
                           '-t', 'localhost/bench-e', '-f', dockerfile_e, context]],
              [shutil.which('buildah')], os.environ | {'TMPDIR': work}, work)
    return target('e', ms['ignore'] / 1000, 's', 0.5, 'to judge 100,000 paths by 100 patterns')
