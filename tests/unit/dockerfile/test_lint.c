/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Each rule where it fires and where it does not. Findings are written "Rule@LINE:COLUMN".
 */
#include "dockerfile/lint.h"
#include "dockerfile/parse.h"
#include "oci/config.h"
#include "test.h"

static const Platform amd64 = {.os = STR_LIT("linux"), .arch = STR_LIT("amd64")};
static const Platform arm64 = {.os = STR_LIT("linux"), .arch = STR_LIT("arm64")};

typedef struct Given {
    const char *build_arg, *value; /* one, or NULL */
    const char *ignore;            /* text of .dockerignore, or NULL */
    const LintStage *stages;
} Given;

static int lint(const Dockerfile *d, const Given *g, LintReport *ret, Err *err)
{
    cleanup_with(ignore_free_at) Ignore *ignore = NULL;
    KeyValueVec args = {0};
    LintInput in = {
        .d = d, .build_args = &args, .build = &amd64, .target = &amd64, .stages = g->stages};
    int rc;

    if (g->build_arg)
        vec_push(&args, ((KeyValue){str_from(g->build_arg), str_from(g->value)}));
    if (g->ignore)
        CHECK(ignore_parse(S(".dockerignore"), str_from(g->ignore), &ignore, err) == 0);
    in.ignore = ignore;
    rc = lint_run(&in, ret, err);
    vec_done(&args);
    return rc;
}

static void check_given(const char *file, int line, const char *text, const Given *g,
                        const char *want)
{
    cleanup_dockerfile Dockerfile d = {0};
    cleanup_lint_report LintReport r = {0};
    cleanup_buf Buf got = BUF_INIT(BUF_SMALL);
    Err err;

    CHECK_OK(dockerfile_parse(S("Dockerfile"), str_from(text), &d, &err));
    CHECK_OK(lint(&d, g, &r, &err));
    vec_foreach(f, &r.findings)
        buf_addf(&got, "%s%s@%u:%u", got.n ? " " : "", lint_rule(f->rule)->name, f->place.number,
                 place_column(&f->place));
    check_str(file, line, buf_str(&got), str_from(want));
}

static const Given nothing;
#define LINT(text, want)         check_given(__FILE__, __LINE__, (text), &nothing, (want))
#define LINT_WITH(g, text, want) check_given(__FILE__, __LINE__, (text), (g), (want))

TEST(stage_name_casing)
{
    LINT("FROM scratch AS Build", "StageNameCasing@1:17");
    LINT("FROM scratch AS build", "");
    LINT("FROM scratch", "");
}

TEST(from_as_casing)
{
    LINT("FROM scratch as b", "FromAsCasing@1:14");
    LINT("from scratch AS b", "FromAsCasing@1:14");
    LINT("FROM scratch As b", "FromAsCasing@1:14");
    LINT("from scratch as b", "");
    LINT("From scratch as b", "ConsistentInstructionCasing@1:1");
}

TEST(no_empty_continuation)
{
    LINT("FROM scratch\nENV a=1 \\\n\n  b=2", "NoEmptyContinuation@3:1");
    LINT("FROM scratch\nENV a=1 \\\n# note\n  b=2", "");
    LINT("FROM scratch\n\nENV a=1", "");
}

TEST(consistent_instruction_casing)
{
    LINT("FROM scratch\nEnv a=1\nUSER x", "ConsistentInstructionCasing@2:1");
    LINT("FROM scratch\nenv a=1\nUSER x", "ConsistentInstructionCasing@2:1");
    LINT("from scratch\nenv a=1\nUSER x", "ConsistentInstructionCasing@3:1");
    LINT("FROM scratch\nuser x", "ConsistentInstructionCasing@2:1"); /* a tie is for upper case */
    LINT("from scratch\nuser x", "");
}

TEST(stage_names)
{
    LINT("FROM scratch AS a\nFROM scratch AS A", "StageNameCasing@2:17 DuplicateStageName@2:17");
    LINT("FROM scratch AS a\nFROM scratch AS b", "");
    LINT("FROM scratch AS scratch", "ReservedStageName@1:17");
    LINT("FROM scratch AS context", "ReservedStageName@1:17");
    LINT("FROM scratch AS contexts", "");
}

