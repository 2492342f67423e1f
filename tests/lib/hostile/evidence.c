/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A library that a base image would like kiln to load: as a name service, by ld.so.preload, as a TLS provider. It leaves evidence
 * when the process that loads it is kiln; in the programs of the image it is at home.
 */
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

__attribute__((constructor)) static void loaded(void)
{
    char exe[256];
    ssize_t n = readlink("/proc/self/exe", exe, sizeof(exe) - 1);
    int fd;

    if (n <= 0)
        return;
    exe[n] = '\0';
    if (!strstr(exe, "kiln"))
        return;
    fd = open("/kiln/evidence", O_WRONLY | O_CREAT | O_APPEND, 0666);
    if (fd >= 0)
        (void)!write(fd, "loaded\n", 7);
}
