/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/request.h"

#include <errno.h>
#include <fcntl.h>

#include "base/limits.h"
#include "base/num.h"
#include "build/ignored.h"
#include "cli/bases_opts.h"
#include "cli/registry_opts.h"
#include "cli/request_cache.h"
#include "cli/request_epoch.h"
#include "cli/secrets.h"
#include "cli/ssh.h"
#include "cli/transfers.h"
#include "cli/values.h"
#include "dockerfile/parse.h"
#include "os/fd.h"
#include "os/file.h"
#include "os/signal.h"

/* --- small values --- */

int parse_verbosity(const char *text, LogLevel *ret, Err *err)
{
    static const struct {
        const char *name;
        LogLevel level;
    } levels[] = {{"panic", LOG_ERROR}, {"fatal", LOG_ERROR},  {"error", LOG_ERROR},
                  {"warn", LOG_WARN},   {"warning", LOG_WARN}, {"info", LOG_INFO},
                  {"debug", LOG_DEBUG}, {"trace", LOG_TRACE}};

    for (size_t i = 0; i < ARRAY_LEN(levels); i++) {
        if (strcmp(text, levels[i].name) == 0) {
            *ret = levels[i].level;
            return 0;
        }
    }
    return err_set(err, ERR_USAGE, "--verbosity %s: choose error, warn, info, debug or trace",
                   text);
}

const char *default_kiln_dir(Arena *a)
{
    const char *env = getenv("KILN_DIR"), *cache = getenv("XDG_CACHE_HOME");
    const char *home = getenv("HOME");
    char exe[64] = "";
    ssize_t n = readlink("/proc/self/exe", exe, sizeof(exe) - 1);

    if (!env)
        env = getenv("KANIKO_DIR");
    if (env && env[0])
        return env;
    if (n > 0 && str_starts((Str){exe, (size_t)n}, S("/kiln/")))
        return "/kiln";
    if (cache && *cache)
        return str_fmt_in(a, "%s/kiln", cache).p;
    return str_fmt_in(a, "%s/.cache/kiln", home && *home ? home : "/root").p;
}

/* --- outputs --- */

typedef struct OutputSpec {
    Str type, dest, name;
    bool tar, has_tar, push;
} OutputSpec;

static int parse_output_field(Str field, OutputSpec *o, Err *err)
{
    Str key = field, value = {0};
    bool has_value = str_cut(field, '=', &key, &value);

    if (!has_value)
        return err_set(err, ERR_USAGE, "-o: expected key=value, got \"" STR_FMT "\"",
                       STR_ARG(field));
    if (str_eq(key, S("type")))
        o->type = value;
    else if (str_eq(key, S("dest")))
        o->dest = value;
    else if (str_eq(key, S("name")))
        o->name = value;
    else if (str_eq(key, S("tar")) && num_parse_bool(value, &o->tar))
        o->has_tar = true;
    else if (!(str_eq(key, S("push")) && num_parse_bool(value, &o->push)))
        return err_set(err, ERR_USAGE,
                       "-o: \"" STR_FMT "\" is not supported (type, dest, name, tar, push)",
                       STR_ARG(field));
    return 0;
}

static int add_tag(Request *r, Str text, Err *err)
{
    Reference ref;

    TRY(reference_parse(&r->arena, text, &ref, err));
    vec_push(&r->build.tags, ref);
    return 0;
}

