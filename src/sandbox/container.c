/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Is this a container, whose "/" may be replaced? There is no one answer: each runtime leaves other traces, and a hardened
 * one few. So a table of independent signs is asked in turn and the first hit is named to the user. None of them is found on an
 * ordinary machine; a false "yes" would cost somebody their root directory, a false "no" costs one --force.
 */
#include "sandbox/container.h"

#include <fcntl.h>
#include <stdlib.h>

#include "os/file.h"
#include "os/mountinfo.h"
#include "sandbox/sandbox.h"

typedef struct Sign {
    const char *name;
    bool (*found)(const char *arg);
    const char *arg;
} Sign;

static bool has_path(const char *path)
{
    return access(path, F_OK) == 0;
}

static bool has_variable(const char *name)
{
    const char *v = getenv(name);

    return v && *v;
}

static bool file_contains(const char *path, const char *const *needles, size_t n)
{
    cleanup_buf Buf text = BUF_INIT(BUF_SMALL);
    Err err;

    if (file_read(AT_FDCWD, path, &text, &err) < 0)
        return false;
    for (size_t i = 0; i < n; i++)
        if (str_contains(buf_str(&text), str_from(needles[i])))
            return true;
    return false;
}

/* Under cgroup v1, or v2 without a cgroup namespace, the path tells who made the group. (docker.service is the daemon's own.) */
static bool in_container_cgroup(const char *path)
{
    static const char *const makers[] = {"/docker/", "/docker-", "/kubepods", "/libpod",
                                         "/lxc/",    "/lxc.",    "/crio-",    "cri-containerd",
                                         "/garden/", "/ecs/"};

    return file_contains(path, makers, ARRAY_LEN(makers));
}

bool kernel_is_gvisor(void)
{
    static const char *const names[] = {"gVisor",
                                        "Linux version 4.4.0 #1 SMP Sun Jan 10 15:06:54 PST 2016"};

    return file_contains("/proc/version", names, ARRAY_LEN(names));
}

static bool in_gvisor(const char *unused)
{
    (void)unused;
    return kernel_is_gvisor();
}

/* OpenVZ: the host has both directories, its containers only the first. */
static bool in_openvz(const char *path)
{
    return has_path(path) && !has_path("/proc/bc");
}

/* A container's root is a stack of layers; a machine's is a disk. */
static bool root_is_layered(const char *type)
{
    cleanup_mount_table MountTable table = {0};
    bool layered = false;
    Err err;

    if (mountinfo_read(&table, &err) < 0)
        return false;
    vec_foreach(m, &table.mounts)
        if (str_eq(m->point, S("/"))) /* the last one is on top */
            layered = str_eq(m->type, str_from(type));
    return layered;
}

static const Sign signs[] = {
    {"/.dockerenv", has_path, "/.dockerenv"},
    {"/run/.containerenv", has_path, "/run/.containerenv"},
    {"/run/systemd/container", has_path, "/run/systemd/container"},
    {"a Kubernetes service account", has_path, "/var/run/secrets/kubernetes.io/serviceaccount"},
    {"the variable 'container'", has_variable, "container"},
    {"the variable KUBERNETES_SERVICE_HOST", has_variable, "KUBERNETES_SERVICE_HOST"},
    {"the cgroup of this process", in_container_cgroup, "/proc/self/cgroup"},
    {"the cgroup of process 1", in_container_cgroup, "/proc/1/cgroup"},
    {"gVisor's kernel", has_path, "/__runsc_containers__"},
    {"gVisor's kernel", in_gvisor, NULL},
    {"OpenVZ", in_openvz, "/proc/vz"},
    {"an overlay as /", root_is_layered, "overlay"},
    {"a fuse-overlayfs as /", root_is_layered, "fuse.fuse-overlayfs"},
};

const char *container_sign(void)
{
    for (size_t i = 0; i < ARRAY_LEN(signs); i++)
        if (signs[i].found(signs[i].arg))
            return signs[i].name;
    return NULL;
}
