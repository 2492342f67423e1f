/* SPDX-License-Identifier: Apache-2.0 */
/* dockerfile/expose.h - one expanded word of EXPOSE: [ip:][hostport:]port[-end][/proto]. */
#pragma once

#include "base/err.h"
#include "base/vec.h"

enum {
    EXPOSE_MAX_PORTS =
        65536 * 3, /* what one instruction may expose: each port under each protocol */
};

/*
 * Append "80/tcp" for every port of 'word'; ip and host port are checked and forgotten. Strings
 * live in 'a', slots on the heap. ERR_SYNTAX "invalid proto: X", "invalid containerPort: X", "no
 * port specified: X<empty>" and the like; ERR_LIMIT beyond EXPOSE_MAX_PORTS in ret.
 */
int expose_parse(Arena *a, Str word, StrVec *ret, Err *err) must_check;

/* The protocol as written ("" = none), and whether an address or a port of the host is named. */
void expose_look(Str word, Str *ret_proto, bool *ret_publishes);