static int add_output(Request *r, Str spec, Err *err)
{
    OutputSpec o = {0};
    Output out = {0};

    for (Str rest = spec, field; str_next(&rest, ',', &field);)
        TRY(parse_output_field(field, &o, err));
    if (o.name.n)
        TRY(add_tag(r, o.name, err));
    if (str_eq(o.type, S("registry")) || (str_eq(o.type, S("image")) && o.push)) {
        r->build.push = true;
        return 0;
    }
    if (o.dest.n == 0)
        return err_set(err, ERR_USAGE, "-o " STR_FMT ": dest=PATH is missing", STR_ARG(spec));
    out.dest = o.dest;
    if (str_eq(o.type, S("docker-archive")) || str_eq(o.type, S("docker")))
        out.type = OUTPUT_DOCKER_ARCHIVE;
    else if (!str_eq(o.type, S("oci")))
        return err_set(err, ERR_UNSUPPORTED,
                       "-o type=" STR_FMT " is not supported (oci, docker-archive, registry)",
                       STR_ARG(o.type));
    else if (o.has_tar ? o.tar : str_ends(o.dest, S(".tar")) || str_eq(o.dest, S("-")))
        out.type = OUTPUT_OCI_ARCHIVE;
    vec_push(&r->build.outputs, out);
    return 0;
}

static int fill_outputs(Front front, const Settings *s, Request *r, Err *err)
{
    const char *env = getenv("KANIKO_NO_PUSH");
    bool no_push = s->no_push;

    vec_foreach(t, &s->tags)
        TRY(add_tag(r, *t, err));
    vec_foreach(o, &s->outputs)
        TRY(add_output(r, *o, err));
    if (s->tar_path) {
        Output o = {OUTPUT_DOCKER_ARCHIVE, str_from(s->tar_path)};

        vec_push(&r->build.outputs, o);
    }
    if (s->oci_layout_path) {
        Output o = {OUTPUT_OCI_LAYOUT, str_from(s->oci_layout_path), .fresh = true};

        vec_push(&r->build.outputs, o);
    }
    if (front == FRONT_EXECUTOR && env && !num_parse_bool(str_from(env), &no_push))
        return err_set(err, ERR_USAGE, "KANIKO_NO_PUSH=%s: expected true or false", env);
    if (front == FRONT_EXECUTOR || s->push)
        r->build.push = true;
    if (no_push)
        r->build.push = false;
    /* kaniko's directory is gone with the container: what for would layers be fetched? */
    r->build.forget = front == FRONT_EXECUTOR && !r->build.push && r->build.outputs.n == 0;
    if (r->build.push && r->build.tags.n == 0)
        return err_set(err, ERR_USAGE,
                       front == FRONT_EXECUTOR ? "you must provide --destination, or use --no-push"
                                               : "--push needs a name: -t REGISTRY/NAME:TAG");
    r->build.check_push = !s->skip_push_check && !s->dryrun;
    return 0;
}

/* kaniko's --target is a list, of which the first is what is pushed. */
static void fill_targets(const Settings *s, BuildRequest *b)
{
    b->target = str_from(s->target ? s->target : "");
    vec_foreach(list, &s->targets) {
        for (Str rest = *list, name; str_next(&rest, ',', &name);) {
            if (b->target.n == 0)
                b->target = name;
            else if (name.n)
                vec_push(&b->also, name);
        }
    }
}

static int fill_codec(const Settings *s, Request *r, Err *err)
{
    LayerCodec *c = &r->build.codec;
    Str kind = str_from(s->compression ? s->compression : "gzip");
    Str format = str_from(s->image_format ? s->image_format : "oci");
    unsigned level = 0;

    if (str_eq(kind, S("gzip")))
        c->kind = COMPRESSION_GZIP;
    else if (str_eq(kind, S("zstd")))
        c->kind = COMPRESSION_ZSTD;
    else if (str_eq(kind, S("none")))
        c->kind = COMPRESSION_NONE;
    else
        return err_set(err, ERR_USAGE, "--compression " STR_FMT ": choose gzip, zstd or none",
                       STR_ARG(kind));
    if (!str_eq(format, S("oci")) && !str_eq(format, S("docker")))
        return err_set(err, ERR_USAGE, "--image-format " STR_FMT ": choose oci or docker",
                       STR_ARG(format));
    c->docker = str_eq(format, S("docker"));
    if (c->docker && c->kind == COMPRESSION_ZSTD)
        return err_set(err, ERR_USAGE,
                       "--image-format docker has no zstd layers: use gzip or --image-format oci");
    if (s->compression_level && strcmp(s->compression_level, "-1") != 0)
        TRY(parse_count(s->compression_level, "--compression-level", &level, err));
    if (level > (c->kind == COMPRESSION_ZSTD ? 22u : 9u))
        return err_set(err, ERR_USAGE, "--compression-level %u is beyond what " STR_FMT " has",
                       level, STR_ARG(kind));
    c->gzip = level > 0 ? GZIP_PORTABLE : GZIP_FAST;
    c->level = level > 0 ? (int)level : 1;
    return 0;
}

