/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A list of rules, of which the last that matches decides. That is read from the front: a rule is asked only when its
 * answer would change the verdict so far, which for a list without exceptions is "until one matches".
 */
#include "dockerfile/ignore.h"

#include "base/limits.h"
#include "base/path.h"
#include "base/vec.h"
#include "dockerfile/text.h"
#include "dockerfile/wildpath.h"

enum {
    RULES_MAX = 20000,
};

typedef struct IgnoreRule {
    bool exception; /* '!': what matches is not excluded */
    const WildPath *path;
} IgnoreRule;

struct Ignore {
    Arena arena;
    VEC(IgnoreRule) rules;
    bool has_exceptions;
};

/* One pattern, white space around it gone and not empty. */
static int add_rule(Ignore *g, Str pattern, Err *err)
{
    IgnoreRule rule = {.exception = pattern.p[0] == '!'};

    if (rule.exception)
        pattern = text_trim(str_skip(pattern, 1));
    if (pattern.n == 0)
        return err_set(err, ERR_SYNTAX, "illegal exclusion pattern: \"!\"");
    if (pattern.n > WILDPATH_MAX)
        return err_set(err, ERR_LIMIT, "pattern is longer than %d bytes", WILDPATH_MAX);
    if (g->rules.n == RULES_MAX)
        return err_set(err, ERR_LIMIT, "more than %d patterns", RULES_MAX);
    pattern = path_clean(&g->arena, pattern);
    if (pattern.n > 1 && pattern.p[0] == '/')
        pattern = str_skip(pattern, 1);
    TRY(wildpath_compile(&g->arena, pattern, &rule.path, err));
    vec_push_in(&g->arena, &g->rules, rule);
    g->has_exceptions |= rule.exception;
    return 0;
}

int ignore_parse(Str name, Str text, Ignore **ret, Err *err)
{
    cleanup_with(ignore_free_at) Ignore *g = NEW(Ignore);
    unsigned line = 0;

    if (text.n > LIMIT_DOCKERIGNORE)
        return err_set(err, ERR_LIMIT, STR_FMT " is larger than %zu bytes", STR_ARG(name),
                       LIMIT_DOCKERIGNORE);
    if (str_starts(text, S("\xef\xbb\xbf")))
        text = str_skip(text, 3);
    for (Str rest = text, l; str_next(&rest, '\n', &l);) {
        line++;
        if (str_starts(l, S("#")))
            continue;
        l = text_trim(l);
        if (l.n && add_rule(g, l, err) < 0) {
            err->line = line;
            return err_wrap(err, STR_FMT ":%u", STR_ARG(name), line);
        }
    }
    *ret = steal_ptr(&g);
    return 0;
}

int ignore_from_patterns(const Str *patterns, size_t n, Ignore **ret, Err *err)
{
    cleanup_with(ignore_free_at) Ignore *g = NEW(Ignore);

    for (size_t i = 0; i < n; i++) {
        Str pattern = text_trim(patterns[i]);

        if (pattern.n)
            TRY(add_rule(g, pattern, err));
    }
    *ret = steal_ptr(&g);
    return 0;
}

void ignore_free(Ignore *g)
{
    if (!g)
        return;
    arena_done(&g->arena);
    free(g);
}

bool ignore_is_empty(const Ignore *g)
{
    return !g || g->rules.n == 0;
}

bool ignore_has_exceptions(const Ignore *g)
{
    return g && g->has_exceptions;
}

bool ignore_excludes(const Ignore *g, Str path)
{
    bool excluded = false;
    uint64_t trace;

    if (ignore_is_empty(g) || path.n == 0)
        return false;
    trace = wildpath_trace(path);
    vec_foreach(rule, &g->rules) {
        if (rule->exception != excluded)
            continue;
        if (wildpath_matches(rule->path, path, trace))
            excluded = !rule->exception;
        if (excluded && !g->has_exceptions)
            return true;
    }
    return excluded;
}

/*
 * An exception counts when it stands behind the last plain rule that covers the directory and with it all that is below:
 * one before it would be overruled.
 */
bool ignore_may_reinclude(const Ignore *g, Str dir)
{
    uint64_t trace;

    if (!ignore_has_exceptions(g))
        return false;
    trace = wildpath_trace(dir);
    for (size_t i = g->rules.n; i-- > 0;) {
        const IgnoreRule *rule = &g->rules.v[i];

        if (rule->exception && wildpath_may_match_below(rule->path, dir))
            return true;
        if (!rule->exception && wildpath_matches(rule->path, dir, trace))
            return false;
    }
    return true;
}
