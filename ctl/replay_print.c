#include "ctl/replay_print.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ctl/remote.h"
#include "ctl/screen.h"
#include "proto/base/buf.h"

#define INT(object, name) json_integer_value(json_object_get(object, name))

static void
put(struct buf *line)
{
    screen_print_line(line->ptr == NULL ? "" : line->ptr);
    buf_release(line);
}

/* "source_address=192.0.2.1 username=root". */
static void
append_key(struct buf *out, const json_t *key)
{
    const char *name;
    json_t *value;

    json_object_foreach((json_t *)(uintptr_t)key, name, value)
        buf_printf(out, " %s=%s", name, json_string_value(value) == NULL ? ""
                                                                         : json_string_value(value));
}

static void
append_incident(struct buf *out, char sign, const json_t *inc)
{
    buf_printf(out, "%c %s", sign, answer_text(json_object_get(inc, "rule"), "title"));
    append_key(out, json_object_get(inc, "key"));
}

static void
print_one(char sign, const json_t *inc)
{
    struct buf line = { 0 };

    append_incident(&line, sign, inc);
    buf_printf(&line, ": %s, %" JSON_INTEGER_FORMAT " from %s to %s", answer_text(inc, "severity"),
               INT(inc, "count"), answer_text(inc, "first_seen"), answer_text(inc, "last_seen"));
    put(&line);
}

/* What is another: "count 5, not 6". */
static void
append_change(struct buf *out, const json_t *before, const json_t *after, const char *name)
{
    json_t *old = json_object_get(before, name), *new = json_object_get(after, name);

    if (json_equal(old, new))
        return;
    if (json_is_integer(old))
        buf_printf(out, "; %s %" JSON_INTEGER_FORMAT " -> %" JSON_INTEGER_FORMAT, name,
                   json_integer_value(old), json_integer_value(new));
    else
        buf_printf(out, "; %s %s -> %s", name, answer_text(before, name),
                   answer_text(after, name));
}

static void
print_change(const json_t *change)
{
    static const char *const names[] = { "count", "first_seen", "last_seen", "severity" };
    const json_t *before = json_object_get(change, "before"),
                 *after = json_object_get(change, "after");
    struct buf line = { 0 };

    append_incident(&line, '~', after);
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        append_change(&line, before, after, names[i]);
    put(&line);
}

static void
print_list(const json_t *answer, const char *name, char sign)
{
    json_t *list = json_object_get(answer, name), *one;
    json_int_t all = INT(json_object_get(answer, "counts"), name);
    size_t i;

    json_array_foreach(list, i, one) {
        if (sign == '~')
            print_change(one);
        else
            print_one(sign, one);
    }
    if (all > (json_int_t)json_array_size(list))
        printf("%c ... and %" JSON_INTEGER_FORMAT " more\n", sign,
               all - (json_int_t)json_array_size(list));
}

/* What was not judged, or not as it is live: each kind that there is. */
static void
print_events(const json_t *answer)
{
    static const struct { const char *name, *text; } kinds[] = {
        { "refused", "refused" },
        { "earlier", "from long before that time" },
    };
    const json_t *events = json_object_get(answer, "events");
    json_t *reason;
    size_t i;

    printf("%" JSON_INTEGER_FORMAT " events judged", INT(events, "judged"));
    for (i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
        if (INT(events, kinds[i].name) > 0)
            printf(", %" JSON_INTEGER_FORMAT " %s", INT(events, kinds[i].name), kinds[i].text);
    if (answer_text(answer, "since")[0] != '\0')
        printf("; since %s", answer_text(answer, "since"));
    if (answer_text(answer, "until")[0] != '\0')
        printf(", until %s", answer_text(answer, "until"));
    puts("");
    json_array_foreach(json_object_get(answer, "reasons"), i, reason)
        screen_print_line(json_string_value(reason));
}

static void
print_side(const json_t *answer, const char *name)
{
    static const struct { const char *name, *text; } kinds[] = {
        { "late", "events were too late for windows" },
        { "keys_evicted", "keys had to go (detector.max_keys, .max_total_entries, .max_rule_share)" },
        { "entries_dropped", "events did not fit into their windows (detector.max_entries)" },
    };
    const json_t *side = json_object_get(answer, name);
    size_t refused = json_array_size(json_object_get(side, "refused"));

    if (side == NULL)
        return;
    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
        if (INT(side, kinds[i].name) > 0)
            printf("(%s rules: %" JSON_INTEGER_FORMAT " %s)\n", name, INT(side, kinds[i].name),
                   kinds[i].text);
    if (refused > 0)
        printf("(%s rules: %zu refused; bongsu rules check says why)\n", name, refused);
}

void
replay_print(const json_t *answer)
{
    static const struct { const char *against, *text; } kinds[] = {
        { "happened", "what the rules find, beside what happened" },
        { "rules", "what the new rules find, beside the present ones" },
        { "nothing", "what the rules find" },
    };
    const json_t *counts = json_object_get(answer, "counts");
    json_t *left;
    size_t i;

    print_events(answer);
    print_side(answer, "present");
    print_side(answer, "new");
    json_array_foreach(json_object_get(answer, "not_compared"), i, left) {
        struct buf line = { 0 };

        buf_printf(&line, "(not compared: rule %s remembers more than 7 days, or more than was "
                   "judged; %" JSON_INTEGER_FORMAT " incidents)", answer_text(left, "rule"),
                   INT(left, "incidents"));
        put(&line);
    }
    print_list(answer, "added", '+');
    print_list(answer, "gone", '-');
    print_list(answer, "changed", '~');
    for (i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
        if (strcmp(answer_text(answer, "against"), kinds[i].against) == 0)
            printf("%s: ", kinds[i].text);
    printf("%" JSON_INTEGER_FORMAT " added (+), %" JSON_INTEGER_FORMAT " gone (-), %"
           JSON_INTEGER_FORMAT " changed (~), %" JSON_INTEGER_FORMAT " the same\n",
           INT(counts, "added"), INT(counts, "gone"), INT(counts, "changed"), INT(answer, "same"));
}
