#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Run the unit tests of the Python tools (test_*.py in this directory and in those named); one "ok NAME" line per test."""
import os
import sys
import traceback
import unittest


class Lines(unittest.TestResult):
    def addSuccess(self, test):
        print('ok', test.id(), flush=True)

    def addSkip(self, test, reason):
        print('ok', test.id(), '# SKIP', reason, flush=True)

    def addFailure(self, test, err):
        super().addFailure(test, err)
        print('not ok', test.id(), flush=True)
        traceback.print_exception(*err, file=sys.stdout)

    addError = addFailure


def main():
    result = Lines()
    for directory in [os.path.dirname(os.path.abspath(__file__)), *sys.argv[1:]]:
        sys.path.insert(0, directory)
        unittest.TestLoader().discover(directory, top_level_dir=directory).run(result)
    return 0 if result.wasSuccessful() else 1


if __name__ == '__main__':
    sys.exit(main())
