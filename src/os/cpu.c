/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A quota holds for the cgroup that has it and for all below, so the smallest on the way from our
 * cgroup up to what is mounted counts. Where we are is in /proc/self/cgroup, where that is to be
 * seen in mountinfo:
 *
 *     /proc/self/cgroup     0::/kubepods/pod1/c1                  our cgroup, from the top
 *     mountinfo             /kubepods/pod1 on /sys/fs/cgroup      what of it is mounted, and where
 *     to read               /sys/fs/cgroup/c1/cpu.max, /sys/fs/cgroup/cpu.max
 *
 * Nothing here is an error: a file that is missing or odd limits nothing.
 */
#include "os/cpu.h"

#include <fcntl.h>
#include <sched.h>

#include "base/limits.h"
#include "base/num.h"
#include "base/path.h"
#include "os/chase.h"
#include "os/fd.h"
#include "os/mountinfo.h"

enum {
    CPUS_FIRST = 1024,
    CPUS_MOST = 1 << 20,
    CGROUP_FILE = 1 << 20 /* bytes: most of any file that is read here */
};

static unsigned affinity_count(void)
{
    for (size_t cpus = CPUS_FIRST; cpus <= CPUS_MOST; cpus *= 2) {
        size_t size = CPU_ALLOC_SIZE(cpus);
        cpu_set_t *set = CPU_ALLOC(cpus);
        int n = 0;

        if (!set)
            break;
        if (sched_getaffinity(0, size, set) == 0)
            n = CPU_COUNT_S(size, set);
        CPU_FREE(set);
        if (n > 0)
            return (unsigned)n;
        if (errno != EINVAL) /* EINVAL: the kernel knows more processors than fit */
            break;
    }
    return 1;
}

/* Append a file below the root; false when it cannot be read whole. */
static bool read_below(int root_fd, Str path, Buf *ret)
{
    cleanup_free char *z = str_dup(path);
    cleanup_close int fd = -1;
    FdReader in;
    Err err;

    fd = chase_open(root_fd, z, O_RDONLY | O_NONBLOCK, 0, &err);
    if (fd < 0)
        return false;
    in = fd_reader(fd);
    return reader_read_all(&in.r, ret, "cgroup file", &err) == 0;
}

/* DIR/NAME as one number, white space around it ignored; -1 in cfs_quota_us is "no number" here. */
static bool read_number(int root_fd, Str dir, const char *name, uint64_t *ret)
{
    cleanup_arena Arena a = ARENA_INIT;
    cleanup_buf Buf text = BUF_INIT(CGROUP_FILE);

    return read_below(root_fd, str_fmt_in(&a, STR_FMT "/%s", STR_ARG(dir), name), &text) &&
           num_parse_u64(str_trim(buf_str(&text)), UINT64_MAX / 2, ret);
}

/* "QUOTA PERIOD" in microseconds, or "max PERIOD". */
static bool read_cpu_max(int root_fd, Str dir, uint64_t *ret_quota, uint64_t *ret_period)
{
    cleanup_arena Arena a = ARENA_INIT;
    cleanup_buf Buf text = BUF_INIT(CGROUP_FILE);
    Str quota, period;

    return read_below(root_fd, str_fmt_in(&a, STR_FMT "/cpu.max", STR_ARG(dir)), &text) &&
           str_cut(str_trim(buf_str(&text)), ' ', &quota, &period) &&
           num_parse_u64(quota, UINT64_MAX / 2, ret_quota) &&
           num_parse_u64(period, UINT64_MAX / 2, ret_period);
}

static unsigned quota_of_dir(int root_fd, Str dir, bool v2)
{
    uint64_t quota, period, cpus;
    bool have = v2 ? read_cpu_max(root_fd, dir, &quota, &period)
                   : read_number(root_fd, dir, "cpu.cfs_quota_us", &quota) &&
                         read_number(root_fd, dir, "cpu.cfs_period_us", &period);

    if (!have || quota == 0 || period == 0)
        return 0;
    cpus = (quota - 1) / period + 1;
    return cpus < CPUS_MOST ? (unsigned)cpus : 0;
}

static unsigned smaller_limit(unsigned a, unsigned b)
{
    if (a == 0 || (b != 0 && b < a))
        return b;
    return a;
}

/* From our cgroup, as far as it lies below the mount, up to the mount point itself. */
static unsigned quota_of_mount(int root_fd, const Mount *m, Str cgroup, bool v2)
{
    cleanup_arena Arena a = ARENA_INIT;
    Str inside = path_rooted(&a, cgroup), top = path_rooted(&a, m->root);
    unsigned limit;

    if (!path_within(inside, top))
        inside = top; /* another cgroup namespace: only the mount point can be ours */
    inside = str_skip(inside, top.n);
    for (limit = 0;; inside = path_dir(inside)) {
        Str dir = str_fmt_in(&a, STR_FMT "/" STR_FMT, STR_ARG(m->point), STR_ARG(inside));

        limit = smaller_limit(limit, quota_of_dir(root_fd, dir, v2));
        if (inside.n <= 1)
            return limit;
    }
}

static bool list_has(Str list, Str word)
{
    for (Str rest = list, f; str_next(&rest, ',', &f);)
        if (str_eq(f, word))
            return true;
    return false;
}

/* One line of /proc/self/cgroup: "4:cpu,cpuacct:/path" or "0::/path". */
static unsigned quota_of_line(int root_fd, const MountTable *t, Str line)
{
    Str number, rest, controllers, path;
    unsigned limit = 0;
    bool v2;

    if (!str_cut(line, ':', &number, &rest) || !str_cut(rest, ':', &controllers, &path))
        return 0;
    v2 = controllers.n == 0;
    if (!v2 && !list_has(controllers, S("cpu")))
        return 0;
    vec_foreach(m, &t->mounts) {
        if (str_eq(m->type, v2 ? S("cgroup2") : S("cgroup")) &&
            (v2 || list_has(m->options, S("cpu"))))
            limit = smaller_limit(limit, quota_of_mount(root_fd, m, path, v2));
    }
    return limit;
}

unsigned cpu_quota_below(int root_fd)
{
    cleanup_buf Buf cgroup = BUF_INIT(CGROUP_FILE);
    cleanup_buf Buf mountinfo = BUF_INIT(LIMIT_MOUNTINFO);
    cleanup_mount_table MountTable t = {0};
    unsigned limit = 0;
    Err err;

    if (!read_below(root_fd, S("proc/self/cgroup"), &cgroup) ||
        !read_below(root_fd, S("proc/self/mountinfo"), &mountinfo) ||
        mountinfo_parse(buf_str(&mountinfo), &t, &err) < 0)
        return 0;
    for (Str rest = buf_str(&cgroup), line; str_next(&rest, '\n', &line);)
        limit = smaller_limit(limit, quota_of_line(root_fd, &t, line));
    return limit;
}

unsigned cpu_count(void)
{
    cleanup_close int root_fd = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
    unsigned cpus = affinity_count();
    unsigned quota = root_fd < 0 ? 0 : cpu_quota_below(root_fd);

    return quota > 0 && quota < cpus ? quota : cpus;
}
