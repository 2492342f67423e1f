# SPDX-License-Identifier: Apache-2.0
"""docs/dockerfile-conformance.md against the cases that there are."""
import fnmatch
import os
import re
import unittest

from case import HERE, find_cases, read


class Conformance(unittest.TestCase):
    def test_every_pattern_names_a_case(self):
        text = read(os.path.join(HERE, '..', '..', 'docs', 'dockerfile-conformance.md'))
        rows = re.findall(r'^\| (?!\*\*|---|rule)(.*?) \| (.*?) \|$', text, re.M)
        patterns = [p for _, cell in rows for p in re.split(r',\s*', cell) if p]
        cases = list(find_cases(HERE))
        self.assertGreater(len(patterns), 100)
        self.assertEqual([p for p in patterns if not fnmatch.filter(cases, p)], [])
