#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ctl/complain.h"
#include "ctl/detector_tool.h"
#include "ctl/screen.h"
#include "ctl/subcommand.h"
#include "proto/run/daemon.h"

/* --- rules add --- */

static json_int_t
number(const json_t *answer, const char *name)
{
    return json_integer_value(json_object_get(answer, name));
}

static void
print_added(const struct call *call, const json_t *answer)
{
    const char *name;
    json_t *one;
    size_t i;

    if (call->all)
        json_array_foreach(json_object_get(answer, "refusals"), i, one)
            screen_print_line(json_string_value(one));
    json_object_foreach(json_object_get(answer, "reasons"), name, one) {
        struct buf line = { 0 };

        buf_printf(&line, "refused: %4" JSON_INTEGER_FORMAT " %s", json_integer_value(one), name);
        screen_print_line(line.ptr == NULL ? "" : line.ptr);
        buf_release(&line);
    }
    printf("files: %" JSON_INTEGER_FORMAT " added, %" JSON_INTEGER_FORMAT " updated, %"
           JSON_INTEGER_FORMAT " as they were, %" JSON_INTEGER_FORMAT " skipped, %"
           JSON_INTEGER_FORMAT " refused\n", number(answer, "added"), number(answer, "updated"),
           number(answer, "unchanged"), number(answer, "skipped"), number(answer, "refused"));
    printf("into: ");
    screen_print_line(json_string_value(json_object_get(answer, "into")));
    puts("Running detectors see them by themselves; `bongsu rules reload` says what came of it.");
}

/* "level=high level=critical" of the words that the call has. NULL when out of memory. */
static char *
join_words(const struct call *call)
{
    struct buf words = { 0 };
    int rc = buf_append_str(&words, "");

    for (int i = 1; i < call->arg_count; i++) {
        rc |= i > 1 ? buf_append_char(&words, ' ') : 0;
        rc |= buf_append_str(&words, call->args[i]);
    }
    if (rc == 0)
        return buf_take(&words);
    buf_release(&words);
    return NULL;
}

int
rules_add_run(struct call *call)
{
    const char *into = call->into == NULL ? call->settings.rules_dir : call->into;
    char *words = join_words(call);
    struct err err = { "out of memory" };
    struct detector_tool tool;
    json_t *answer = NULL;
    int code = -1;

    if (into == NULL) {
        err_set(&err, "there is no folder of rules (detector.rules): say --into");
        free(words);
        return call_complain(call, EXIT_CONFIG, &err);
    }
    if (words != NULL && detector_tool_init(&tool, call) == 0) {
        detector_tool_add(&tool, "add");
        detector_tool_add(&tool, call->args[0]);
        detector_tool_add(&tool, into);
        detector_tool_add(&tool, words);
        code = detector_tool_run(&tool, &answer, &err);
    }
    free(words);
    if (code >= 0 && (answer == NULL || json_object_get(answer, "error") != NULL)) {
        err_set(&err, "%s", answer == NULL ? "the detector, which judges rules, gave no answer"
                            : json_string_value(json_object_get(answer, "error")));
        code = code == EXIT_DONE ? -1 : -code;
    }
    if (code < 0) {
        json_decref(answer);
        return call_complain(call, code == -1 ? EXIT_SOFTWARE : -code, &err);
    }
    if (call->json)
        screen_print_json(answer);
    else
        print_added(call, answer);
    json_decref(answer);
    return code;
}
