/* SPDX-License-Identifier: Apache-2.0 */
/*
 * CMD, ENTRYPOINT, SHELL, HEALTHCHECK: command lines for later.
 */
#include <stdio.h>

#include "build/steps.h"
#include "dockerfile/healthcheck.h"
#include "dockerfile/text.h"

static void copy_list(StageBuild *s, const StrVec *from, StrVec *to)
{
    to->n = 0;
    vec_foreach(a, from)
        vec_push(to, str_dup_in(&s->config.arena, *a));
}

static void command_line(StageBuild *s, const Instr *i, StrVec *ret)
{
    StrVec words = {0};

    stage_command_line(s, i, i->args.n ? i->args.v[0] : S(""), &words);
    copy_list(s, &words, ret);
    vec_done(&words);
}

/* As BuildKit's history shows it. */
static void history_of_list(StageBuild *s, const char *name, const StrVec *list)
{
    cleanup_buf Buf text = BUF_INIT(BUF_SMALL);

    buf_addf(&text, "%s [", name);
    for (size_t i = 0; i < list->n; i++) {
        if (i)
            buf_add_char(&text, ' ');
        text_add_quoted(&text, list->v[i]);
    }
    buf_add_char(&text, ']');
    stage_history(s, buf_str(&text), true);
}

static int run_cmd(StageBuild *s, const Step *step, StepReport *report, Err *err)
{
    (void)report;
    (void)err;
    command_line(s, step->i, &s->config.cmd);
    s->config.args_escaped = true;
    s->cmd_set = true;
    history_of_list(s, "CMD", &s->config.cmd);
    return 0;
}

static int run_entrypoint(StageBuild *s, const Step *step, StepReport *report, Err *err)
{
    (void)report;
    (void)err;
    command_line(s, step->i, &s->config.entrypoint);
    if (!s->cmd_set)
        s->config.cmd.n = 0; /* a CMD that was inherited belonged to the old entry point */
    history_of_list(s, "ENTRYPOINT", &s->config.entrypoint);
    return 0;
}

static int run_shell(StageBuild *s, const Step *step, StepReport *report, Err *err)
{
    cleanup_buf Buf text = BUF_INIT(BUF_SMALL);

    (void)report;
    (void)err;
    copy_list(s, &step->i->args, &s->config.shell);
    buf_add_z(&text, "SHELL [");
    for (size_t i = 0; i < step->i->args.n; i++)
        buf_addf(&text, i ? " " STR_FMT : STR_FMT, STR_ARG(step->i->args.v[i]));
    buf_add_char(&text, ']');
    stage_history(s, buf_str(&text), true);
    return 0;
}

/* Go's Duration.String: "0s", "500ms", "1m30s", "1h0m0s". */
static void add_duration(Buf *b, int64_t ns)
{
    int64_t s = ns / 1000000000, rest = ns % 1000000000;
    char fraction[16];
    int n;

    if (ns > 0 && ns < 1000000000) {
        int64_t unit = ns >= 1000000 ? 1000000 : ns >= 1000 ? 1000 : 1;
        const char *name = unit == 1000000 ? "ms" : unit == 1000 ? "\xc2\xb5s" : "ns";

        buf_addf(b, "%lld", (long long)(ns / unit));
        n = snprintf(fraction, sizeof(fraction), ".%0*lld", unit == 1000000 ? 6 : 3,
                     (long long)(ns % unit));
        while (n > 0 && fraction[n - 1] == '0')
            fraction[--n] = '\0';
        buf_addf(b, "%s%s", n > 1 ? fraction : "", name);
        return;
    }
    if (s >= 3600)
        buf_addf(b, "%lldh", (long long)(s / 3600));
    if (s >= 60)
        buf_addf(b, "%lldm", (long long)(s / 60 % 60));
    buf_addf(b, "%lld", (long long)(s % 60));
    n = snprintf(fraction, sizeof(fraction), ".%09lld", (long long)rest);
    while (n > 0 && fraction[n - 1] == '0')
        fraction[--n] = '\0';
    buf_addf(b, "%ss", n > 1 ? fraction : "");
}

static int run_healthcheck(StageBuild *s, const Step *step, StepReport *report, Err *err)
{
    cleanup_buf Buf text = BUF_INIT(BUF_SMALL);
    Healthcheck h = {0};

    (void)report;
    TRY(healthcheck_from(step->i, &s->config.arena, &h, err));
    vec_done(&s->config.healthcheck.test);
    s->config.healthcheck = h;
    buf_add_z(&text, "HEALTHCHECK {Test:[");
    for (size_t i = 0; i < h.test.n; i++)
        buf_addf(&text, i ? " " STR_FMT : STR_FMT, STR_ARG(h.test.v[i]));
    buf_add_z(&text, "] Interval:");
    add_duration(&text, h.interval_ns);
    buf_add_z(&text, " Timeout:");
    add_duration(&text, h.timeout_ns);
    buf_add_z(&text, " StartPeriod:");
    add_duration(&text, h.start_period_ns);
    buf_add_z(&text, " StartInterval:");
    add_duration(&text, h.start_interval_ns);
    buf_addf(&text, " Retries:%lld}", (long long)h.retries);
    stage_history(s, buf_str(&text), true);
    return 0;
}

const StepOps step_cmd = {.run = run_cmd};
const StepOps step_entrypoint = {.run = run_entrypoint};
const StepOps step_shell = {.run = run_shell};
const StepOps step_healthcheck = {.run = run_healthcheck};
