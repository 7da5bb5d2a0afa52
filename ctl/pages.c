#include "ctl/pages.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ctl/span.h"
#include "proto/run/daemon.h"

enum { PAGE_MAX = 500, UUID_LEN = 36 };

static int
ask(struct pages *pages, unsigned limit, json_t **ret_answer, long *ret_wait_s, struct err *err)
{
    struct buf path = { 0 };
    char number[16];
    int code = EXIT_SOFTWARE;

    snprintf(number, sizeof number, "%u", limit);
    if (buf_append_str(&path, pages->path) != 0 ||
        query_add_str(&path, "limit", number) != 0 ||
        query_add_str(&path, "cursor", pages->cursor) != 0)
        err_set(err, "out of memory");
    else
        code = remote_ask_json(pages->remote, path.ptr, NULL, ret_answer, ret_wait_s, err);
    buf_release(&path);
    return code;
}

int
pages_next(struct pages *pages, unsigned limit, json_t **ret_items, long *ret_wait_s,
           struct err *err)
{
    json_t *answer = NULL, *items;
    const char *cursor;
    int code;

    *ret_items = NULL;
    if (pages->is_done)
        return EXIT_DONE;
    code = ask(pages, limit, &answer, ret_wait_s, err);
    if (code != EXIT_DONE)
        return code;
    items = json_object_get(answer, pages->list);
    cursor = json_string_value(json_object_get(answer, "next_cursor"));
    if (!json_is_array(items)) {
        err_set(err, "%s answers without %s: is it Bongsu's api?", pages->remote->url,
                pages->list);
        code = EXIT_PROTOCOL;
    } else if (cursor != NULL && pages->cursor != NULL && strcmp(cursor, pages->cursor) == 0) {
        err_set(err, "%s gives the same page for ever: is it Bongsu's api?", pages->remote->url);
        code = EXIT_PROTOCOL;
    } else {
        *ret_items = json_incref(items);
        free(pages->cursor);
        pages->cursor = cursor == NULL ? NULL : strdup(cursor);
        pages->is_done = pages->cursor == NULL;
    }
    json_decref(answer);
    return code;
}

void
pages_release(struct pages *pages)
{
    free(pages->cursor);
    pages->cursor = NULL;
}

int
pages_collect(struct pages *pages, size_t limit,
              int (*keep)(const void *ctx, const json_t *item), const void *ctx,
              json_t **ret_items, struct err *err)
{
    json_t *all = json_array(), *items, *item;
    int code = EXIT_DONE;
    size_t i;

    while (json_array_size(all) < limit) {
        size_t left = limit - json_array_size(all);
        unsigned size = keep == NULL && left < PAGE_MAX ? (unsigned)left : PAGE_MAX;

        code = pages_next(pages, size, &items, NULL, err);
        if (code != EXIT_DONE || items == NULL)
            break;
        json_array_foreach(items, i, item)
            if (json_array_size(all) < limit && (keep == NULL || keep(ctx, item)))
                json_array_append(all, item);
        json_decref(items);
    }
    if (code != EXIT_DONE) {
        json_decref(all);
        return code;
    }
    *ret_items = all;
    return EXIT_DONE;
}

int
pages_is_rule_id(const char *text)
{
    size_t len = strlen(text);

    if (strncmp(text, "bongsu.", 7) == 0)
        return 1;
    for (size_t i = 0; i < len; i++)
        if (!isxdigit((unsigned char)text[i]) && text[i] != '-')
            return 0;
    return len == UUID_LEN;
}

int
pages_add_incident_filters(struct buf *path, const struct call *call, int64_t now_us,
                           struct err *err)
{
    const char *rule = call->rule;

    if (rule != NULL && !pages_is_rule_id(rule))
        rule = NULL;            /* a part of a title: looked for here */
    err_set(err, "out of memory");
    if (query_add_str(path, "status", call->status) != 0 ||
        query_add_str(path, "severity", call->severity) != 0 ||
        query_add_str(path, "rule", rule) != 0 || query_add_str(path, "key", call->key) != 0)
        return EXIT_SOFTWARE;
    return span_add(path, call, now_us, err) == 0 ? EXIT_DONE : EXIT_USAGE;
}

/* Parameters of the api that are no fields, and the flag that gives them. */
static const struct { const char *name, *flag; } parameters[] = {
    { "from", "--since" }, { "to", "--until" }, { "window", "--since" }, { "q", "--text" },
    { "limit", "--limit" }, { "cursor", "--resume" }, { "after", "events tail -f" },
};

static int
add_field(struct buf *path, const char *arg, struct err *err)
{
    struct text value = text_of(arg), name = text_split(&value, '=');
    char *field;
    int rc;

    if (value.ptr == NULL || name.len == 0) {
        err_set(err, "%.80s: a filter is FIELD=VALUE, as in source_ip=203.0.113.9", arg);
        return EXIT_USAGE;
    }
    for (size_t i = 0; i < sizeof parameters / sizeof parameters[0]; i++)
        if (text_is(name, parameters[i].name)) {
            err_set(err, "%s: is no field; %s does that", parameters[i].name,
                    parameters[i].flag);
            return EXIT_USAGE;
        }
    field = text_dup(name);
    rc = field == NULL ? -1 : query_add(path, field, value);
    free(field);
    return rc == 0 ? EXIT_DONE : EXIT_SOFTWARE;
}

int
pages_add_event_filters(struct buf *path, const struct call *call, int64_t now_us,
                        struct err *err)
{
    int code = EXIT_DONE;

    err_set(err, "out of memory");
    if (query_add_str(path, "q", call->text) != 0)
        return EXIT_SOFTWARE;
    for (int i = 0; i < call->arg_count && code == EXIT_DONE; i++)
        code = add_field(path, call->args[i], err);
    if (code != EXIT_DONE)
        return code;
    return span_add(path, call, now_us, err) == 0 ? EXIT_DONE : EXIT_USAGE;
}
