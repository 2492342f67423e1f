# SPDX-License-Identifier: Apache-2.0
"""Tests of the test tools: listing.py, mkimage.py, flatten.py, imagefile.py."""
import contextlib
import io
import json
import os
import tarfile
import tempfile
import unittest

import flatten
import imagefile
import listing
import mkimage


class Lab(unittest.TestCase):
    def setUp(self):
        self.directory = tempfile.TemporaryDirectory()
        self.addCleanup(self.directory.cleanup)

    def path(self, name, content=None):
        path = os.path.join(self.directory.name, name)
        if content is not None:
            with open(path, 'w', encoding='utf-8') as f:
                f.write(content)
        return path

    def image(self, *layers, options=()):
        """An image of listings; its path."""
        args = [self.path('image'), '--fresh', *options]
        for n, text in enumerate(layers):
            args += ['--list', self.path(f'layer{n}', text)]
        with contextlib.redirect_stdout(io.StringIO()):
            mkimage.main(args)
        return args[0]

    def flatten(self, *args):
        out = io.StringIO()
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(out):
            self.status = flatten.main(list(args))
        return out.getvalue()

    def tree(self, *layers):
        return self.flatten('--only', 'type,target,content', '--no-root', self.image(*layers))


class Listing(unittest.TestCase):
    def test_round_trip(self):
        for line in ('./a type=file mode=4755 uid=1 gid=2 size=4 mtime=3 xattr.user.x="\\x00\\"" data="\\\\\\n\\t "',
                     './l type=link target="a b"', './c type=char mode=0600 device=1,3', './w\\040\\043\\134\\303\\244 type=fifo',
                     './h type=file nlink=2 same=./a\\040b', './t type=file size=0 mtime=1.5 data=""', './.wh.a type=whiteout', '. type=dir mode=1777'):
            self.assertEqual(listing.format_entry(listing.parse_line(line)), line)

    def test_long_or_binary_content_is_a_digest(self):
        e = listing.Entry('a', 'file')
        for data in (b'x' * 81, b'\x00'):
            e.set_content(data)
            self.assertTrue(e.content().startswith('sha256='))

    def test_mistakes(self):
        for line in ('./a', './a type=file colour=red', './a type=link target=b', './a type=file data="\\q"', './a type=file x'):
            with self.assertRaises(ValueError, msg=line):
                listing.parse_line(line)


class Flatten(Lab):
    def test_layers_lie_over_each_other(self):
        got = self.tree('./a type=file data="1"\n./d type=dir\n./d/x type=file data="x"\n./d/y type=file data="y"\n./e type=link target="d"\n',
                        './.wh.a type=whiteout\n./d type=dir\n./d/.wh.x type=whiteout\n./e/z type=file data="z"\n')
        self.assertEqual(got, './d type=dir\n./d/y type=file data="y"\n./d/z type=file data="z"\n./e type=link target="d"\n')

    def test_opaque_hides_what_is_below_wherever_it_stands(self):
        got = self.tree('./d type=dir\n./d/s type=dir\n./d/s/x type=file data="x"\n',
                        './d type=dir\n./d/s type=dir\n./d/n type=file data="n"\n./d/.wh..wh..opq type=opaque\n')
        self.assertEqual(got, './d type=dir\n./d/n type=file data="n"\n./d/s type=dir\n')

    def test_marker_below_a_link_that_becomes_a_directory(self):
        got = self.tree('./d type=dir\n./d/x type=file data="x"\n./l type=link target="d"\n', './l type=dir\n./l/.wh.x type=whiteout\n')
        self.assertEqual(got, './d type=dir\n./d/x type=file data="x"\n./l type=dir\n')

    def test_replacing(self):
        got = self.tree('./d type=dir\n./d/x type=file data="x"\n./f type=file data="f"\n', './d type=file data="d"\n./f type=dir\n')
        self.assertEqual(got, './d type=file data="d"\n./f type=dir\n')

    def test_hard_links(self):
        image = self.image('./b type=file data="1"\n./a type=hardlink target="b"\n', './b type=file data="2"\n./c type=hardlink target="a"\n')
        self.assertEqual(self.flatten('--only', 'content,nlink', '--no-root', image),
                         './a data="1" nlink=2\n./b data="2"\n./c data="1" nlink=2 same=./a\n')

    def test_links_cannot_leave_the_root_or_go_round(self):
        self.assertEqual(self.tree('./l type=link target="../../x"\n./l/f type=file data="f"\n'),
                         './l type=link target="../../x"\n./x type=dir\n./x/f type=file data="f"\n')
        self.assertIn('too many links', self.tree('./l type=link target="l"\n./l/f type=file data="f"\n'))
        self.assertEqual(self.status, 1)

    def test_dangling_hard_link(self):
        self.assertIn('not there', self.tree('./a type=hardlink target="b"\n'))

    def test_config_and_history(self):
        image = self.image('./a type=fifo\n', options=['--env', 'A=1', '--cmd', '["x"]', '--label', 'k=v=w', '--user', 'u'])
        config = json.loads(self.flatten('--config', image))
        self.assertEqual(config['config'], {'Cmd': ['x'], 'Env': ['A=1'], 'Labels': {'k': 'v=w'}, 'User': 'u'})
        self.assertEqual(self.flatten('--history', image), '+ layer 1\n')


