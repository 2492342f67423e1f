/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cloud/shared_key.h - Azure Storage's "Shared Key" signatures, for GET. Pure: the date is among
 * the headers.
 */
#pragma once

#include "net/http.h"

typedef struct SharedKey {
    Str account;
    Str url;                   /* as it is sent */
    const HttpHeader *headers; /* Range and If-Match where they are sent, and every x-ms-... */
    size_t n_headers;
} SharedKey;

/* What is signed. */
Str shared_key_text(const SharedKey *k, Arena *a);
/* The value of Authorization; ERR_FORMAT when the key is not base64. */
int shared_key_sign(const SharedKey *k, Str key_base64, Arena *a, Str *ret, Err *err) must_check;
