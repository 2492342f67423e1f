#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Make archives that nobody should trust, as image layers or as they are.

    hostile.py layer LAYOUT KIND [ARG]    an OCI layout whose only layer is such an archive
    hostile.py tar FILE KIND [ARG]        the archive itself

KINDs are the functions below; ARG is a directory outside that they try to reach. The archives are written as streams: some unpack
to far more than what is written here.
"""
import hashlib
import io
import json
import os
import sys
import tarfile
import zlib

import mkimage

BLOCK = 512


def entry(name, kind=tarfile.REGTYPE, data=b'', target='', size=None, **more):
    """Header and data of one entry; `size` may lie. Nothing is cleaned up in the name."""
    info = tarfile.TarInfo('x')
    info.name, info.type, info.linkname = name, kind, target
    info.mode = 0o755 if kind == tarfile.DIRTYPE else 0o644
    info.size = len(data) if size is None else size
    for k, v in more.items():
        setattr(info, k, v)
    head = info.tobuf(tarfile.GNU_FORMAT, 'utf-8', 'surrogateescape')
    return head + data + bytes(-len(data) % BLOCK)


def link(name, target):
    return entry(name, tarfile.SYMTYPE, target=target)


def hard(name, target):
    return entry(name, tarfile.LNKTYPE, target=target)


def directory(name):
    return entry(name, tarfile.DIRTYPE)


END = bytes(2 * BLOCK)
UP = '../' * 30


# ---- KINDs that write outside, or read from there

def dotdot(outside):
    yield entry(UP + outside.lstrip('/') + '/written', data=b'x')


def dotdot_inside(outside):
    yield directory('d') + entry('d/' + UP + outside.lstrip('/') + '/written', data=b'x')


def absolute(outside):
    yield entry(outside + '/written', data=b'x')


def link_absolute(outside):
    yield link('way', outside) + entry('way/written', data=b'x')


def link_relative(outside):
    yield link('way', UP + outside.lstrip('/')) + entry('way/written', data=b'x')


def link_twice(outside):
    yield link('a', UP + outside.lstrip('/')) + link('b', 'a') + entry('b/written', data=b'x') + directory('b/made')


def link_replaced(outside):
    """The file's name is a link first: writing must replace it."""
    yield link('written', outside + '/written') + entry('written', data=b'x')
    yield link('victim', outside + '/secret') + entry('victim', data=b'overwritten')


def link_to_proc(outside):
    yield link('way', '/proc/self/root' + outside) + entry('way/written', data=b'x')


def hard_absolute(outside):
    yield hard('stolen', outside + '/secret')


def hard_dotdot(outside):
    yield hard('stolen', UP + outside.lstrip('/') + '/secret')


def hard_through_link(outside):
    yield link('way', outside) + hard('stolen', 'way/secret')


def hard_to_link(outside):
    """A second name for the link itself is fine; what it points to is not to be written."""
    yield link('way', outside + '/secret') + hard('again', 'way') + entry('again', data=b'overwritten')


def whiteout_dotdot(_):
    yield directory('d') + entry('d/.wh...')


def whiteout_outside(outside):
    yield entry(UP + outside.lstrip('/') + '/.wh.secret')


def whiteout_through_link(outside):
    yield link('way', outside) + entry('way/.wh.secret') + entry('way/.wh..wh..opq')


def passwd_is_link(outside):
    yield directory('etc') + link('etc/passwd', outside + '/secret') + link('etc/group', outside + '/secret')


def passwd_is_fifo(_):
    yield directory('etc') + entry('etc/passwd', tarfile.FIFOTYPE) + entry('etc/group', tarfile.FIFOTYPE)


def mount_points_are_links(outside):
    for name in ('proc', 'sys', 'dev', 'etc'):
        yield link(name, UP + outside.lstrip('/'))


def mount_points_are_files(_):
    for name in ('proc', 'sys', 'dev', 'etc'):
        yield entry(name, data=b'a file')


# ---- KINDs that are too much

def long_name(_):
    yield entry('n' * 250 + ('/' + 'n' * 250) * 20, data=b'x')