class Formats(Lab):
    def test_compressions_agree(self):
        want = None
        for how in ('none', 'gzip', 'zstd'):
            got = self.flatten('--layers', self.image('./a type=file data="hello"\n', options=['--compress', how]))
            self.assertIn('hello', got)
            self.assertEqual(got, want or got)
            want = got

    def test_same_arguments_same_bytes(self):
        digests = [imagefile.split_spec(self.image('./a type=file data="1"\n'))[0] and self.index() for _ in range(2)]
        self.assertEqual(digests[0], digests[1])

    def index(self):
        with open(self.path('image') + '/index.json', encoding='utf-8') as f:
            return f.read()

    def test_tags_and_platforms(self):
        self.image('./a type=fifo\n', options=['--tag', 'one'])
        with contextlib.redirect_stdout(io.StringIO()):
            mkimage.main([self.path('image'), '--tag', 'two', '--platform', 'linux/arm/v7'])
        self.assertIn('"arm"', self.flatten('--config', self.path('image') + ':two'))
        self.assertIn('"arm"', self.flatten('--config', '--platform', 'linux/arm/v7', self.path('image')))
        self.assertIn('2 manifests fit', self.flatten(self.path('image')))
        self.assertIn('0 manifests fit', self.flatten(self.path('image') + ':three'))

    def test_archives(self):
        image = self.image('./a type=file data="hello"\n')
        with tarfile.open(self.path('oci.tar'), 'w') as tar:
            tar.add(image, '.', filter=self.without_dot)
        self.assertIn('hello', self.flatten(self.path('oci.tar')))
        self.assertIn('hello', self.flatten(self.docker_archive(image)))

    @staticmethod
    def without_dot(info):
        info.name = info.name.removeprefix('./')
        return info

    def docker_archive(self, layout):
        image = imagefile.open_image(layout)
        blob = os.path.join(layout, 'blobs', 'sha256', '')
        config, layer = image.manifest['config']['digest'][7:], image.manifest['layers'][0]['digest'][7:]
        entry = [{'Config': config + '.json', 'RepoTags': ['x:1'], 'Layers': ['l.tar.gz']}]
        with tarfile.open(self.path('docker.tar'), 'w') as tar:
            tar.add(blob + config, config + '.json')
            tar.add(blob + layer, 'l.tar.gz')
            tar.add(self.path('m', json.dumps(entry)), 'manifest.json')
        return self.path('docker.tar')

    def test_a_changed_blob_is_noticed(self):
        image = self.image('./a type=file data="hello"\n')
        layer = imagefile.open_image(image).manifest['layers'][0]['digest'][7:]
        with open(os.path.join(image, 'blobs', 'sha256', layer), 'ab') as f:
            f.write(b'\0')
        self.assertIn('has the digest', self.flatten(image))

    def test_a_wrong_diff_id_is_noticed(self):
        merge = json.dumps({'rootfs': {'type': 'layers', 'diff_ids': ['sha256:' + 64 * '0']}})
        self.assertIn('diff id', self.flatten(self.image('./a type=fifo\n', options=['--merge', merge])))

    def test_packed_directory(self):
        top = self.path('tree')
        os.makedirs(top + '/d')
        with open(top + '/d/f', 'w', encoding='utf-8') as f:
            f.write('x')
        os.link(top + '/d/f', top + '/g')
        os.symlink('g', top + '/d-l')
        with contextlib.redirect_stdout(io.StringIO()):
            mkimage.main([self.path('image'), '--owner', '5:6', '--tree', top])
        self.assertEqual(self.flatten('--layer', '1', '--only', 'type,uid,gid,target', self.path('image')).splitlines(),
                         ['. type=dir uid=5 gid=6', './d type=dir uid=5 gid=6', './d/f type=file uid=5 gid=6',
                          './d-l type=link uid=5 gid=6 target="g"', './g type=hardlink target="d/f"'])


class Check(Lab):
    def test_sound(self):
        self.assertEqual(self.flatten('--check', self.image('./d type=dir\n./d/f type=fifo\n./d/g type=hardlink target="d/f"\n')), 'sound\n')

    def test_problems(self):
        for layer, text in (('./d/f type=fifo\n', 'without its parent'), ('./a type=fifo\n./a type=fifo\n', 'twice'),
                            ('./a type=hardlink target="b"\n./b type=fifo\n', 'not before it'),
                            ('/a type=fifo\n', 'not a path below'), ('./d type=dir\n./d/../x type=fifo\n', 'not a path below')):
            self.assertIn(text, self.flatten('--check', self.image(layer)), layer)
            self.assertEqual(self.status, 1)

    def test_history_that_does_not_fit(self):
        self.assertIn('0 history entries', self.flatten('--check', self.image('./a type=fifo\n', options=['--merge', '{"history": []}'])))


if __name__ == '__main__':
    unittest.main()
