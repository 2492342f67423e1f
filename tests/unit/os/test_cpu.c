/* SPDX-License-Identifier: Apache-2.0 */
#include <sched.h>

#include "os/cpu.h"
#include "scratch.h"

static void put_deep(const Scratch *s, const char *path, const char *text)
{
    Str dir = path_dir(str_from(path));
    cleanup_free char *z = str_dup(dir);
    Err err;

    CHECK_OK(dir_make_all(s->fd, z, 0755, &err));
    put(s->fd, path, text);
}

static void put_tables(const Scratch *s, const char *cgroup, const char *mountinfo)
{
    put_deep(s, "proc/self/cgroup", cgroup);
    put_deep(s, "proc/self/mountinfo", mountinfo);
}

#define V2_MOUNT "30 23 0:26 / /sys/fs/cgroup rw - cgroup2 cgroup rw\n"

TEST(v2_takes_the_smallest_on_the_way_up)
{
    cleanup_scratch Scratch s = scratch_new();

    put_tables(&s, "0::/a/b\n", "1 0 8:1 / / rw - ext4 /dev/sda rw\n" V2_MOUNT);
    CHECK(cpu_quota_below(s.fd) == 0);
    put_deep(&s, "sys/fs/cgroup/a/b/cpu.max", "max 100000\n");
    CHECK(cpu_quota_below(s.fd) == 0);
    put_deep(&s, "sys/fs/cgroup/a/cpu.max", "350000 100000\n");
    CHECK(cpu_quota_below(s.fd) == 4); /* 3.5, rounded up */
    put_deep(&s, "sys/fs/cgroup/a/b/cpu.max", "50000 100000\n");
    CHECK(cpu_quota_below(s.fd) == 1);
    put_deep(&s, "sys/fs/cgroup/a/b/cpu.max", "200000 100000\n");
    put_deep(&s, "sys/fs/cgroup/a/b/c/cpu.max", "1000 100000\n"); /* not ours */
    CHECK(cpu_quota_below(s.fd) == 2);
}

TEST(v2_of_another_namespace)
{
    cleanup_scratch Scratch s = scratch_new();

    /*
     * The part that is mounted is named in mountinfo; our path starts with it, or is of somewhere
     * else.
     */
    put_tables(&s, "0::/pods/p1/c1\n", "30 23 0:26 /pods/p1 /sys/fs/cgroup rw - cgroup2 none rw\n");
    put_deep(&s, "sys/fs/cgroup/c1/cpu.max", "300000 100000\n");
    CHECK(cpu_quota_below(s.fd) == 3);
    put_deep(&s, "sys/fs/cgroup/cpu.max", "200000 100000\n");
    CHECK(cpu_quota_below(s.fd) == 2);
    put_tables(&s, "0::/../../elsewhere\n",
               "30 23 0:26 /pods/p1 /sys/fs/cgroup rw - cgroup2 none rw\n");
    CHECK(cpu_quota_below(s.fd) == 2);
}

TEST(v1_reads_its_two_files)
{
    cleanup_scratch Scratch s = scratch_new();

    put_tables(&s, "5:memory:/m\n4:cpu,cpuacct:/job\n0::/\n",
               "31 30 0:29 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n"
               "32 30 0:30 / /sys/fs/cgroup/cpu,cpuacct rw - cgroup cgroup rw,cpu,cpuacct\n");
    CHECK(cpu_quota_below(s.fd) == 0);
    put_deep(&s, "sys/fs/cgroup/cpu,cpuacct/job/cpu.cfs_quota_us", "-1\n");
    put_deep(&s, "sys/fs/cgroup/cpu,cpuacct/job/cpu.cfs_period_us", "100000\n");
    CHECK(cpu_quota_below(s.fd) == 0);
    put_deep(&s, "sys/fs/cgroup/cpu,cpuacct/job/cpu.cfs_quota_us", "250000\n");
    CHECK(cpu_quota_below(s.fd) == 3);
    /* Our place in another hierarchy means nothing in this one, and the other way round. */
    put_deep(&s, "sys/fs/cgroup/cpu,cpuacct/m/cpu.cfs_quota_us", "1\n");
    put_deep(&s, "sys/fs/cgroup/cpu,cpuacct/m/cpu.cfs_period_us", "1\n");
    put_deep(&s, "sys/fs/cgroup/memory/job/cpu.cfs_quota_us", "1\n");
    put_deep(&s, "sys/fs/cgroup/memory/job/cpu.cfs_period_us", "1\n");
    CHECK(cpu_quota_below(s.fd) == 3);
}

TEST(nonsense_limits_nothing)
{
    static const char *const odd[] = {"",          "\n",
                                      "max\n",     "0 100000\n",
                                      "1000 0\n",  "-5 100000\n",
                                      "1e9 100\n", "9223372036854775807 1\n"};
    cleanup_scratch Scratch s = scratch_new();

    CHECK(cpu_quota_below(s.fd) == 0); /* no /proc at all */
    put_tables(&s, "0::/a\n", V2_MOUNT);
    for (size_t i = 0; i < ARRAY_LEN(odd); i++) {
        put_deep(&s, "sys/fs/cgroup/a/cpu.max", odd[i]);
        CHECK(cpu_quota_below(s.fd) == 0);
    }
    put_deep(&s, "sys/fs/cgroup/a/cpu.max", "1 1\n");
    CHECK(cpu_quota_below(s.fd) == 1);
    put_tables(&s, "nonsense\n::\n0\n", V2_MOUNT);
    CHECK(cpu_quota_below(s.fd) == 0);
    put_tables(&s, "0::/a\n", "nonsense\n");
    CHECK(cpu_quota_below(s.fd) == 0);
}

static void on_one_cpu(void *arg)
{
    cpu_set_t all, one;

    (void)arg;
    CPU_ZERO(&one);
    CHECK(sched_getaffinity(0, sizeof(all), &all) == 0);
    for (size_t i = 0; i < CPU_SETSIZE && CPU_COUNT(&one) == 0; i++)
        if (CPU_ISSET(i, &all))
            CPU_SET(i, &one);
    CHECK(sched_setaffinity(0, sizeof(one), &one) == 0);
    CHECK(cpu_count() == 1);
}

TEST(affinity_counts)
{
    CHECK(cpu_count() >= 1);
    in_child(on_one_cpu, NULL);
}

TEST_MAIN(T(v2_takes_the_smallest_on_the_way_up), T(v2_of_another_namespace),
          T(v1_reads_its_two_files), T(nonsense_limits_nothing), T(affinity_counts))