/* "manifest:K=V" is buildx's way of saying where it goes, and ours is the only place. */
static int fill_annotations(const Settings *s, Request *r, Err *err)
{
    vec_foreach(text, &s->annotations) {
        StrVec one = {text, 1, 1};

        if (str_starts(*text, S("manifest:")))
            *text = str_skip(*text, strlen("manifest:"));
        else if (str_starts(*text, S("index:")) || str_starts(*text, S("manifest-descriptor:")) ||
                 str_starts(*text, S("index-descriptor:")) || str_starts(*text, S("manifest[")))
            return err_set(err, ERR_UNSUPPORTED,
                           "--annotation " STR_FMT
                           ": one platform is built, and its manifest annotated (see kiln index "
                           "create --annotation)",
                           STR_ARG(*text));
        TRY(parse_pairs(&r->arena, &one, "--annotation", LONE_WRONG, &r->build.annotations, err));
    }
    if (r->build.annotations.n && r->build.codec.docker)
        return err_set(err, ERR_USAGE, "--image-format docker has no annotations: use oci");
    return 0;
}

/* --- the Dockerfile and the context --- */

static int read_at_cwd(const char *path, Buf *ret, bool *ret_found, Err *err)
{
    *ret_found = true;
    if (file_read(AT_FDCWD, path, ret, err) == 0)
        return 0;
    if (err->kind != ERR_NOT_FOUND)
        return -1;
    *ret_found = false;
    return 0;
}

int dockerfile_fetch(HttpClient *http, const char *url, Buf *ret, Err *err)
{
    cleanup_http_answer HttpAnswer answer = {0};
    HttpRequest req = {.method = "GET", .url = url, .max_body = LIMIT_DOCKERFILE};

    TRY(http_do(http, &req, &answer, err));
    if (answer.status != 200)
        return err_set(err, answer.status == 404 ? ERR_NOT_FOUND : ERR_HTTP,
                       "GET of the Dockerfile " STR_FMT ": the server answers with status %d",
                       STR_ARG(url_for_people(&answer.arena, str_from(url))), answer.status);
    buf_add(ret, buf_str(&answer.body));
    return 0;
}

/* Where the Dockerfile was found. */
typedef enum Place {
    IN_CONTEXT,
    AT_CWD,
    ELSEWHERE, /* a URL, standard input: nothing stands beside it */
} Place;

/* A Dockerfile that is not in the context; IN_CONTEXT when it can only be there. */
static int read_outside(const Settings *s, const Request *r, Buf *text, Place *ret, Err *err)
{
    const char *path = s->dockerfile;
    bool found;

    *ret = ELSEWHERE;
    if (path && (strncmp(path, "http://", 7) == 0 || strncmp(path, "https://", 8) == 0))
        return dockerfile_fetch(r->http, path, text, err);
    if (path && strcmp(path, "-") == 0) {
        FdReader in = fd_reader(STDIN_FILENO);

        return reader_read_all(&in.r, text, "the Dockerfile on standard input", err);
    }
    *ret = IN_CONTEXT;
    if (!path)
        return 0;
    TRY(read_at_cwd(path, text, &found, err));
    *ret = found ? AT_CWD : IN_CONTEXT;
    return 0;
}

