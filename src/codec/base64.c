/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Both directions move 6 bits at a time through an accumulator. Reading keeps no reverse table: the
 * inputs are logins, tokens and headers, a few kilobytes at most.
 */
#include "codec/base64.h"

static const char *alphabet(Base64Alphabet a)
{
    return a == BASE64_URL ? "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
                           : "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
}

/* The last 1 or 2 bytes, which do not fill a group of three. */
static void encode_tail(Base64Alphabet a, const unsigned char *p, size_t n, Buf *out)
{
    const char *digits = alphabet(a);
    uint32_t bits = (uint32_t)p[0] << 16 | (n > 1 ? (uint32_t)p[1] << 8 : 0);

    buf_add_char(out, digits[bits >> 18]);
    buf_add_char(out, digits[bits >> 12 & 63]);
    if (n > 1)
        buf_add_char(out, digits[bits >> 6 & 63]);
    if (a == BASE64_STANDARD)
        buf_add_z(out, n > 1 ? "=" : "==");
}

void base64_encode(Base64Alphabet a, Str in, Buf *out)
{
    const char *digits = alphabet(a);
    const unsigned char *p = (const unsigned char *)in.p;
    size_t n = in.n;

    for (; n >= 3; p += 3, n -= 3) {
        uint32_t bits = (uint32_t)p[0] << 16 | (uint32_t)p[1] << 8 | p[2];
        char group[4] = {digits[bits >> 18], digits[bits >> 12 & 63], digits[bits >> 6 & 63],
                         digits[bits & 63]};

        buf_append(out, group, sizeof(group));
    }
    if (n > 0)
        encode_tail(a, p, n, out);
}

/* 0..63, or -1. */
static int digit_value(Base64Alphabet a, char c)
{
    if (c >= 'A' && c <= 'Z')
        return c - 'A';
    if (c >= 'a' && c <= 'z')
        return c - 'a' + 26;
    if (c >= '0' && c <= '9')
        return c - '0' + 52;
    if (c == (a == BASE64_URL ? '-' : '+'))
        return 62;
    if (c == (a == BASE64_URL ? '_' : '/'))
        return 63;
    return -1;
}

/* What follows 'digits' characters of data: nothing, or exactly the padding that completes them. */
static bool padding_is_right(Str rest, size_t digits)
{
    size_t pads = 0;

    for (size_t i = 0; i < rest.n; i++) {
        if (rest.p[i] == '=')
            pads++;
        else if (rest.p[i] != '\r' && rest.p[i] != '\n')
            return false;
    }
    return pads == 0 || pads == (4 - digits % 4) % 4;
}

bool base64_decode(Base64Alphabet a, Str in, Buf *out)
{
    size_t before = out->n, digits = 0, i = 0;
    bool was_full = out->full;
    uint32_t bits = 0;

    for (; i < in.n && in.p[i] != '='; i++) {
        int v = digit_value(a, in.p[i]);

        if (v < 0 && (in.p[i] == '\r' || in.p[i] == '\n'))
            continue;
        if (v < 0)
            break;
        bits = bits << 6 | (uint32_t)v;
        digits++;
        if (digits % 4 != 1) /* each of the 2nd, 3rd and 4th completes a byte */
            buf_add_char(out, (char)(bits >> (6 - 2 * ((digits - 1) % 4)) & 255));
    }
    if (digits % 4 != 1 && padding_is_right(str_skip(in, i), digits))
        return true;
    buf_truncate(out, before);
    out->full = was_full;
    return false;
}
