/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cli/values.h - values of options that several commands read alike. ERR_USAGE names the option.
 */
#pragma once

#include "base/err.h"
#include "base/vec.h"

/* 0 to 1000; NULL leaves *ret as it is. */
int parse_count(const char *text, const char *option, unsigned *ret, Err *err) must_check;

/* As Go writes it: "336h", "90m". NULL: 'otherwise'. Not negative. */
int parse_duration(const char *text, const char *option, int64_t otherwise_ns, int64_t *ret_ns,
                   Err *err) must_check;

/* "10GB", "500M", "4GiB", "1000" */
int parse_size(const char *text, const char *option, uint64_t *ret, Err *err) must_check;

/* What K alone means, without a value. */
typedef enum LoneKey {
    LONE_WRONG,
    LONE_FROM_ENV, /* the environment's value; unset: as if it had not been said (docker) */
    LONE_OR_EMPTY, /* the same, but unset: empty (kaniko) */
} LoneKey;

/* "K=V", "K"; of a key said twice the last value counts. */
int parse_pairs(Arena *a, const StrVec *from, const char *option, LoneKey lone, KeyValueVec *to,
                Err *err) must_check;
