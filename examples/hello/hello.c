/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <unistd.h>

int main(int argc, char **argv)
{
    return printf("Hello from %s, says uid %u.\n", argc > 1 ? argv[1] : "nobody",
                  (unsigned)getuid()) < 0;
}
