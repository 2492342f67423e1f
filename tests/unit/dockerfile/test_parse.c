/* SPDX-License-Identifier: Apache-2.0 */
/* Instructions: words, flags, argument forms, counts. */
#include "dump.h"

TEST(keywords)
{
    CHECK_INSTR("rUn a", "RUN [a]");
    CHECK_INSTR("RUN\ta", "RUN [a]");
    CHECK_INSTR("RUN \v\f\r a  ", "RUN [a]");
    CHECK_INSTR_ERR("RNU a", "Dockerfile:2: unknown instruction: RNU (did you mean RUN?)");
    CHECK_INSTR_ERR("rnu a", "unknown instruction: rnu (did you mean run?)");
    CHECK_INSTR_ERR("Copi a", "unknown instruction: Copi (did you mean copy?)");
    CHECK_INSTR_ERR("WORKDIRS a", "unknown instruction: WORKDIRS (did you mean WORKDIR?)");
    CHECK_INSTR_ERR("BLAH", "unknown instruction: BLAH\n");
    CHECK_INSTR_ERR("INCLUDE a", "unknown instruction: INCLUDE\n");
    CHECK_FILE_ERR("FROM x\n\nUSER a\\\nb\nnope", 5, "Dockerfile:5: unknown instruction: nope");
}

TEST(all_eighteen)
{
    CHECK_INSTR(
        "ADD a b\nARG a\nCMD a\nCOPY a b\nENTRYPOINT a\nENV a=b\nEXPOSE 1\nFROM a\n"
        "HEALTHCHECK NONE\nLABEL a=b\nMAINTAINER a\nONBUILD RUN a\nRUN a\nSHELL [\"a\"]\n"
        "STOPSIGNAL 9\nUSER a\nVOLUME a\nWORKDIR a",
        "ADD [a] [b]; ARG (a); CMD [a]; COPY [a] [b]; ENTRYPOINT [a]; ENV (a=b); EXPOSE [1]; "
        "FROM [a]; HEALTHCHECK type=NONE; LABEL (a=b); MAINTAINER [a]; ONBUILD [RUN a]; "
        "RUN [a]; SHELL exec [a]; STOPSIGNAL [9]; USER [a]; VOLUME [a]; WORKDIR [a]");
}

TEST(flag_words)
{
    CHECK_INSTR("COPY --chown=1 --from=y a b", "COPY --chown=1 --from=y [a] [b]");
    CHECK_INSTR("COPY   --chown=1\t--from=y\v a b", "COPY --chown=1 --from=y [a] [b]");
    CHECK_INSTR("COPY a --chown=1 b", "COPY [a] [--chown=1] [b]");
    CHECK_INSTR("COPY - --chown=1", "COPY [-] [--chown=1]");
    CHECK_INSTR("COPY -a b", "COPY [-a] [b]");
    CHECK_INSTR("COPY --chown='a b' --from=\"c d\" a b", "COPY --chown=a b --from=c d [a] [b]");
    CHECK_INSTR("COPY --ch'own='1 a b", "COPY --chown=1 [a] [b]");
    CHECK_INSTR("COPY --chown=a\\ b a b", "COPY --chown=a b [a] [b]");
    CHECK_INSTR("COPY --chown='a\\'b' a b", "COPY --chown=a'b [a] [b]");
    CHECK_INSTR("COPY --chown=\"a\\\"b\\\\c\" a b", "COPY --chown=a\"b\\c [a] [b]");
    CHECK_INSTR("COPY --chown=a\"'\"b'\"' a b", "COPY --chown=a'b\" [a] [b]");
    CHECK_INSTR("RUN --mount=type=a -- --network=host b", "RUN --mount=type=a [--network=host b]");
    CHECK_INSTR("RUN -- --x", "RUN [--x]");
    CHECK_INSTR("RUN --", "RUN []");
    CHECK_INSTR("RUN --mount=a=b", "RUN --mount=a=b []");
    CHECK_INSTR("COPY --chown=\xc3\xa0 a b", "COPY --chown=\xc3\xa0 [a] [b]");
    CHECK_INSTR("RUN --mount=a=b\xc2\xa0"
                "c",
                "RUN --mount=a=b [c]");
    CHECK_FILE("# escape=`\nFROM x\nCOPY --chown=a` b` c a\\b d",
               "FROM [x]; COPY --chown=a b c [a\\b] [d]");
    CHECK_INSTR_ERR("COPY --chown='a b c", "COPY requires at least two arguments");
}

