#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Print what an image holds: its flattened file system, its layers, its configuration.

IMAGE is an OCI layout directory, an oci-archive or a docker-archive, with ":TAG" or "@DIGEST" where it holds several.
The listing is the one of listing.py, which mkimage.py reads. An independent reader for tests: standard library only.
Blobs, sizes and diff ids are checked on the way. Exit status 1: the image is not sound, and the reason.
"""
import argparse
import hashlib
import json
import os
import sys
import tarfile

import imagefile
import listing

KINDS = {tarfile.DIRTYPE: 'dir', tarfile.SYMTYPE: 'link', tarfile.LNKTYPE: 'hardlink', tarfile.CHRTYPE: 'char',
         tarfile.BLKTYPE: 'block', tarfile.FIFOTYPE: 'fifo'}
XATTR = 'SCHILY.xattr.'


# ---- one layer -> entries

def read_entry(tar, info):
    path = clean(info.name)
    e = listing.Entry(path, KINDS.get(info.type, 'file'), mode=info.mode & 0o7777, uid=info.uid, gid=info.gid)
    e.mtime = exact_mtime(info)
    e.xattrs = {k[len(XATTR):]: listing.to_bytes(v) for k, v in info.pax_headers.items() if k.startswith(XATTR)}
    if e.kind in ('link', 'hardlink'):
        e.target = info.linkname if e.kind == 'link' else clean(info.linkname)
    elif e.kind in ('char', 'block'):
        e.device = (info.devmajor, info.devminor)
    elif e.kind == 'file':
        read_content(e, tar.extractfile(info))
        name = path.rpartition('/')[2]
        e.kind = 'opaque' if name == '.wh..wh..opq' else 'whiteout' if name.startswith('.wh.') else 'file'
    return e


def exact_mtime(info):
    text = info.pax_headers.get('mtime', '')
    return float(text) if text.rpartition('.')[2].strip('0') and '.' in text else int(info.mtime)


def read_content(e, f):
    h, head, e.size = hashlib.sha256(), b'', 0
    while block := f.read(1 << 20):
        h.update(block)
        head = head or block
        e.size += len(block)
    e.sha256 = h.hexdigest()
    e.data = head if e.size <= listing.SHORT else None


def clean(name):
    return '/'.join(part for part in name.split('/') if part not in ('', '.'))


def read_layer(tar):
    return [read_entry(tar, info) for info in tar]


# ---- layers -> tree

class Node:
    """A name in the tree. Names of one file share the entry `e`."""

    def __init__(self, e):
        self.e, self.children = e, {}


class Tree:
    """A root file system put together from layers, as a container runtime would see it."""

    def __init__(self):
        self.root = Node(listing.Entry('', 'dir', mode=0o755, uid=0, gid=0))

    def directory(self, parts, depth=0):
        """The directory that a path leads to; links are followed inside the root, what is missing is made."""
        trail = [self.root]
        for i, part in enumerate(parts):
            if part == '..':
                trail = trail[:-1] or trail
                continue
            node = trail[-1].children.get(part)
            if node and node.e.kind == 'link':
                if depth > 40:
                    raise imagefile.ImageError('too many links: ' + '/'.join(parts))
                before = [] if node.e.target.startswith('/') else parts[:i]
                return self.directory(before + clean(node.e.target).split('/') + parts[i + 1:], depth + 1)
            if not node or node.e.kind != 'dir':  # some writers leave parents out
                node = trail[-1].children[part] = Node(listing.Entry('', 'dir', mode=0o755, uid=0, gid=0))
            trail.append(node)
        return trail[-1]

    def apply(self, entries):
        """Markers first: they speak of the layers below, wherever they stand in the archive."""
        own = {e.path for e in entries if e.kind == 'dir'}
        for e in entries:
            if e.kind in ('whiteout', 'opaque'):
                *parents, name = e.path.split('/')
                self.hide(self.find(parents, own), name)
        for e in entries:
            *parents, name = e.path.split('/')
            if e.path == '':
                self.root.e = e
            elif e.kind not in ('whiteout', 'opaque'):
                self.put(self.directory(parents), name, e)

    def find(self, parts, own):
        """Like directory(), but nothing is made, and a link that the layer replaces by a directory is not followed."""
        here = self.root
        for i, part in enumerate(parts):
            node = here.children.get(part)
            if node and node.e.kind == 'link' and '/'.join(parts[:i + 1]) not in own:
                node = self.directory(parts[:i + 1])
            if not node or node.e.kind != 'dir':
                return None
            here = node
        return here

    @staticmethod
    def hide(here, marker):
        if here and marker == '.wh..wh..opq':
            here.children = {}
        elif here:
            here.children.pop(marker[4:], None)

    def put(self, here, name, e):
        old = here.children.get(name)
        if e.kind == 'hardlink':
            *parents, base = e.target.split('/')
            node = self.directory(parents).children.get(base)
            if node is None or node.e.kind == 'dir':
                raise imagefile.ImageError(f'hard link {e.path} to {e.target}, which is not there')
            e = node.e
        if old and old.e.kind == 'dir' and e.kind == 'dir':
            old.e = e
        else:
            here.children[name] = Node(e)

    def entries(self):
        """Every name in sorted order; hard links are numbered."""
        count, first, out = {}, {}, []
        self.walk(self.root, '', out)
        for _, node in out:
            count[id(node.e)] = count.get(id(node.e), 0) + 1
        for path, node in out:
            e = listing.Entry(path, node.e.kind)
            e.__dict__.update(node.e.__dict__, path=path)
            if count[id(node.e)] > 1:
                e.nlink = count[id(node.e)]
                known = first.setdefault(id(node.e), path)
                e.same = known if known != path else None
            yield e

    def walk(self, node, path, out):
        out.append((path, node))
        for name in sorted(node.children, key=listing.to_bytes):
            self.walk(node.children[name], f'{path}/{name}'.lstrip('/'), out)


def flatten(image):
    tree = Tree()
    for n in range(len(image)):
        with image.layer(n) as tar:
            tree.apply(read_layer(tar))
    return tree


# ---- what a good image is beyond being readable

def check_entry(info, problems):
    if info.uname or info.gname:
        problems.append(f'{info.name}: user or group name in the archive')
    for key in info.pax_headers:
        if key in ('atime', 'ctime'):
            problems.append(f'{info.name}: {key} in the archive')
    if info.name.startswith('/') or '..' in info.name.split('/'):
        problems.append(f'{info.name}: not a path below the root')


def check_layer(members):
    """What would make a layer of ours irreproducible, ambiguous or odd."""
    problems, seen, made = [], set(), {''}
    for info in members:
        check_entry(info, problems)
        path = clean(info.name)
        if path in seen:
            problems.append(f'{path}: twice in the archive')
        seen.add(path)
        if path and path.rpartition('/')[0] not in made:
            problems.append(f'{path}: comes without its parent directory, or before it')
        if info.isdir():
            made.add(path)
        if info.islnk() and clean(info.linkname) not in seen:
            problems.append(f'{path}: hard link to {info.linkname}, which is not before it in the archive')
    return problems


def check_config(image):
    history = image.config.get('history') or []
    full = sum(not h.get('empty_layer') for h in history)
    return [f'{full} history entries with a layer, {len(image)} layers'] if full != len(image) else []


def check(image, first=1):
    problems = check_config(image)
    for n in range(first - 1, len(image)):
        with image.layer(n) as tar:
            problems += [f'layer {n + 1}: {p}' for p in check_layer(tar)]
    return problems


# ---- command line

def show(entries, o):
    for e in entries:
        if e.path == '' and o.no_root:
            continue
        print(listing.format_entry(e, o.fields))


def show_layers(image, o):
    for n in o.layer or range(o.since, len(image) + 1):
        with image.layer(n - 1) as tar:
            entries = read_layer(tar)
        if not o.layer:
            print(f'# layer {n}')
        show(sorted(entries, key=lambda e: e.path.split('/')) if o.sort else entries, o)


def fields_of(o):
    chosen = set(o.only.split(',')) if o.only else set(listing.FIELDS)
    chosen -= set(filter(None, o.omit.split(',')))
    unknown = (set(filter(None, (o.omit + ',' + o.only).split(',')))) - set(listing.FIELDS)
    if unknown:
        sys.exit(f"flatten.py: unknown field {', '.join(sorted(unknown))}; there are {', '.join(listing.FIELDS)}")
    return chosen


def to_json(value):
    return json.dumps(value, indent=2, ensure_ascii=False, sort_keys=True)


def run(o):
    if o.tar:
        with open(o.image, 'rb') as packed, imagefile.unpacked(packed) as f, tarfile.open(fileobj=f, mode='r:') as tar:
            show(read_layer(tar), o)
        return 0
    image = imagefile.open_image(o.image, o.platform)
    if o.config:
        print(to_json(image.config))
    elif o.manifest:
        print(to_json(image.manifest))
    elif o.history:
        for h in image.config.get('history') or []:
            print(('-' if h.get('empty_layer') else '+') + ' ' + h.get('created_by', ''))
    elif o.layers or o.layer:
        show_layers(image, o)
    elif o.check:
        problems = check(image, o.since)
        print('\n'.join(problems) or 'sound')
        return 1 if problems else 0
    else:
        show(flatten(image).entries(), o)
    return 0


def parse_args(argv):
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument('image')
    p.add_argument('--platform', help='OS/ARCH[/VARIANT] to choose from an index')
    what = p.add_argument_group('what to print, instead of the flattened file system').add_mutually_exclusive_group()
    what.add_argument('--layers', action='store_true', help='each layer, in the order of its archive')
    what.add_argument('--layer', type=int, action='append', metavar='N', help='layer N only, from 1 (repeatable)')
    what.add_argument('--config', action='store_true', help='the configuration, its members sorted')
    what.add_argument('--manifest', action='store_true', help='the manifest, its members sorted')
    what.add_argument('--history', action='store_true', help='one line per entry: "+" with a layer, "-" without')
    what.add_argument('--check', action='store_true', help='look for what a good builder does not write')
    what.add_argument('--tar', action='store_true', help='IMAGE is just a tar file')
    how = p.add_argument_group('how')
    how.add_argument('--only', default='', metavar='FIELD,...', help='print these fields: ' + ', '.join(listing.FIELDS))
    how.add_argument('--omit', default='', metavar='FIELD,...', help='leave fields out')
    how.add_argument('--since', type=int, default=1, metavar='N', help='--check, --layers: only layers from N on')
    how.add_argument('--no-root', action='store_true', help='leave out the entry of the root itself')
    how.add_argument('--sort', action='store_true', help='layers sorted by path')
    o = p.parse_args(argv)
    o.fields = fields_of(o)
    return o


def main(argv):
    o = parse_args(argv)
    try:
        return run(o)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except (imagefile.ImageError, tarfile.TarError, OSError, KeyError, ValueError) as e:
        print(f'flatten.py: {o.image}: {e}', file=sys.stderr)
        return 1


if __name__ == '__main__':
    sys.exit(main(sys.argv[1:]))
