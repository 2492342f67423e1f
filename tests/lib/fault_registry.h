/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tests/lib/fault_registry.h - drive registry.py from a C test: start it with a script, ask its log.
 *
 *      FaultRegistry r = fault_registry_start("{\"faults\": [...]}");
 *      ... fault_url(&r, &arena, "/v2/") ...
 *      CHECK(fault_count(&r, "\"method\": \"PATCH\"") == 2);
 *      fault_registry_stop(&r);
 *
 * The server dies with the test, however that ends, and its log is memory: nothing is left behind.
 * KILN_TEST_LIB is the directory of registry.py (set by meson.build).
 */
#pragma once

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include "test.h"

typedef struct FaultRegistry {
    pid_t pid;
    int port, storage_port;
    int log_fd;
} FaultRegistry;

static inline _Noreturn void fault_registry_child(const char *script, int out, int log_fd, int in)
{
    const char *lib = getenv("KILN_TEST_LIB");
    char program[4096], log[64];

    (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
    (void)snprintf(program, sizeof(program), "%s/registry.py", lib ? lib : "tests/lib");
    (void)snprintf(log, sizeof(log), "/dev/fd/%d", log_fd);
    (void)dup2(out, STDOUT_FILENO);
    (void)dup2(in, STDIN_FILENO);
    (void)execlp("python3", "python3", program, "--script", script, "--log", log, (char *)NULL);
    perror("python3");
    _exit(127);
}

static inline FaultRegistry fault_registry_start(const char *script)
{
    FaultRegistry r = {.log_fd = memfd_create("log", 0)};
    int out[2], in[2];
    char line[64] = "";
    FILE *f;

    CHECK(r.log_fd >= 0 && pipe2(out, 0) == 0 && pipe2(in, O_CLOEXEC) == 0);
    r.pid = fork();
    CHECK(r.pid >= 0);
    if (r.pid == 0)
        fault_registry_child(script, out[1], r.log_fd, in[0]);
    (void)close(out[1]);
    (void)close(in[0]); /* in[1] stays open, unseen: the server runs until it is killed */
    f = fdopen(out[0], "r");
    CHECK(f && fgets(line, sizeof(line), f));
    CHECK(sscanf(line, "%d %d", &r.port, &r.storage_port) == 2); /* NOLINT(cert-err34-c) */
    (void)fclose(f);
    return r;
}

static inline void fault_registry_stop(FaultRegistry *r)
{
    (void)kill(r->pid, SIGKILL);
    (void)waitpid(r->pid, NULL, 0);
    (void)close(r->log_fd);
    r->pid = -1;
}

/* "http://127.0.0.1:PORT/path" */
static inline const char *fault_url(const FaultRegistry *r, Arena *a, const char *path)
{
    return str_fmt_in(a, "http://127.0.0.1:%d%s", r->port, path).p;
}

/* How many logged requests contain all of the (up to three) pieces of JSON; NULL = any. */
static inline int fault_count3(const FaultRegistry *r, const char *a, const char *b, const char *c)
{
    char line[8192];
    char path[64];
    int n = 0;
    FILE *f;

    (void)snprintf(path, sizeof(path), "/proc/self/fd/%d", r->log_fd);
    f = fopen(path, "r");
    CHECK(f);
    while (fgets(line, sizeof(line), f))
        n += (!a || strstr(line, a)) && (!b || strstr(line, b)) && (!c || strstr(line, c));
    (void)fclose(f);
    return n;
}

static inline int fault_count(const FaultRegistry *r, const char *piece)
{
    return fault_count3(r, piece, NULL, NULL);
}

/* The whole log on stderr, for a test that is about to fail. */
static inline void fault_dump(const FaultRegistry *r)
{
    char path[64], line[8192];
    FILE *f;

    (void)snprintf(path, sizeof(path), "/proc/self/fd/%d", r->log_fd);
    f = fopen(path, "r");
    while (f && fgets(line, sizeof(line), f))
        (void)fputs(line, stderr);
    if (f)
        (void)fclose(f);
}