def deep(_):
    path = ''
    for _i in range(3000):
        path += 'd/'
        yield directory(path)


def long_component(_):
    yield entry('n' * 300, data=b'x')


def tebibyte(_):
    yield entry('huge', size=1 << 40) + b'no more than this'


def negative(_):
    head = bytearray(entry('x', size=0)[:BLOCK])
    head[124:136] = b'\xff' * 12
    yield bytes(checksum(head))


def huge_pax(_):
    yield entry('pax', tarfile.XHDTYPE, size=1 << 34) + bytes(1 << 20)


def cut(_):
    yield entry('f', data=b'x' * 5000)[:3000]


def garbage(_):
    yield bytes(range(256)) * 40


def loop(_):
    yield link('a', 'b') + link('b', 'a') + entry('a/f', data=b'x')


def below_file(_):
    yield entry('f', data=b'x') + entry('f/below', data=b'y')


def root_is_file(_):
    yield entry('.', data=b'x') + entry('./', data=b'x')


def root_is_link(outside):
    yield link('.', outside) + entry('written', data=b'x')


def zeros(_):
    """Ten gigabytes in one file."""
    yield entry('zeros', size=10 << 30)
    for _i in range(160):
        yield bytes(64 << 20)


def padding(_):
    """Ten gigabytes behind the end."""
    yield entry('f', data=b'x') + END
    for _i in range(160):
        yield bytes(64 << 20)


def million(_):
    yield directory('m')
    head, out = bytearray(entry('m/0000000')[:BLOCK]), bytearray()
    head[257:265] = b'ustar\x0000'
    head[148:156] = b' ' * 8
    base = sum(head) - sum(b'0000000')
    for i in range(1000000):
        digits = b'%07d' % i
        head[2:9] = digits
        head[148:156] = b'%06o\0 ' % (base + sum(digits))
        out += head
        if len(out) > 1 << 20:
            yield bytes(out)
            out.clear()
    yield bytes(out)


def checksum(head):
    head[148:156] = b' ' * 8
    head[148:156] = b'%06o\0 ' % sum(head)
    return head


# ---- as files

def pieces(kind, outside):
    yield from globals()[kind](outside)
    yield END


def squeeze(data, cache={}):
    """A gzip member of its own. The pieces of a bomb are all the same: squeezed once."""
    key = len(data) if data[:BLOCK] == bytes(BLOCK) and len(data) > 1 << 20 else None
    if key is None or key not in cache:
        z = zlib.compressobj(1, zlib.DEFLATED, 31)
        packed = z.compress(data) + z.flush()
        if key is None:
            return packed
        cache[key] = packed
    return cache[key]


def make_layer(layout, kind, outside):
    raw, packed, body = hashlib.sha256(), hashlib.sha256(), io.BytesIO()
    for piece in pieces(kind, outside):
        raw.update(piece)
        z = squeeze(piece)
        packed.update(z)
        body.write(z)
    layer = mkimage.put(layout, body.getvalue(), mkimage.LAYER_TYPES['oci']['gzip'])
    config = {'os': 'linux', 'architecture': mkimage.host_arch(), 'config': {},
              'rootfs': {'type': 'layers', 'diff_ids': ['sha256:' + raw.hexdigest()]},
              'history': [{'created_by': kind}]}
    types = mkimage.DOCUMENT_TYPES['oci']
    manifest = {'schemaVersion': 2, 'mediaType': types['manifest'],
                'config': mkimage.put(layout, json.dumps(config).encode(), types['config']), 'layers': [layer]}
    mkimage.add_to_index(layout, mkimage.put(layout, json.dumps(manifest).encode(), types['manifest']), None, True)


def main(argv):
    if len(argv) < 3 or argv[0] not in ('layer', 'tar'):
        sys.exit(__doc__)
    what, dest, kind = argv[:3]
    outside = argv[3] if len(argv) > 3 else '/nowhere'
    if what == 'layer':
        os.makedirs(dest, exist_ok=True)
        make_layer(dest, kind, outside)
    else:
        with open(dest, 'wb') as f:
            for piece in pieces(kind, outside):
                f.write(piece)


if __name__ == '__main__':
    main(sys.argv[1:])
