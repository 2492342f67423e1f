#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Count test results one by one, whatever runs them.

    tally.py meson FILE LOG [PREFIX]      add the results in meson's testlog.json LOG to FILE
    tally.py tap FILE NAME STATUS OUTPUT [SECONDS]
                                          add those of one TAP program: its exit status and the file that holds its output
    tally.py one FILE pass|fail NAME      add one result
    tally.py report FILE                  skips with their reasons, failures, and the one line "N passed, N failed, N skipped"

A program's output is read as TAP, in the loose form that the unit tests write too: "ok NAME", "not ok NAME", "1..N",
"# SKIP reason". A line that begins with "skip" gives the reason for which the next "ok" did not really test anything.
A program that says nothing counts once, by its exit status; 77 is a skip. One that fails without a "not ok", or that
does not keep its plan, counts as one failure more. FILE holds one JSON object per result. `report` exits 1 when
anything failed or nothing ran.
"""
import json
import re
import sys

RESULT = re.compile(r'^\s*(not )?ok\b(?:\s+(\d+))?(?:\s*-)?\s*(.*)$')
PLAN = re.compile(r'^\s*1\.\.(\d+)(?:\s*#\s*skip\S*\s*(.*))?$', re.I)
SKIP = re.compile(r'\s*#\s*skip\S*\s*(.*)$', re.I)
LOOSE_SKIP = re.compile(r'^\s*#?\s*skip(?:ped)?\b[\s:-]*(.*)$', re.I)


class Scan:
    """The results in the output of one program."""

    def __init__(self, program):
        self.program, self.results = program, []
        self.plan = self.reason = None

    def add(self, outcome, name, reason=''):
        self.results.append({'name': f'{self.program}: {name}' if name else self.program,
                             'outcome': outcome, 'reason': reason})

    def line(self, line):
        if m := PLAN.match(line):
            self.plan = int(m[1])
            if self.plan == 0:
                self.add('skip', '', m[2] or 'no reason given')
        elif m := RESULT.match(line):
            name, reason = m[3], self.reason
            if skip := SKIP.search(name):
                name, reason = name[:skip.start()], skip[1] or 'no reason given'
            self.reason = None
            self.add('fail' if m[1] else 'pass' if reason is None else 'skip', name or m[2] or '?', reason or '')
        elif line.startswith('Bail out!'):
            self.add('fail', line.strip())
        elif m := LOOSE_SKIP.match(line):
            self.reason = m[1] or 'no reason given'

    def end(self, status, detail=''):
        ran = [r for r in self.results if r['name'] != self.program]
        if self.reason is not None:
            self.add('skip', '', self.reason)
        if status == 77 and not ran:
            self.results or self.add('skip', '', detail or 'no reason given')
        elif status and not any(r['outcome'] == 'fail' for r in self.results):
            self.add('fail', f'exit status {status}' + (f' ({detail})' if detail else ''))
        elif not status and self.plan and self.plan != len(ran):
            self.add('fail', f'planned {self.plan} tests, ran {len(ran)}')
        if not self.results:
            self.add('pass', '')
        return self.results


def scan(program, text, status, detail=''):
    s = Scan(program)
    for line in text.splitlines():
        s.line(line)
    return s.end(status, detail)


def append(path, results):
    with open(path, 'a', encoding='utf-8') as f:
        for r in results:
            f.write(json.dumps(r) + '\n')


def show_output(text, most=200):
    """What explains a failure: every "not ok" with the comments below it, or else how the output ends."""
    lines, shown, failed = text.splitlines(), [], False
    for line in lines:
        failed = line.startswith('not ok') or failed and line.startswith('#')
        if failed:
            shown.append(line)
    for line in (shown or lines[-40:])[:most]:
        print('    ' + line)


def summary(results):
    n = {k: sum(r['outcome'] == k for r in results) for k in ('pass', 'fail', 'skip')}
    return n, f"{n['pass']} passed, {n['fail']} failed" + (f", {n['skip']} skipped" if n['skip'] else '')


def record(path, program, results, text):
    append(path, results)
    if any(r['outcome'] == 'fail' for r in results):
        print(f'  FAILED {program}')
        show_output(text)


def add_meson(path, log, prefix=''):
    every = []
    try:
        f = open(log, encoding='utf-8')
    except FileNotFoundError:
        add_one(path, 'fail', f'{prefix}meson test ran nothing')
        return
    with f:
        for line in f:
            t = json.loads(line)
            program = prefix + t['name'].split(' / ')[-1]
            result, status = t['result'], t.get('returncode') or 0
            if result == 'TIMEOUT':
                status = status or 1
            elif result not in ('OK', 'SKIP', 'EXPECTEDFAIL'):
                status = status if status > 0 else 128 - status if status else 1
            text = t.get('stdout', '')
            results = scan(program, text, status, '' if result in ('FAIL', 'OK') else result.lower())
            record(path, program, results, text + t.get('stderr', ''))
            every += results
    print('  ' + summary(every)[1])


def add_tap(path, name, status, output, seconds=''):
    with open(output, encoding='utf-8', errors='replace') as f:
        text = f.read()
    results = scan(name, text, int(status), 'timed out' if status == '124' else '')
    record(path, name, results, text)
    print(f'  {name}: {summary(results)[1]}' + (f' ({seconds} s)' if seconds else ''), flush=True)


def add_one(path, outcome, name):
    append(path, [{'name': name, 'outcome': outcome, 'reason': ''}])


def report(path):
    try:
        with open(path, encoding='utf-8') as f:
            results = [json.loads(line) for line in f]
    except FileNotFoundError:
        results = []
    for outcome, title in (('skip', 'skipped'), ('fail', 'FAILED')):
        for r in results:
            if r['outcome'] == outcome:
                print(f"{title} {r['name']}" + (f": {r['reason']}" if r['reason'] else ''))
    n, line = summary(results)
    print(line)
    return 1 if n['fail'] or not n['pass'] else 0


def main(argv):
    actions = {'meson': (add_meson, (2, 3)), 'tap': (add_tap, (4, 5)), 'one': (add_one, (3,)), 'report': (report, (1,))}
    if len(argv) < 2 or argv[1] not in actions or len(argv) - 2 not in actions[argv[1]][1]:
        print(__doc__)
        return 0 if '--help' in argv else 2
    return actions[argv[1]][0](*argv[2:]) or 0


if __name__ == '__main__':
    sys.exit(main(sys.argv))
