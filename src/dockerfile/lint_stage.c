/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What instructions mean: each stage is followed from the first to the last as the build follows it, with what is known
 * about its base. Instructions see the variables from before them.
 */
#include "base/limits.h"
#include "base/log.h"
#include "base/path.h"
#include "dockerfile/expose.h"
#include "dockerfile/instr.h"
#include "dockerfile/lint_rules.h"
#include "dockerfile/text.h"
#include "oci/config.h"

enum {
    VALUE_MAX =
        LIMIT_PATH, /* kept of a variable: paths and ports are what values are looked at for */
};

/* --- secrets --- */

static bool is_among(Str word, const char *const *list, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (str_eq_nocase(word, str_from(list[i])))
            return true;
    return false;
}

/* By the words between '_': "GITHUB_TOKEN" does, "TOKENIZER" and "PUBLIC_KEY" do not. */
static bool sounds_secret(Str name)
{
    static const char *const secret[] = {"apikey",   "auth",  "credential", "credentials", "key",
                                         "password", "pword", "passwd",     "secret",      "token"};
    static const char *const harmless[] = {"public", "file", "version"};
    bool found = false;

    for (Str rest = name, word; str_next(&rest, '_', &word);) {
        if (is_among(word, harmless, ARRAY_LEN(harmless)))
            return false;
        found = found || is_among(word, secret, ARRAY_LEN(secret));
    }
    return found;
}

static void check_pairs(Lint *l, const Instr *i)
{
    if (i->legacy_pair)
        lint_add(l, LINT_LEGACY_KEY_VALUE_FORMAT, i, i->pairs.v[0].name,
                 "%s " STR_FMT " is in the old form, without =", instr_name(i->kind),
                 STR_ARG(text_clip(&l->scratch, i->pairs.v[0].name)));
    if (i->kind == INSTR_LABEL)
        return;
    vec_foreach(w, &i->pairs)
        if (sounds_secret(w->name))
            lint_add(l, LINT_SECRETS_USED_IN_ARG_OR_ENV, i, w->name,
                     "%s " STR_FMT " sounds like a secret, and stays in the image",
                     instr_name(i->kind), STR_ARG(text_clip(&l->scratch, w->name)));
}

/* --- commands --- */

/* CMD, ENTRYPOINT and HEALTHCHECK: the ones before are of no use. */
static void check_once(Lint *l, const Instr **last, const Instr *i)
{
    if (*last)
        lint_add(l, LINT_MULTIPLE_INSTRUCTIONS_DISALLOWED, *last, (*last)->keyword,
                 "this %s has no effect: the one in line %u replaces it", instr_name(i->kind),
                 i->line);
    *last = i;
}

static void check_shell_form(Lint *l, const LintedStage *s, const Instr *i)
{
    if (!i->exec_form && !s->shell_set)
        lint_add(l, LINT_JSON_ARGS_RECOMMENDED, i, i->rest,
                 "%s is run by a shell, which hands no signals on", instr_name(i->kind));
}

/* --- places --- */

static void check_workdir(Lint *l, LintedStage *s, const Instr *i)
{
    Str path;
    bool first = !s->workdir_set;

    if (!lint_expand(l, &s->scope, i->args.v[0], &path))
        return;
    s->workdir_set = true;
    if (!first || (l->unset.n && !s->env_known) || str_starts(path, S("/")))
        return;
    lint_add(l, LINT_WORKDIR_RELATIVE_PATH, i, i->args.v[0],
             "the path " STR_FMT " depends on the base image's own WORKDIR",
             STR_ARG(text_quote(&l->scratch, path)));
}

static bool is_remote(Str source)
{
    return str_contains(source, S("://")) || str_starts(source, S("git@"));
}

/* With exceptions in the file, what is excluded is hard to tell from what is meant. */
static void check_sources(Lint *l, LintedStage *s, const Instr *i)
{
    if (ignore_is_empty(l->in->ignore) || ignore_has_exceptions(l->in->ignore) ||
        instr_flag(i, "from"))
        return;
    for (size_t n = 0; n + 1 < i->args.n; n++) {
        Str word = i->args.v[n], path;

        if (instr_heredoc(i, word) || !lint_expand(l, &s->scope, word, &path) ||
            (l->unset.n && !s->env_known) || is_remote(path))
            continue;
        path = path_rooted(&l->scratch, path);
        if (path.n && ignore_excludes(l->in->ignore, path))
            lint_add(l, LINT_COPY_IGNORED_FILE, i, word,
                     STR_FMT " is excluded by .dockerignore and will not be found",
                     STR_ARG(text_quote(&l->scratch, path)));
    }
}

static void check_port(Lint *l, const Instr *i, Str word, Str port)
{
    bool publishes;
    Str proto;

    expose_look(port, &proto, &publishes);
    if (!str_eq(proto, str_lower_in(&l->scratch, proto)))
        lint_add(l, LINT_EXPOSE_PROTO_CASING, i, word,
                 "the protocol of " STR_FMT " is not lower case",
                 STR_ARG(text_quote(&l->scratch, port)));
    if (publishes)
        lint_add(l, LINT_EXPOSE_INVALID_FORMAT, i, word,
                 STR_FMT " names an address or a port of the host",
                 STR_ARG(text_quote(&l->scratch, port)));
}

