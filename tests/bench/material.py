# SPDX-License-Identifier: Apache-2.0
"""What the benchmarks build from: base images in the storage of a registry, and a context. Made once, the same bytes everywhere,
and kept in ${XDG_CACHE_HOME:-~/.cache}/kiln-lab. Half of the data is text-like and compresses well, half does not compress."""
import fcntl
import io
import os
import random
import shutil
import subprocess
import sys
import tarfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
LIB = os.path.join(HERE, '..', 'lib')
VERSION = 'bench-1'  # another one whenever what is made changes
EPOCH = 1700000000
WORDS = 4096
POOL_BYTES = 8 << 20


class Files:
    """A deterministic set of files: names in directories of about forty, sizes mostly small with a few large ones."""

    def __init__(self, seed, count, total_bytes):
        self.random = random.Random(seed)
        self.pool = self.text_pool()
        weights = [self.random.lognormvariate(0, 1.6) for _ in range(count)]
        scale = total_bytes / sum(weights)
        self.sizes = [int(w * scale) for w in weights]

    def text_pool(self):
        letters = 'etaoinshrdlucmfwygpbvkxqjz'
        words = [''.join(self.random.choices(letters, k=self.random.randint(2, 11))) for _ in range(WORDS)]
        text = ' '.join(self.random.choices(words, weights=[1 / (n + 5) for n in range(WORDS)], k=POOL_BYTES // 5))
        return text.encode()[:POOL_BYTES]

    def data(self, size, compressible):
        if not compressible:
            return self.random.randbytes(size)
        parts = []
        while size > 0:
            at = self.random.randrange(len(self.pool) - 4096)
            parts.append(self.pool[at:at + min(size, 4096 + self.random.randrange(65536))])
            parts[-1] = parts[-1][:size]
            size -= len(parts[-1])
        return b''.join(parts)

    def __iter__(self):
        """(path, bytes), parents not listed."""
        for n, size in enumerate(self.sizes):
            path = f'data/{n // 1600:02}/pack-{n // 40 % 40:02}/file-{n:05}{".txt" if n % 2 else ".bin"}'
            yield path, self.data(size, n % 2 == 1)


def directories(paths):
    """Every directory above the paths, parents first."""
    seen = set()
    for path in paths:
        parts = path.split('/')[:-1]
        for n in range(1, len(parts) + 1):
            d = '/'.join(parts[:n])
            if d not in seen:
                seen.add(d)
                yield d


def write_tar(to, files, prefix, mode='w'):
    """The files below a directory of their own; mode as tarfile has it."""
    with tarfile.open(to, mode, format=tarfile.PAX_FORMAT) as tar:
        made = set()
        for path, data in files:
            path = f'{prefix}/{path}'
            for d in directories([path]):
                if d not in made:
                    made.add(d)
                    tar.addfile(entry(d, tarfile.DIRTYPE, 0o755))
            info = entry(path, tarfile.REGTYPE, 0o644)
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))


def entry(path, kind, mode):
    info = tarfile.TarInfo(path)
    info.type, info.mode, info.mtime = kind, mode, EPOCH
    return info


# ---- what is made

def make_large_base(work, layout):
    """busybox, then four layers of 11,250 files and 256 MB each."""
    args = []
    for n in range(4):
        tar = os.path.join(work, f'layer-{n}.tar')
        write_tar(tar, Files(f'base {n}', 11250, 256 * 1000 * 1000), f'srv/part-{n}')
        args += ['--tar', tar]
    lab('lab_base_busybox "$@"', layout, *args)
    for n in range(4):
        os.unlink(os.path.join(work, f'layer-{n}.tar'))


def make_context(to):
    """20,000 files, 500 MB."""
    for path, data in Files('context', 20000, 500 * 1000 * 1000):
        full = os.path.join(to, path)
        os.makedirs(os.path.dirname(full), exist_ok=True)
        with open(full, 'wb') as f:
            f.write(data)
        os.utime(full, (EPOCH, EPOCH))


def lab(script, *args):
    """A line of shell with the functions of tests/lib/lab.sh."""
    subprocess.run(['bash', '-c', '. "$0"; ' + script, os.path.join(LIB, 'lab.sh'), *args], check=True,
                   stdout=subprocess.DEVNULL)


def make(work, start_registry):
    bases = os.path.join(work, 'bases')
    os.makedirs(bases)
    lab('lab_base_debian "$1"', os.path.join(bases, 'debian'))
    lab('lab_base_busybox "$1"', os.path.join(bases, 'busybox'))
    make_large_base(work, os.path.join(bases, 'large'))
    with start_registry(os.path.join(work, 'registry')) as address:
        for name in sorted(os.listdir(bases)):
            subprocess.run(['skopeo', '--insecure-policy', 'copy', '-q', '--dest-tls-verify=false',
                            'oci:' + os.path.join(bases, name), f'docker://{address}/bench/{name}:1'], check=True)
    shutil.rmtree(bases)
    make_context(os.path.join(work, 'context'))


def ready(start_registry):
    """The directory with registry/ and context/; made when it is not there yet."""
    def fill(part):
        os.makedirs(part)
        make(part, start_registry)
    return kept(VERSION, fill)


def kept(name, fill):
    """What fill(path) makes, a file or a directory, under that name in the cache; made when it is not there yet."""
    cache = os.path.join(os.environ.get('XDG_CACHE_HOME') or os.path.expanduser('~/.cache'), 'kiln-lab')
    done, part = os.path.join(cache, name), os.path.join(cache, name + '.part')
    os.makedirs(cache, exist_ok=True)
    with open(os.path.join(cache, name + '.lock'), 'w', encoding='utf-8') as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not os.path.exists(done):
            begun = time.monotonic()
            print(f'making {name} (once) ...', file=sys.stderr)
            shutil.rmtree(part, ignore_errors=True)
            fill(part)
            os.rename(part, done)
            print(f'made {done} in {time.monotonic() - begun:.0f} s', file=sys.stderr)
    return done


def warm(top):
    """Read everything, so that no round pays for a cold page cache."""
    for folder, _, names in os.walk(top):
        for name in names:
            warm_file(os.path.join(folder, name))


def warm_file(path):
    with open(path, 'rb') as f:
        while f.read(1 << 20):
            pass