/* Without -f it is Dockerfile, or dockerfile. */
static int read_inside(const Settings *s, Request *r, Buf *text, Str *name, Err *err)
{
    if (context_read(r->context, name->p, text, err) == 0)
        return 0;
    if (err->kind == ERR_NOT_FOUND && !s->dockerfile &&
        context_read(r->context, "dockerfile", text, err) == 0) {
        *name = S("dockerfile");
        return 0;
    }
    if (err->kind == ERR_NOT_FOUND)
        return err_set(err, ERR_NOT_FOUND,
                       "there is no " STR_FMT " in the context %s%s (choose another with -f)",
                       STR_ARG(*name), context_name(r->context), s->dockerfile ? " or here" : "");
    return -1;
}

static int set_ignore(Request *r, Str dockerfile, Place place, Err *err)
{
    cleanup_buf Buf text = BUF_INIT(LIMIT_DOCKERIGNORE);
    Str name = str_fmt_in(&r->arena, STR_FMT ".dockerignore", STR_ARG(dockerfile));
    Ignore *ignore;
    bool found;

    if (place != AT_CWD)
        return context_set_ignore_file(r->context, place == IN_CONTEXT ? name.p : NULL, err);
    TRY(read_at_cwd(name.p, &text, &found, err));
    if (!found)
        return context_set_ignore_file(r->context, NULL, err);
    TRY(ignore_parse(name, buf_str(&text), &ignore, err));
    context_set_ignore(r->context, ignore);
    return 0;
}

static Str env_text(const char *name)
{
    const char *value = getenv(name);

    return str_from(value ? value : "");
}

static int set_git_option(Str key, Str value, ContextGit *git, Err *err)
{
    uint64_t depth;
    bool on = false;

    if (str_eq(key, S("branch"))) {
        git->branch = value.p;
        return 0;
    }
    if (str_eq(key, S("depth"))) {
        if (!num_parse_u64(value, INT32_MAX, &depth))
            return err_set(err, ERR_USAGE, "--git depth=" STR_FMT ": expected a number",
                           STR_ARG(value));
        git->depth = (unsigned)depth;
        return 0;
    }
    if (!num_parse_bool(value, &on))
        return err_set(err, ERR_USAGE, "--git " STR_FMT "=" STR_FMT ": expected true or false",
                       STR_ARG(key), STR_ARG(value));
    if (str_eq(key, S("recurse-submodules")))
        git->no_submodules = !on;
    else if (str_eq(key, S("insecure-skip-tls")))
        git->skip_tls_verify = on;
    else if (!str_eq(key, S("single-branch"))) /* never more than one commit is fetched */
        return err_set(err, ERR_USAGE,
                       "--git " STR_FMT ": the keys are branch, depth, single-branch, "
                       "recurse-submodules, insecure-skip-tls",
                       STR_ARG(key));
    return 0;
}

/* kaniko fetches submodules only when told to, and means https by git://. */
static int fill_git(Front front, const Settings *s, Request *r, Err *err)
{
    const KeyValue *keep =
        key_values_find(&r->build.build_args, S("BUILDKIT_CONTEXT_KEEP_GIT_DIR"));
    ContextGit *git = &r->git;

    git->credentials = (GitCredentials){.user = env_text("GIT_USERNAME"),
                                        .password = env_text("GIT_PASSWORD"),
                                        .token = env_text("GIT_TOKEN")};
    if (front == FRONT_EXECUTOR) {
        git->no_submodules = true;
        git->native_scheme =
            str_eq(env_text("GIT_PULL_METHOD"), S("http")) ? S("http") : S("https");
    }
    if (keep && !num_parse_bool(keep->value, &git->keep_git_dir))
        return err_set(err, ERR_USAGE,
                       "--build-arg BUILDKIT_CONTEXT_KEEP_GIT_DIR=" STR_FMT
                       ": expected true or false",
                       STR_ARG(keep->value));
    vec_foreach(pair, &s->git) {
        Str key, value;

        if (!str_cut(*pair, '=', &key, &value))
            return err_set(err, ERR_USAGE, "--git " STR_FMT ": expected KEY=VALUE", STR_ARG(*pair));
        TRY(set_git_option(key, value, git, err));
    }
    return 0;
}

