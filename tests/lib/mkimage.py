#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Make an image in an OCI layout out of tar files, directories or listings: a base image for a test.

The same arguments give the same bytes. Nothing is checked on purpose: layers may hold whiteouts, absolute names, `..`,
devices, links to anywhere, the same name twice. Layers come in the order of the arguments; --compress and --media-type
apply to the layers after them.
"""
import argparse
import gzip
import hashlib
import io
import json
import os
import platform
import stat
import subprocess
import sys
import tarfile

import listing

OCI = 'application/vnd.oci.image.'
DOCKER = 'application/vnd.docker.'
LAYER_TYPES = {
    'oci': {'none': OCI + 'layer.v1.tar', 'gzip': OCI + 'layer.v1.tar+gzip', 'zstd': OCI + 'layer.v1.tar+zstd'},
    'docker': {'none': DOCKER + 'image.rootfs.diff.tar', 'gzip': DOCKER + 'image.rootfs.diff.tar.gzip',
               'zstd': DOCKER + 'image.rootfs.diff.tar.zstd'},
}
DOCUMENT_TYPES = {
    'oci': {'config': OCI + 'config.v1+json', 'manifest': OCI + 'manifest.v1+json', 'index': OCI + 'index.v1+json'},
    'docker': {'config': DOCKER + 'container.image.v1+json', 'manifest': DOCKER + 'distribution.manifest.v2+json',
               'index': DOCKER + 'distribution.manifest.list.v2+json'},
}
TAR_TYPES = {'file': tarfile.REGTYPE, 'dir': tarfile.DIRTYPE, 'link': tarfile.SYMTYPE, 'hardlink': tarfile.LNKTYPE,
             'char': tarfile.CHRTYPE, 'block': tarfile.BLKTYPE, 'fifo': tarfile.FIFOTYPE,
             'whiteout': tarfile.REGTYPE, 'opaque': tarfile.REGTYPE}


def host_arch():
    return {'x86_64': 'amd64', 'aarch64': 'arm64', 'armv7l': 'arm'}.get(platform.machine(), platform.machine())


# ---- layers: entries -> tar bytes

def tar_info(e):
    info = tarfile.TarInfo(e.path or '.')
    info.type = TAR_TYPES[e.kind]
    info.mode = e.mode if e.mode is not None else {'dir': 0o755, 'link': 0o777}.get(e.kind, 0o644)
    info.uid, info.gid, info.mtime = e.uid or 0, e.gid or 0, e.mtime or 0
    info.linkname = e.target or ''
    if e.device:
        info.devmajor, info.devminor = e.device
    if e.kind == 'file':
        info.size = e.size or 0
    info.pax_headers = {'SCHILY.xattr.' + k: listing.to_text(v) for k, v in sorted(e.xattrs.items())}
    return info


class Zeros(io.RawIOBase):
    """A file of zeros for entries that name a size and no data."""

    def readable(self):
        return True

    def readinto(self, buffer):
        buffer[:] = bytes(len(buffer))
        return len(buffer)


def like_its_file(info, files):
    """A hard link has its file's metadata in the archive, as every tar writes it: some readers apply it."""
    f = files.get(info.linkname)
    if f:
        info.mode, info.uid, info.gid, info.mtime, info.pax_headers = f.mode, f.uid, f.gid, f.mtime, f.pax_headers


def tar_entries(entries):
    """A tar archive of listing entries, in their order."""
    out, files = io.BytesIO(), {}
    with tarfile.open(fileobj=out, mode='w', format=tarfile.PAX_FORMAT) as tar:
        for e in entries:
            info = tar_info(e)
            if e.kind == 'hardlink':
                like_its_file(info, files)
            files[info.name] = info
            body = io.BytesIO(e.data) if e.data is not None else Zeros()
            tar.addfile(info, body if info.isreg() else None)
    return out.getvalue()


