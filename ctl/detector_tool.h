/*
 * detector_tool.h - asking bongsu-detector, which stands beside us, about rules
 *
 * It is the one program that judges live, and so the one that may say what a rule does.
 */
#ifndef CTL_DETECTOR_TOOL_H
#define CTL_DETECTOR_TOOL_H

#include <jansson.h>
#include <stdio.h>
#include <sys/types.h>

#include "ctl/flags.h"
#include "proto/base/err.h"

enum { DETECTOR_TOOL_ARGS = 24 };

/* A call of it; begun with what the configuration says of rules. */
struct detector_tool {
    const char *args[DETECTOR_TOOL_ARGS];   /* NULL at the end */
    int arg_count;
};

/* 0, or -1 when out of memory. The texts live as long as the call. */
int detector_tool_init(struct detector_tool *tool, struct call *call);
/* The rules are those of the configuration: of these those that are on. Before
 * what is asked. 0, or -1 when out of memory. */
int detector_tool_choose(struct detector_tool *tool, struct call *call);
void detector_tool_add(struct detector_tool *tool, const char *arg);

/* Run it. Its exit code, and what it prints as JSON (a new reference; NULL: that was
 * none), or -1 with the reason. */
int detector_tool_run(const struct detector_tool *tool, json_t **ret_answer, struct err *err);

/* The same in two halves, with what is written to it between them: *ret_input is for
 * the caller to write and to close. 0, or -1 with the reason. */
struct detector_tool_process {
    pid_t pid;
    FILE *output;
    void (*on_pipe)(int);       /* what SIGPIPE did before */
};
int detector_tool_start(const struct detector_tool *tool, FILE **ret_input,
                        struct detector_tool_process *ret_process, struct err *err);
int detector_tool_finish(struct detector_tool_process *process, json_t **ret_answer);

/* Let it take our place: returns only with the reason why it cannot. */
void detector_tool_become(const struct detector_tool *tool, struct err *err);

#endif
