#include "proto/incident.h"

#include <stdlib.h>
#include <string.h>

#include "proto/incident_rows.h"

#define AT(member) offsetof(struct incident, member)

const struct incident_row incident_rows[] = {
    {  1, "id",                 ROW_ID,       AT(id),                 1 },
    {  2, "rev_epoch",          ROW_INT64,    AT(rev_epoch),          1 },
    {  3, "rev_counter",        ROW_UINT64,   AT(rev_counter),        1 },
    {  4, "rule_id",            ROW_STRING,   AT(rule_id),            1 },
    {  5, "rule_title",         ROW_STRING,   AT(rule_title),         0 },
    {  6, "rule_level",         ROW_STRING,   AT(rule_level),         0 },
    {  7, "rule_tags",          ROW_TAGS,     AT(rule_tags),          0 },
    {  8, "severity",           ROW_SEVERITY, AT(severity),           1 },
    {  9, "summary",            ROW_STRING,   AT(summary),            0 },
    { 10, "keys",               ROW_KEYS,     AT(keys),               0 },
    { 11, "opened_us",          ROW_INT64,    AT(opened_us),          1 },
    { 12, "last_seen_us",       ROW_INT64,    AT(last_seen_us),       1 },
    { 13, "newest_received_us", ROW_INT64,    AT(newest_received_us), 0 },
    { 14, "count",              ROW_UINT64,   AT(count),              1 },
    { 15, "evidence",           ROW_EVIDENCE, AT(evidence),           0 },
    { 16, "incomplete",         ROW_FLAG,     AT(is_incomplete),      0 },
    { 17, "rule_author",        ROW_STRING,   AT(rule_author),        0 },
    { 18, "rule_references",    ROW_STRING,   AT(rule_references),    0 },
};

const size_t incident_row_count = sizeof(incident_rows) / sizeof(incident_rows[0]);

static const char *const status_names[STATUS_COUNT] = {
    [STATUS_OPEN] = "open", [STATUS_ACKNOWLEDGED] = "acknowledged",
    [STATUS_INVESTIGATING] = "investigating", [STATUS_RESOLVED] = "resolved",
    [STATUS_FALSE_POSITIVE] = "false_positive",
};

int
status_parse(struct text name)
{
    for (int i = 0; i < STATUS_COUNT; i++)
        if (text_is(name, status_names[i]))
            return i;
    return -1;
}

const char *
status_name(int status)
{
    return status < 0 || status >= STATUS_COUNT ? "unknown" : status_names[status];
}

struct incident *
incident_new(void)
{
    return calloc(1, sizeof(struct incident));
}

static void
history_release(struct incident *inc)
{
    for (size_t i = 0; i < inc->history_count; i++) {
        free(inc->history[i].by);
        free(inc->history[i].note);
    }
    free(inc->history);
    inc->history = NULL;
    inc->history_count = 0;
}

void
incident_destroy(struct incident **inc)
{
    struct incident *gone = *inc;

    if (gone == NULL)
        return;
    for (size_t i = 0; i < incident_row_count; i++)
        if (incident_rows[i].type == ROW_STRING)
            free(*(char **)((char *)gone + incident_rows[i].offset));
    for (size_t i = 0; i < gone->rule_tag_count; i++)
        free(gone->rule_tags[i]);
    free(gone->rule_tags);
    for (size_t i = 0; i < gone->key_count; i++) {
        free(gone->keys[i].field);
        free(gone->keys[i].value);
    }
    history_release(gone);
    free(gone);
    *inc = NULL;
}

/* A NULL stays one. 0, or -1 when out of memory. */
static int
string_copy(char **to, const char *from)
{
    *to = from != NULL ? strdup(from) : NULL;
    return from == NULL || *to != NULL ? 0 : -1;
}

/* copy holds inc's numbers, and nothing yet of what is on the heap. */
static int
copy_heap(const struct incident *inc, struct incident *copy)
{
    for (size_t i = 0; i < incident_row_count; i++) {
        size_t at = incident_rows[i].offset;

        if (incident_rows[i].type == ROW_STRING &&
            string_copy((char **)((char *)copy + at),
                        *(char *const *)((const char *)inc + at)) != 0)
            return -1;
    }
    if (inc->rule_tag_count > 0) {
        copy->rule_tags = calloc(inc->rule_tag_count, sizeof(*copy->rule_tags));
        if (copy->rule_tags == NULL)
            return -1;
    }
    for (; copy->rule_tag_count < inc->rule_tag_count; copy->rule_tag_count++)
        if (string_copy(&copy->rule_tags[copy->rule_tag_count],
                        inc->rule_tags[copy->rule_tag_count]) != 0)
            return -1;
    for (size_t i = 0; i < inc->key_count; i++) {
        copy->key_count++;
        if (string_copy(&copy->keys[i].field, inc->keys[i].field) != 0 ||
            string_copy(&copy->keys[i].value, inc->keys[i].value) != 0)
            return -1;
    }
    for (size_t i = 0; i < inc->history_count; i++) {
        const struct incident_change *line = &inc->history[i];

        if (incident_add_history(copy, line->at_us, line->by, line->from, line->to,
                                 line->note) != 0)
            return -1;
    }
    return 0;
}

struct incident *
incident_copy(const struct incident *inc)
{
    struct incident *copy = incident_new();

    if (copy == NULL)
        return NULL;
    *copy = *inc;
    for (size_t i = 0; i < incident_row_count; i++)
        if (incident_rows[i].type == ROW_STRING)
            *(char **)((char *)copy + incident_rows[i].offset) = NULL;
    copy->rule_tags = NULL;
    copy->rule_tag_count = 0;
    memset(copy->keys, 0, sizeof(copy->keys));
    copy->key_count = 0;
    copy->history = NULL;
    copy->history_count = 0;
    if (copy_heap(inc, copy) != 0)
        incident_destroy(&copy);
    return copy;
}

int
incident_is_newer(const struct incident *a, const struct incident *b)
{
    if (a->rev_epoch != b->rev_epoch)
        return a->rev_epoch > b->rev_epoch;
    return a->rev_counter > b->rev_counter;
}

int
incident_add_history(struct incident *inc, int64_t at_us, const char *by, int from,
                     int to, const char *note)
{
    struct incident_change line = { .at_us = at_us, .from = from, .to = to };
    struct incident_change *history;

    if (inc->history_count == INCIDENT_MAX_HISTORY)
        return -1;
    history = realloc(inc->history, (inc->history_count + 1) * sizeof(*history));
    if (history == NULL)
        return -1;
    inc->history = history;
    if (string_copy(&line.by, by) != 0 || string_copy(&line.note, note) != 0) {
        free(line.by);
        return -1;
    }
    history[inc->history_count++] = line;
    return 0;
}