def scan_entry(path, st):
    values = {'mode': stat.S_IMODE(st.st_mode), 'uid': st.st_uid, 'gid': st.st_gid, 'mtime': 0}
    kinds = {stat.S_IFDIR: 'dir', stat.S_IFLNK: 'link', stat.S_IFCHR: 'char', stat.S_IFBLK: 'block', stat.S_IFIFO: 'fifo'}
    e = listing.Entry('', kinds.get(stat.S_IFMT(st.st_mode), 'file'), **values)
    if e.kind == 'link':
        e.target = os.readlink(path)
    elif e.kind == 'file':
        with open(path, 'rb') as f:
            e.set_content(f.read())
    elif e.kind in ('char', 'block'):
        e.device = (os.major(st.st_rdev), os.minor(st.st_rdev))
    return e


def walk(top, below=''):
    """Every path under top, parents first, names sorted; '' is top itself."""
    yield below
    here = os.path.join(top, below)
    if os.path.isdir(here) and not os.path.islink(here):
        for name in sorted(os.listdir(here)):
            yield from walk(top, os.path.join(below, name))


def scan_tree(top, owner):
    """The entries of a directory, hard links kept, mtime 0; owner (uid, gid) replaces the real one."""
    first = {}
    for path in walk(top):
        full = os.path.join(top, path)
        st = os.lstat(full)
        e = scan_entry(full, st)
        e.path = path
        e.uid, e.gid = owner or (e.uid, e.gid)
        known = first.setdefault((st.st_dev, st.st_ino), path)
        if known != path:
            e.kind, e.target, e.data = 'hardlink', known, None
        yield e


def read_file(path):
    if path == '-':
        return sys.stdin.buffer.read()
    with open(path, 'rb') as f:
        return f.read()


def read_layer(kind, source, owner=None):
    if kind == 'tree':
        return tar_entries(scan_tree(source, owner))
    data = read_file(source)
    return data if kind == 'tar' else tar_entries(listing.parse(data.decode()))


def compress(data, how):
    if how == 'gzip':
        return gzip.compress(data, 6, mtime=0)
    if how == 'zstd':
        return subprocess.run(['zstd', '-q', '-c', '-3'], input=data, stdout=subprocess.PIPE, check=True).stdout
    return data


# ---- the layout

def digest(data):
    return 'sha256:' + hashlib.sha256(data).hexdigest()


def put(layout, data, media_type):
    """Store a blob; its descriptor."""
    d = digest(data)
    path = os.path.join(layout, 'blobs', 'sha256', d[7:])
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, 'wb') as f:
        f.write(data)
    return {'mediaType': media_type, 'digest': d, 'size': len(data)}


def to_json(value):
    return json.dumps(value, separators=(',', ':')).encode()


def add_to_index(layout, descriptor, tag, fresh):
    path, index = os.path.join(layout, 'index.json'), None
    if not fresh and os.path.exists(path):
        with open(path, encoding='utf-8') as f:
            index = json.load(f)
    index = index or {'schemaVersion': 2, 'mediaType': DOCUMENT_TYPES['oci']['index'], 'manifests': []}
    if tag:
        descriptor = descriptor | {'annotations': {'org.opencontainers.image.ref.name': tag}}
        index['manifests'] = [m for m in index['manifests']
                              if m.get('annotations', {}).get('org.opencontainers.image.ref.name') != tag]
    index['manifests'].append(descriptor)
    with open(path, 'wb') as f:
        f.write(to_json(index))
    with open(os.path.join(layout, 'oci-layout'), 'w', encoding='utf-8') as f:
        f.write('{"imageLayoutVersion":"1.0.0"}')


# ---- the image

def runtime_config(o):
    """The "config" member; empty values are left out."""
    config = {'User': o.user, 'ExposedPorts': {p: {} for p in o.expose}, 'Env': o.env, 'Entrypoint': o.entrypoint,
              'Cmd': o.cmd, 'Volumes': {v: {} for v in o.volume}, 'WorkingDir': o.workdir,
              'Labels': dict(v.partition('=')[::2] for v in o.label), 'StopSignal': o.stop_signal, 'OnBuild': o.onbuild,
              'Shell': o.shell, 'Healthcheck': o.healthcheck}
    return {k: v for k, v in config.items() if v}


