/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What stands behind the word RUN; the first byte chooses the escape character. Of a flag that the parser lets through,
 * the rest of kiln may take for granted what is demanded here.
 */
#include "demand.h"
#include "dockerfile/mount.h"
#include "dockerfile/parse.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static bool lookup(void *ctx, Str name, Str *ret)
{
    (void)ctx;
    *ret = name.n % 2 ? S("tmpfs") : S("/a,b");
    return true;
}

static bool is(Str s, const char *one, const char *other)
{
    return str_eq(s, str_from(one)) || str_eq(s, str_from(other));
}

static void read_mount(const Instr *i, Str text)
{
    const Expander x = {.escape = i->source->escape, .lookup = lookup};
    cleanup_arena Arena a = ARENA_INIT;
    RunMount early, late;
    Err err = {0};

    demand(mount_parse(&a, text, NULL, &early, &err) == 0);
    if (mount_parse(&a, text, &x, &late, &err) < 0) {
        demand(err.kind == ERR_SYNTAX || err.kind == ERR_LIMIT);
        return;
    }
    demand(str_eq(early.from, late.from) && late.type < MOUNT_TYPE_COUNT);
}

static void read_flag(const Instr *i, const Flag *f)
{
    demand(f->has_value);
    if (str_eq(f->name, S("mount")))
        read_mount(i, f->value);
    else if (str_eq(f->name, S("network")))
        demand(is(f->value, "default", "none") || is(f->value, "host", "host"));
    else if (str_eq(f->name, S("security")))
        demand(is(f->value, "sandbox", "insecure"));
    else
        demand(str_eq(f->name, S("device")));
}

/* Once each, but for --mount and --device; and what is behind them is a part of the line. */
static void read_run(const Instr *i)
{
    unsigned networks = 0, securities = 0;

    vec_foreach(f, &i->flags) {
        read_flag(i, f);
        networks += str_eq(f->name, S("network"));
        securities += str_eq(f->name, S("security"));
    }
    demand(networks <= 1 && securities <= 1);
    demand(i->rest.p >= i->original.p && i->rest.p + i->rest.n <= i->original.p + i->original.n);
    demand(i->exec_form || i->args.n == 1 || i->heredocs.n > 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    cleanup_buf Buf text = BUF_INIT((size_t)1 << 20);
    cleanup_dockerfile Dockerfile d = {0};
    Err err = {0};

    if (n == 0)
        return 0;
    buf_add(&text, data[0] & 1 ? S("# escape=`\nFROM a\nRUN ") : S("FROM a\nRUN "));
    buf_add(&text, (Str){(const char *)data + 1, n - 1});
    if (text.full)
        return 0;
    if (dockerfile_parse(S("Dockerfile"), buf_str(&text), &d, &err) < 0) {
        demand(err.kind == ERR_SYNTAX || err.kind == ERR_LIMIT);
        demand(err.line >= 1);
        return 0;
    }
    vec_foreach(i, &d.instrs)
        if (i->kind == INSTR_RUN)
            read_run(i);
    return 0;
}
