/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cloud/sigv4.h - AWS Signature Version 4, in headers. Pure: the clock is an argument.
 */
#pragma once

#include "net/http.h"

typedef struct SigV4 {
    Str key_id, secret, session; /* session: "" = none */
    Str region, service;
    int64_t at_s; /* since the epoch */
} SigV4;

typedef struct SigV4Request {
    const char *method;
    Str url;                   /* as it is sent, its path and query already escaped */
    const HttpHeader *headers; /* to be signed too; host and x-amz-date are anyway */
    size_t n_headers;
    Str body;
    bool is_s3; /* the path is taken as it is, and the body's hash is sent as well */
} SigV4Request;

/*
 * What is to be added to the request: X-Amz-Date, X-Amz-Security-Token, X-Amz-Content-Sha256,
 * Authorization. Texts in 'a'. ERR_FORMAT when url is none.
 */
int sigv4_sign(const SigV4 *with, const SigV4Request *req, Arena *a, HttpHeaderVec *ret, Err *err)
    must_check;
