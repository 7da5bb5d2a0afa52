#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ctl/complain.h"
#include "ctl/local.h"
#include "ctl/screen.h"
#include "ctl/subcommand.h"
#include "proto/run/daemon.h"

/* One process: 1 when it is ready; a line on standard error when not. */
static int
is_ready(const struct call *call, const char *name, json_t *answers)
{
    json_t *body = NULL;
    struct err err;
    long status = local_call(&call->settings, name, "/readyz", NULL, LOCAL_QUICK_MS, &body, &err);

    if (status < 0)
        json_object_set_new(answers, name, json_pack("{s:s, s:s}", "status", "down", "reason",
                                                     err.text));
    else
        json_object_set(answers, name, body == NULL ? json_null() : body);
    if (status != 200 && !call->json)
        call_warn(call->name, "%s: %s", name, status < 0 ? err.text : "not ready");
    json_decref(body);
    return status == 200;
}

/* bongsu health [PROCESS]...: what a container's health check runs. */
int
health_run(struct call *call)
{
    int count = call->arg_count > 0 ? call->arg_count : LOCAL_PROCESSES, code = EXIT_DONE;
    json_t *answers = json_object();
    struct err err;

    for (int i = 0; i < count; i++) {
        const char *name = call->arg_count > 0 ? call->args[i] : local_processes[i];

        if (local_find(name) < 0) {
            err_set(&err, "%.80s: not one of the five", name);
            code = call_complain(call, EXIT_USAGE, &err);
            break;
        }
        if (!is_ready(call, name, answers))
            code = EXIT_PARTLY;
    }
    if (call->json && code != EXIT_USAGE)
        screen_print_json(answers);
    json_decref(answers);
    return code;
}

/* bongsu notify test: the notifier sends it, with its own settings. */
int
notify_test_run(struct call *call)
{
    json_t *body = NULL;
    struct err err, why;
    long status = local_call(&call->settings, "notifier", "/test", "{}", LOCAL_SLOW_MS, &body,
                             &err);
    const char *answer = json_string_value(json_object_get(body, "answer"));
    int code = status == 200 ? EXIT_DONE : EXIT_PARTLY;

    err_set(&why, "%.200s: is it running here? (bongsu status)", status < 0 ? err.text : "");
    if (status < 0)
        code = call_complain(call, EXIT_UNREACHABLE, &why);
    else if (call->json)
        screen_print_json(body);
    else
        screen_print_line(answer == NULL ? "no answer" : answer);
    json_decref(body);
    return code;
}
