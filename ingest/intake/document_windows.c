/*
 * What Winlogbeat ships: its event.action is a word for the task ("Logon"), which no rule
 * knows. The number and the data say what happened; they are read as a line of
 * Winlogbeat's is, and stay under their own names.
 */
#include "ingest/intake/document_parts.h"

#include <string.h>

#include "proto/decode/windows_event.h"
#include "proto/decode/windows_meaning.h"

enum { DATA_MAX = 64 };

struct data {
    struct arena *arena;
    size_t count;
    const struct extra *extras[DATA_MAX];
    size_t prefixes[DATA_MAX];      /* how long the name's is */
};

static struct text
text_in(struct arena *arena, const struct value *value)
{
    char space[32];
    struct text text;

    if (value == NULL || value->kind == VALUE_TEXT)
        return value == NULL ? (struct text){ NULL, 0 } : value->as.text;
    text = value_as_text(value, space);
    return text.len == 0 ? (struct text){ NULL, 0 } : arena_copy(arena, text);
}

static struct text
get(const void *from, const char *name)
{
    const struct data *data = from;
    size_t len = strlen(name);

    for (size_t i = 0; i < data->count; i++) {
        struct text full = data->extras[i]->name;

        if (full.len == data->prefixes[i] + len &&
            memcmp(full.ptr + data->prefixes[i], name, len) == 0)
            return text_in(data->arena, &data->extras[i]->value);
    }
    return (struct text){ NULL, 0 };
}

/* Before a field is added: extras may move then. */
static void
find_data(const struct event *ev, struct data *data)
{
    static const char *const prefixes[] = { "winlog.event_data.", "winlog.user_data." };

    for (size_t p = 0; p < sizeof(prefixes) / sizeof(prefixes[0]); p++)
        for (size_t i = 0; i < ev->extra_count && data->count < DATA_MAX; i++)
            if (text_starts_with(ev->extras[i].name, prefixes[p])) {
                data->prefixes[data->count] = strlen(prefixes[p]);
                data->extras[data->count++] = &ev->extras[i];
            }
}

static struct text
text_at(const struct event *ev, const char *name)
{
    const struct value *value = event_get(ev, text_of(name));

    return value == NULL ? (struct text){ NULL, 0 } : value_get_text(value);
}

/* Keywords are a list, packed. */
static int
is_failure(const struct event *ev)
{
    static const char word[] = "Audit Failure";
    const struct value *keywords = event_get(ev, text_of("winlog.keywords"));

    return text_is(text_at(ev, "event.outcome"), "failure") ||
           (keywords != NULL &&
            (keywords->kind == VALUE_TEXT || keywords->kind == VALUE_PACKED) &&
            memmem(keywords->as.text.ptr, keywords->as.text.len, word,
                   sizeof(word) - 1) != NULL);
}

int
document_windows(struct document *doc)
{
    struct event *ev = doc->ev;
    const struct value *code = event_get(ev, text_of("winlog.event_id"));
    const struct value *provider = event_get(ev, text_of("winlog.provider_name"));
    struct value *type = &ev->known[EVENT_TYPE];
    struct value action = *type;
    struct data data = { .arena = doc->arena };
    struct windows_event win = { .from = &data, .get = get };
    struct extra *copies;

    if (code == NULL || provider == NULL)
        return 0;
    win.code = text_in(doc->arena, code);
    win.provider = text_in(doc->arena, provider);
    win.is_failure = is_failure(ev);
    win.account = text_at(ev, "winlog.user.name");
    win.account_domain = text_at(ev, "winlog.user.domain");
    win.account_id = text_at(ev, "winlog.user.identifier");
    find_data(ev, &data);
    copies = arena_alloc(doc->arena, (data.count + 1) * sizeof(*copies));
    if (copies == NULL)
        return 0;
    for (size_t i = 0; i < data.count; i++) {
        copies[i] = *data.extras[i];
        data.extras[i] = &copies[i];
    }
    if (windows_meaning_of(win.provider, win.code) == NULL) {
        windows_event_put(&win, ev);        /* and the word for the task is all there is */
        return 0;
    }
    type->kind = VALUE_ABSENT;
    windows_event_put(&win, ev);
    if (action.kind == VALUE_TEXT && event_get(ev, text_of("winlog.task")) == NULL)
        return document_add(doc, text_of("winlog.task"), action);
    return 0;
}
