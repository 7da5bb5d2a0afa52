#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ctl/event_row.h"
#include "ctl/pages.h"
#include "ctl/screen.h"
#include "ctl/subcommand.h"
#include "proto/run/daemon.h"

enum { IDS_AT_ONCE = 1000 };        /* that the api takes */

/* --- list --- */

static void
print_list(const json_t *letters)
{
    struct screen_table table = { .columns = 6, .titles = { "ID", "SET ASIDE", "TRIED", "WANTED",
                                                            "EVENT", "REASON" } };
    json_t *letter;
    size_t i;

    json_array_foreach((json_t *)(uintptr_t)letters, i, letter) {
        char at[EVENT_TIME_LEN], tried[24];

        event_time(answer_text(letter, "at"), at);
        snprintf(tried, sizeof tried, "%" JSON_INTEGER_FORMAT,
                 json_integer_value(json_object_get(letter, "attempts")));
        screen_table_add(&table, (const char *const[]){
            answer_text(letter, "id"), at, tried,
            json_is_true(json_object_get(letter, "wanted")) ? "yes" : "no",
            answer_text(json_object_get(letter, "event"), "event_type"),
            answer_text(letter, "reason") });
    }
    screen_table_print(&table);
    screen_table_release(&table);
}

int
deadletter_list_run(struct call *call)
{
    struct remote remote = { 0 };
    struct pages pages = { .remote = &remote, .path = "/deadletters", .list = "deadletters" };
    json_t *letters = NULL, *answer;
    struct err err;
    int code = remote_open(&remote, call, KEY_TO_READ, &err);

    if (code == EXIT_DONE)
        code = pages_collect(&pages, (size_t)call->limit, NULL, NULL, &letters, &err);
    if (code != EXIT_DONE) {
        call_complain(call, code, &err);
    } else {
        code = json_array_size(letters) > 0 ? EXIT_DONE : EXIT_PARTLY;
        answer = json_pack("{s:O, s:b}", "deadletters", letters, "more", !pages.is_done);
        if (call->json)
            screen_print_json(answer);
        else if (code == EXIT_DONE)
            print_list(letters);
        else
            puts("no dead letter");
        json_decref(answer);
    }
    json_decref(letters);
    pages_release(&pages);
    remote_close(&remote);
    return code;
}

/* --- retry --- */

/* What the answers said together. */
struct retried {
    json_int_t wanted;
    json_t *missing;
};

/* One request (body: taken). EXIT_DONE, or the exit code with the reason. */
static int
ask(struct remote *remote, json_t *body, struct retried *retried, int *ret_is_more,
    struct err *err)
{
    json_t *answer = NULL;
    int code = EXIT_USAGE;

    if (body == NULL)
        err_set(err, "an ID is no UTF-8, or out of memory");
    else
        code = remote_ask_json(remote, "/deadletters/retry", body, &answer, NULL, err);
    if (code == EXIT_DONE) {
        retried->wanted += json_integer_value(json_object_get(answer, "wanted"));
        json_array_extend(retried->missing, json_object_get(answer, "not_found"));
        *ret_is_more = json_is_true(json_object_get(answer, "more"));
    }
    json_decref(answer);
    json_decref(body);
    return code;
}

/* The api may not come to the end of all in one go; it goes on where it was as long as it
 * gets on. */
static int
ask_for_all(struct remote *remote, struct retried *retried, struct err *err)
{
    json_int_t before;
    int is_more = 0, code;

    do {
        before = retried->wanted;
        code = ask(remote, json_pack("{s:b}", "all", 1), retried, &is_more, err);
    } while (code == EXIT_DONE && is_more && retried->wanted > before);
    return code;
}

static int
ask_for_ids(struct remote *remote, const struct call *call, struct retried *retried,
            struct err *err)
{
    int code = EXIT_DONE, is_more;

    for (int i = 0; i < call->arg_count && code == EXIT_DONE;) {
        json_t *ids = json_array();
        int rc = 0;

        for (; i < call->arg_count && json_array_size(ids) < IDS_AT_ONCE && rc == 0; i++)
            rc = json_array_append_new(ids, json_string(call->args[i]));
        if (rc != 0) {
            json_decref(ids);
            ids = NULL;
        }
        code = ask(remote, ids == NULL ? NULL : json_pack("{s:o}", "ids", ids), retried, &is_more,
                   err);
    }
    return code;
}

/* EXIT_PARTLY when there was nothing to try, or not all that was named. */
static int
show(const struct call *call, const struct retried *retried)
{
    json_t *answer = json_pack("{s:I, s:O}", "wanted", retried->wanted, "not_found",
                               retried->missing);
    json_t *id;
    size_t i;

    if (call->json) {
        screen_print_json(answer);
    } else {
        json_array_foreach(retried->missing, i, id)
            call_warn(call->name, "%s: there is no such dead letter", json_string_value(id));
        if (retried->wanted > 0)
            printf("%" JSON_INTEGER_FORMAT " will be tried again within seconds; what is left is in "
                   "bongsu deadletter list\n", retried->wanted);
        else if (json_array_size(retried->missing) == 0)
            puts("no dead letter, or all will be tried again already");
    }
    json_decref(answer);
    return retried->wanted > 0 && json_array_size(retried->missing) == 0 ? EXIT_DONE : EXIT_PARTLY;
}

int
deadletter_retry_run(struct call *call)
{
    struct retried retried = { 0, json_array() };
    struct remote remote = { 0 };
    struct err err;
    int code;

    if ((call->arg_count > 0) == (call->all != 0)) {
        err_set(&err, "give either IDs (bongsu deadletter list shows them) or --all");
        code = EXIT_USAGE;
    } else {
        code = remote_open(&remote, call, KEY_TO_WRITE, &err);
    }
    if (code == EXIT_DONE)
        code = call->all ? ask_for_all(&remote, &retried, &err)
                         : ask_for_ids(&remote, call, &retried, &err);
    if (code == EXIT_DONE)
        code = show(call, &retried);
    else
        call_complain(call, code, &err);
    json_decref(retried.missing);
    remote_close(&remote);
    return code;
}