static void warn(Str text)
{
    log_line(LOG_WARN, STR_FMT, STR_ARG(text));
}

/* kaniko's --bucket is Google's unless it has a scheme; --context wins. */
static const char *bucket_spec(const Settings *s, Arena *a)
{
    return strstr(s->bucket, "://") ? s->bucket : str_fmt_in(a, "gs://%s", s->bucket).p;
}

static const char *context_spec(Front front, const Settings *s, Arena *a)
{
    if (front != FRONT_EXECUTOR)
        return s->positional.n ? s->positional.v[0].p : ".";
    if (!s->context && s->bucket)
        return bucket_spec(s, a);
    return s->context ? s->context : "/workspace/";
}

static int open_inputs(Front front, const Settings *s, Request *r, Err *err)
{
    cleanup_buf Buf text = BUF_INIT(LIMIT_DOCKERFILE);
    const char *spec = context_spec(front, s, &r->arena);
    Str name = str_from(s->dockerfile ? s->dockerfile : "Dockerfile");
    ContextOpts o;
    Place place;

    if (str_eq(name, S("-")) && (strcmp(spec, "-") == 0 || strcmp(spec, "tar://stdin") == 0))
        return err_set(err, ERR_USAGE,
                       "the Dockerfile and the context cannot both come from standard input");
    r->http = http_client_new(NULL);
    TRY(fill_git(front, s, r, err));
    r->inputs = (ContextOpts){.kiln_dir = r->build.kiln_dir,
                              .http = r->http,
                              .warn = warn,
                              .progress = s->quiet ? NULL : transfers_told};
    TRY(read_outside(s, r, &text, &place, err));
    o = r->inputs;
    o.git = &r->git;
    o.sub_path = s->context_sub_path;
    o.first = place == IN_CONTEXT ? name.p : NULL;
    TRY(context_open(spec, &o, &r->context, err));
    if (place == IN_CONTEXT)
        TRY(read_inside(s, r, &text, &name, err));
    TRY(dockerfile_parse(name, buf_str(&text), &r->dockerfile, err));
    return set_ignore(r, name, place, err);
}

/* --- all of it --- */

/* Absolute: a RUN is not where we are. */
static int find_kiln_dir(const Settings *s, Request *r, Err *err)
{
    const char *dir = s->kiln_dir ? s->kiln_dir : default_kiln_dir(&r->arena);
    cleanup_free char *cwd = NULL;

    if (*dir == '\0')
        return err_set(err, ERR_USAGE, "--kiln-dir: the name is empty");
    if (*dir != '/') {
        cwd = getcwd(NULL, 0);
        if (!cwd)
            return err_sys(err, "find the current directory");
        dir = str_fmt_in(&r->arena, "%s/%s", cwd, dir).p;
    }
    r->build.kiln_dir = dir;
    return 0;
}

/* Standard output carries the digest or an archive: what commands print must not get into it. */
static bool stdout_is_taken(const Settings *s, const BuildRequest *b)
{
    bool archive = false;

    vec_foreach(o, &b->outputs)
        archive = archive || str_eq(o->dest, S("-"));
    return s->quiet || archive;
}

static int check_positional(Front front, const Settings *s, Err *err)
{
    size_t most = front == FRONT_EXECUTOR ? 0 : 1;

    if (s->positional.n <= most)
        return 0;
    return err_set(err, ERR_USAGE, "unexpected argument \"" STR_FMT "\"%s",
                   STR_ARG(s->positional.v[most]),
                   front == FRONT_EXECUTOR ? "" : ": there is one context");
}

