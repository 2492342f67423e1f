/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <stdlib.h>

int main(int argc, char **argv)
{
    const char *from = getenv("GREETING");

    printf("hello %s%s%s\n", argc > 1 ? argv[1] : "world", from ? " " : "", from ? from : "");
    return 0;
}