static void check_ports(Lint *l, LintedStage *s, const Instr *i)
{
    vec_foreach(word, &i->args) {
        StrVec ports = {0};
        Err ignored;

        if (scope_expand_words(&s->scope, *word, &ports, &ignored) == 0)
            vec_foreach(port, &ports)
                check_port(l, i, *word, *port);
        vec_done(&ports);
    }
}

/* --- what instructions do to the stage --- */

static void set_pairs(Lint *l, LintedStage *s, const Instr *i)
{
    KeyValueVec set = {0};

    vec_foreach(w, &i->pairs) {
        KeyValue kv;

        if (lint_expand(l, &s->scope, w->name, &kv.key) &&
            lint_expand(l, &s->scope, w->value, &kv.value))
            vec_push(&set, kv);
    }
    vec_foreach(kv, &set)
        scope_set(&s->scope, kv->key,
                  str_head(kv->value, kv->value.n < VALUE_MAX ? kv->value.n : VALUE_MAX));
    vec_done(&set);
}

static void declare_args(LintedStage *s, const Instr *i)
{
    vec_foreach(w, &i->pairs) {
        Str name, value;
        bool set;
        Err ignored;

        if (scope_declare_arg(&s->scope, w, &name, &value, &set, &ignored) < 0)
            return;
    }
}

static void note_trigger(LintedStage *s, const Instr *i)
{
    Str rest, word = text_first_word(i->args.v[0], &rest);
    InstrKind kind;

    if (instr_find(word, &kind) && (kind == INSTR_ARG || kind == INSTR_ENV))
        s->has_triggers = true;
}

static void apply(Lint *l, LintedStage *s, const Instr *i)
{
    switch ((int)i->kind) {
    case INSTR_ENV: set_pairs(l, s, i); return;
    case INSTR_ARG: declare_args(s, i); return;
    case INSTR_SHELL: s->shell_set = true; return;
    case INSTR_ONBUILD: note_trigger(s, i); return;
    default: return;
    }
}

/* The instructions of a stage that there should be one of. */
typedef struct Once {
    const Instr *cmd, *entrypoint, *healthcheck;
} Once;

static void check_instr(Lint *l, LintedStage *s, const Instr *i, Once *once)
{
    switch ((int)i->kind) {
    case INSTR_CMD:
        check_once(l, &once->cmd, i);
        check_shell_form(l, s, i);
        return;
    case INSTR_ENTRYPOINT:
        check_once(l, &once->entrypoint, i);
        check_shell_form(l, s, i);
        return;
    case INSTR_HEALTHCHECK: check_once(l, &once->healthcheck, i); return;
    case INSTR_ARG:
    case INSTR_ENV:
    case INSTR_LABEL: check_pairs(l, i); return;
    case INSTR_WORKDIR: check_workdir(l, s, i); return;
    case INSTR_ADD:
    case INSTR_COPY: check_sources(l, s, i); return;
    case INSTR_EXPOSE: check_ports(l, s, i); return;
    default: return;
    }
}

/* --- stages --- */

static void begin_scope(Lint *l, LintedStage *s, const KeyValueVec *env)
{
    scope_init_stage(&s->scope, &l->global, &l->scratch, env);
    if (s->env_known && !key_values_find(&s->scope.vars, S("PATH")))
        scope_set(&s->scope, S("PATH"), S(DEFAULT_PATH));
}

static void begin_stage(Lint *l, LintedStage *s)
{
    static const KeyValueVec none;
    const LintStage *k = s->known;
    bool image = k && k->image && !s->base;

    s->env_known = s->scratch || (image && !k->has_triggers);
    s->shell_set = image && k->has_shell;
    if (s->base) {
        s->env_known = s->base->env_known && !s->base->has_triggers;
        s->shell_set = s->base->shell_set;
        s->workdir_set = s->base->workdir_set;
    }
    begin_scope(l, s, s->base ? &s->base->scope.vars : image && k->env ? k->env : &none);
    if (s->base)
        scope_inherit(&s->scope, &s->base->scope);
}

void lint_stages(Lint *l)
{
    vec_foreach(s, &l->stages) {
        Once once = {0};

        begin_stage(l, s);
        for (size_t n = s->begin; n < s->end; n++) {
            const Instr *i = &l->in->d->instrs.v[n];

            if (!s->known || !s->known->left_out) {
                lint_variables(l, s, i);
                check_instr(l, s, i, &once);
            }
            apply(l, s, i);
            arena_done(&l->words);
        }
        if (!s->env_known)
            log_debug(
                "lint: variables of the stage in line %u are not checked: the environment of its "
                "base image is not known",
                s->from->line);
    }
}
