/* SPDX-License-Identifier: Apache-2.0 */
#include "cloud/ini.h"
#include "test.h"

static Str value(const Ini *ini, const char *section, const char *key)
{
    return ini_value(ini_section(ini, str_from(section)), key);
}

TEST(reads_what_aws_writes)
{
    Ini ini = {0};
    Err err;

    CHECK_OK(ini_parse(S("# mine\n[default]\r\nRegion = eu-west-1 # Ireland\r\n"
                         "aws_secret_access_key=ab#c/d+e=\n\n"
                         "[profile  ci]\nrole_arn = arn:aws:iam::1:role/x\ns3 =\n"
                         "  addressing_style = path\n  region = elsewhere\n"
                         "source_profile=default ; comment\n[sso-session a]\nx=y\n"
                         "[default]\noutput = json\nregion = eu-west-2"),
                       "config", &ini, &err));
    CHECK_STR(value(&ini, "default", "region"), S("eu-west-2"));
    CHECK_STR(value(&ini, "default", "output"), S("json"));
    CHECK_STR(value(&ini, "default", "aws_secret_access_key"), S("ab#c/d+e="));
    CHECK_STR(value(&ini, "ci", "role_arn"), S("arn:aws:iam::1:role/x"));
    CHECK_STR(value(&ini, "ci", "source_profile"), S("default"));
    CHECK_STR(value(&ini, "ci", "region"), S(""));
    CHECK_STR(value(&ini, "sso-session a", "x"), S("y"));
    CHECK(ini_section(&ini, S("profile ci")) == NULL);
    CHECK_STR(value(&ini, "other", "x"), S(""));
    ini_done(&ini);
}

static void refuse(const char *text, const char *part)
{
    Ini ini = {0};
    Err err;

    CHECK_ERR(ini_parse(str_from(text), "config", &ini, &err), ERR_FORMAT, part);
    CHECK(!strstr(err.msg, "SECRET"));
    ini_done(&ini);
}

TEST(refuses_the_rest_without_quoting_it)
{
    refuse("a = SECRET\n", "config:1: a value before the first");
    refuse("[default]\n\nSECRET\n", "config:3: neither");
    refuse("[default\nSECRET=x", "config:1: \"[\" without");
}

TEST(nothing_is_nothing)
{
    Ini ini = {0};
    Err err;

    CHECK_OK(ini_parse(S(""), "config", &ini, &err));
    CHECK(ini.sections.n == 0);
    ini_done(&ini);
}

TEST_MAIN(T(reads_what_aws_writes), T(refuses_the_rest_without_quoting_it), T(nothing_is_nothing))