TEST(flag_checks)
{
    CHECK_INSTR_ERR("COPY --chwon=1 a b", "unknown flag: --chwon (did you mean chown?)");
    CHECK_INSTR_ERR("COPY --CHOWN=1 a b", "unknown flag: --CHOWN\n");
    CHECK_INSTR_ERR("COPY --keep-git-dir a b", "unknown flag: --keep-git-dir\n");
    CHECK_INSTR_ERR("COPY --chown=1 --chown=1 a b", "duplicate flag specified: --chown");
    CHECK_INSTR_ERR("COPY --link --link=false a b", "duplicate flag specified: --link");
    CHECK_INSTR_ERR("COPY --chown a b", "missing a value on flag: --chown");
    CHECK_INSTR_ERR("COPY --exclude a b", "missing a value on flag: --exclude");
    CHECK_INSTR_ERR("COPY --link= a b", "missing a value on flag: --link");
    CHECK_INSTR_ERR("COPY --link=yes a b", "expecting boolean value for flag --link, not: yes");
    CHECK_INSTR_ERR("COPY --link=1 a b", "expecting boolean value for flag --link, not: 1");
    CHECK_INSTR("COPY --chown= a b", "COPY --chown= [a] [b]");
    CHECK_INSTR("COPY --link a b", "COPY --link [a] [b]");
    CHECK_INSTR("COPY --link=TRUE --parents=False a b", "COPY --link=TRUE --parents=False [a] [b]");
    CHECK_INSTR("COPY --exclude=a --exclude=!b a b", "COPY --exclude=a --exclude=!b [a] [b]");
    CHECK_INSTR("COPY --chown=1 --from=2 --chmod=3 --link --parents --exclude=4 a b",
                "COPY --chown=1 --from=2 --chmod=3 --link --parents --exclude=4 [a] [b]");
    CHECK_INSTR(
        "ADD --chown=1 --chmod=2 --link --keep-git-dir --checksum=3 --unpack=false --exclude=4 a b",
        "ADD --chown=1 --chmod=2 --link --keep-git-dir --checksum=3 --unpack=false --exclude=4 [a] [b]");
    CHECK_INSTR(
        "RUN --mount=a=b --mount=a=b --network=none --security=insecure --device=d --device=e x",
        "RUN --mount=a=b --mount=a=b --network=none --security=insecure --device=d --device=e [x]");
    CHECK_FILE("FROM --platform=linux/arm64 x", "FROM --platform=linux/arm64 [x]");
    /* instructions without flags */
    CHECK_INSTR_ERR("USER --x y", "unknown flag: --x");
    CHECK_INSTR_ERR("MAINTAINER --x y", "unknown flag: --x");
    CHECK_INSTR_ERR("CMD --x y", "unknown flag: --x");
    CHECK_INSTR_ERR("ENTRYPOINT --x y", "unknown flag: --x");
    CHECK_INSTR_ERR("ENV --x a=b", "unknown flag: --x");
    CHECK_INSTR_ERR("LABEL --x a=b", "unknown flag: --x");
    CHECK_INSTR_ERR("EXPOSE --x 1", "unknown flag: --x");
    CHECK_INSTR_ERR("VOLUME --x 1", "unknown flag: --x");
    CHECK_INSTR_ERR("WORKDIR --x 1", "unknown flag: --x");
    CHECK_INSTR_ERR("SHELL --x [\"1\"]", "unknown flag: --x");
    CHECK_INSTR_ERR("ONBUILD --x RUN a", "unknown flag: --x");
    /* three never look */
    CHECK_INSTR("STOPSIGNAL --x 9", "STOPSIGNAL [9]");
    CHECK_INSTR("ARG --x a", "ARG (a)");
    CHECK_INSTR("HEALTHCHECK --x=1 NONE", "HEALTHCHECK type=NONE");
    CHECK_INSTR_ERR("HEALTHCHECK --x=1 CMD a", "unknown flag: --x");
}

