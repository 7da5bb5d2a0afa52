/*
 * An event_query as a query of Elasticsearch's: it finds all that match, and
 * perhaps more, since event_matches() has the last word.
 */
#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "proto/fields.h"
#include "proto/json_text.h"
#include "proto/store/elastic/elastic.h"

enum { OK = 200, RUN_MIN = 2, RUN_MAX = 200, RUNS_MAX = 8 };

static json_t *
nothing(void)
{
    return json_pack("{s:{}}", "match_none");
}

/* {kind: {field: inside}} */
static json_t *
clause(const char *kind, struct text field, json_t *inside)
{
    json_t *object = json_object();

    json_set(object, field, inside);
    return json_pack("{s:o}", kind, object);
}

static json_t *
keyword_clause(struct text field, struct text value)
{
    return clause("term", field, json_pack("{s:o, s:b}", "value", json_text(value),
                                           "case_insensitive", 1));
}

static json_t *
plain_clause(struct text field, struct text value)
{
    return clause("term", field, json_pack("{s:o}", "value", json_text(value)));
}

static int
is_number(struct text value)
{
    char space[64], *end;

    if (value.len == 0 || value.len >= sizeof(space))
        return 0;
    memcpy(space, value.ptr, value.len);
    space[value.len] = '\0';
    strtod(space, &end);
    return *end == '\0' && strpbrk(space, "nNiIxX") == NULL;
}

static int
is_address(struct text value)
{
    char space[INET6_ADDRSTRLEN];
    unsigned char bytes[16];

    if (value.len >= sizeof(space))
        return 0;
    memcpy(space, value.ptr, value.len);
    space[value.len] = '\0';
    return inet_pton(AF_INET, space, bytes) == 1 || inet_pton(AF_INET6, space, bytes) == 1;
}

/* What a field of that type can be equal to. */
static json_t *
typed_clause(const char *type, struct text field, struct text value)
{
    static const char *const numbers[] = { "long", "integer", "short", "byte", "double", "float",
                                           "half_float", "unsigned_long", "scaled_float" };
    struct text name = text_of(type);

    if (text_is(name, "keyword") || text_is(name, "wildcard") || text_is(name, "flattened"))
        return keyword_clause(field, value);
    if (text_is(name, "ip"))
        return is_address(value) ? plain_clause(field, value) : nothing();
    if (text_is(name, "boolean"))
        return text_is(value, "true") || text_is(value, "false") ? plain_clause(field, value)
                                                                 : nothing();
    for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++)
        if (text_is(name, numbers[i]))
            return is_number(value) ? plain_clause(field, value) : nothing();
    return nothing();
}

/* A field that Elasticsearch made itself: it may be of another type each day. */
static json_t *
dynamic_clause(struct elastic_store *store, struct text field, struct text value, struct err *err)
{
    json_t *answer = NULL, *any = NULL, *body = json_pack("{s:[o]}", "fields", json_text(field));
    const json_t *types, *one;
    const char *type;

    if (elastic_ask(store, "POST", "/" ELASTIC_ALL_EVENTS "/_field_caps", body, &answer, err) != OK)
        goto done;
    types = json_object_getn(json_object_get(answer, "fields"), field.ptr, field.len);
    any = json_array();
    json_object_foreach((json_t *)types, type, one) {
        json_t *part = typed_clause(type, field, value), *indices = json_object_get(one, "indices");

        if (indices != NULL)
            part = json_pack("{s:{s:[{s:{s:O}}, o]}}", "bool", "filter", "terms", "_index", indices,
                             part);
        json_array_append_new(any, part);
    }

done:
    json_decref(answer);
    if (any == NULL)
        return NULL;
    return json_array_size(any) == 0 ? (json_decref(any), nothing())
                                     : json_pack("{s:{s:o}}", "bool", "should", any);
}

static json_t *
field_clause(enum ecs_type type, struct text field, struct text value)
{
    switch (type) {
    case ECS_KEYWORD:
    case ECS_WILDCARD:
        return keyword_clause(field, value);
    case ECS_IP:
        return typed_clause("ip", field, value);
    case ECS_LONG:
    case ECS_DOUBLE:
        return typed_clause("long", field, value);
    case ECS_BOOLEAN:
        return typed_clause("boolean", field, value);
    case ECS_TEXT:
    case ECS_MATCH_ONLY_TEXT:
    case ECS_DATE:
        break;
    }
    return json_pack("{s:{}}", "match_all");    /* event_matches() looks */
}

