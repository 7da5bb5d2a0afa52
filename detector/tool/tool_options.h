/*
 * tool_options.h - what the tools take over from the configuration
 *
 * `bongsu rules` reads the configuration, as it does for every command, and hands on
 * what decides how rules are read and judged: so a rule means here what it means in
 * the detector that runs with the same configuration.
 */
#ifndef DETECTOR_TOOL_TOOL_OPTIONS_H
#define DETECTOR_TOOL_TOOL_OPTIONS_H

#include <stdint.h>

#include "detector/engine/engine.h"
#include "detector/match/allow_list.h"
#include "detector/ruleset/rule_choice.h"
#include "detector/sigma/placeholders.h"
#include "proto/base/err.h"

struct tool_options {
    const char *placeholders_path, *allow_path, *choice_lines;      /* "": none */
    int64_t lateness_ms, max_keys, max_entries, max_total_entries, max_rule_share;
    struct placeholders *placeholders;              /* of the file; NULL: none */
    struct rule_choice *choice;
};

/* Take "--name=value" from the front of argv: how many were taken, or -1 with the
 * reason. Then read the files: 0, or -1 likewise. Release in any case. */
int tool_options_init(struct tool_options *options, int argc, char **argv, struct err *err);
int tool_options_load(struct tool_options *options, struct err *err);
void tool_options_release(struct tool_options *options);

/* The allow list of the configuration, which the caller destroys; NULL when there is none.
 * 0, or -1 with the reason. */
int tool_options_allow(const struct tool_options *options, struct allow_list **ret_list,
                       struct err *err);

/* What an engine needs that judges all keys. */
struct engine_options tool_options_engine(const struct tool_options *options);

#endif