TEST(run_flag_values)
{
    CHECK_INSTR("RUN --network=host --security=sandbox a",
                "RUN --network=host --security=sandbox [a]");
    CHECK_INSTR_ERR("RUN --network=hots a", "invalid network mode \"hots\"");
    CHECK_INSTR_ERR("RUN --network= a", "invalid network mode \"\"");
    CHECK_INSTR_ERR("RUN --security=none a", "security \"none\" is not valid");
    CHECK_INSTR_ERR("RUN --mount=from=$x,target=/a b", "'from' doesn't support variable expansion");
    CHECK_INSTR_ERR("RUN --mount=a\\\"b c", "failed to parse csv mounts");
    CHECK_INSTR("RUN --mount=nonsense b", "RUN --mount=nonsense [b]"); /* judged when it runs */
}

TEST(exec_or_string)
{
    CHECK_INSTR("RUN [\"a\", \"b c\"]", "RUN exec [a] [b c]");
    CHECK_INSTR("RUN [ \"a\"\t,\"b\" ] ", "RUN exec [a] [b]");
    CHECK_INSTR("RUN [\"a\\n\\u00e9\\\"\"]", "RUN exec [a\n\xc3\xa9\"]");
    CHECK_INSTR("RUN [\"a\", \\\n  \"b\"]", "RUN exec [a] [b]");
    CHECK_INSTR("CMD []", "CMD exec");
    CHECK_INSTR("ENTRYPOINT []", "ENTRYPOINT exec");
    CHECK_INSTR("CMD", "CMD []");
    CHECK_INSTR("ENTRYPOINT", "ENTRYPOINT []");
    CHECK_INSTR("RUN", "RUN []");
    CHECK_INSTR_ERR("RUN []", "arguments are required");
    /* anything that is not JSON as a whole is text */
    CHECK_INSTR("RUN [\"a\"] x", "RUN [[\"a\"] x]");
    CHECK_INSTR("RUN ['a']", "RUN [['a']]");
    CHECK_INSTR("RUN [\"a\",]", "RUN [[\"a\",]]");
    CHECK_INSTR("RUN [ -f x ] && y", "RUN [[ -f x ] && y]");
    CHECK_INSTR("RUN [\"a\"", "RUN [[\"a\"]");
    CHECK_INSTR("RUN [[\"a\"]", "RUN [[[\"a\"]]");
    CHECK_INSTR("RUN [\"\\x\"]", "RUN [[\"\\x\"]]");
    CHECK_INSTR("RUN [01]", "RUN [[01]]");
    CHECK_INSTR("RUN x[\"a\"]", "RUN [x[\"a\"]]");
    CHECK_INSTR("RUN --mount=a=b [\"a\"]", "RUN --mount=a=b exec [a]");
    CHECK_INSTR_ERR("RUN [\"a\", 1]", "arrays must be comprised of strings only");
    CHECK_INSTR_ERR("CMD [null]", "arrays must be comprised of strings only");
    CHECK_INSTR_ERR("CMD [[\"a\"]]", "arrays must be comprised of strings only");
    CHECK_INSTR_ERR("CMD [{\"a\": [1.5e3, -2, true]}]", "arrays must be comprised of strings only");
    CHECK_INSTR_ERR("CMD [\"a\\u0000\"]", "an argument cannot hold a NUL");
    CHECK_INSTR("SHELL [\"/bin/ash\", \"-ec\"]", "SHELL exec [/bin/ash] [-ec]");
    CHECK_INSTR_ERR("SHELL", "SHELL requires at least one argument");
    CHECK_INSTR_ERR("SHELL []", "SHELL requires at least one argument");
    CHECK_INSTR_ERR("SHELL /bin/ash -c", "SHELL requires the arguments to be in JSON form");
}

TEST(exec_or_words)
{
    CHECK_INSTR("COPY a \t b\vc", "COPY [a] [b] [c]");
    CHECK_INSTR("COPY \"a b\" c", "COPY [\"a] [b\"] [c]");
    CHECK_INSTR("COPY [\"a b\", \"c\"]", "COPY exec [a b] [c]");
    CHECK_INSTR("COPY [a b", "COPY [[a] [b]");
    CHECK_INSTR("ADD [\"a\"] b", "ADD [[\"a\"]] [b]");
    CHECK_INSTR("COPY a\xc2\xa0"
                "b c",
                "COPY [a\xc2\xa0"
                "b] [c]");
    CHECK_INSTR("VOLUME /a /b", "VOLUME [/a] [/b]");
    CHECK_INSTR("VOLUME [\" /a \"]", "VOLUME exec [/a]");
    CHECK_INSTR_ERR("COPY [\"a\", 1]", "arrays must be comprised of strings only");
    CHECK_INSTR_ERR("VOLUME", "VOLUME requires at least one argument");
    CHECK_INSTR_ERR("VOLUME []", "VOLUME requires at least one argument");
    CHECK_INSTR_ERR("VOLUME [\"/a\", \" \"]", "VOLUME specified can not be an empty string");
    CHECK_INSTR_ERR("COPY", "COPY requires at least two arguments, but only one was provided. "
                            "Destination could not be determined");
    CHECK_INSTR_ERR("copy a", "COPY requires at least two arguments");
    CHECK_INSTR_ERR("ADD [\"a\"]", "ADD requires at least two arguments");
}

