/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which value a variable has where: the rules of ARG and ENV, scope by scope.
 */
#include "dockerfile/scope.h"
#include "oci/config.h"
#include "test.h"

typedef struct Fixture {
    Arena arena;
    KeyValueVec build_args;
    Scope global, stage;
} Fixture;

static void build_arg(Fixture *f, const char *k, const char *v)
{
    key_values_set(&f->build_args, &f->arena, str_from(k), str_from(v));
}

static void begin(Fixture *f)
{
    static const Platform platform = {.os = STR_LIT("linux"), .arch = STR_LIT("amd64")};
    const ScopeOpts opts = {.build_args = &f->build_args,
                            .escape = '\\',
                            .build = &platform,
                            .target = &platform,
                            .target_stage = S("final")};

    scope_init_global(&f->global, &f->arena, &opts);
}

static void enter_stage(Fixture *f)
{
    KeyValueVec env = {0};
    KeyValue kv = {S("BASE"), S("from-base")};

    vec_push(&env, kv);
    scope_init_stage(&f->stage, &f->global, &f->arena, &env);
    vec_done(&env);
}

static void end(Fixture *f)
{
    scope_done(&f->stage);
    scope_done(&f->global);
    vec_done(&f->build_args);
    arena_done(&f->arena);
}

static void arg(Scope *s, const char *name, const char *value)
{
    Word w = {.name = str_from(name), .value = str_from(value), .has_value = value != NULL};
    Str n, v;
    bool set;
    Err err;

    CHECK_OK(scope_declare_arg(s, &w, &n, &v, &set, &err));
}

static void check(const Scope *s, const char *word, const char *want)
{
    Err err;
    Str got;

    CHECK_OK(scope_expand(s, str_from(word), &got, &err));
    CHECK_STR(got, str_from(want));
}

TEST(platform_arguments_are_global)
{
    Fixture f = {0};

    build_arg(&f, "TARGETVARIANT", "v9");
    begin(&f);
    check(&f.global, "$TARGETPLATFORM/$TARGETARCH/$TARGETVARIANT/$TARGETSTAGE",
          "linux/amd64/amd64/v9/final");
    enter_stage(&f);
    check(&f.stage, "[$TARGETARCH]", "[]");
    arg(&f.stage, "TARGETARCH", NULL);
    check(&f.stage, "[$TARGETARCH]", "[amd64]");
    end(&f);
}

TEST(the_command_line_wins_over_defaults)
{
    Fixture f = {0};

    build_arg(&f, "A", "given");
    begin(&f);
    arg(&f.global, "A", "default");
    arg(&f.global, "B", "$A-b");
    check(&f.global, "$A $B", "given given-b");
    enter_stage(&f);
    arg(&f.stage, "A", "stage-default");
    check(&f.stage, "$A", "given");
    end(&f);
}

TEST(a_default_in_the_stage_hides_the_global_value)
{
    Fixture f = {0};

    begin(&f);
    arg(&f.global, "X", "global");
    arg(&f.global, "Y", "global");
    enter_stage(&f);
    arg(&f.stage, "X", "mine");
    arg(&f.stage, "Y", NULL);
    arg(&f.stage, "Z", NULL);
    check(&f.stage, "$X $Y [${Z-unset}]", "mine global [unset]");
    end(&f);
}

TEST(later_wins_between_env_and_arg)
{
    Fixture f = {0};

    begin(&f);
    enter_stage(&f);
    scope_set(&f.stage, S("E"), S("env"));
    arg(&f.stage, "E", "arg");
    check(&f.stage, "$E", "arg");
    scope_set(&f.stage, S("E"), S("env again"));
    check(&f.stage, "$E $BASE", "env again from-base");
    end(&f);
}

static void check_prefix(const Scope *s, const char *want)
{
    Err err;
    Str got;

    CHECK_OK(scope_args_prefix(s, &got, &err));
    CHECK_STR(got, str_from(want));
}

TEST(history_lists_arguments_once_in_order)
{
    Fixture f = {0};

    begin(&f);
    enter_stage(&f);
    check_prefix(&f.stage, "");
    arg(&f.stage, "B", "1");
    arg(&f.stage, "A", NULL);
    arg(&f.stage, "B", "2");
    check_prefix(&f.stage, "|2 B=2 A= ");
    end(&f);
}

/* A base may name a variable twice: the last value counts, at the first place. ARGs of the stage below come behind. */
TEST(stages_take_over)
{
    Fixture f = {0};
    KeyValueVec env = {0};
    Scope upper, branch;

    begin(&f);
    enter_stage(&f);
    arg(&f.stage, "X", "1");
    arg(&f.stage, "Y", NULL);
    arg(&f.stage, "A", "arg");
    vec_push(&env, ((KeyValue){S("A"), S("1")}));
    vec_push(&env, ((KeyValue){S("B"), S("2")}));
    vec_push(&env, ((KeyValue){S("A"), S("3")}));
    scope_init_stage(&upper, &f.global, &f.arena, &env);
    CHECK(upper.vars.n == 2);
    CHECK_STR(upper.vars.v[0].key, S("A"));
    check(&upper, "$A $B", "3 2");
    scope_inherit(&upper, &f.stage);
    check(&upper, "$A $B $X [${Y-unset}]", "arg 2 1 [unset]");
    check_prefix(&upper, "|3 X=1 Y= A=arg ");
    scope_branch(&branch, &upper);
    arg(&branch, "Z", "$X");
    scope_set(&branch, S("A"), S("other"));
    check(&branch, "$A $Z", "other 1");
    check(&upper, "$A [${Z-unset}]", "arg [unset]");
    scope_done(&branch);
    scope_done(&upper);
    vec_done(&env);
    end(&f);
}

static bool has(const StrVec *v, Str s)
{
    vec_foreach(e, v)
        if (str_eq(*e, s))
            return true;
    return false;
}

TEST(commands_get_path_home_and_proxies)
{
    Fixture f = {0};
    StrVec env = {0};

    build_arg(&f, "http_proxy", "http://p");
    build_arg(&f, "UNDECLARED", "x");
    begin(&f);
    enter_stage(&f);
    scope_environ(&f.stage, &f.arena, S("/home/u"), &env);
    CHECK(has(&env, S("PATH=" DEFAULT_PATH)) && has(&env, S("HOME=/home/u")) &&
          has(&env, S("BASE=from-base")));
    CHECK(has(&env, S("http_proxy=http://p")) && !has(&env, S("UNDECLARED=x")));
    vec_done(&env);
    end(&f);
}

TEST_MAIN(T(platform_arguments_are_global), T(the_command_line_wins_over_defaults),
          T(a_default_in_the_stage_hides_the_global_value), T(later_wins_between_env_and_arg),
          T(history_lists_arguments_once_in_order), T(stages_take_over),
          T(commands_get_path_home_and_proxies))