static int fill_ignored(const Settings *s, Request *r, Err *err)
{
    vec_foreach(text, &s->ignored_paths) {
        Str pattern;

        TRY(ignored_parse(&r->arena, *text, &pattern, err));
        vec_push(&r->build.ignored_paths, pattern);
    }
    return 0;
}

static int fill(Front front, const Settings *s, Request *r, Err *err)
{
    BuildRequest *b = &r->build;

    TRY(check_positional(front, s, err));
    TRY(parse_pairs(&r->arena, &s->build_args, "--build-arg",
                    front == FRONT_EXECUTOR ? LONE_OR_EMPTY : LONE_FROM_ENV, &b->build_args, err));
    TRY(parse_pairs(&r->arena, &s->labels, "--label", LONE_WRONG, &b->labels, err));
    b->ignore_immutable = s->ignore_immutable;
    TRY(parse_pairs(&r->arena, &s->build_contexts, "--build-context", LONE_WRONG,
                    &b->build_contexts, err));
    TRY(secrets_read(&s->secrets, b, err));
    TRY(ssh_agents_open(&s->ssh, b, err));
    TRY(registry_opts_fill(s, &r->arena, &r->registry, err));
    TRY(fill_outputs(front, s, r, err));
    TRY(request_cache(front, s, r, err));
    TRY(fill_codec(s, r, err));
    TRY(fill_annotations(s, r, err));
    if (s->cache_dir || s->cache) { /* as kaniko: --cache alone looks into /cache */
        TRY(bases_opts_fill(s, &r->bases, err));
        b->bases = &r->bases;
    }
    fill_targets(s, b);
    if (s->platform) {
        TRY(platform_parse(&r->arena, str_from(s->platform), &b->platform, err));
        b->has_platform = true;
    }
    TRY(find_kiln_dir(s, r, err));
    b->isolation = s->isolation ? s->isolation : getenv("KILN_ISOLATION");
    if (!b->isolation)
        b->isolation = "auto";
    if (!sandbox_kind_known(b->isolation))
        return err_set(err, ERR_USAGE, "--isolation %s: choose auto, namespaces or inplace",
                       b->isolation);
    b->force = s->force;
    TRY(fill_ignored(s, r, err));
    b->out_fd = stdout_is_taken(s, b) ? STDERR_FILENO : STDOUT_FILENO;
    b->err_fd = STDERR_FILENO;
    r->files = (DigestFiles){.digest = s->digest_file,
                             .name_digest = s->name_digest_file,
                             .name_tag_digest = s->name_tag_digest_file,
                             .config_digest = s->iid_file,
                             .metadata = s->metadata_file,
                             .output_dir = getenv("BUILDER_OUTPUT")};
    TRY(open_inputs(front, s, r, err));
    return front == FRONT_LINT ? 0 : request_epoch(s, r, err);
}

int request_make(Front front, const Settings *s, Request *ret, Err *err)
{
    Request *r = ret;

    *r = (Request){0};
    if (fill(front, s, r, err) < 0) {
        signal_stop(); /* nobody waits for a context that is still on its way */
        request_done(r);
        return -1;
    }
    r->build.dockerfile = &r->dockerfile;
    r->build.context = r->context;
    r->build.registry = &r->registry;
    r->build.inputs = &r->inputs;
    return 0;
}

void request_done(Request *r)
{
    vec_done(&r->build.build_args);
    vec_done(&r->build.labels);
    vec_done(&r->build.annotations);
    vec_done(&r->build.build_contexts);
    secrets_forget(&r->build);
    ssh_agents_close(&r->build);
    vec_done(&r->build.tags);
    vec_done(&r->build.also);
    vec_done(&r->build.outputs);
    vec_done(&r->build.ignored_paths);
    registry_opts_done(&r->registry);
    vec_done(&r->build.cache_from);
    vec_done(&r->build.cache_to);
    context_free(r->context);
    http_client_free(r->http);
    dockerfile_done(&r->dockerfile);
    arena_done(&r->arena);
    *r = (Request){0};
}
