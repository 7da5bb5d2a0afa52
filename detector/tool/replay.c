#include "detector/tool/replay.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "detector/tool/replay_input.h"
#include "detector/tool/replay_side.h"
#include "proto/base/timestamp.h"

struct replay {
    const struct replay_call *call;
    struct found *found;
    struct replay_side sides[FOUND_SIDES];
    int is_two_sided;           /* new rules beside the present ones */
    int64_t lookback_us;
    struct replay_input input;
    uint64_t judged;
};

/* With new rules: present against new. Without: the present ones against what happened. */
static int
open_sides(struct replay *replay, const struct tool_options *options, struct err *err)
{
    const struct replay_call *call = replay->call;

    replay->is_two_sided = call->new_rules[0] != '\0';
    err_set(err, "out of memory");
    replay->found = found_new();
    if (replay->found == NULL)
        return -1;
    for (int i = 0; i < FOUND_SIDES; i++) {
        struct replay_side *side = &replay->sides[i];

        *side = (struct replay_side){ .side = (enum found_side)i, .found = replay->found };
        if (i == FOUND_BEFORE && !replay->is_two_sided)
            continue;
        if (replay_side_init(side, options, i == FOUND_AFTER && replay->is_two_sided
                                                ? call->new_rules : call->rules, err) != 0)
            return -1;
        if (side->lookback_us > replay->lookback_us)
            replay->lookback_us = side->lookback_us;
    }
    return 0;
}

static void
release(struct replay *replay)
{
    for (int i = 0; i < FOUND_SIDES; i++)
        replay_side_release(&replay->sides[i]);
    replay_input_release(&replay->input);
    found_destroy(&replay->found);
}

/* Who sends the events asks how far back they are needed. */
static int
say_lookback(const struct replay *replay, struct err *err)
{
    json_t *json = json_pack("{s:I}", "lookback_us", (json_int_t)replay->lookback_us);
    int rc = json == NULL ? -1 : json_dumpf(json, stdout, JSON_COMPACT);

    json_decref(json);
    if (rc == 0 && putchar('\n') != EOF && fflush(stdout) == 0)
        return 0;
    err_set(err, "nobody hears the answer");
    return -1;
}

static int
read_input(struct replay *replay, struct err *err)
{
    const struct replay_call *call = replay->call;
    int is_open = call->since_us == INT64_MIN;
    int rc;

    err_set(err, "out of memory");
    if (replay_input_init(&replay->input, is_open ? INT64_MIN
                                                  : call->since_us - replay->lookback_us) != 0)
        return -1;
    if (call->file == NULL) {
        if (say_lookback(replay, err) != 0)
            return -1;
        rc = replay_read_stream(&replay->input, STDIN_FILENO,
                                replay->is_two_sided ? NULL : replay->found, err);
    } else {
        rc = replay_read_file(&replay->input, call->file, call->is_raw, err);
        replay->input.is_whole = replay->input.earlier == 0;
    }
    return rc;
}

static int
judge_one(struct replay *replay, const struct event *ev, uint64_t origin, struct err *err)
{
    for (int i = 0; i < FOUND_SIDES; i++)
        if (replay->sides[i].engine != NULL &&
            replay_side_judge(&replay->sides[i], ev, origin, err) != 0)
            return -1;
    replay->judged++;
    return 0;
}

static int
judge_all(struct replay *replay, struct err *err)
{
    struct event ev = { 0 };
    msgpack_unpacked unpacked;
    uint64_t origin;
    int rc = spool_rewind(replay->input.spool, err);

    msgpack_unpacked_init(&unpacked);
    while (rc == 0 && (rc = replay_next(&replay->input, &unpacked, &ev, &origin, err)) == 1)
        rc = judge_one(replay, &ev, origin, err);
    for (int i = 0; i < FOUND_SIDES && rc == 0; i++)
        if (replay->sides[i].engine != NULL)
            rc = replay_side_finish(&replay->sides[i], err);
    msgpack_unpacked_destroy(&unpacked);
    event_release(&ev);
    return rc;
}

/* Rules that remember longer than the events go back are not compared with what
 * happened, and named. With new rules both sides know as little. */
static json_t *
leave_out(struct replay *replay)
{
    json_t *longer = replay->sides[FOUND_AFTER].longer, *left = json_array(), *id;
    size_t i;

    if (replay->is_two_sided || replay->input.is_whole)
        return left;
    json_array_foreach(longer, i, id) {
        size_t incidents = found_leave_out(replay->found, json_string_value(id));

        json_array_append_new(left, json_pack("{s:O, s:I}", "rule", id, "incidents",
                                              (json_int_t)incidents));
    }
    return left;
}

static void
set_time(json_t *json, const char *name, int64_t us)
{
    char text[TIMESTAMP_LEN];

    if (us == INT64_MIN || us == INT64_MAX)
        return;
    timestamp_format_local(us, text);
    json_object_set_new(json, name, json_string(text));
}

static json_t *
answer(struct replay *replay, int *ret_code, struct err *err)
{
    const struct replay_call *call = replay->call;
    const struct replay_input *input = &replay->input;
    struct found_span span = { call->since_us, call->until_us,
                               input->is_whole || replay->is_two_sided };
    json_t *left = leave_out(replay), *json;
    int differs = 0;

    json = found_compare(replay->found, &span, &differs);
    if (json == NULL) {
        json_decref(left);
        err_set(err, "out of memory");
        return NULL;
    }
    json_object_set_new(json, "against", json_string(replay->is_two_sided ? "rules"
                                                     : call->file != NULL ? "nothing"
                                                                          : "happened"));
    json_object_set_new(json, "events", json_pack(
        "{s:I, s:I, s:I}", "judged", (json_int_t)replay->judged, "refused",
        (json_int_t)input->refused, "earlier", (json_int_t)input->earlier));
    json_object_set(json, "reasons", input->reasons);
    json_object_set_new(json, "whole", json_boolean(input->is_whole));
    json_object_set_new(json, "not_compared", left);
    set_time(json, "since", call->since_us);
    set_time(json, "until", call->until_us);
    if (replay->is_two_sided)
        json_object_set_new(json, "present", replay_side_numbers(&replay->sides[FOUND_BEFORE]));
    json_object_set_new(json, replay->is_two_sided ? "new" : "present",
                        replay_side_numbers(&replay->sides[FOUND_AFTER]));
    *ret_code = differs ? REPLAY_DIFFERS : REPLAY_SAME;
    return json;
}

json_t *
replay_run(const struct tool_options *options, const struct replay_call *call, int *ret_code,
           struct err *err)
{
    struct replay replay = { .call = call };
    json_t *json = NULL;

    *ret_code = REPLAY_FAILED;
    if (open_sides(&replay, options, err) == 0 && read_input(&replay, err) == 0 &&
        judge_all(&replay, err) == 0)
        json = answer(&replay, ret_code, err);
    release(&replay);
    return json;
}
