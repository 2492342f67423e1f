# SPDX-License-Identifier: Apache-2.0
"""The text form of file system entries that mkimage.py reads and flatten.py writes: one entry a line, as mtree has it.

    ./etc/motd type=file mode=0644 uid=0 gid=0 size=6 mtime=0 data="hello\\n"
    ./bin      type=link target="usr/bin"

type      file dir link hardlink char block fifo; whiteout and opaque for the markers of deleted paths
mode      octal, with the set-id and sticky bits; not for links. A hardlink has a target only: the rest is the file's
mtime     seconds, with a fraction where there is one
target    of a link or hardlink, quoted
data      the content when it is short text, else sha256; device=MAJOR,MINOR of char and block
xattr.N   extended attribute N, quoted
nlink     in a flattened tree, of files with several names; same="./first" on all but the first of them

A path begins with "./" and writes blanks, '#', '\\' and everything outside ASCII as \\ooo. Quoted values know \\n \\t \\"
\\\\ and \\xHH. Blank lines and lines that begin with '#' mean nothing.
"""
import hashlib
import re

FIELDS = ('type', 'mode', 'uid', 'gid', 'size', 'mtime', 'target', 'device', 'xattr', 'content', 'nlink')
SHORT = 80  # content up to this many bytes is shown as text


def to_bytes(text):
    return text.encode('utf-8', 'surrogateescape')


def to_text(raw):
    return raw.decode('utf-8', 'surrogateescape')


def quote(raw):
    """Bytes as a quoted value."""
    named = {0x0a: '\\n', 0x09: '\\t', 0x22: '\\"', 0x5c: '\\\\'}
    return '"' + ''.join(named.get(b) or (chr(b) if 0x20 <= b < 0x7f else f'\\x{b:02x}') for b in raw) + '"'


def unquote(text):
    if len(text) < 2 or text[0] != '"' or text[-1] != '"':
        raise ValueError(f'not a quoted value: {text}')
    named = {'n': b'\n', 't': b'\t', '"': b'"', '\\': b'\\'}
    out = b''
    for m in re.finditer(r'\\x([0-9a-f]{2})|\\(.)|([^\\]+)', text[1:-1], re.S):
        if m[2] and m[2] not in named:
            raise ValueError(f'unknown escape \\{m[2]} in {text}')
        out += bytes.fromhex(m[1]) if m[1] else named[m[2]] if m[2] else m[3].encode()
    return out


def quote_path(path):
    """A path without leading "./" or "/" in its listed form."""
    raw = to_bytes(path)
    plain = ''.join(chr(b) if 0x20 < b < 0x7f and b not in b'#\\' else f'\\{b:03o}' for b in raw)
    return '.' if path in ('', '.') else './' + plain


def unquote_path(text):
    raw = re.sub(rb'\\([0-7]{3})', lambda m: bytes([int(m[1], 8)]), text.encode())
    path = to_text(raw)
    return '' if path == '.' else path[2:] if path.startswith('./') else path


class Entry:
    """One file system entry; `path` has no leading "./". What does not apply is None."""

    def __init__(self, path, kind, **values):
        self.path, self.kind = path, kind
        self.mode = self.uid = self.gid = self.size = self.mtime = None
        self.target = self.device = self.data = self.sha256 = self.nlink = self.same = None
        self.xattrs = {}
        self.__dict__.update(values)

    def set_content(self, data):
        self.size, self.data, self.sha256 = len(data), data, hashlib.sha256(data).hexdigest()

    def content(self):
        short = self.data is not None and len(self.data) <= SHORT
        if short and all(0x20 <= b < 0x7f or b in b'\n\t' for b in self.data):
            return 'data=' + quote(self.data)
        return f'sha256={self.sha256}' if self.sha256 else None


def _mtime(value):
    return f'{value:.9f}'.rstrip('0').rstrip('.') if isinstance(value, float) else str(value)


def format_entry(e, fields=FIELDS):
    """The line of one entry, with these fields only."""
    words = {
        'type': f'type={e.kind}',
        'mode': None if e.mode is None or e.kind == 'link' else f'mode={e.mode:04o}',
        'uid': None if e.uid is None else f'uid={e.uid}',
        'gid': None if e.gid is None else f'gid={e.gid}',
        'size': f'size={e.size}' if e.kind == 'file' and e.size is not None else None,
        'mtime': None if e.mtime is None else f'mtime={_mtime(e.mtime)}',
        'target': None if e.target is None else 'target=' + quote(to_bytes(e.target)),
        'device': None if e.device is None else 'device=%d,%d' % e.device,
        'xattr': ' '.join(f'xattr.{k}={quote(v)}' for k, v in sorted(e.xattrs.items())) or None,
        'content': e.content() if e.kind == 'file' else None,
        'nlink': None if e.nlink is None else f'nlink={e.nlink}' + (f' same={quote_path(e.same)}' if e.same is not None else ''),
    }
    if e.kind in ('whiteout', 'opaque', 'hardlink'):
        fields = [f for f in fields if f in ('type', 'target')]
    return ' '.join([quote_path(e.path)] + [words[f] for f in FIELDS if f in fields and words[f]])


WORD = re.compile(r'([\w.-]+)=("(?:[^"\\]|\\.)*"|\S*)\s*')


def _parse_value(e, key, value):
    if key == 'mode':
        e.mode = int(value, 8)
    elif key in ('uid', 'gid', 'size', 'nlink'):
        setattr(e, key, int(value))
    elif key == 'mtime':
        e.mtime = float(value) if '.' in value else int(value)
    elif key == 'target':
        e.target = to_text(unquote(value))
    elif key == 'data':
        e.set_content(unquote(value))
    elif key == 'device':
        e.device = tuple(int(n) for n in value.split(','))
    elif key.startswith('xattr.'):
        e.xattrs[key[6:]] = unquote(value)
    elif key == 'same':
        e.same = unquote_path(value)
    elif key == 'sha256':
        e.sha256 = value
    else:
        raise ValueError(f'unknown key {key}')


def parse_line(line):
    """The entry of one line, or None for a blank one or a comment."""
    if not line.strip() or line.startswith('#'):
        return None
    name, _, rest = line.strip().partition(' ')
    e, rest = Entry(unquote_path(name), None), rest.strip()
    while rest:
        m = WORD.match(rest)
        if not m:
            raise ValueError(f'cannot read "{rest}" in: {line.strip()}')
        if m[1] == 'type':
            e.kind = m[2]
        else:
            _parse_value(e, m[1], m[2])
        rest = rest[m.end():]
    if e.kind is None:
        raise ValueError(f'no type: {line.strip()}')
    return e


def parse(text):
    return [e for e in map(parse_line, text.splitlines()) if e]
