/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Why a step was not found, by what is different from the step of the last build that is most like it: "file src/main.c differs,
 * variable CC is new". Read by people who want to know which line or file it was.
 */
#include "base/map.h"
#include "build/cached_internal.h"

enum {
    NAMES_SHOWN = 4,
    WAS_BEFORE =
        12, /* bytes of a command that are shown before the first that differs, and after */
    WAS_AFTER = 40,
};

static Str member(const Json *j, const char *name)
{
    Str s = S("");

    (void)json_get_text(json_find(j, name), &s);
    return s;
}

/* --- the step that it was --- */

static unsigned likeness(const Json *old, const Stage *s, const Step *step)
{
    Str text = member(old, "text"), word = str_from(instr_name(step->i->kind));

    if (text.n < word.n || !str_eq_nocase(str_head(text, word.n), word))
        return 0;
    return 1u + (str_eq(text, step->text) ? 4u : 0u) +
           (str_eq(member(old, "stage"), s->name) ? 2u : 0u) +
           (str_eq(member(old, "before"), cache_key_str(&step->cache->before)) ? 8u : 0u);
}

/* It goes on as another step: one that was put before it is new. */
static bool is_other(const Plan *p, const Json *old, const Step *step)
{
    Str text = member(old, "text");

    if (str_eq(text, step->text))
        return false;
    vec_foreach(s, &p->stages)
        vec_foreach(other, &(*s)->steps)
            if (str_eq((*s)->name, member(old, "stage")) && str_eq(other->text, text))
                return true;
    return false;
}

static const Json *nearest(const Plan *p, const Json *record, const Stage *s, const Step *step)
{
    const Json *steps = json_find(record, "steps"), *best = NULL;
    unsigned most = 2; /* the same instruction of another stage on something else is no relative */

    for (size_t i = 0; i < json_count(steps); i++) {
        const Json *old = json_at(steps, i);
        unsigned n = likeness(old, s, step);

        if (n > most && !is_other(p, old, step)) {
            most = n;
            best = old;
        }
    }
    return best;
}

/* --- what differs --- */

typedef struct Differences {
    Buf *out;
    unsigned n;
    Str lines; /* "heredoc line ": of the text whose first different line was named */
    Str old_text, text;
} Differences;

static size_t start_of_word(Str s, size_t at)
{
    while (at > 0 && s.p[at - 1] != ' ')
        at--;
    return at;
}

/* Where it first differs, of what it was. */
static void add_was(const Differences *d)
{
    Str old = d->old_text;
    size_t same = 0, from, to;

    while (same < old.n && same < d->text.n && old.p[same] == d->text.p[same])
        same++;
    if (same == old.n && same == d->text.n)
        return;
    from = start_of_word(old, same > WAS_BEFORE ? same - WAS_BEFORE : 0);
    to = old.n - from > WAS_BEFORE + WAS_AFTER ? from + WAS_BEFORE + WAS_AFTER : old.n;
    buf_addf(d->out, " (it was \"%s" STR_FMT "%s\")", from ? "..." : "",
             STR_ARG(str_head(str_skip(old, from), to - from)), to < old.n ? "..." : "");
}

/* "file PATH (MODE)": the mode tells something only of what is new or gone. */
static Str without_mode(Str name)
{
    size_t n = strlen(" (0755)");
    const char *end = name.p + name.n;

    if (name.n <= n || end[-1] != ')' || memcmp(end - n, " (", 2) != 0 ||
        strspn(end - n + 2, "01234567") != n - 3)
        return name;
    return str_head(name, name.n - n);
}

