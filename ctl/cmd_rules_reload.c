#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "ctl/complain.h"
#include "ctl/local.h"
#include "ctl/remote.h"
#include "ctl/screen.h"
#include "ctl/subcommand.h"
#include "proto/run/daemon.h"
#include "proto/run/run_dir.h"

/* --- rules reload --- */

enum { READ_MS = 120000 };

static void
print_slot(const json_t *one)
{
    const json_t *refused = json_object_get(one, "refused");
    json_int_t kept = json_integer_value(json_object_get(one, "files_kept"));
    json_int_t off = json_integer_value(json_object_get(one, "rules_off"));
    json_t *reason;
    size_t i;

    json_array_foreach((json_t *)(uintptr_t)refused, i, reason)
        screen_print_line(json_string_value(reason));
    if (json_is_string(json_object_get(one, "problem")))
        screen_print_line(answer_text(one, "problem"));
    printf("detector %" JSON_INTEGER_FORMAT ": %" JSON_INTEGER_FORMAT " rules in force, %"
           JSON_INTEGER_FORMAT " refused", json_integer_value(json_object_get(one, "slot")),
           json_integer_value(json_object_get(one, "rules")),
           json_integer_value(json_object_get(one, "rules_refused")));
    if (off > 0)
        printf(", %" JSON_INTEGER_FORMAT " off", off);
    if (kept > 0)
        printf(", %" JSON_INTEGER_FORMAT " file%s in the last good version", kept,
               kept == 1 ? "" : "s");
    puts(json_is_string(json_object_get(one, "problem")) ? ": those of before" : "");
}

/* 1 when all that is there is in force. */
static int
is_whole(const json_t *one)
{
    return json_integer_value(json_object_get(one, "rules_refused")) == 0 &&
           !json_is_string(json_object_get(one, "problem"));
}

/* The sockets of the detectors that run here: "detector", "detector-1" ... */
static int
is_here(const struct settings *settings, const char *name)
{
    char *sock = run_dir_socket(settings, name);
    int is_there = sock != NULL && access(sock, F_OK) == 0;

    free(sock);
    return is_there;
}

/* Ask one of them. 0 and its answer is in all; -1 with the reason. */
static int
reload_one(const struct call *call, const char *name, json_t *all, struct err *err)
{
    json_t *answer = NULL;
    long status = local_call(&call->settings, name, "/rules/reload", "{}", READ_MS, &answer, err);
    int rc = status == 200 ? 0 : -1;

    if (rc == 0)
        json_array_append(all, answer);
    else if (status > 0)
        err_set(err, "%s: %s", name, json_is_string(json_object_get(answer, "detail"))
                                     ? answer_text(answer, "detail") : "no answer to be read");
    json_decref(answer);
    return rc;
}

int
rules_reload_run(struct call *call)
{
    json_t *all = json_array(), *one;
    int is_fine = 1, rc = 0;
    struct err err = { "" };
    char name[32] = "detector";
    size_t i;

    rc = reload_one(call, name, all, &err);
    for (int k = 1; k < DAEMON_MAX_REPLICAS && call->settings.health_listen == NULL; k++) {
        struct err why;

        snprintf(name, sizeof(name), "detector-%d", k);
        /* who is gone has perhaps left a socket behind */
        if (is_here(&call->settings, name) && reload_one(call, name, all, &why) == 0)
            rc = 0;
    }
    if (rc != 0) {
        json_decref(all);
        return call_complain(call, EXIT_UNREACHABLE, &err);
    }
    json_array_foreach(all, i, one) {
        is_fine &= is_whole(one);
        if (!call->json)
            print_slot(one);
    }
    if (call->json)
        screen_print_json(all);
    json_decref(all);
    return is_fine ? EXIT_DONE : EXIT_PARTLY;
}
