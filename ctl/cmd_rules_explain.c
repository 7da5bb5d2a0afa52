#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "ctl/detector_tool.h"
#include "ctl/explain_print.h"
#include "ctl/remote.h"
#include "ctl/screen.h"
#include "ctl/subcommand.h"
#include "proto/event.h"
#include "proto/run/daemon.h"

/* What EVENT is: a file, the id of a stored event, or the event itself. */
enum { OF_FILE, OF_STORE, OF_WORDS, OF_NOTHING };

static int
kind_of(const char *text)
{
    struct event_id id;

    if (strcmp(text, "-") == 0 || access(text, F_OK) == 0)
        return OF_FILE;
    if (event_id_parse(text_of(text), &id) == 0)
        return OF_STORE;
    return text[0] == '{' || strchr(text, ' ') != NULL ? OF_WORDS : OF_NOTHING;
}

/* The stored event, as a JSON text (the caller frees). EXIT_DONE, or the exit code with
 * the reason. */
static int
fetch(struct call *call, char **ret_text, struct err *err)
{
    struct remote remote = { 0 };
    struct buf path = { 0 };
    json_t *answer = NULL, *events;
    int code = remote_open(&remote, call, KEY_TO_READ, err);

    if (code == EXIT_DONE &&
        (buf_append_str(&path, "/events") != 0 || query_add_str(&path, "id", call->args[0]) != 0))
        code = EXIT_SOFTWARE;
    if (code == EXIT_DONE)
        code = remote_ask_json(&remote, path.ptr, NULL, &answer, NULL, err);
    events = json_object_get(answer, "events");
    if (code == EXIT_DONE && json_array_size(events) == 0) {
        err_set(err, "%s: no such event is stored", call->args[0]);
        code = EXIT_NO_INPUT;
    }
    if (code == EXIT_DONE)
        *ret_text = json_dumps(json_array_get(events, 0), JSON_COMPACT);
    json_decref(answer);
    buf_release(&path);
    remote_close(&remote);
    return code;
}

/* Ask the detector; text is what it reads (NULL: it reads the file itself). Its exit
 * code, or -1 with the reason. */
static int
ask(struct call *call, const char *rules, const char *text, json_t **ret_answer, struct err *err)
{
    struct detector_tool tool;
    struct detector_tool_process process;
    char nearest[24];
    FILE *input = NULL;

    err_set(err, "out of memory");
    if (detector_tool_init(&tool, call) != 0 ||
        (call->rules == NULL && detector_tool_choose(&tool, call) != 0))
        return -1;
    snprintf(nearest, sizeof(nearest), "%lld", (long long)call->nearest);
    detector_tool_add(&tool, "explain");
    detector_tool_add(&tool, rules);
    detector_tool_add(&tool, call->rule == NULL ? "" : call->rule);
    detector_tool_add(&tool, nearest);
    detector_tool_add(&tool, call->raw ? "raw" : "json");
    detector_tool_add(&tool, text == NULL ? call->args[0] : "-");
    if (detector_tool_start(&tool, text == NULL ? NULL : &input, &process, err) != 0)
        return -1;
    if (input != NULL) {
        /* what it does not read it says itself */
        (void)fputs(text, input);
        (void)fclose(input);
    }
    return detector_tool_finish(&process, ret_answer);
}

static int
explain(struct call *call, const char *rules, const char *text)
{
    struct err err = { "" };
    json_t *answer = NULL;
    int code = ask(call, rules, text, &answer, &err);

    if (code < 0)
        return call_complain(call, EXIT_SOFTWARE, &err);
    if (answer == NULL || json_object_get(answer, "error") != NULL) {
        err_set(&err, "%s", answer == NULL ? "the detector, which judges rules, gave no answer"
                                           : answer_text(answer, "error"));
        json_decref(answer);
        return call_complain(call, code == EXIT_DONE ? EXIT_SOFTWARE : code, &err);
    }
    if (call->json)
        screen_print_json(answer);
    else
        explain_print(answer, call->rule == NULL);
    json_decref(answer);
    return code;
}

int
rules_explain_run(struct call *call)
{
    const char *rules = call->rules == NULL ? call->settings.rules_dir : call->rules;
    int kind = kind_of(call->args[0]), code = EXIT_DONE;
    char *stored = NULL;
    struct err err = { "" };

    if (rules == NULL) {
        err_set(&err, "there is no folder of rules (detector.rules)");
        code = EXIT_CONFIG;
    } else if (kind == OF_NOTHING) {
        err_set(&err, "%.200s: no such file, nor an event's id; a log line or JSON goes into quotes",
                call->args[0]);
        code = EXIT_NO_INPUT;
    } else if (kind == OF_STORE) {
        code = fetch(call, &stored, &err);
    }
    if (code != EXIT_DONE)
        return call_complain(call, code, &err);
    code = explain(call, rules, kind == OF_FILE ? NULL : stored != NULL ? stored : call->args[0]);
    free(stored);
    return code;
}
