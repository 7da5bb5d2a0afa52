/* Several of a kind are one stage to the rules: it is fine when enough of them are. */
#include <stdio.h>
#include <string.h>

#include "notifier/watch_inner.h"

static int
is_ready(const json_t *status)
{
    return json_is_true(json_object_get(status, "ready"));
}

/* How many of a kind must be ready: of detectors, each slot; of the others one, for the
 * rest stands by or shares its work. */
static int
count_needed(const struct watch *watch, int number)
{
    return strcmp(watch_stage_names[number], "detector") == 0
               ? (int)watch->nt->daemon->settings->detector_slots : 1;
}

static void
join_list(json_t *to, const json_t *from, const char *name)
{
    json_t *list = json_object_get(to, name), *more = json_object_get(from, name);

    if (list != more && json_is_array(list) && json_is_array(more))
        json_array_extend(list, more);
}

/* Each integer of `from` more in `to`. */
static void
add_numbers(json_t *to, const json_t *from)
{
    const json_t *number;
    const char *name;

    json_object_foreach((json_t *)from, name, number)
        if (json_is_integer(number))
            json_object_set_new(to, name, json_integer(
                json_integer_value(json_object_get(to, name)) + json_integer_value(number)));
}

/* Each detector counts what an entry of the allow list took from it. They read the same
 * list, but for a moment after it has changed. */
static void
join_allowed(json_t *to, const json_t *from)
{
    const json_t *list = json_object_get(json_object_get(to, "allow"), "entries"), *theirs;
    size_t i;

    json_array_foreach(json_object_get(json_object_get(from, "allow"), "entries"), i, theirs) {
        const json_t *ours = json_array_get(list, i);

        if (ours != NULL &&
            json_equal(json_object_get(ours, "entry"), json_object_get(theirs, "entry")))
            add_numbers(json_object_get(ours, "days"), json_object_get(theirs, "days"));
    }
}

static json_int_t
number_in(const json_t *status, const char *name)
{
    return json_integer_value(json_object_get(status, name));
}

/* Each has its own; those that are in the store, all indexers have together. */
static void
join_dead_letters(json_t *to, const json_t *from)
{
    json_int_t ours = number_in(to, "dead_letters_in_store");
    json_int_t theirs = number_in(from, "dead_letters_in_store");
    json_int_t both = ours < theirs ? ours : theirs;

    if (number_in(from, "dead_letters") > 0)
        json_object_set_new(to, "dead_letters", json_integer(
            number_in(to, "dead_letters") + number_in(from, "dead_letters") - both));
    if (theirs > ours)
        json_object_set_new(to, "dead_letters_in_store", json_integer(theirs));
}

/* What only all of them together know: the log sources of each detector, the hours of each
 * ingest's journal and of those that it adopted. (Each detector's hours are of all events.) */
static void
join_lists(json_t *to, const json_t *from)
{
    const json_t *adopted;
    size_t i;

    json_array_foreach(json_object_get(from, "adopted"), i, adopted)
        join_list(to, adopted, "ledger");
    if (to == from)
        return;
    join_list(to, from, "silent_sources");
    join_list(to, from, "skewed_sources");
    join_dead_letters(to, from);
    join_allowed(to, from);
    if (json_object_get(to, "journal") != NULL)
        join_list(to, from, "ledger");
}

/* The one that speaks for its kind: one that is ready, when enough are; else one that is
 * not; NULL: the one that is missed does not answer. */
static json_t *
speaker(struct stage *stages, int needed, int is_by_url)
{
    json_t *ready = NULL, *unready = NULL;
    int count = 0;

    for (int k = 0; k < DAEMON_MAX_REPLICAS; k++) {
        json_t *status = stages[k].status;

        if (status == NULL)
            continue;
        count += is_ready(status);
        if (is_ready(status) && ready == NULL)
            ready = status;
        else if (!is_ready(status) && unready == NULL)
            unready = status;
    }
    return ready != NULL && (count >= needed || is_by_url) ? ready : unready;
}

static void
put_together(struct watch *watch, int number)
{
    struct stage *stages = watch->stages[number];
    int needed = count_needed(watch, number), answered = 0;
    json_t *one = speaker(stages, needed, stages[0].socket == NULL);

    for (int k = 0; k < DAEMON_MAX_REPLICAS; k++) {
        answered += stages[k].status != NULL;
        if (stages[k].status != NULL && one != NULL)
            join_lists(one, stages[k].status);
    }
    if (one == NULL && answered > 0)
        snprintf(watch->look.why[number], WATCH_WHY, "%d of %d answer", answered, needed);
    watch->look.status[number] = json_incref(one);
    for (int k = 0; k < DAEMON_MAX_REPLICAS; k++) {
        json_decref(stages[k].status);
        stages[k].status = NULL;
    }
}

void
watch_put_together(struct watch *watch)
{
    for (int i = 0; i < WATCH_STAGES; i++)
        if (watch->look.is_asked[i])
            put_together(watch, i);
}
