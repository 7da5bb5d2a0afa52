/* The balance sheet: read, checked and kept, twice in watch.after. */
#include <stdio.h>

#include "notifier/watch_inner.h"
#include "proto/base/clock.h"

enum { BALANCE_MOST_MS = 60000, ALLOWED_AT_ONCE = 500 };

/* What cannot be read leaves what was read last. */
static int
read_balance(struct watch *watch, int64_t now_us, struct err *err)
{
    int64_t hour = ledger_hour(now_us);

    watch->read.count = 0;
    if (watch->store->ops->get_ledger(watch->store, hour - LEDGER_SHOWN_HOURS, hour + 1,
                                      &watch->read, err) != 0)
        return -1;
    watch->balance.hours = watch->read;
    return 0;
}

/* So that what an imbalance is told for was seen twice: the stages are not asked at one
 * moment. */
static int64_t
balance_every_ms(const struct watch *watch)
{
    int64_t ms = watch->state.after_ms / 2;

    return ms < BALANCE_MOST_MS ? ms : BALANCE_MOST_MS;
}

void
watch_open_balance_metrics(struct watch *watch)
{
    struct metrics *metrics = watch->nt->daemon->metrics;
    char label[64];

    for (int i = 0; i < LEDGER_COLUMNS; i++) {
        snprintf(label, sizeof(label), "what=\"%s\"", ledger_names[i]);
        watch->balance_numbers[i] =
            metrics_number(metrics, METRIC_GAUGE, "bongsu_balance_events", label,
                           "events of the last 24 hours by what became of them");
    }
    watch->hours_off = metrics_number(metrics, METRIC_GAUGE, "bongsu_balance_hours_off", "",
                                      "hours of the last two days that do not close");
}

static void
show_numbers(struct watch *watch, int64_t now_us)
{
    uint64_t sums[LEDGER_COLUMNS];

    balance_sum(&watch->balance, now_us, sums);
    for (int i = 0; i < LEDGER_COLUMNS; i++)
        *watch->balance_numbers[i] = sums[i];
    *watch->hours_off = watch->balance.off_count;
}

/* What the allow list took from the rules, for the reports. */
struct allowed {
    struct store *store;
    struct store_allowed rows[ALLOWED_AT_ONCE];
    size_t count;
};

static int
keep_some(struct allowed *all, struct err *err)
{
    size_t count = all->count;

    all->count = 0;
    return count == 0 ||
           all->store->ops->put_allowed(all->store, all->rows, count, err) == STORE_DONE ? 0 : -1;
}

static int
keep_entry(struct allowed *all, const json_t *entry, struct err *err)
{
    const char *day, *name = json_string_value(json_object_get(entry, "entry"));
    const char *reason = json_string_value(json_object_get(entry, "reason"));
    const json_t *events;

    if (name == NULL || reason == NULL)
        return 0;
    json_object_foreach((json_t *)json_object_get(entry, "days"), day, events) {
        if (all->count == ALLOWED_AT_ONCE && keep_some(all, err) != 0)
            return -1;
        all->rows[all->count++] = (struct store_allowed){
            .day = day, .entry = name, .reason = reason,
            .events = (uint64_t)json_integer_value(events) };
    }
    return 0;
}

static int
keep_allowed(struct watch *watch, const json_t *detector, struct err *err)
{
    struct allowed all = { .store = watch->store };
    const json_t *entry;
    size_t i;

    json_array_foreach(json_object_get(json_object_get(detector, "allow"), "entries"), i, entry)
        if (keep_entry(&all, entry, err) != 0)
            return -1;
    return keep_some(&all, err);
}

void
watch_look_at_balance(struct watch *watch)
{
    const json_t *ingest = watch->look.status[0], *detector = watch->look.status[1];
    int64_t now_ms = clock_steady_ms(), now_us = clock_real_us();
    struct err err;

    if (now_ms < watch->balance_at_ms || ingest == NULL)
        return;
    watch->balance_at_ms = now_ms + balance_every_ms(watch);
    if (read_balance(watch, now_us, &err) == 0) {
        balance_take(&watch->balance, ingest, detector);
        balance_check(&watch->balance, ingest, detector, now_us);
        show_numbers(watch, now_us);
        if (watch->store->ops->put_balance(watch->store, &watch->balance.hours, &err) == STORE_DONE &&
            keep_allowed(watch, detector, &err) == 0)
            return;
    }
    ++*watch->failures;
    log_warn_burst(&watch->burst, "the balance sheet cannot be read or kept", "reason=\"%s\"",
                   err.text);
}

static void
show_balance(const struct watch *watch, json_t *status)
{
    json_t *list = json_array();

    for (size_t i = 0; i < watch->balance.off_count; i++)
        json_array_append_new(list, json_pack("{s:s, s:s}", "source", watch->balance.off[i].hour,
                                              "text", watch->balance.off[i].text));
    json_object_set_new(status, "imbalances", list);
    json_object_set_new(status, "balance", balance_to_json(&watch->balance, clock_real_us()));
}

void
watch_fill_status(void *self, json_t *status)
{
    if (self != NULL)
        show_balance(self, status);
}