TEST(words)
{
    CHECK_INSTR("EXPOSE 90 80/tcp\t70", "EXPOSE [90] [80/tcp] [70]");
    CHECK_INSTR_ERR("EXPOSE", "EXPOSE requires at least one argument");
    CHECK_FILE("FROM a AS b", "FROM [a] [AS] [b]");
    CHECK_FILE("from a As B-c_d.9", "FROM [a] [As] [B-c_d.9]");
    CHECK_FILE_ERR("FROM", 1, "FROM requires either one or three arguments");
    CHECK_FILE_ERR("FROM a b", 1, "FROM requires either one or three arguments");
    CHECK_FILE_ERR("FROM a IS b", 1, "FROM requires either one or three arguments");
    CHECK_FILE_ERR("FROM a AS b c", 1, "FROM requires either one or three arguments");
    CHECK_FILE_ERR(
        "FROM a AS 1b", 1,
        "invalid name for build stage: \"1b\", name can't start with a number or contain symbols");
    CHECK_FILE_ERR("FROM a AS b/c", 1, "invalid name for build stage: \"b/c\"");
    CHECK_FILE_ERR("FROM a AS $b", 1, "invalid name for build stage: \"$b\"");
}

TEST(one_string)
{
    CHECK_INSTR("WORKDIR /a  b", "WORKDIR [/a  b]");
    CHECK_INSTR("USER \"a\" b", "USER [\"a\" b]");
    CHECK_INSTR("MAINTAINER a <b@c>", "MAINTAINER [a <b@c>]");
    CHECK_INSTR("STOPSIGNAL $s", "STOPSIGNAL [$s]");
    CHECK_INSTR("WORKDIR [\"a\"]", "WORKDIR [[\"a\"]]");
    CHECK_INSTR_ERR("WORKDIR", "WORKDIR requires exactly one argument");
    CHECK_INSTR_ERR("USER  ", "USER requires exactly one argument");
    CHECK_INSTR_ERR("MAINTAINER", "MAINTAINER requires exactly one argument");
    CHECK_INSTR_ERR("STOPSIGNAL --x", "STOPSIGNAL requires exactly one argument");
}

TEST(pairs)
{
    CHECK_INSTR("ENV a=b c=d", "ENV (a=b) (c=d)");
    CHECK_INSTR("ENV  a=b\t\tc= ", "ENV (a=b) (c=)");
    CHECK_INSTR("ENV a=\"b c\" d='e f'", "ENV (a=\"b c\") (d='e f')");
    CHECK_INSTR("ENV a=b\\ c d=\\\"e", "ENV (a=b\\ c) (d=\\\"e)");
    CHECK_INSTR("ENV a='b\\' c=d", "ENV (a='b\\') (c=d)");
    CHECK_INSTR("ENV a=\"b\\\" c\" d=e", "ENV (a=\"b\\\" c\") (d=e)");
    CHECK_INSTR("ENV a=b'\"'c\"'\"d e=f", "ENV (a=b'\"'c\"'\"d) (e=f)");
    CHECK_INSTR("ENV a=b\\\n  c=d", "ENV (a=b) (c=d)");
    CHECK_INSTR("ENV a=b\\\\", "ENV (a=b\\\\)");
    CHECK_INSTR("ENV a=b=c", "ENV (a=b=c)");
    CHECK_INSTR("ENV a=\"b c", "ENV (a=\"b c)"); /* left to the expander */
    CHECK_INSTR("ENV \"a b\"=c", "ENV (\"a b\"=c)");
    CHECK_INSTR("LABEL a.b=c \"d e\"=\"f\"", "LABEL (a.b=c) (\"d e\"=\"f\")");
    CHECK_INSTR("ENV a=b\xc2\xa0"
                "c=d",
                "ENV (a=b) (c=d)");
    CHECK_FILE("# escape=`\nFROM x\nENV a=b` c d=e\\", "FROM [x]; ENV (a=b` c) (d=e\\)");
    CHECK_INSTR_ERR("ENV", "ENV requires at least one argument");
    CHECK_INSTR_ERR("LABEL", "LABEL requires at least one argument");
    CHECK_INSTR_ERR("ENV =b", "ENV names can not be blank");
    CHECK_INSTR_ERR("LABEL a=b =c", "LABEL names can not be blank");
    CHECK_INSTR_ERR("ENV a=b c",
                    "Syntax error - can't find = in \"c\". Must be of the form: name=value");
    CHECK_INSTR_ERR("ENV a=b \"c d\"", "can't find = in \"\\\"c d\\\"\". Must be");
}