static json_t *
filter_clause(struct elastic_store *store, struct text name, struct text value, struct err *err)
{
    int known = event_field_find(name);
    const struct field_row *row = field_find(name);
    struct text field;
    struct buf path = { 0 };
    json_t *ret;

    if (known == EVENT_RAW_LOG)
        return json_pack("{s:{}}", "match_all");
    if (known >= 0)
        return field_clause(field_find(text_of(event_fields[known].name))->type,
                            text_of(elastic_name_of_known(known)), value);
    if (elastic_name_of_extra(name, 0, &field) == ELASTIC_NAME_AS_SENT) {
        if (buf_append_str(&path, "bongsu.as_sent.") != 0 || buf_append_text(&path, name) != 0) {
            err_set(err, "store: out of memory");
            return NULL;
        }
        ret = keyword_clause(buf_text(&path), value);
        buf_release(&path);
        return ret;
    }
    if (row != NULL && text_is(name, row->name))
        return field_clause(row->type, field, value);
    return dynamic_clause(store, field, value, err);
}

/* --- a text: its runs of letters and digits are inside words of the index --- */

struct run {
    struct text text;
    int is_word;                /* with a space on either side: a whole word */
};

static int
is_run_byte(char c)
{
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static size_t
find_runs(struct text text, struct run runs[RUNS_MAX])
{
    size_t count = 0;

    for (size_t i = 0; i < text.len && count < RUNS_MAX; i++) {
        size_t start = i;

        while (i < text.len && is_run_byte(text.ptr[i]))
            i++;
        if (i - start < RUN_MIN || i - start > RUN_MAX)
            continue;
        runs[count++] = (struct run){
            { text.ptr + start, i - start },
            start > 0 && text.ptr[start - 1] == ' ' && i < text.len && text.ptr[i] == ' ' };
    }
    return count;
}

/* The run, in small letters, in either of the searched fields. */
static json_t *
run_clause(const struct run *run)
{
    char pattern[RUN_MAX + 3];
    size_t len = 0;
    const char *kind = run->is_word ? "term" : "wildcard";

    if (!run->is_word)
        pattern[len++] = '*';
    for (size_t i = 0; i < run->text.len; i++) {
        char c = run->text.ptr[i];

        pattern[len++] = (char)(c >= 'A' && c <= 'Z' ? c + ('a' - 'A') : c);
    }
    if (!run->is_word)
        pattern[len++] = '*';
    pattern[len] = '\0';
    return json_pack("{s:{s:[{s:{s:{s:s}}}, {s:{s:{s:s}}}]}}", "bool", "should",
                     kind, "message", "value", pattern, kind, "bongsu.text", "value", pattern);
}

static void
add_text(json_t *filters, struct text text)
{
    struct run runs[RUNS_MAX];
    size_t count = find_runs(text, runs);

    for (size_t i = 0; i < count; i++)
        json_array_append_new(filters, run_clause(&runs[i]));
}

/* bongsu.at is exact; @timestamp lets Elasticsearch skip the indices of other days. */
static void
add_range(json_t *filters, int64_t from_us, int64_t to_us)
{
    json_t *at = json_pack("{s:I, s:I}", "gte", (json_int_t)from_us, "lt", (json_int_t)to_us);
    json_t *shown = json_pack("{s:s}", "format", "epoch_millis");

    if (from_us > INT64_MIN / 1000)
        json_object_set_new(shown, "gte", json_integer(from_us / 1000 - 1));
    if (to_us < INT64_MAX / 1000)
        json_object_set_new(shown, "lte", json_integer(to_us / 1000 + 1));
    json_array_append_new(filters, clause("range", text_of("bongsu.at"), at));
    if (json_object_size(shown) > 1)
        json_array_append_new(filters, clause("range", text_of("@timestamp"), shown));
    else
        json_decref(shown);
}

json_t *
elastic_event_clause(struct elastic_store *store, const struct event_query *query, struct err *err)
{
    json_t *filters = json_array();

    add_range(filters, query->from_us, query->to_us);
    add_text(filters, query->text);
    for (size_t i = 0; i < query->filter_count; i++) {
        json_t *one = filter_clause(store, query->filters[i].field, query->filters[i].value, err);

        if (one == NULL) {
            json_decref(filters);
            return NULL;
        }
        json_array_append_new(filters, one);
    }
    return json_pack("{s:{s:o}}", "bool", "filter", filters);
}
