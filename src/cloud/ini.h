/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cloud/ini.h - the AWS shared configuration: ~/.aws/config and ~/.aws/credentials.
 *
 *      # a comment                          [profile ci]   in config; "default" stands alone
 *      [default]                            [ci]           in credentials
 *      region = eu-west-1  # here too       s3 =
 *                                               addressing_style = path     (indented: left out)
 *
 * Errors  ERR_FORMAT with file and line; values are never quoted.
 */
#pragma once

#include "base/err.h"
#include "base/vec.h"

typedef struct IniSection {
    Str name;           /* without "profile " */
    KeyValueVec values; /* keys in lower case */
} IniSection;

typedef struct Ini {
    Arena arena;
    VEC(IniSection) sections;
} Ini;

/* Sections that come again are one. *ret (zeroed) is filled; ini_done() in any case. */
int ini_parse(Str text, const char *file, Ini *ret, Err *err) must_check;
void ini_done(Ini *ini);

/* NULL when absent. */
const IniSection *ini_section(const Ini *ini, Str name);
Str ini_value(const IniSection *s, const char *key); /* "" when absent, s may be NULL */