/* Fields by the names that people have for them. */
static void add_field(Buf *out, Str name, bool differs)
{
    static const struct {
        const char *field, *shown;
    } known[] = {{"image", "the base image"},        {"platform", "the platform"},
                 {"compression", "--compression"},   {"level", "--compression-level"},
                 {"gzip", "the compressor of gzip"}, {"has epoch", "SOURCE_DATE_EPOCH"},
                 {"epoch", "SOURCE_DATE_EPOCH"},     {"ignored path", "--ignore-path"}};

    for (size_t i = 0; i < ARRAY_LEN(known); i++)
        if (str_eq(name, str_from(known[i].field))) {
            buf_add_z(out, known[i].shown);
            return;
        }
    if (str_starts(name, S("file "))) {
        name = str_skip(differs ? without_mode(name) : name, strlen("file "));
        buf_add_z(out, "file ");
        name = str_starts(name, S("./")) ? str_skip(name, 2) : name;
    } else if (str_starts(name, S("environment "))) {
        buf_add_z(out, "variable ");
        name = str_skip(name, strlen("environment "));
    }
    buf_add(out, name);
}

/* "heredoc line " of "heredoc line 7", "" of other names. */
static Str lines_of(Str name)
{
    const char *at = name.n ? memmem(name.p, name.n, " line ", strlen(" line ")) : NULL;

    return at && str_starts(name, S("heredoc")) ? str_head(name, (size_t)(at - name.p)) : S("");
}

static void add_name(Differences *d, const char *what, Str name)
{
    Str lines = lines_of(name);

    if (lines.n && str_eq(lines, d->lines))
        return; /* what follows a line that is put in differs as well */
    d->lines = lines;
    if (d->n++ >= NAMES_SHOWN)
        return;
    buf_add_z(d->out, d->n > 1 ? ", " : "");
    add_field(d->out, name, str_eq(str_from(what), S("differs")));
    buf_addf(d->out, " %s", what);
    if (str_eq(name, S("command")))
        add_was(d);
}

/* 'cut': not all of the old ones are recorded. */
static void add_differences(const KeyInputVec *now, const Json *old, bool cut, Differences *d)
{
    cleanup_map Map names = {0};

    vec_foreach(in, now) {
        Str was;

        (void)map_set(&names, in->name, (void *)in);
        if (!json_get_text(json_find(old, in->name.p), &was)) {
            if (!cut)
                add_name(d, "is new", in->name);
        } else if (!str_eq(was, str_from(in->digest))) {
            add_name(d, "differs", in->name);
        }
    }
    for (JsonIter it = {0}; json_next(old, &it);)
        if (!map_find(&names, it.key))
            add_name(d, "is gone", it.key);
    if (d->n > NAMES_SHOWN)
        buf_addf(d->out, " and %u more", d->n - NAMES_SHOWN);
}

/* The stage's base is not the one of the last build. */
static void compare_base(const Plan *p, const Json *record, const Stage *s, Differences *d)
{
    cleanup_arena Arena a = ARENA_INIT;
    KeyInputVec now = {0};
    char label[STAGE_LABEL];
    const Json *old;

    while (s->base)
        s = s->base;
    old = json_find(json_find(record, "bases"), cached_stage_label(s, label));
    if (old) {
        (void)cached_base_key(p->b, s, &a, &now);
        add_differences(&now, old, false, d);
        vec_done(&now);
    }
    if (d->n == 0)
        buf_add_z(d->out, "it stands on other steps than in the last build");
}

bool cached_compare(const Plan *p, const Json *record, const Stage *s, size_t n, Buf *out)
{
    const Step *step = &s->steps.v[n];
    const StepCache *c = step->cache;
    const Json *old = nearest(p, record, s, step);
    Differences d = {.out = out, .text = step->text};

    if (!old)
        return false;
    d.old_text = member(old, "text");
    if (!str_eq(member(old, "own"), cache_key_str(&c->own))) {
        add_differences(&c->inputs, json_find(old, "inputs"), json_find(old, "cut") != NULL, &d);
        if (d.n == 0)
            buf_add_z(out, "one of many inputs differs");
    } else if (!str_eq(member(old, "before"), cache_key_str(&c->before))) {
        compare_base(p, record, s, &d);
    } else if (c->from_stage || c->from_image || c->mounts.n) {
        buf_add_z(out, "what it takes from another stage or image differs");
    } else {
        buf_add_z(out, "it was made before, but its entry is gone or too old");
    }
    return true;
}
