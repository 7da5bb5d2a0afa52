/*
 * engine_due.c - windows that wait: which is to be judged next, and when
 *
 * A condition of few events, or of none, must come true also when no further event
 * of its key comes. So rows that wait stand in a heap by the stream's time at which
 * nothing more can come into their oldest window; each event, of whatever key, first
 * has those judged that are due.
 */
#include "detector/engine/engine_internal.h"

/* A journal that was not heard of for so long is waited for no more. */
#define STREAM_GONE_US (INT64_C(600) * 1000000)

void
engine_note_stream(struct engine *engine, uint64_t origin, int64_t at_us)
{
    struct stream_time *stream = engine->streams;

    for (size_t i = 0; i < engine->stream_count; i++) {
        if (engine->streams[i].origin == origin) {
            stream = &engine->streams[i];
            break;
        }
        if (engine->streams[i].heard_us < stream->heard_us)
            stream = &engine->streams[i];
    }
    if (engine->stream_count == 0 || stream->origin != origin) {
        if (engine->stream_count < ENGINE_MAX_STREAMS)
            stream = &engine->streams[engine->stream_count++];
        *stream = (struct stream_time){ .origin = origin, .at_us = at_us };
    }
    if (at_us > stream->at_us)
        stream->at_us = at_us;
    stream->heard_us = engine->stream_us;
}

/* All journals have come so far: one that works off a backlog may still have what
 * another one's rows wait for. */
static int64_t
waited_until(const struct engine *engine)
{
    int64_t at_us = engine->stream_us;

    for (size_t i = 0; i < engine->stream_count; i++)
        if (engine->streams[i].at_us < at_us &&
            engine->stream_us - engine->streams[i].heard_us <= STREAM_GONE_US)
            at_us = engine->streams[i].at_us;
    return at_us;
}

/* The event that opens the incident is the one that the window ends with, or begins
 * with; none is at hand. */
static int
count_settled(struct engine *engine, struct state *state)
{
    const struct window_entry *end = window_entry(state->window, engine->match.ends[0]);
    struct event_id opener;

    if (engine->match.taken_count == 0) {
        engine_prolong(engine, state);
        return 0;
    }
    opener = short_id_expand(&engine->journals, &end->id, end->is_keyed);
    /* it stands among those used now: after a restart only the touch says so */
    state_touch(&engine->table, state, engine->stream_us);
    return engine_count_match(engine, state, &opener, NULL);
}

int
engine_settle_row(struct engine *engine, struct state *state)
{
    const struct window_rule *rule = &engine->plans[state->rule].window;
    int64_t now_us = waited_until(engine);
    struct window *win = state->window;
    enum window_result result;

    do {
        size_t before = win->count;

        result = window_settle(win, rule, now_us, &engine->match);
        state_note_entries(&engine->table, state, before, win->count);
        if (result == WINDOW_NO_MEMORY ||
            (result == WINDOW_HOLDS && count_settled(engine, state) != 0))
            return -1;
    } while (result == WINDOW_HOLDS);
    return due_put(&engine->table.due, state, window_due(win, rule));
}

int
engine_settle_due(struct engine *engine)
{
    struct state *state;
    int64_t now_us;

    if (engine->table.due.count == 0)
        return 0;
    now_us = waited_until(engine);
    while ((state = due_first(&engine->table.due, now_us)) != NULL) {
        state_mark(&engine->table, state);
        if (engine_settle_row(engine, state) != 0)
            return -1;
    }
    return 0;
}

int
engine_pass(struct engine *engine, uint64_t origin, int64_t at_us, struct err *err)
{
    int is_due;

    if (at_us <= 0 || at_us >= ENGINE_MAX_TIME)
        return 0;
    if (at_us > engine->stream_us)
        engine->stream_us = at_us;
    engine_note_stream(engine, origin, at_us);
    engine_leave_some(engine);
    is_due = due_first(&engine->table.due, waited_until(engine)) != NULL;
    if ((engine->needs_sort && state_sort(&engine->table) != 0) ||
        engine_settle_due(engine) != 0) {
        err_set(err, "engine: out of memory");
        return -1;
    }
    engine->needs_sort = 0;
    return is_due;
}