TEST(legacy_pairs)
{
    CHECK_INSTR("ENV a b", "ENV legacy (a=b)");
    CHECK_INSTR("ENV a  b  c d=e", "ENV legacy (a=b  c d=e)");
    CHECK_INSTR("ENV a\t\"b c\" ", "ENV legacy (a=\"b c\")");
    CHECK_INSTR("LABEL a b c", "LABEL legacy (a=b c)");
    CHECK_INSTR("ENV a =b", "ENV legacy (a==b)");
    CHECK_INSTR_ERR("ENV a", "ENV must have two arguments");
    CHECK_INSTR_ERR("LABEL a ", "LABEL must have two arguments");
}

TEST(arg_names)
{
    CHECK_INSTR("ARG a", "ARG (a)");
    CHECK_INSTR("ARG a b=c d=\"e f\"", "ARG (a) (b=c) (d=\"e f\")");
    CHECK_INSTR("ARG a=", "ARG (a=)");
    CHECK_INSTR("ARG a=b=c", "ARG (a=b=c)");
    CHECK_INSTR_ERR("ARG", "ARG requires at least one argument");
    CHECK_INSTR_ERR("ARG =b", "ARG names can not be blank");
}

TEST(health)
{
    CHECK_INSTR("HEALTHCHECK NONE", "HEALTHCHECK type=NONE");
    CHECK_INSTR("HEALTHCHECK none", "HEALTHCHECK type=NONE");
    CHECK_INSTR("HEALTHCHECK cmd a  b", "HEALTHCHECK type=CMD [a  b]");
    CHECK_INSTR("HEALTHCHECK CMD [\"a\", \"b\"]", "HEALTHCHECK exec type=CMD [a] [b]");
    CHECK_INSTR("HEALTHCHECK --interval=5s --retries=2 CMD a",
                "HEALTHCHECK --interval=5s --retries=2 type=CMD [a]");
    CHECK_INSTR_ERR("HEALTHCHECK", "HEALTHCHECK requires at least one argument");
    CHECK_INSTR_ERR("HEALTHCHECK NONE a", "HEALTHCHECK NONE takes no arguments");
    CHECK_INSTR_ERR("HEALTHCHECK CMD", "Missing command after HEALTHCHECK CMD");
    CHECK_INSTR_ERR("HEALTHCHECK CMD []", "Missing command after HEALTHCHECK CMD");
    CHECK_INSTR_ERR("HEALTHCHECK foo a", "Unknown type \"FOO\" in HEALTHCHECK (try CMD)");
    CHECK_INSTR_ERR("HEALTHCHECK [\"CMD\"]", "Unknown type");
    CHECK_INSTR_ERR("HEALTHCHECK --interval=1us CMD a",
                    "Interval \"interval\" cannot be less than 1ms");
}

