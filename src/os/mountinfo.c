/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One line for each mount:
 *
 *     36 35 98:0 /root /point rw,noatime shared:1 master:2 - ext4 /dev/sda1 rw,errors=continue
 *     id parent dev root point options   optional...       - type source    file system's options
 *
 * Exactly one space separates; a field may be empty (a source of ""). Space, tab, newline,
 * backslash and '#' inside a field are written as \ooo.
 */
#include "os/mountinfo.h"

#include <fcntl.h>

#include "base/limits.h"
#include "os/file.h"

static bool is_octal(char c)
{
    return c >= '0' && c <= '7';
}

/* \ooo back to bytes; a backslash that starts no such escape stands for itself. */
static Str decode(Arena *a, Str s)
{
    char *out = arena_new_n(a, char, s.n + 1);
    size_t n = 0;

    for (size_t i = 0; i < s.n; i++) {
        const char *p = s.p + i;

        if (p[0] == '\\' && s.n - i > 3 && p[1] <= '3' && is_octal(p[1]) && is_octal(p[2]) &&
            is_octal(p[3])) {
            out[n++] = (char)((p[1] - '0') << 6 | (p[2] - '0') << 3 | (p[3] - '0'));
            i += 3;
        } else {
            out[n++] = p[0];
        }
    }
    return (Str){out, n};
}

static bool has_option(Str options, Str word)
{
    for (Str rest = options, f; str_next(&rest, ',', &f);)
        if (str_eq(f, word))
            return true;
    return false;
}

/* Take n fields off the front. */
static bool take_fields(Str *rest, Str *ret, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (!str_next(rest, ' ', &ret[i]))
            return false;
    return true;
}

static bool parse_line(Arena *a, Str line, Mount *ret)
{
    enum {
        ROOT = 3,
        POINT = 4,
        OPTIONS = 5,
        N_HEAD = 6
    };
    enum {
        TYPE,
        SOURCE,
        FS_OPTIONS,
        N_TAIL
    };
    Str head[N_HEAD], tail[N_TAIL], f;

    if (!take_fields(&line, head, N_HEAD))
        return false;
    do {
        if (!str_next(&line, ' ', &f))
            return false;
    } while (!str_eq(f, S("-")));
    if (!take_fields(&line, tail, N_TAIL) || head[POINT].n == 0 || tail[TYPE].n == 0)
        return false;
    *ret = (Mount){
        .point = decode(a, head[POINT]),
        .root = decode(a, head[ROOT]),
        .type = decode(a, tail[TYPE]),
        .source = decode(a, tail[SOURCE]),
        .options = decode(a, tail[FS_OPTIONS]),
        .read_only = has_option(head[OPTIONS], S("ro")) || has_option(tail[FS_OPTIONS], S("ro")),
    };
    return true;
}

int mountinfo_parse(Str text, MountTable *ret, Err *err)
{
    cleanup_mount_table MountTable t = {0};
    size_t number = 0;

    for (Str rest = text, line; str_next(&rest, '\n', &line);) {
        Mount m;

        number++;
        if (line.n == 0 && !rest.p)
            break; /* behind the last newline */
        if (!parse_line(&t.arena, line, &m))
            return err_set(err, ERR_FORMAT, "mountinfo: line %zu is malformed", number);
        vec_push(&t.mounts, m);
    }
    *ret = t;
    t = (MountTable){0}; /* NOLINT(clang-analyzer-deadcode.DeadStores): its cleanup looks */
    return 0;
}

int mountinfo_read(MountTable *ret, Err *err)
{
    cleanup_buf Buf text = BUF_INIT(LIMIT_MOUNTINFO);

    TRY(file_read(AT_FDCWD, "/proc/self/mountinfo", &text, err));
    return mountinfo_parse(buf_str(&text), ret, err);
}

void mount_table_done(MountTable *t)
{
    vec_done(&t->mounts);
    arena_done(&t->arena);
}
