/* SPDX-License-Identifier: Apache-2.0 */
/*
 *     Dockerfile:3:17: StageNameCasing: the stage name "Build" is not all lower case (line 3)
 *       3 | FROM scratch AS Build
 *         |                 ^~~~~
 *       write the name in lower case
 *
 * The documents are described in docs/lint.md.
 */
#include "cli/lint_output.h"

#include <stdio.h>

#include "base/limits.h"
#include "base/log.h"
#include "codec/json.h"
#include "net/http.h"

enum {
    OUTPUT_MAX = 1 << 30,
    INDENT = 2,
};

int lint_format_parse(Str text, LintFormat *ret, Err *err)
{
    static const char *const names[] = {
        [LINT_TEXT] = "text", [LINT_JSON] = "json", [LINT_SARIF] = "sarif"};

    for (unsigned f = 0; f < ARRAY_LEN(names); f++) {
        if (str_eq(text, str_from(names[f]))) {
            *ret = (LintFormat)f;
            return 0;
        }
    }
    return err_set(err, ERR_USAGE, "--format " STR_FMT ": choose text, json or sarif",
                   STR_ARG(text));
}

/* --- text --- */

static void print_text(Str name, const LintReport *r)
{
    vec_foreach(f, &r->findings) {
        cleanup_buf Buf out = BUF_INIT(BUF_SMALL);

        place_add_visible(&out, name, SIZE_MAX);
        buf_addf(&out, ":%u:%u: ", f->place.number, place_column(&f->place));
        lint_add_message(f, &out);
        place_add_excerpt(&out, &f->place);
        buf_addf(&out, "\n  %s\n", lint_rule(f->rule)->remedy);
        (void)fwrite(buf_z(&out), 1, out.n, stdout);
    }
    log_line(LOG_INFO, r->findings.n == 1 ? STR_FMT ": %zu finding" : STR_FMT ": %zu findings",
             STR_ARG(name), r->findings.n);
}

/* --- JSON --- */

static Json *new_z(const char *z)
{
    return json_new_text(str_from(z));
}

static Json *new_position(unsigned line, unsigned character)
{
    Json *j = json_new_map();

    json_set(j, "line", json_new_int(line));
    json_set(j, "character", json_new_int(character));
    return j;
}

/* Lines count from 1, characters from 0. */
static Json *new_location(unsigned line, unsigned line_end)
{
    Json *location = json_new_map(), *ranges = json_new_list(), *range = json_new_map();

    json_set(range, "start", new_position(line, 0));
    json_set(range, "end", new_position(line_end, 0));
    json_append(ranges, range);
    json_set(location, "sourceIndex", json_new_int(0));
    json_set(location, "ranges", ranges);
    return location;
}

static Json *new_place(const SourcePlace *p)
{
    Json *j = json_new_map();

    json_set(j, "line", json_new_int(p->number));
    json_set(j, "column", json_new_int(place_column(p)));
    json_set(j, "endColumn", json_new_int(place_column(p) + place_columns(p)));
    return j;
}

static Json *new_warning(const LintFinding *f)
{
    const LintRuleInfo *rule = lint_rule(f->rule);
    Json *j = json_new_map();

    json_set(j, "ruleName", new_z(rule->name));
    json_set(j, "description", new_z(rule->text));
    json_set(j, "detail", json_new_text(f->text));
    json_set(j, "remedy", new_z(rule->remedy));
    json_set(j, "location", new_location(f->line, f->instr->line_end));
    json_set(j, "place", new_place(&f->place));
    return j;
}

/* What an error says, without the excerpt of the file. */
static Str first_line(const Err *err)
{
    return str_head(str_from(err->msg), strcspn(err->msg, "\n"));
}

static Json *new_json(Str name, const LintReport *r, const Err *failure)
{
    Json *j = json_new_map(), *warnings = json_new_list(), *sources = json_new_list(),
         *source = json_new_map(), *error;

    if (r)
        vec_foreach(f, &r->findings)
            json_append(warnings, new_warning(f));
    json_set(source, "filename", json_new_text(name));
    json_set(source, "language", new_z("Dockerfile"));
    json_append(sources, source);
    json_set(j, "warnings", warnings);
    json_set(j, "sources", sources);
    if (failure) {
        error = json_new_map();
        json_set(error, "message", json_new_text(first_line(failure)));
        if (failure->line)
            json_set(error, "location", new_location(failure->line, failure->line));
        json_set(j, "buildError", error);
    }
    return j;
}

/* --- SARIF --- */

static Json *new_message(Str text)
{
    Json *j = json_new_map();

    json_set(j, "text", json_new_text(text));
    return j;
}

static Json *new_rule(const LintRuleInfo *rule)
{
    Json *j = json_new_map(), *configuration = json_new_map();

    json_set(configuration, "enabled", json_new_bool(!rule->experimental));
    json_set(configuration, "level", new_z("warning"));
    json_set(j, "id", new_z(rule->name));
    json_set(j, "shortDescription", new_message(str_from(rule->text)));
    json_set(j, "help", new_message(str_from(rule->remedy)));
    json_set(j, "defaultConfiguration", configuration);
    return j;
}