def image_config(o, diff_ids):
    os_arch = o.platform.split('/')
    config = {'created': o.created, 'architecture': os_arch[1], 'os': os_arch[0], 'config': runtime_config(o),
              'rootfs': {'type': 'layers', 'diff_ids': diff_ids},
              'history': [{'created': o.created, 'created_by': f'layer {i + 1}'} for i in range(len(diff_ids))]}
    if len(os_arch) > 2:
        config['variant'] = os_arch[2]
    if o.author:
        config['author'] = o.author
    if o.merge:
        config.update(json.loads(o.merge))
    return config


def make_image(o):
    layers, diff_ids = [], []
    for kind, source, how, family in o.layers:
        tar = read_layer(kind, source, o.owner)
        diff_ids.append(digest(tar))
        layers.append(put(o.layout, compress(tar, how), LAYER_TYPES[family][how]))
    types = DOCUMENT_TYPES[o.media_type]
    config = image_config(o, diff_ids)
    manifest = {'schemaVersion': 2, 'mediaType': types['manifest'],
                'config': put(o.layout, to_json(config), types['config']), 'layers': layers}
    descriptor = put(o.layout, to_json(manifest), types['manifest'])
    descriptor['platform'] = {k: config[k] for k in ('architecture', 'os', 'variant') if k in config}
    return descriptor


class AddLayer(argparse.Action):
    """--tar, --tree, --list: remembers the compression and media types in force at this point of the command line."""

    def __call__(self, parser, o, value, option=None):
        o.layers = (o.layers or []) + [(self.dest, value, o.compress, o.media_type)]


def ids(text):
    uid, _, gid = text.partition(':')
    return int(uid), int(gid or uid)


def parse_args(argv):
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument('layout', help='directory of the OCI layout; what is in it stays')
    layer = p.add_argument_group('layers')
    layer.add_argument('--tar', action=AddLayer, metavar='FILE', help='an uncompressed tar file as it is, "-" = standard input')
    layer.add_argument('--tree', action=AddLayer, metavar='DIR', help='a directory, packed in sorted order with mtime 0')
    layer.add_argument('--list', action=AddLayer, metavar='FILE', help='a listing as flatten.py prints (see listing.py)')
    layer.add_argument('--owner', type=ids, metavar='UID[:GID]', help='owner of everything in --tree layers')
    layer.add_argument('--compress', choices=['gzip', 'zstd', 'none'], default='gzip')
    layer.add_argument('--media-type', choices=['oci', 'docker'], default='oci')
    config = p.add_argument_group('configuration')
    for name in ('env', 'label', 'expose', 'volume', 'onbuild'):
        config.add_argument('--' + name, action='append', default=[])
    for name in ('cmd', 'entrypoint', 'shell', 'healthcheck'):
        config.add_argument('--' + name, type=json.loads, metavar='JSON')
    for name in ('user', 'workdir', 'stop-signal', 'author'):
        config.add_argument('--' + name)
    config.add_argument('--platform', default='linux/' + host_arch(), help='OS/ARCH[/VARIANT] (default: this machine)')
    config.add_argument('--created', default='1970-01-01T00:00:00Z')
    config.add_argument('--merge', metavar='JSON', help='object whose members replace those of the configuration')
    index = p.add_argument_group('index')
    index.add_argument('--tag', help='name in the layout (org.opencontainers.image.ref.name); replaces an entry of that name')
    index.add_argument('--fresh', action='store_true', help='begin a new index.json')
    p.set_defaults(layers=[])
    return p.parse_args(argv)


def main(argv):
    o = parse_args(argv)
    descriptor = make_image(o)
    add_to_index(o.layout, descriptor, o.tag, o.fresh)
    print(descriptor['digest'])


if __name__ == '__main__':
    main(sys.argv[1:])
