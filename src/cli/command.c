/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/command.h"

#include <fcntl.h>
#include <stdio.h>

#include "base/log.h"
#include "cli/request.h"
#include "cli/transfers.h"
#include "os/signal.h"
#include "os/temp.h"
#include "sandbox/hide.h"
#include "sandbox/userns.h"

static const char *advice(const Err *err)
{
    if (err->os_errno == ENOSPC || err->os_errno == EDQUOT)
        return " (free some space, or choose a roomier place with --kiln-dir)";
    return "";
}

/* One line, whatever happened; a failed command hands its own status on. */
int command_failed(const Err *err)
{
    int sig = signal_caught();
    int first = (int)strcspn(err->msg, "\n"); /* what may follow is the Dockerfile's line */

    log_line(LOG_ERROR, "%.*s%s%s", first, err->msg, advice(err), err->msg + first);
    log_debug("raised at %s", err->where ? err->where : "?");
    if (err->kind == ERR_CANCELLED && sig)
        return 128 + sig;
    if (err->kind == ERR_RUN && err->exit_code > 0 && err->exit_code < 256)
        return err->exit_code;
    return 1;
}

static int set_log_format(const Settings *s, Err *err)
{
    const char *format = s->log_format ? s->log_format : "text";
    bool json = strcmp(format, "json") == 0;

    if (!json && strcmp(format, "text") != 0 && strcmp(format, "color") != 0)
        return err_set(err, ERR_USAGE, "--log-format %s: choose text, color or json", format);
    log_set_format(json ? LOG_JSON : LOG_TEXT, s->log_timestamp);
    return 0;
}

/*
 * KILN_LOG_FILE: all that can be said, at every level, behind what is in that file. A file of another
 * user's in /tmp may not be opened with O_CREAT.
 */
static int open_log_file(Err *err)
{
    const char *path = getenv("KILN_LOG_FILE");
    int fd;

    if (!path || !*path)
        return 0;
    fd = open(path, O_WRONLY | O_APPEND | O_CLOEXEC | O_NOCTTY);
    if (fd < 0 && errno == ENOENT)
        fd = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0)
        return err_sys(err, "KILN_LOG_FILE: open %s", path);
    log_copy_to(fd);
    return 0;
}

int command_run(const CommandLine *c, const Settings *s, Err *err)
{
    Err why;
    int rc;

    if (c->launches)
        return c->run(s, err);
    if (c->as_root && userns_enter(&why) < 0)
        log_debug("no user namespace: %s", why.msg);
    hide_memory();
    TRY(signals_install(err));
    rc = c->run(s, err);
    temp_remove_all();
    return rc;
}

int command_main(const CommandLine *c, int argc, char **argv)
{
    cleanup_with(settings_done) Settings s = SETTINGS_INIT;
    LogLevel level = LOG_INFO;
    Err err;
    int rc;

    if (options_parse(c->front, argc, argv, &s, &err) < 0)
        return command_failed(&err);
    if (s.help) {
        (void)fputs(c->usage, stdout);
        options_print_help(c->front);
        return 0;
    }
    if ((s.verbosity && *s.verbosity && parse_verbosity(s.verbosity, &level, &err) < 0) ||
        set_log_format(&s, &err) < 0 || open_log_file(&err) < 0)
        return command_failed(&err);
    log_set_level(level);
    vec_foreach(line, &s.without_effect)
        log_line(LOG_INFO, STR_FMT, STR_ARG(*line));
    transfers_begin(s.quiet || (s.log_format && strcmp(s.log_format, "json") == 0));
    rc = command_run(c, &s, &err);
    transfers_end();
    return rc < 0 ? command_failed(&err) : rc;
}