static Json *new_tool(void)
{
    Json *tool = json_new_map(), *driver = json_new_map(), *rules = json_new_list();

    for (unsigned n = 0; n < LINT_RULE_COUNT; n++)
        json_append(rules, new_rule(lint_rule((LintRule)n)));
    json_set(driver, "name", new_z("kiln"));
    json_set(driver, "version", new_z(KILN_VERSION));
    json_set(driver, "rules", rules);
    json_set(tool, "driver", driver);
    return tool;
}

/* A path as a relative reference, or as a file: URI when it is absolute. */
static Json *new_artifact(Str path)
{
    cleanup_buf Buf uri = BUF_INIT(BUF_SMALL);
    Json *j = json_new_map();
    bool first = true;

    if (str_starts(path, S("/")))
        buf_add_z(&uri, "file://");
    for (Str rest = path, part; str_next(&rest, '/', &part); first = false) {
        if (!first)
            buf_add_char(&uri, '/');
        url_escape(part, &uri);
    }
    json_set(j, "uri", json_new_text(buf_str(&uri)));
    return j;
}

/* place NULL: the line is all that is known; 0 = the whole file. */
static Json *new_sarif_locations(Str name, unsigned line, const SourcePlace *p)
{
    Json *list = json_new_list(), *location = json_new_map(), *physical = json_new_map();

    json_set(physical, "artifactLocation", new_artifact(name));
    if (line) {
        Json *region = json_new_map();

        json_set(region, "startLine", json_new_int(line));
        if (p) {
            json_set(region, "startColumn", json_new_int(place_column(p)));
            json_set(region, "endLine", json_new_int(line));
            json_set(region, "endColumn", json_new_int(place_column(p) + place_columns(p)));
        }
        json_set(physical, "region", region);
    }
    json_set(location, "physicalLocation", physical);
    json_append(list, location);
    return list;
}

static Json *new_result(Str name, const LintFinding *f)
{
    cleanup_buf Buf text = BUF_INIT(BUF_SMALL);
    const LintRuleInfo *rule = lint_rule(f->rule);
    Json *j = json_new_map();

    buf_add(&text, f->text);
    buf_addf(&text, ": %s", rule->remedy);
    json_set(j, "ruleId", new_z(rule->name));
    json_set(j, "ruleIndex", json_new_int((int64_t)f->rule));
    json_set(j, "level", new_z("warning"));
    json_set(j, "message", new_message(buf_str(&text)));
    json_set(j, "locations", new_sarif_locations(name, f->place.number, &f->place));
    return j;
}

static Json *new_invocations(Str name, const Err *failure)
{
    Json *list = json_new_list(), *invocation = json_new_map();

    json_set(invocation, "executionSuccessful", json_new_bool(!failure));
    if (failure) {
        Json *notifications = json_new_list(), *n = json_new_map();

        json_set(n, "level", new_z("error"));
        json_set(n, "message", new_message(first_line(failure)));
        json_set(n, "locations", new_sarif_locations(name, failure->line, NULL));
        json_append(notifications, n);
        json_set(invocation, "toolExecutionNotifications", notifications);
    }
    json_append(list, invocation);
    return list;
}

static Json *new_sarif(Str name, const LintReport *r, const Err *failure)
{
    Json *j = json_new_map(), *runs = json_new_list(), *run = json_new_map(),
         *results = json_new_list();

    if (r)
        vec_foreach(f, &r->findings)
            json_append(results, new_result(name, f));
    json_set(run, "tool", new_tool());
    json_set(run, "invocations", new_invocations(name, failure));
    json_set(run, "columnKind", new_z("unicodeCodePoints"));
    json_set(run, "results", results);
    json_append(runs, run);
    json_set(j, "$schema", new_z("https://json.schemastore.org/sarif-2.1.0.json"));
    json_set(j, "version", new_z("2.1.0"));
    json_set(j, "runs", runs);
    return j;
}

/* --- all of them --- */

static void print_document(LintFormat format, Str name, const LintReport *r, const Err *failure)
{
    cleanup_buf Buf out = BUF_INIT(OUTPUT_MAX);
    cleanup_with(json_free_at) Json *j =
        format == LINT_JSON ? new_json(name, r, failure) : new_sarif(name, r, failure);

    json_format(j, INDENT, &out);
    buf_add_char(&out, '\n');
    (void)fwrite(buf_z(&out), 1, out.n, stdout);
}

void lint_print(LintFormat format, Str name, const LintReport *r)
{
    if (format == LINT_TEXT)
        print_text(name, r);
    else
        print_document(format, name, r, NULL);
}

void lint_print_failure(LintFormat format, Str name, const Err *err)
{
    if (format != LINT_TEXT)
        print_document(format, name, NULL, err);
}