TEST(json_args_recommended)
{
    static const LintStage with_shell = {.image = "base", .has_shell = true};
    const Given g = {.stages = &with_shell};

    LINT("FROM scratch\nCMD a b", "JSONArgsRecommended@2:5");
    LINT("FROM scratch\nENTRYPOINT a b", "JSONArgsRecommended@2:12");
    LINT("FROM scratch\nCMD [\"a\"]\nENTRYPOINT []\nHEALTHCHECK CMD a b", "");
    LINT("FROM scratch\nSHELL [\"s\"]\nCMD a b", "");
    LINT("FROM scratch AS a\nSHELL [\"s\"]\nFROM a\nCMD a b", "");
    LINT("FROM base\nCMD a b", "JSONArgsRecommended@2:5");
    LINT_WITH(&g, "FROM base\nCMD a b", "");
}

TEST(maintainer_deprecated)
{
    LINT("FROM scratch\nMAINTAINER me", "MaintainerDeprecated@2:1");
    LINT("FROM scratch\nLABEL maintainer=me", "");
}

TEST(undefined_arg_in_from)
{
    const Given g = {.build_arg = "V", .value = "1"};

    LINT("FROM base:${V:-1}", "");
    LINT("FROM base:1$V", "UndefinedArgInFrom@1:13");
    LINT("ARG V=1\nFROM base:$V", "");
    LINT("FROM --platform=$P base", "UndefinedArgInFrom@1:18");
    LINT("FROM --platform=$BUILDPLATFORM base", "");
    LINT("FROM scratch\nARG V=1\nFROM base:1$V", "UndefinedArgInFrom@3:13");
    LINT_WITH(&g, "FROM base:1$V", "UndefinedArgInFrom@1:13"); /* given, but not declared */
}

TEST(undefined_var)
{
    LINT("FROM scratch\nENV a=$b", "UndefinedVar@2:8");
    LINT("FROM scratch\nENV a=1 b=$a", "UndefinedVar@2:12");
    LINT("FROM scratch\nENV a=1\nENV b=$a", "");
    LINT("FROM scratch\nARG a\nENV b=$a", "");
    LINT("FROM scratch\nARG a=1 b=$a\nARG c=$d", "UndefinedVar@3:8");
    LINT("FROM scratch\nUSER ${a:-x}\nUSER \\$a\nLABEL a='$b'", "");
    LINT("FROM scratch\nENV a=$x$y-$x", "UndefinedVar@2:8 UndefinedVar@2:10");
    LINT("FROM scratch\nENV PATH=$PATH:/x", "");
    LINT("FROM scratch\nCOPY --chown=$u --chmod=$m $s $d", "UndefinedVar@2:15 UndefinedVar@2:26 "
                                                           "UndefinedVar@2:29 UndefinedVar@2:32");
    LINT("FROM scratch\nRUN --mount=target=$t,from=f echo $x", "UndefinedVar@2:21");
    LINT("FROM scratch\nCOPY <<A <<'B' /\n$x\nA\n$y\nB", "UndefinedVar@3:2");
    LINT("FROM scratch\nEXPOSE $p\nSTOPSIGNAL $s\nVOLUME $v\nWORKDIR /$w",
         "UndefinedVar@2:9 UndefinedVar@3:13 UndefinedVar@4:9 UndefinedVar@5:11");
    LINT("FROM scratch\nLABEL a=1 \\\n  b=$c", "UndefinedVar@3:6");
    LINT("FROM scratch\nONBUILD ENV a=$b", "");
}

TEST(undefined_var_and_bases)
{
    KeyValue vars[] = {{S("HOME"), S("/h")}};
    const KeyValueVec env = {vars, 1, 1};
    const LintStage image[] = {{.image = "base", .env = &env}};
    const LintStage triggers[] = {{.image = "base", .env = &env, .has_triggers = true}};
    const LintStage left_out[] = {{.left_out = true}, {0}};
    const Given known = {.stages = image}, on_build = {.stages = triggers},
                unneeded = {.stages = left_out};

    LINT("FROM base\nUSER $a", ""); /* who knows what base sets */
    LINT_WITH(&known, "FROM base\nUSER $HOME$PATH$a", "UndefinedVar@2:17");
    LINT_WITH(&on_build, "FROM base\nUSER $a", "");
    LINT_WITH(&unneeded, "FROM scratch\nUSER $a\nFROM scratch\nUSER $b", "UndefinedVar@4:7");
    LINT("FROM scratch AS a\nARG x\nENV y=1\nFROM a\nUSER $x$y$z", "UndefinedVar@5:11");
    LINT("FROM scratch AS a\nONBUILD ENV x=1\nFROM a\nUSER $x", "");
    LINT("ARG g=1\nFROM scratch\nUSER $g", "UndefinedVar@3:7");
    LINT("ARG g=1\nFROM scratch\nARG g\nUSER $g", "");
}

