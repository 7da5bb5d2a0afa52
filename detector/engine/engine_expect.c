/*
 * engine_expect.c - rows of coming events, fetched while others are judged
 *
 * With a hundred thousand keys each event's row is far from the processor: its bucket,
 * then the row, then its window's entries and its neighbours in age, each known only
 * when the one before is there. The wait for them is longer than the judging. So the
 * caller says which events come next; each such call makes one step for each of them.
 *
 * Which correlations an event feeds is known only when it is judged. What the events
 * before it fed is a good guess. A wrong one costs a little time, and nothing else
 * depends on it; a right one saves making the key's hash again.
 */
#include "detector/engine/engine_internal.h"
#include "proto/base/hash.h"

/* A guess is good until so many events in a row fed nothing. */
enum { FORGET_AFTER = 8 };

/* The same key as engine_group_key makes, if the event has what it needs by itself.
 * 1, 0 when it has not, -1 when out of memory. */
static int
guess_key(const struct engine *engine, const struct expected_step *step,
          const struct event *ev, struct buf *out)
{
    const struct rule *rule = ruleset_rule(engine->rules, step->rule);
    const struct field_table *fields = ruleset_fields(engine->rules);

    if (buf_reserve(out, 1) != 0)
        return -1;
    for (size_t i = 0; i < rule->sigma.correlation.group_count; i++) {
        int known = field_table_known(fields, rule->steps[step->step].parts[i]);
        char space[32];
        struct text value = known < 0 ? (struct text){ NULL, 0 }
                                      : value_as_text(&ev->known[known], space);

        if (value.ptr == NULL)
            return 0;
        if (engine_key_append(out, value) != 0)
            return -1;
    }
    return 1;
}

static struct expected *
expected_at(struct expecting *expecting, size_t i)
{
    return &expecting->events[(expecting->first + i) % EXPECT_MOST];
}

static struct text
key_text(const struct expected *expected, const struct expected_key *key)
{
    return (struct text){ expected->text.ptr + key->at, key->len };
}

/* The key's hash: rules that group by the same have the same key. */
static uint64_t
hash_in(const struct expected *expected, struct text text)
{
    for (size_t i = 0; i < expected->key_count; i++)
        if (text_equals(key_text(expected, &expected->keys[i]), text))
            return expected->keys[i].hash;
    return hash64(text.ptr, text.len);
}

static void
guess(struct engine *engine, struct expected *expected)
{
    const struct expecting *expecting = &engine->expecting;

    expected->key_count = 0;
    buf_clear(&expected->text);
    for (size_t i = 0; i < expecting->step_count; i++) {
        struct expected_key *key = &expected->keys[expected->key_count];
        size_t at = expected->text.len;

        if (guess_key(engine, &expecting->steps[i], expected->ev, &expected->text) <= 0) {
            expected->text.len = at;    /* memory is short: then it is not expected */
            continue;
        }
        *key = (struct expected_key){ expecting->steps[i].rule, at,
                                      expected->text.len - at, 0 };
        key->hash = hash_in(expected, key_text(expected, key));
        expected->key_count++;
    }
}

void
engine_expect(struct engine *engine, const struct event *ev)
{
    struct expecting *expecting = &engine->expecting;
    struct expected *expected;

    if (expecting->step_count == 0 && expecting->count == 0)
        return;
    if (engine->table.count < expecting->least_rows)
        return;
    if (expecting->count == EXPECT_MOST) {
        expecting->first = (expecting->first + 1) % EXPECT_MOST;
        expecting->count--;
    }
    expected = expected_at(expecting, expecting->count++);
    expected->ev = ev;
    guess(engine, expected);
    for (size_t i = 0; i < expecting->count; i++) {
        enum state_nearness near = (enum state_nearness)(expecting->count - 1 - i);

        expected = expected_at(expecting, i);
        for (size_t k = 0; near <= STATE_NEAREST && k < expected->key_count; k++)
            state_expect(&engine->table, expected->keys[k].rule, expected->keys[k].hash,
                         near);
    }
}

void
engine_expect_begin(struct engine *engine, const struct event *ev)
{
    struct expecting *expecting = &engine->expecting;

    expecting->now = NULL;
    for (size_t i = 0; i < expecting->count; i++)
        if (expected_at(expecting, i)->ev == ev) {
            expecting->now = expected_at(expecting, i);
            expecting->first = (expecting->first + i + 1) % EXPECT_MOST;
            expecting->count -= i + 1;
            break;
        }
    expecting->fed_count = 0;
}

void
engine_expect_fed(struct engine *engine, uint32_t rule, unsigned step)
{
    struct expecting *expecting = &engine->expecting;

    if (expecting->fed_count < EXPECT_MOST_STEPS)
        expecting->fed[expecting->fed_count++] = (struct expected_step){ rule, step };
}

void
engine_expect_end(struct engine *engine)
{
    struct expecting *expecting = &engine->expecting;

    if (expecting->fed_count == 0 && ++expecting->idle < FORGET_AFTER)
        return;
    expecting->idle = 0;
    expecting->step_count = expecting->fed_count;
    for (size_t i = 0; i < expecting->fed_count; i++)
        expecting->steps[i] = expecting->fed[i];
}

uint64_t
engine_key_hash(const struct engine *engine)
{
    static const struct expected none;
    const struct expected *now = engine->expecting.now;

    return hash_in(now != NULL ? now : &none, buf_text(&engine->key));
}

void
engine_expect_release(struct engine *engine)
{
    for (size_t i = 0; i < EXPECT_MOST; i++)
        buf_release(&engine->expecting.events[i].text);
}
