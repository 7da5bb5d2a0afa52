#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ctl/detector_tool.h"
#include "ctl/remote.h"
#include "ctl/replay_print.h"
#include "ctl/replay_send.h"
#include "ctl/screen.h"
#include "ctl/span.h"
#include "ctl/stop_signal.h"
#include "ctl/subcommand.h"
#include "proto/base/clock.h"
#include "proto/run/daemon.h"

/* As diff has it: there is no difference, there is one, it could not be found out. */
enum { REPLAY_FAILED = 2 };

#define MINUTE_US (INT64_C(60) * 1000000)

/* Which incidents are compared. */
struct span {
    int64_t since_us, until_us;
};

/* What is told of the last minute changes while it is asked for. */
static int
read_span(struct call *call, struct span *ret_span, struct err *err)
{
    int64_t now_us = clock_real_us();
    const char *since = call->since == NULL && call->file == NULL ? "24h" : call->since;

    *ret_span = (struct span){ .since_us = INT64_MIN, .until_us = INT64_MAX };
    if (call->file == NULL)
        ret_span->until_us = now_us - MINUTE_US;
    if (since != NULL && span_parse(text_of(since), now_us, &ret_span->since_us, err) != 0) {
        err_add(err, "--since");
        return -1;
    }
    if (call->until != NULL &&
        span_parse(text_of(call->until), now_us, &ret_span->until_us, err) != 0) {
        err_add(err, "--until");
        return -1;
    }
    if (ret_span->since_us < ret_span->until_us)
        return 0;
    err_set(err, "--since: must be before --until");
    return -1;
}

static int
add_time(struct detector_tool *tool, struct call *call, int64_t us)
{
    const char *text = us == INT64_MIN || us == INT64_MAX
                           ? "" : arena_printf(&call->space, "%" PRId64, us).ptr;

    detector_tool_add(tool, text);
    return text == NULL ? -1 : 0;
}

static int
make_tool(struct detector_tool *tool, struct call *call, const struct span *span,
          struct err *err)
{
    err_set(err, "out of memory");
    if (detector_tool_init(tool, call) != 0 || detector_tool_choose(tool, call) != 0)
        return -1;
    detector_tool_add(tool, "replay");
    detector_tool_add(tool, call->settings.rules_dir);
    detector_tool_add(tool, call->rules == NULL ? "" : call->rules);
    if (add_time(tool, call, span->since_us) != 0 || add_time(tool, call, span->until_us) != 0)
        return -1;
    detector_tool_add(tool, call->raw ? "raw" : "json");
    detector_tool_add(tool, call->file == NULL ? "" : call->file);
    return 0;
}

/* Its first line says how far back events are needed; or already why it cannot. */
static json_t *
read_lookback(struct detector_tool_process *process, struct replay_span *span)
{
    json_t *first = process->output == NULL
                        ? NULL : json_loadf(process->output, JSON_DISABLE_EOF_CHECK, NULL);
    json_t *lookback = json_object_get(first, "lookback_us");

    if (!json_is_integer(lookback))
        return first == NULL ? json_object() : first;
    span->lookback_us = json_integer_value(lookback);
    json_decref(first);
    return NULL;
}

/* Over the stored events: its exit code and answer, or -1 with the reason. */
static int
replay_stored(struct call *call, const struct detector_tool *tool, int64_t since_us,
              json_t **ret_answer, struct err *err)
{
    struct replay_span span = { .since_us = since_us, .is_of_events = call->rules != NULL };
    struct detector_tool_process process;
    json_t *early, *answer = NULL;
    FILE *input = NULL;
    int code, sent = EXIT_DONE;

    if (detector_tool_start(tool, &input, &process, err) != 0)
        return -1;
    early = read_lookback(&process, &span);
    if (input != NULL) {
        sent = early != NULL ? EXIT_DONE : replay_send(call, &span, input, err);
        (void)fclose(input);
    }
    code = detector_tool_finish(&process, &answer);
    if (sent != EXIT_DONE || early == NULL)
        *ret_answer = answer;
    else
        json_decref(answer);
    if (early != NULL)
        *ret_answer = early;
    if (sent == EXIT_STOPPED || stop_is_asked)
        return EXIT_STOPPED;
    return sent != EXIT_DONE ? -1 : code;
}

static void
show(const struct call *call, const json_t *answer)
{
    if (call->json)
        screen_print_json(answer);
    else
        replay_print(answer);
}

int
rules_replay_run(struct call *call)
{
    struct span span;
    struct detector_tool tool;
    struct err err = { "" };
    json_t *answer = NULL;
    int code;

    if (read_span(call, &span, &err) != 0)
        return call_complain(call, EXIT_USAGE, &err);
    if (call->settings.rules_dir == NULL) {
        err_set(&err, "there is no folder of rules (detector.rules)");
        return call_complain(call, REPLAY_FAILED, &err);
    }
    if (make_tool(&tool, call, &span, &err) != 0)
        return call_complain(call, REPLAY_FAILED, &err);
    code = call->file == NULL ? replay_stored(call, &tool, span.since_us, &answer, &err)
                              : detector_tool_run(&tool, &answer, &err);
    if (code == EXIT_STOPPED) {
        err_set(&err, "stopped: nothing is known yet");
        json_decref(answer);
        return call_complain(call, EXIT_STOPPED, &err);
    }
    if (code >= 0 && json_object_get(answer, "counts") == NULL) {
        err_set(&err, "%s", answer_text(answer, "error")[0] == '\0'
                                ? "the detector, which judges rules, gave no answer"
                                : answer_text(answer, "error"));
        code = -1;
    }
    if (code < 0)
        code = call_complain(call, REPLAY_FAILED, &err);
    else
        show(call, answer);
    json_decref(answer);
    return code;
}