TEST(workdir_relative_path)
{
    LINT("FROM base\nWORKDIR app", "WorkdirRelativePath@2:9");
    LINT("FROM base\nWORKDIR /app\nWORKDIR sub", "");
    LINT("FROM base\nWORKDIR app\nWORKDIR sub", "WorkdirRelativePath@2:9");
    LINT("FROM base AS a\nWORKDIR /app\nFROM a\nWORKDIR sub", "");
    LINT("FROM base\nENV a=/x\nWORKDIR $a/y", "");
    LINT("FROM base\nWORKDIR $HOME/y", ""); /* may well be absolute */
}

TEST(multiple_instructions_disallowed)
{
    LINT("FROM scratch\nCMD [\"a\"]\nCMD [\"b\"]\nCMD [\"c\"]",
         "MultipleInstructionsDisallowed@2:1 MultipleInstructionsDisallowed@3:1");
    LINT("FROM scratch\nENTRYPOINT [\"a\"]\nENTRYPOINT [\"b\"]",
         "MultipleInstructionsDisallowed@2:1");
    LINT("FROM scratch\nHEALTHCHECK NONE\nHEALTHCHECK NONE", "MultipleInstructionsDisallowed@2:1");
    LINT("FROM scratch AS a\nCMD [\"a\"]\nENTRYPOINT [\"b\"]\nFROM a\nCMD [\"c\"]", "");
}

TEST(legacy_key_value_format)
{
    LINT("FROM scratch\nENV a b c", "LegacyKeyValueFormat@2:5");
    LINT("FROM scratch\nLABEL a b", "LegacyKeyValueFormat@2:7");
    LINT("FROM scratch\nENV a=\"b c\"", "");
}

TEST(base_image_platform)
{
    const LintStage other[] = {{.image = "base", .is = &arm64, .wanted = &amd64}};
    const LintStage same[] = {{.image = "base", .is = &amd64, .wanted = &amd64}};
    const Given wrong = {.stages = other}, right = {.stages = same};

    LINT_WITH(&wrong, "FROM base", "InvalidBaseImagePlatform@1:6");
    LINT_WITH(&right, "FROM base", "");
}

TEST(from_platform)
{
    LINT("FROM --platform=$TARGETPLATFORM base", "RedundantTargetPlatform@1:17");
    LINT("FROM --platform=${TARGETPLATFORM} base", "RedundantTargetPlatform@1:17");
    LINT("FROM --platform=$TARGETOS/$TARGETARCH base", "");
    LINT("FROM --platform=$BUILDPLATFORM base", "");
    LINT("FROM --platform=linux/amd64 base", "FromPlatformFlagConstDisallowed@1:17");
    LINT("FROM --platform=linux/amd64 base AS build", "FromPlatformFlagConstDisallowed@1:17");
    LINT("FROM --platform=linux/amd64 base AS build_amd64", "");
    LINT("FROM --platform=linux/amd64 base AS linux", "");
}

TEST(secrets)
{
    LINT("FROM scratch\nARG TOKEN", "SecretsUsedInArgOrEnv@2:5");
    LINT("FROM scratch\nENV GITHUB_TOKEN=1 db_Password=2 a=3",
         "SecretsUsedInArgOrEnv@2:5 SecretsUsedInArgOrEnv@2:20");
    LINT("FROM scratch\nENV TOKENIZER=1 KEYS=2 PUBLIC_KEY=3 SECRET_FILE=4 TOKEN_VERSION=5", "");
    LINT("FROM scratch\nLABEL token=1", "");
}

