/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/progress.h"

#include <stdio.h>

#include "base/log.h"
#include "base/num.h"
#include "cli/transfers.h"

enum {
    TEXT_MAX = 200 /* of an instruction in its line; the Dockerfile has the rest */
};

static void label_of(const StepReport *r, Buf *out)
{
    if (r->stage_name.n)
        buf_addf(out, "[" STR_FMT " %u/%u]", STR_ARG(r->stage_name), r->step, r->steps);
    else
        buf_addf(out, "[stage-%u %u/%u]", r->stage - 1, r->step, r->steps);
}

static void step_begin(void *ctx, const StepReport *r)
{
    cleanup_buf Buf label = BUF_INIT(BUF_SMALL);
    bool cut = r->text.n > TEXT_MAX;

    (void)ctx;
    label_of(r, &label);
    log_line(LOG_INFO, "%s %.*s%s", buf_z(&label), (int)(cut ? TEXT_MAX : r->text.n), r->text.p,
             cut ? " ..." : "");
}

static void step_end(void *ctx, const StepReport *r)
{
    cleanup_buf Buf label = BUF_INIT(BUF_SMALL);

    (void)ctx;
    if (!r->has_layer)
        return;
    label_of(r, &label);
    if (r->cached) {
        log_line(LOG_INFO, "%s cached: layer of %s", buf_z(&label),
                 num_format_bytes(r->layer_bytes).z);
        return;
    }
    buf_addf(&label, " done in %s: layer of %s", num_format_seconds(r->took_ns).z,
             num_format_bytes(r->layer_bytes).z);
    buf_addf(&label, r->files == 1 ? ", 1 file" : ", %llu files", (unsigned long long)r->files);
    if (r->deletions)
        buf_addf(&label, ", %llu deleted", (unsigned long long)r->deletions);
    log_line(LOG_INFO, "%s", buf_z(&label));
}

static void note(void *ctx, Str text)
{
    (void)ctx;
    log_line(LOG_INFO, STR_FMT, STR_ARG(text));
}

static void warn(void *ctx, Str text)
{
    (void)ctx;
    log_line(LOG_WARN, STR_FMT, STR_ARG(text));
}

static void finding(void *ctx, const LintFinding *f)
{
    cleanup_buf Buf text = BUF_INIT(BUF_SMALL);

    (void)ctx;
    lint_add_message(f, &text);
    place_add_excerpt(&text, &f->place);
    log_line(LOG_WARN, "%s", buf_z(&text));
}

/* The plan of a dry run is what was asked for: it goes to standard output. */
static void print_plan(void *ctx, Str line)
{
    (void)ctx;
    (void)printf(STR_FMT "\n", STR_ARG(line));
}

static void running(void *ctx, bool now)
{
    (void)ctx;
    transfers_pause(now);
}

BuildEvents progress_events(bool quiet, bool dryrun)
{
    BuildEvents e = {.warn = warn, .finding = finding, .running = running};

    if (dryrun)
        e.plan = print_plan;
    if (quiet || dryrun)
        return e;
    e.step_begin = step_begin;
    e.step_end = step_end;
    e.note = e.plan = note;
    return e;
}

static void where_to(const BuildRequest *req)
{
    cleanup_arena Arena a = ARENA_INIT;

    vec_foreach(o, &req->outputs)
        log_line(LOG_INFO, "  written  " STR_FMT, STR_ARG(o->dest));
    if (req->forget)
        log_line(LOG_INFO, "  not pushed, not kept (--no-push)");
    else if (!req->push && req->outputs.n == 0)
        log_line(LOG_INFO, "  kept in  %s/store (use -o or --push to take it elsewhere)",
                 req->kiln_dir);
    for (size_t i = 0; !req->forget && i < req->tags.n; i++)
        log_line(LOG_INFO, "  %s   " STR_FMT, req->push ? "pushed" : "tagged",
                 STR_ARG(reference_familiar(&a, &req->tags.v[i])));
}

void progress_summary(const BuildRequest *req, const BuildResult *r)
{
    size_t from_base = 0;

    vec_foreach(l, &r->layers)
        from_base += l->from_base;
    log_line(LOG_INFO, "image %s", r->manifest.digest.text);
    log_line(LOG_INFO, "  layers   %zu (%zu of the base), %s", r->layers.n, from_base,
             num_format_bytes(r->total_bytes).z);
    if (req->push)
        log_line(LOG_INFO, "  blobs    %llu uploaded, %llu mounted, %llu already there",
                 (unsigned long long)r->uploaded_blobs, (unsigned long long)r->mounted_blobs,
                 (unsigned long long)r->existing_blobs);
    where_to(req);
    log_line(LOG_INFO, "  time     %s", num_format_seconds(r->took_ns).z);
}
