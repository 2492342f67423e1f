/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Digests as text. The text is the value: it is compared, used as a file name and sent to registries
 * far more often than it is made, so the 32 raw bytes are never kept.
 */
#include "oci/digest.h"

#include "codec/sha256.h"

#define PREFIX "sha256:"

_Static_assert(DIGEST_TEXT == sizeof(PREFIX) - 1 + SHA256_HEX, "DIGEST_TEXT is prefix and hex");

enum {
    QUOTE_MAX = 100 /* characters of a bad digest that a message repeats */
};

static bool is_hex(Str s)
{
    for (size_t i = 0; i < s.n; i++)
        if (!((s.p[i] >= '0' && s.p[i] <= '9') || (s.p[i] >= 'a' && s.p[i] <= 'f')))
            return false;
    return true;
}

/* Registered algorithms are lower-case words joined by "+", ".", "_" or "-". */
static bool is_algorithm(Str s)
{
    for (size_t i = 0; i < s.n; i++)
        if (!strchr("abcdefghijklmnopqrstuvwxyz0123456789+._-", s.p[i]) || !s.p[i])
            return false;
    return s.n > 0;
}

int digest_parse(Str s, Digest *ret, Err *err)
{
    Str algorithm, hex, shown = str_head(s, s.n < QUOTE_MAX ? s.n : QUOTE_MAX);

    if (!str_cut(s, ':', &algorithm, &hex) || !is_algorithm(algorithm) || hex.n == 0)
        return err_set(err, ERR_FORMAT,
                       "\"" STR_FMT "\" is no digest: want " PREFIX "<64 hexadecimal digits>",
                       STR_ARG(shown));
    if (!str_eq(algorithm, S("sha256")))
        return err_set(err, ERR_UNSUPPORTED,
                       "digest \"" STR_FMT "\": only sha256 digests are supported", STR_ARG(shown));
    if (hex.n != SHA256_HEX || !is_hex(hex))
        return err_set(err, ERR_FORMAT,
                       "digest \"" STR_FMT "\": want 64 lower-case hexadecimal digits",
                       STR_ARG(shown));
    memcpy(ret->text, s.p, DIGEST_TEXT);
    ret->text[DIGEST_TEXT] = '\0';
    return 0;
}

Digest digest_from_sha256(const unsigned char sum[32])
{
    Digest d = {.text = PREFIX};

    sha256_hex(sum, d.text + sizeof(PREFIX) - 1);
    return d;
}

Digest digest_of(Str bytes)
{
    unsigned char sum[SHA256_BYTES];

    sha256_of(bytes.p, bytes.n, sum);
    return digest_from_sha256(sum);
}

Str digest_hex(const Digest *d)
{
    return digest_is_set(d) ? (Str){d->text + sizeof(PREFIX) - 1, SHA256_HEX} : S("");
}

Str digest_short(const Digest *d)
{
    return digest_is_set(d) ? str_head(digest_hex(d), 12) : S("");
}