TEST(default_arg_in_from)
{
    const Given g = {.build_arg = "B", .value = "base"};

    LINT("ARG B\nFROM $B", "InvalidDefaultArgInFrom@2:6");
    LINT("ARG V\nFROM base:$V", "InvalidDefaultArgInFrom@2:6");
    LINT("ARG B=base\nFROM $B", "");
    LINT("ARG B\nFROM ${B:-base}", "");
    LINT_WITH(&g, "ARG B\nFROM $B", "InvalidDefaultArgInFrom@2:6");
}

TEST(copy_ignored_file)
{
    const Given g = {.ignore = "*.log\n/out\n"}, exceptions = {.ignore = "*.log\n!keep.log\n"};

    LINT_WITH(&g, "FROM scratch\nCOPY a.log b.txt ./out/x /",
              "CopyIgnoredFile@2:6 CopyIgnoredFile@2:18");
    LINT_WITH(&g, "FROM scratch\nADD a.log https://host/b.log /", "CopyIgnoredFile@2:5");
    LINT_WITH(&g, "FROM scratch AS a\nFROM scratch\nCOPY --from=a a.log /\nCOPY . /", "");
    LINT_WITH(&g, "FROM scratch\nARG n=a\nCOPY $n.log /", "CopyIgnoredFile@3:6");
    LINT_WITH(&exceptions, "FROM scratch\nCOPY a.log /", "");
    LINT("FROM scratch\nCOPY a.log /", "");
}

TEST(definition_description)
{
#define ON "# check=experimental=all\n"
    LINT(ON "# what it is\nARG a\nFROM scratch", "InvalidDefinitionDescription@2:3");
    LINT(ON "# a what it is\nARG a\nFROM scratch", "");
    LINT(ON "# b what it is\nARG a b\nFROM scratch", "");
    LINT(ON "# what it is\n\nARG a\nFROM scratch", "InvalidDefinitionDescription@2:3");
    LINT(ON "# what it is\n#\nARG a\nFROM scratch", "");
    LINT(ON "# the stage\nFROM scratch AS s", "InvalidDefinitionDescription@2:3");
    LINT(ON "# a comment\nFROM scratch", "");
    LINT("# what it is\nARG a\nFROM scratch", ""); /* experimental */
    LINT("# check=experimental=InvalidDefinitionDescription\n# x\nARG a\nFROM scratch",
         "InvalidDefinitionDescription@2:3");
}

TEST(expose)
{
    LINT("FROM scratch\nEXPOSE 80/TCP 81/udp", "ExposeProtoCasing@2:8");
    LINT("FROM scratch\nEXPOSE 80:80 127.0.0.1:81:81",
         "ExposeInvalidFormat@2:8 ExposeInvalidFormat@2:14");
    LINT("FROM scratch\nEXPOSE 80 81-90/tcp", "");
    LINT("FROM scratch\nARG p=\"80/UDP 81\"\nEXPOSE $p", "ExposeProtoCasing@3:8");
}

/* --- what controls the rules --- */

TEST(skipping)
{
    const Given g = {.build_arg = "BUILDKIT_DOCKERFILE_CHECK",
                     .value = "skip=MaintainerDeprecated"};

    LINT("# check=skip=MaintainerDeprecated,StageNameCasing\nFROM scratch AS B\nMAINTAINER x", "");
    LINT("# check=skip=all\nFROM scratch AS B\nMAINTAINER x", "");
    LINT("FROM scratch\n# check=skip=UndefinedVar\nUSER $x\nUSER $x", "UndefinedVar@4:7");
    LINT("FROM scratch\n# why\n# check=skip=all\n# more\nUSER $x", "");
    LINT("FROM scratch\n# check=skip=all\n#\nUSER $x", "UndefinedVar@4:7");
    LINT_WITH(&g, "# check=skip=StageNameCasing\nFROM scratch AS B\nMAINTAINER x",
              "StageNameCasing@2:17");
}

static void check_options(const char *text, const Given *g, const char *want)
{
    cleanup_dockerfile Dockerfile d = {0};
    cleanup_lint_report LintReport r = {0};
    Err err;

    CHECK_OK(dockerfile_parse(S("Dockerfile"), str_from(text), &d, &err));
    CHECK_ERR(lint(&d, g, &r, &err), ERR_SYNTAX, want);
}

