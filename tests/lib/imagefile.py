# SPDX-License-Identifier: Apache-2.0
"""Read images that somebody else wrote: OCI layouts, oci-archives, docker-archives. Standard library and the zstd program.

Written apart from kiln's own readers, and strict where they would be tolerant: every blob and every diff id is hashed,
every size compared. Whatever does not hold raises ImageError.
"""
import bz2
import contextlib
import gzip
import hashlib
import io
import json
import lzma
import os
import subprocess
import tarfile
import tempfile


class ImageError(Exception):
    pass


class LayoutSource:
    """Blobs of an OCI layout, in a directory or a tar file (oci-archive)."""

    def __init__(self, path, tar=None):
        self.path, self.tar = path, tar

    def open(self, name):
        if self.tar is None:
            return open(os.path.join(self.path, name), 'rb')
        return self.tar.extractfile(self.tar.getmember(name))

    def open_blob(self, descriptor):
        """The blob as a file whose digest and size are right."""
        algorithm, _, value = descriptor['digest'].partition(':')
        with self.open(f'blobs/{algorithm}/{value}') as f:
            have, size = hashing(f, algorithm)
        if have != value:
            raise ImageError(f"blob {descriptor['digest']} has the digest {have}")
        if size != descriptor['size']:
            raise ImageError(f"blob {descriptor['digest']}: size {size}, descriptor says {descriptor['size']}")
        return self.open(f'blobs/{algorithm}/{value}')

    def read_blob(self, descriptor):
        with self.open_blob(descriptor) as f:
            return f.read()


def hashing(f, algorithm='sha256'):
    h, size = hashlib.new(algorithm), 0
    while block := f.read(1 << 20):
        h.update(block)
        size += len(block)
    return h.hexdigest(), size


class Image:
    """config and manifest as parsed JSON (docker-archive: its manifest.json entry), and the layers."""

    def __init__(self, manifest, config, openers):
        self.manifest, self.config, self._openers = manifest, config, openers
        diff_ids = (config.get('rootfs') or {}).get('diff_ids') or []
        if len(diff_ids) != len(openers):
            raise ImageError(f'{len(openers)} layers, {len(diff_ids)} diff ids')
        self.diff_ids = diff_ids

    def __len__(self):
        return len(self._openers)

    @contextlib.contextmanager
    def layer(self, number):
        """A tarfile of layer `number` (from 0), uncompressed, its diff id checked."""
        with self._openers[number]() as packed, unpacked(packed) as f:
            have, _ = hashing(f)
            if 'sha256:' + have != self.diff_ids[number]:
                raise ImageError(f'layer {number + 1}: diff id sha256:{have}, the configuration says {self.diff_ids[number]}')
            f.seek(0)
            with tarfile.open(fileobj=f, mode='r:') as tar:
                yield tar


@contextlib.contextmanager
def unpacked(f):
    """The file decompressed, whatever it is, in a temporary file."""
    magic = f.read(6)
    f.seek(0)
    with tempfile.TemporaryFile() as out:
        if magic[:4] == b'\x28\xb5\x2f\xfd':
            with tempfile.TemporaryFile() as packed:
                copy(f, packed)
                packed.seek(0)
                subprocess.run(['zstd', '-q', '-d', '-c'], stdin=packed, stdout=out, check=True)
        elif magic[:2] == b'\x1f\x8b':
            copy(gzip.GzipFile(fileobj=f), out)
        elif magic[:3] == b'BZh':
            copy(bz2.BZ2File(f), out)
        elif magic == b'\xfd7zXZ\x00':
            copy(lzma.LZMAFile(f), out)
        else:
            copy(f, out)
        out.seek(0)
        yield out


def copy(source, target):
    while block := source.read(1 << 20):
        target.write(block)


# ---- finding the image

def open_image(spec, platform=None):
    """Open PATH, PATH:TAG or PATH@DIGEST. platform is OS/ARCH[/VARIANT], where an index leaves a choice."""
    path, selector = split_spec(spec)
    if os.path.isdir(path):
        return from_layout(LayoutSource(path), selector, platform)
    tar = tarfile.open(path, 'r:*')
    names = set(tar.getnames())
    if 'oci-layout' in names:
        return from_layout(LayoutSource(path, tar), selector, platform)
    if 'manifest.json' in names:
        return from_docker_archive(tar, selector)
    raise ImageError(f'{path}: neither oci-layout nor manifest.json in it')


def split_spec(spec):
    if os.path.exists(spec):
        return spec, ''
    for mark in ('@', ':'):
        path, found, selector = spec.partition(mark)
        if found and os.path.exists(path):
            return path, selector
    raise ImageError(f'no image at {spec}')


def matches(descriptor, selector, platform):
    name = descriptor.get('annotations', {}).get('org.opencontainers.image.ref.name', '')
    if selector and selector not in (descriptor['digest'], name, name.rpartition(':')[2]):
        return False
    return platform_is(descriptor, platform)


def platform_is(descriptor, platform):
    have = descriptor.get('platform')
    if not platform or not have:
        return True
    return platform == '/'.join(filter(None, (have['os'], have['architecture'], have.get('variant'))))


def from_layout(source, selector, platform):
    with source.open('index.json') as f:
        index = json.load(f)
    found = [d for d in index['manifests'] if matches(d, selector, platform)]
    while True:
        if len(found) != 1:
            raise ImageError(f'{len(found)} manifests fit "{selector}" {platform or ""}'.rstrip())
        document = json.loads(source.read_blob(found[0]))
        if 'manifests' not in document:
            break
        found = [d for d in document['manifests'] if platform_is(d, platform)]
    config = json.loads(source.read_blob(document['config']))
    layers = document['layers'] or []
    return Image(document, config, [lambda d=d: source.open_blob(d) for d in layers])


def from_docker_archive(tar, selector):
    entries = json.load(tar.extractfile('manifest.json'))
    found = [e for e in entries if not selector or selector in (e.get('RepoTags') or [])]
    if len(found) != 1:
        raise ImageError(f'{len(found)} images fit "{selector}"')
    entry = found[0]
    raw = tar.extractfile(entry['Config']).read()
    named = entry['Config'].rpartition('/')[2].removesuffix('.json')
    named = named.removeprefix('sha256:')
    if len(named) == 64 and hashlib.sha256(raw).hexdigest() != named:
        raise ImageError(f"configuration {entry['Config']} does not have the digest in its name")
    return Image(entry, json.loads(raw), [lambda n=n: member(tar, n) for n in entry['Layers'] or []])


def member(tar, name):
    """A member as a file; a link to another member (docker-archives share layers so) is followed."""
    for _ in range(8):
        info = tar.getmember(name)
        if not (info.issym() or info.islnk()):
            return io.BufferedReader(tar.extractfile(info))
        name = os.path.normpath(os.path.join(os.path.dirname(name), info.linkname)) if info.issym() else info.linkname
    raise ImageError(f'{name}: links without end')