TEST(onbuild)
{
    CHECK_INSTR("ONBUILD copy  a b ", "ONBUILD [copy  a b]");
    CHECK_INSTR("onbuild   RUN --mount=a x", "ONBUILD [RUN --mount=a x]");
    CHECK_INSTR("ONBUILD FOO a", "ONBUILD [FOO a]");   /* found when it fires */
    CHECK_INSTR("ONBUILD COPY a", "ONBUILD [COPY a]"); /* so is this */
    CHECK_INSTR("ONBUILD USER --x a", "ONBUILD [USER --x a]");
    CHECK_INSTR_ERR("ONBUILD", "ONBUILD requires at least one argument");
    CHECK_INSTR_ERR("ONBUILD onbuild RUN a",
                    "Chaining ONBUILD via `ONBUILD ONBUILD` isn't allowed");
    CHECK_INSTR_ERR("ONBUILD from a", "FROM isn't allowed as an ONBUILD trigger");
    CHECK_INSTR_ERR("ONBUILD MAINTAINER a", "MAINTAINER isn't allowed as an ONBUILD trigger");
    /* what the form forbids is found at once */
    CHECK_INSTR_ERR("ONBUILD ENV a=b c", "can't find = in");
    CHECK_INSTR_ERR("ONBUILD ENV a", "ENV must have two arguments");
    CHECK_INSTR_ERR("ONBUILD RUN [\"a\", 1]", "arrays must be comprised of strings only");
}

TEST(triggers)
{
    cleanup_dockerfile Dockerfile d = {0};
    Err err;

    CHECK_OK(dockerfile_parse_trigger(S("ONBUILD of a"), S("copy a b"), &d, &err));
    CHECK_OK(dockerfile_parse_trigger(S("ONBUILD of b"), S("RUN <<E\nx\nE"), &d, &err));
    CHECK(d.instrs.n == 2 && d.instrs.v[0].kind == INSTR_COPY && d.instrs.v[1].heredocs.n == 1);
    CHECK(d.instrs.v[0].source->escape == '\\' && d.escape == '\\');
    CHECK_STR(d.name, S("ONBUILD of a"));
    CHECK_STR(d.instrs.v[1].source->name, S("ONBUILD of b"));
    CHECK_ERR(dockerfile_parse_trigger(S("T"), S("COPY a"), &d, &err), ERR_SYNTAX,
              "T:1: COPY requires at least two arguments");
    CHECK_ERR(dockerfile_parse_trigger(S("T"), S(""), &d, &err), ERR_SYNTAX,
              "T: onbuild trigger should be a single expression");
    CHECK_ERR(dockerfile_parse_trigger(S("T"), S("USER a\nUSER b"), &d, &err), ERR_SYNTAX,
              "onbuild trigger should be a single expression");
    CHECK_ERR(dockerfile_parse_trigger(S("T"), S("FROM a"), &d, &err), ERR_SYNTAX,
              "FROM isn't allowed as an ONBUILD trigger");
    CHECK_ERR(dockerfile_parse_trigger(S("T"), S("ONBUILD RUN a"), &d, &err), ERR_SYNTAX,
              "ONBUILD isn't allowed as an ONBUILD trigger");
    CHECK(d.instrs.n == 2);
}

TEST(triggers_after_a_file)
{
    cleanup_dockerfile Dockerfile d = {0};
    Err err;

    CHECK_OK(dockerfile_parse(S("D"), S("# escape=`\nFROM x\n"), &d, &err));
    CHECK_OK(dockerfile_parse_trigger(S("T"), S("USER a"), &d, &err));
    CHECK(d.instrs.n == 2 && d.escape == '`');
    CHECK(d.instrs.v[0].source->escape == '`' && d.instrs.v[1].source->escape == '\\');
}

TEST(asking)
{
    cleanup_dockerfile Dockerfile d = {0};
    const Instr *i;
    Err err;

    CHECK_OK(dockerfile_parse(S("D"),
                              S("FROM x\nCOPY --link --parents=FALSE --exclude=1 --exclude=2 a b"),
                              &d, &err));
    i = &d.instrs.v[1];
    CHECK(instr_flag_is_on(i, "link") && !instr_flag_is_on(i, "parents"));
    CHECK(!instr_flag_is_on(i, "chown") && !instr_flag(i, "chown"));
    CHECK_STR(instr_flag(i, "exclude")->value, S("1"));
    CHECK(strcmp(instr_name(INSTR_HEALTHCHECK), "HEALTHCHECK") == 0);
}

TEST_MAIN(T(keywords), T(all_eighteen), T(flag_words), T(flag_checks), T(run_flag_values),
          T(exec_or_string), T(exec_or_words), T(words), T(one_string), T(pairs), T(legacy_pairs),
          T(arg_names), T(health), T(onbuild), T(triggers), T(triggers_after_a_file), T(asking))
