# SPDX-License-Identifier: Apache-2.0
"""Run commands and say what they cost.

CPU    user and system time of the whole process tree. The commands run below a process that is a child subreaper: whatever loses
       its parent becomes its child, so every process of the tree is waited for by its parent or by it, and RUSAGE_CHILDREN of
       that process at the end holds them all, the processes of RUN included. Not counted, for either tool: the registry, and
       kernel threads (write-back).
Wall   from the start of the first command to the end of the last one, as long as nothing that they left behind still runs.
Memory the resident sizes of the builder's own processes added up, sampled every few milliseconds; what runs in RUN is not the
       builder's. Pages that processes share count once for each. `bound` is the same sum over the high-water marks the kernel
       keeps for each process: a peak between two samples cannot exceed it.
"""
import ctypes
import os
import resource
import struct
import time

PR_SET_CHILD_SUBREAPER = 36
SAMPLE_S = 0.005
REPORT = struct.Struct('dddi')


class Cost:
    def __init__(self, wall, cpu, rss, bound):
        self.wall, self.cpu, self.rss, self.bound = wall, cpu, rss, bound


class Failed(Exception):
    pass


def become_subreaper():
    if ctypes.CDLL(None, use_errno=True).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), 'prctl')


def run_one(argv, env, log):
    """Exit code of a command; everything that it left behind is waited for."""
    pid = os.fork()
    if pid == 0:
        os.dup2(log, 1)
        os.dup2(log, 2)
        os.execvpe(argv[0], argv, env)
    status = None
    while True:
        try:
            got, code = os.waitpid(-1, 0)
        except ChildProcessError:
            return os.waitstatus_to_exitcode(status)
        if got == pid:
            status = code


def supervise(commands, env, log_path, report):
    """The body of the subreaper: never returns."""
    code = 1
    try:
        become_subreaper()
        log = os.open(log_path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
        begun = time.monotonic()
        for argv in commands:
            code = run_one(argv, env, log)
            if code != 0:
                break
        wall = time.monotonic() - begun
        used = resource.getrusage(resource.RUSAGE_CHILDREN)
        os.write(report, REPORT.pack(wall, used.ru_utime, used.ru_stime, code))
    finally:
        os._exit(0)


# ---- memory

def children_of(pid):
    found = []
    try:
        for task in os.listdir(f'/proc/{pid}/task'):
            with open(f'/proc/{pid}/task/{task}/children', encoding='ascii') as f:
                found += map(int, f.read().split())
    except OSError:
        pass  # it has ended
    return found


def tree_below(pid):
    todo = children_of(pid)
    while todo:
        pid = todo.pop()
        yield pid
        todo += children_of(pid)


class Programs:
    """Which processes are the builder's: those that execute one of its programs (or a copy in a memfd, as runc makes one)."""

    def __init__(self, paths):
        self.files = {self.identity(os.stat(p)) for p in paths}
        self.names = tuple('/memfd:' + os.path.basename(p) for p in paths)

    @staticmethod
    def identity(st):
        return st.st_dev, st.st_ino

    def has(self, pid):
        exe = f'/proc/{pid}/exe'
        try:
            return self.identity(os.stat(exe)) in self.files or os.readlink(exe).startswith(self.names)
        except OSError:
            return False


def resident(pid):
    """(now, high-water mark) in bytes."""
    now = high = 0
    try:
        with open(f'/proc/{pid}/status', encoding='ascii', errors='replace') as f:
            for line in f:
                if line.startswith('VmHWM:'):
                    high = int(line.split()[1]) * 1024
                elif line.startswith('VmRSS:'):
                    now = int(line.split()[1]) * 1024
                    break
    except OSError:
        pass
    return now, high


def sample(top, programs):
    rss = bound = 0
    for pid in tree_below(top):
        if programs.has(pid):
            now, high = resident(pid)
            rss += now
            bound += high
    return rss, bound


# ---- both

def run(commands, programs, env, log):
    """The Cost of running the commands one after another; Failed when one does not succeed."""
    ours, theirs = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.close(ours)
        supervise(commands, env, log, theirs)
    os.close(theirs)
    rss = bound = 0
    while os.waitpid(pid, os.WNOHANG)[0] == 0:
        seen = sample(pid, programs)
        rss, bound = max(rss, seen[0]), max(bound, seen[1])
        time.sleep(SAMPLE_S)
    data = os.read(ours, REPORT.size)
    os.close(ours)
    if len(data) < REPORT.size:
        raise Failed('the benchmark could not start a command')
    wall, user, system, code = REPORT.unpack(data)
    if code != 0:
        raise Failed(f'exit code {code}; its output is in {log}')
    return Cost(wall, user + system, rss, bound)
