cat >hello.c <<'C'
#include <stdio.h>
int main(void) { puts("hello from a multi-stage build"); return 0; }
C
printf 'int answer(void) { return 42; }\n' >answer.c
printf 'objs = hello.o\nhello: $(objs)\n\t$(CC) -O1 -static -s -Wl,--build-id=none -o $@ $(objs)\n' >rules.mk
