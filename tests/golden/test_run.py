# SPDX-License-Identifier: Apache-2.0
"""Tests of run.py: with a stand-in for kiln that builds what FAKE_LISTING says, or fails as FAKE_EXIT says."""
import contextlib
import io
import os
import sys
import tempfile
import unittest

import run

FAKE = r'''#!/bin/bash
# kiln build ... -o type=oci,dest=DIR ... CONTEXT
for word; do case $word in type=oci,dest=*) dest=${word#*dest=} ;; esac; done
echo "fake: $*" >&2
if [ -n "${FAKE_EXIT:-}" ]; then
    [ -z "${FAKE_LEFT:-}" ] || { mkdir "$dest" && echo '{"manifests": []}' >"$dest/index.json"; }
    echo "${FAKE_SAYS:-went wrong}" >&2; exit "$FAKE_EXIT"
fi
[ -z "${FAKE_COUNTS:-}" ] || FAKE_LISTING+="./$(basename "$dest") type=fifo"$'\n'
printf '%s' "$FAKE_LISTING" | "$FAKE_MKIMAGE" "$dest" --env A=1 --list - >/dev/null
'''


class Driver(unittest.TestCase):
    def setUp(self):
        directory = tempfile.TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        self.top = directory.name
        self.kiln = self.file('kiln', FAKE)
        os.chmod(self.kiln, 0o755)
        self.case = self.file('cases/one/Dockerfile', 'FROM x\n').removesuffix('/Dockerfile')
        mkimage = os.path.join(os.path.dirname(os.path.abspath(run.__file__)), '..', 'lib', 'mkimage.py')
        self.environment(FAKE_MKIMAGE=mkimage, FAKE_LISTING='./a type=file data="1"\n', FAKE_EXIT='', FAKE_COUNTS='', FAKE_LEFT='')

    def environment(self, **values):
        for name, value in values.items():
            self.addCleanup(os.environ.pop, name, None)
            os.environ[name] = value

    def file(self, name, text):
        path = os.path.join(self.top, name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, 'w', encoding='utf-8') as f:
            f.write(text)
        return path

    def want(self, **files):
        for name, text in files.items():
            self.file('cases/one/' + name.replace('_', '.'), text)

    def run_it(self, *options):
        out = io.StringIO()
        with contextlib.redirect_stdout(out):
            status = run.main([self.kiln, *options, '--cases', os.path.join(self.top, 'cases')])
        return status, out.getvalue()

    def passes(self):
        status, text = self.run_it()
        self.assertEqual((status, text), (0, '1..1\nok 1 - one\n'))

    def fails(self, part):
        status, text = self.run_it()
        self.assertEqual(status, 1)
        self.assertIn('not ok 1 - one\n', text)
        self.assertIn(part, text)

    def test_another_command(self):
        self.file('kiln', '#!/bin/sh\necho "$*"; exit 3\n')
        self.want(command='lint {ctx} "a b"', want_exit='3', want_stdout='lint {ctx} a b\n')
        self.passes()
        self.want(want_stdout='lint\n')
        self.fails('+lint {ctx} a b')

    def test_passes(self):
        self.want(want_layers='# layer 1\n./a type=file mode=0644 uid=0 gid=0 data="1"\n', want_history='+ layer 1\n',
                  want_tree='# fields: type\n./a type=file\n', want_config_json='{"os": "linux", "config": {"Env": ["A=1"], "Cmd": null}}',
                  want_stderr='^fake: build\n--isolation namespaces')
        self.passes()

    def test_notices_every_difference(self):
        for name, text, part in (('want_layers', '# layer 1\n./b type=file\n', '-./b type=file'), ('want_tree', './b type=fifo\n', '-./b'),
                                 ('want_history', '+ RUN x\n', '-+ RUN x'), ('want_config_json', '{"config": {"Cmd": ["x"]}}', '"x"'),
                                 ('want_stderr', 'something else\n', 'does not match: something else'),
                                 ('want_exit', '1\n', 'exit status 0, not 1'), ('check_sh', 'echo reason; false\n', 'reason')):
            with self.subTest(name):
                self.want(**{name: text})
                self.fails(part)
                os.remove(os.path.join(self.case, name.replace('_', '.')))

    def test_expected_failure(self):
        self.environment(FAKE_EXIT='3')
        self.want(want_exit='3\n', want_stderr='went wrong\n')
        self.passes()
        self.environment(FAKE_LEFT='1')
        self.fails('there is an image')

    def test_unexpected_failure(self):
        self.environment(FAKE_EXIT='1')
        self.fails('exit status 1, not 0')

    def test_an_image_that_is_not_sound(self):
        self.environment(FAKE_LISTING='./d/a type=fifo\n')
        self.fails('without its parent')

    def test_builds_that_differ(self):
        self.environment(FAKE_COUNTS='1')
        self.fails('the second build gave another image')

    def test_context(self):
        self.want(ctx_sh='echo x >f; touch -d @5 g; [ ! -e f ] || [ "$(stat -c %a ../ctx/x)" = 755 ]\n',
                  check_sh='[ "$(stat -c %Y "$CTX/f" "$CTX/g" "$CTX/x" | tr "\\n" " ")" = "1600000000 5 1600000000 " ]\n')
        os.chmod(self.file('cases/one/ctx/x', 'x'), 0o700)
        self.passes()

    def test_bases_and_arguments(self):
        self.want(base_sh='"$MKIMAGE" b --list /dev/null\n', args="--label 'a b' {work}/x\n",
                  want_stderr='--build-context b=oci-layout:///.*/bases/b --label a b /.*/x /.*/ctx$\n')
        self.passes()

    def test_update(self):
        self.want(want_layers='# layer 1\n', want_tree='# fields: type\n', want_history='', want_config_json='{"os": ""}')
        status, text = self.run_it('--update')
        self.assertEqual(status, 0, text)
        self.passes()
        with open(os.path.join(self.case, 'want.tree'), encoding='utf-8') as f:
            self.assertEqual(f.read(), '# fields: type\n./a type=file\n')

    def one_file(self, *sections):
        self.file('cases/g/c.case', 'About.\n' + ''.join(f'-- {n} --\n{t}' for n, t in (('Dockerfile', 'FROM x\n'), *sections)))
        status, text = self.run_it('g')
        return ('passes' if status == 0 else 'fails'), text

    def test_one_file(self):
        wants = {'want.config': 'Env ["A=1"]\nWorkingDir null\n', 'want.history': '+ layer 1\n', 'want.tree': '# fields: type\n./a type=file\n'}
        self.assertEqual(self.one_file(*wants.items()), ('passes', '1..1\nok 1 - g/c\n'))
        for name in wants:  # what is not there stands for nothing
            self.assertEqual(self.one_file(*(w for w in wants.items() if w[0] != name))[0], 'fails', name)
        self.assertIn('no section "want.trees"', self.one_file(('want.trees', ''))[1])

    def test_one_file_context(self):
        outcome, text = self.one_file(('ctx/d/f', 'x\n'), ('check.sh', 'cat "$CTX/d/f"; false\n'))
        self.assertEqual(outcome, 'fails')
        self.assertIn('# x\n', text)

    def test_one_file_error(self):
        self.environment(FAKE_EXIT='1', FAKE_SAYS='kiln: /x/Dockerfile:7: RUN: bad thing')
        self.assertEqual(self.one_file(('want.error', '7 bad\nthing$\n')), ('passes', '1..1\nok 1 - g/c\n'))
        for want in ('8 bad\n', '- bad\n', '7 good\n', '7 bad\ngood\n'):
            self.assertEqual(self.one_file(('want.error', want))[0], 'fails', want)
        self.environment(FAKE_SAYS='kiln: bad thing')
        self.assertEqual(self.one_file(('want.error', '- bad\n'))[0], 'passes')

    def test_update_one_file(self):
        self.one_file(('want.tree', '# fields: type\n'))
        self.run_it('g', '--update')
        with open(os.path.join(self.top, 'cases/g/c.case'), encoding='utf-8') as f:
            self.assertEqual(f.read(), 'About.\n-- Dockerfile --\nFROM x\n-- want.tree --\n# fields: type\n./a type=file\n'
                             '-- want.config --\nEnv ["A=1"]\nWorkingDir null\n-- want.history --\n+ layer 1\n')

    def test_shared_base(self):
        self.file('cases/bases/b.sh', 'printf "%s\\n" "./a type=file data=\\"1\\"" "./z type=fifo" | "$MKIMAGE" b --env A=1 --list -\n')
        self.environment(FAKE_LISTING='./a type=file data="1"\n./z type=fifo\n')
        self.assertEqual(self.one_file(('want.history', '+ layer 1\n'))[0], 'passes')
        self.assertIn('./a', self.one_file(('want.history', '+ layer 1\n'), ('want.tree', './a type=file\n'))[1])

    def test_a_broken_case(self):
        self.want(want_layers='./a type=file\n')
        self.fails('no line "# layer N"')


if __name__ == '__main__':
    sys.exit(unittest.main())
