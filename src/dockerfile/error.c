/* SPDX-License-Identifier: Apache-2.0 */
/*
 *     Dockerfile:12: unknown instruction: RNU (did you mean RUN?)
 *       12 | RNU apt-get update
 *          | ^~~
 *
 * A message that does not fit is shown without its line.
 */
#include "dockerfile/error.h"

#include "base/buf.h"
#include "dockerfile/parse.h"
#include "dockerfile/place.h"

static void set_message(Err *err, Buf *head, const SourcePlace *p)
{
    cleanup_buf Buf whole = BUF_INIT(sizeof(err->msg) - 1);

    buf_add(&whole, buf_str(head));
    if (p)
        place_add_excerpt(&whole, p);
    if (whole.full) /* the cause comes first; a line that does not fit is not shown */
        whole.n = head->n < whole.max ? head->n : whole.max;
    memcpy(err->msg, whole.n <= head->n ? buf_z(head) : buf_z(&whole), whole.n);
    err->msg[whole.n] = '\0';
}

int error_show(const InstrSource *src, const LinePiece *pieces, size_t n, Str at, unsigned line,
               Err *err)
{
    cleanup_buf Buf head = BUF_INIT((size_t)ERR_MSG_MAX * 4);
    SourcePlace place = {.number = line};
    bool found = place_find(src, pieces, n, at, &place);

    place_add_visible(&head, src->name, 200);
    if (place.number)
        buf_addf(&head, ":%u", place.number);
    buf_add_z(&head, ": ");
    place_add_visible(&head, str_from(err->msg), SIZE_MAX);
    err->line = place.number ? place.number : 1;
    set_message(err, &head, found ? &place : NULL);
    return -1;
}

int dockerfile_error_at(const Dockerfile *d, const Instr *i, Str word, Err *cause)
{
    const InstrSource own = {d->name, d->text, d->escape}, *src = i->source ? i->source : &own;
    SourcePlace place;

    if (!place_find(src, i->pieces.v, i->pieces.n, word, &place))
        word = i->keyword;
    (void)err_wrap(cause, "%s", instr_name(i->kind));
    return error_show(src, i->pieces.v, i->pieces.n, word, i->line, cause);
}
