/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cli/request.h - from Settings to a BuildRequest: defaults, environment, the Dockerfile and the
 * context.
 */
#pragma once

#include "base/log.h"
#include "build/build.h"
#include "cli/digest_files.h"
#include "cli/options.h"

/* A request and all that it points to. */
typedef struct Request {
    BuildRequest build;
    RegistryOpts registry;
    BasesOpts bases;
    Dockerfile dockerfile;
    HttpClient *http;
    ContextGit git;
    ContextOpts inputs; /* of further contexts */
    Context *context;
    Arena arena;
    DigestFiles files;
} Request;

int request_make(Front front, const Settings *s, Request *ret, Err *err) must_check;
void request_done(Request *r);
#define cleanup_request cleanup_with(request_done)

/* A Dockerfile by its URL; appended. */
int dockerfile_fetch(HttpClient *http, const char *url, Buf *ret, Err *err) must_check;

/* "error" ... "trace" (kaniko's "panic" and "fatal" too). */
int parse_verbosity(const char *text, LogLevel *ret, Err *err) must_check;

/*
 * Where kiln works when nobody says: /kiln in the release image, else $XDG_CACHE_HOME/kiln or
 * ~/.cache/kiln.
 */
const char *default_kiln_dir(Arena *a);
