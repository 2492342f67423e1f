/* SPDX-License-Identifier: Apache-2.0 */
/* The table, and the questions that are answered by looking at it. */
#include "dockerfile/instr.h"

#include "dockerfile/text.h"

static const InstrSpec specs[INSTR_COUNT] = {
    [INSTR_ADD] = {"ADD", FORM_PATHS, COUNT_SOURCES, .heredocs = true,
                   .flags = {{"chown", FLAG_STRING},
                             {"chmod", FLAG_STRING},
                             {"link", FLAG_BOOL},
                             {"keep-git-dir", FLAG_BOOL},
                             {"checksum", FLAG_STRING},
                             {"unpack", FLAG_BOOL},
                             {"exclude", FLAG_STRINGS}}},
    [INSTR_ARG] = {"ARG", FORM_NAMES, COUNT_SOME, .drops_flags = true},
    [INSTR_CMD] = {"CMD", FORM_COMMAND, COUNT_ANY},
    [INSTR_COPY] = {"COPY", FORM_PATHS, COUNT_SOURCES, .heredocs = true,
                    .flags = {{"chown", FLAG_STRING},
                              {"from", FLAG_STRING},
                              {"chmod", FLAG_STRING},
                              {"link", FLAG_BOOL},
                              {"parents", FLAG_BOOL},
                              {"exclude", FLAG_STRINGS}}},
    [INSTR_ENTRYPOINT] = {"ENTRYPOINT", FORM_COMMAND, COUNT_ANY},
    [INSTR_ENV] = {"ENV", FORM_PAIRS, COUNT_SOME},
    [INSTR_EXPOSE] = {"EXPOSE", FORM_WORDS, COUNT_SOME},
    [INSTR_FROM] = {"FROM", FORM_WORDS, COUNT_FROM, .flags = {{"platform", FLAG_STRING}}},
    [INSTR_HEALTHCHECK] = {"HEALTHCHECK", FORM_HEALTH, COUNT_ANY,
                           .flags = {{"interval", FLAG_STRING},
                                     {"timeout", FLAG_STRING},
                                     {"start-period", FLAG_STRING},
                                     {"start-interval", FLAG_STRING},
                                     {"retries", FLAG_STRING}}},
    [INSTR_LABEL] = {"LABEL", FORM_PAIRS, COUNT_SOME},
    [INSTR_MAINTAINER] = {"MAINTAINER", FORM_STRING, COUNT_ONE},
    [INSTR_ONBUILD] = {"ONBUILD", FORM_TRIGGER, COUNT_SOME, .heredocs = true},
    [INSTR_RUN] = {"RUN", FORM_COMMAND, COUNT_ANY, .heredocs = true,
                   .flags = {{"mount", FLAG_STRINGS},
                             {"network", FLAG_STRING},
                             {"security", FLAG_STRING},
                             {"device", FLAG_STRINGS}}},
    [INSTR_SHELL] = {"SHELL", FORM_COMMAND, COUNT_ANY},
    [INSTR_STOPSIGNAL] = {"STOPSIGNAL", FORM_STRING, COUNT_ONE, .drops_flags = true},
    [INSTR_USER] = {"USER", FORM_STRING, COUNT_ONE},
    [INSTR_VOLUME] = {"VOLUME", FORM_PATHS, COUNT_SOME},
    [INSTR_WORKDIR] = {"WORKDIR", FORM_STRING, COUNT_ONE},
};

const InstrSpec *instr_spec(InstrKind k)
{
    return &specs[k];
}

const InstrSpec *instr_find(Str keyword, InstrKind *ret)
{
    for (unsigned k = 0; k < INSTR_COUNT; k++) {
        if (str_eq_nocase(keyword, str_from(specs[k].name))) {
            *ret = (InstrKind)k;
            return &specs[k];
        }
    }
    return NULL;
}

const char *instr_name(InstrKind k)
{
    return specs[k].name;
}

Str instr_suggest(Arena *a, Str keyword)
{
    const char *names[INSTR_COUNT];

    for (size_t k = 0; k < INSTR_COUNT; k++)
        names[k] = specs[k].name;
    return text_suggest(a, keyword, names, INSTR_COUNT, true);
}

const Flag *instr_flag(const Instr *i, const char *name)
{
    vec_foreach(f, &i->flags)
        if (str_eq(f->name, str_from(name)))
            return f;
    return NULL;
}

bool instr_flag_is_on(const Instr *i, const char *name)
{
    const Flag *f = instr_flag(i, name);

    return f && !str_eq_nocase(f->value, S("false"));
}