TEST(options)
{
    const Given g = {.build_arg = "BUILDKIT_DOCKERFILE_CHECK", .value = "erro=true"};

    check_options("# check=skip\nFROM scratch", &nothing,
                  "Dockerfile:1: invalid check option \"skip\"");
    check_options("# escape=\\\n# check=skip=x;error=perhaps\nFROM scratch", &nothing,
                  "Dockerfile:2: invalid check option \"error=perhaps\"");
    check_options("FROM scratch", &g,
                  "BUILDKIT_DOCKERFILE_CHECK: invalid check option \"erro=true\"");
    LINT("# check = skip = all ; error = false\nFROM scratch AS B", "");
}

TEST(verdict)
{
    static const char *const texts[] = {
        "# check=error=true\nFROM scratch AS B\nMAINTAINER x\nUSER $x\nUSER $x",
        "FROM scratch AS B",
        "# check=error=true\nFROM scratch",
    };

    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        cleanup_dockerfile Dockerfile d = {0};
        cleanup_lint_report LintReport r = {0};
        Err err;

        CHECK_OK(dockerfile_parse(S("Dockerfile"), str_from(texts[i]), &d, &err));
        CHECK_OK(lint(&d, &nothing, &r, &err));
        if (i > 0)
            CHECK_OK(lint_verdict(&r, &d, &err));
        else
            CHECK_ERR(lint_verdict(&r, &d, &err), ERR_USAGE,
                      "Dockerfile: lint violation found for rules: MaintainerDeprecated, "
                      "StageNameCasing, UndefinedVar");
    }
}

TEST(messages)
{
    cleanup_dockerfile Dockerfile d = {0};
    cleanup_lint_report LintReport r = {0};
    cleanup_buf Buf out = BUF_INIT(BUF_SMALL);
    Err err;

    CHECK_OK(dockerfile_parse(S("Dockerfile"),
                              S("FROM scratch\nARG VERSION\nLABEL \\\n v=$VERISON"), &d, &err));
    CHECK_OK(lint(&d, &nothing, &r, &err));
    CHECK(r.findings.n == 1);
    lint_add_message(r.findings.v, &out);
    place_add_excerpt(&out, &r.findings.v[0].place);
    CHECK_STR(
        buf_str(&out),
        S("UndefinedVar: LABEL uses VERISON, which nothing defines (did you mean VERSION?) (line 3)\n"
          "  4 |  v=$VERISON\n"
          "    |     ^~~~~~~"));
}

TEST(the_table_is_whole)
{
    for (unsigned n = 0; n < LINT_RULE_COUNT; n++) {
        const LintRuleInfo *rule = lint_rule((LintRule)n);

        CHECK(rule->name && rule->text && rule->remedy);
        CHECK(!strchr(rule->text, '\n') && !strchr(rule->remedy, '\n'));
    }
    CHECK(LINT_RULE_COUNT == 22);
}

/* Three thousand variables, each of which uses one that is not there: each is one finding, in time that is not noticed. */
TEST(many)
{
    cleanup_dockerfile Dockerfile d = {0};
    cleanup_lint_report LintReport r = {0};
    cleanup_buf Buf text = BUF_INIT((size_t)1 << 20);
    Err err;

    buf_add_z(&text, "FROM scratch\n");
    for (int i = 0; i < 3000; i++)
        buf_addf(&text, "ARG VARIABLE_%d=$OTHER_%d\n", i, i);
    CHECK_OK(dockerfile_parse(S("Dockerfile"), buf_str(&text), &d, &err));
    CHECK_OK(lint(&d, &nothing, &r, &err));
    CHECK(r.findings.n == 3000);
}

TEST_MAIN(T(stage_name_casing), T(from_as_casing), T(no_empty_continuation),
          T(consistent_instruction_casing), T(stage_names), T(json_args_recommended),
          T(maintainer_deprecated), T(undefined_arg_in_from), T(undefined_var),
          T(undefined_var_and_bases), T(workdir_relative_path), T(multiple_instructions_disallowed),
          T(legacy_key_value_format), T(base_image_platform), T(from_platform), T(secrets),
          T(default_arg_in_from), T(copy_ignored_file), T(definition_description), T(expose),
          T(skipping), T(options), T(verdict), T(messages), T(the_table_is_whole), T(many))
