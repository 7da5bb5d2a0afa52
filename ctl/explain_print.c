#include "ctl/explain_print.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ctl/remote.h"
#include "ctl/screen.h"
#include "proto/base/buf.h"

/* A value is cut after so many bytes, a line's values after so many in all. */
enum { VALUE_BYTES = 60, VALUES_BYTES = 100, INDENT = 2 };

static const char *
yes_or_no(const json_t *object, const char *name)
{
    return json_is_true(json_object_get(object, name)) ? "yes" : "no ";
}

static void
put(const struct buf *line)
{
    screen_print_line(line->ptr == NULL ? "" : line->ptr);
}

/* A value in JSON, cut. */
static void
append_value(struct buf *out, const json_t *value)
{
    char *text = json_dumps(value, JSON_ENCODE_ANY | JSON_COMPACT);
    size_t len = text == NULL ? 0 : strlen(text), kept = len;

    if (len > VALUE_BYTES) {
        kept = VALUE_BYTES;
        while (kept > 0 && ((unsigned char)text[kept] & 0xC0) == 0x80)
            kept--;
    }
    if (text != NULL) {
        buf_append(out, text, kept);
        buf_append_str(out, kept < len ? "..." : "");
    }
    free(text);
}

/* "a, b, c (+17)". */
static void
append_values(struct buf *out, const json_t *values, size_t count)
{
    size_t i, from = out->len, size = json_array_size(values);

    for (i = 0; i < size && out->len - from < VALUES_BYTES; i++) {
        buf_append_str(out, i == 0 ? "" : ", ");
        append_value(out, json_array_get(values, i));
    }
    if (i < count)
        buf_printf(out, " (+%zu)", count - i);
}

/* --- a detection --- */

static void
print_item(const json_t *item)
{
    const json_t *matched = json_object_get(item, "matched");
    size_t count = (size_t)json_integer_value(json_object_get(item, "value_count"));
    struct buf line = { 0 };

    buf_printf(&line, "      %s  %s", yes_or_no(item, "holds"), answer_text(item, "line"));
    if (count > 0) {
        buf_append_str(&line, ": ");
        append_values(&line, json_object_get(item, "values"), count);
    }
    buf_printf(&line, "   [line %" JSON_INTEGER_FORMAT "]",
               json_integer_value(json_object_get(item, "at")));
    put(&line);
    buf_clear(&line);
    buf_append_str(&line, "           the event has ");
    if (json_object_get(item, "present") == NULL)
        buf_append_str(&line, json_array_size(matched) > 0 ? "in its text " : "none of it in its text");
    else if (json_is_false(json_object_get(item, "present")))
        buf_append_str(&line, "no such field");
    else
        append_value(&line, json_object_get(item, "value"));
    if (json_array_size(matched) > 0 && (count > 1 || json_object_get(item, "present") == NULL)) {
        buf_append_str(&line, json_object_get(item, "present") == NULL ? "" : ", which is ");
        append_values(&line, matched, json_array_size(matched));
    }
    put(&line);
    buf_release(&line);
}

static void
print_selection(const json_t *selection)
{
    json_t *groups = json_object_get(selection, "groups"), *group, *item;
    struct buf line = { 0 };
    size_t i, j;

    buf_printf(&line, "    %s  %s   [line %" JSON_INTEGER_FORMAT "]",
               yes_or_no(selection, "holds"), answer_text(selection, "name"),
               json_integer_value(json_object_get(selection, "at")));
    put(&line);
    buf_release(&line);
    json_array_foreach(groups, i, group) {
        if (i > 0)
            puts("      or");
        json_array_foreach(group, j, item)
            print_item(item);
    }
}

static void
print_node(const json_t *node, int depth)
{
    const char *kind = answer_text(node, "kind");
    struct buf line = { 0 };
    json_t *below;
    size_t i;

    buf_printf(&line, "    %s  %*s", yes_or_no(node, "holds"), depth * INDENT, "");
    if (strcmp(kind, "selection") == 0)
        buf_append_str(&line, answer_text(node, "name"));
    else if (strcmp(kind, "at_least") == 0)
        buf_printf(&line, "at least %" JSON_INTEGER_FORMAT " of",
                   json_integer_value(json_object_get(node, "count")));
    else
        buf_append_str(&line, kind);
    put(&line);
    buf_release(&line);
    json_array_foreach(json_object_get(node, "of"), i, below)
        print_node(below, depth + 1);
}

static void
append_parts(struct buf *out, const json_t *parts)
{
    const char *name;
    json_t *value;
    size_t from = out->len;

    json_object_foreach((json_t *)(uintptr_t)parts, name, value) {
        if (json_is_array(value) && json_array_size(value) == 0)
            continue;
        buf_printf(out, "%s%s ", out->len > from ? ", " : "", name);
        if (json_is_array(value))
            append_values(out, value, json_array_size(value));
        else
            append_value(out, value);
    }
    if (out->len == from)
        buf_append_str(out, "nothing");
}

static void
print_logsource(const json_t *source)
{
    struct buf line = { 0 };

    buf_printf(&line, "  logsource: %s  the rule is for ", yes_or_no(source, "applies"));
    if (json_is_true(json_object_get(source, "any_source")))
        buf_append_str(&line, "every event");
    else
        append_parts(&line, json_object_get(source, "rule"));
    buf_append_str(&line, "; of the event is known: ");
    append_parts(&line, json_object_get(source, "event"));
    put(&line);
    buf_release(&line);
    if (answer_text(source, "why")[0] != '\0')
        printf("                  %s\n", answer_text(source, "why"));
}

static void
print_check(const json_t *check)
{
    struct buf line = { 0 };

    buf_printf(&line, "      %s  %s in %s; the event has ", yes_or_no(check, "holds"),
               answer_text(check, "attack"), answer_text(check, "field"));
    append_value(&line, json_object_get(check, "value"));
    put(&line);
    buf_release(&line);
}

static void
print_any(json_t *conditions)
{
    json_t *one;
    size_t i;

    json_array_foreach(conditions, i, one) {
        if (i > 0)
            puts("    or");
        print_node(one, 0);
    }
}

/* Of a rule, or of a filter. */
static void
print_conditions(const json_t *rule)
{
    json_t *own = json_object_get(rule, "bongsu_condition"), *one;
    size_t i;

    puts("  condition:");
    print_any(json_object_get(rule, "condition"));
    if (own != NULL) {
        puts("  and the condition of bongsu.detection:");
        print_any(own);
    }
    puts("  selections:");
    json_array_foreach(json_object_get(rule, "selections"), i, one)
        print_selection(one);
}

/* What holds, and yet does not match. */
static void
print_filter(const json_t *filter)
{
    struct buf line = { 0 };

    if (filter == NULL)
        return;
    buf_printf(&line, "  but the filter %s (%s) takes it, %s:%" JSON_INTEGER_FORMAT ":",
               answer_text(filter, "title"), answer_text(filter, "id"),
               answer_text(filter, "file"), json_integer_value(json_object_get(filter, "at")));
    put(&line);
    buf_release(&line);
    print_conditions(filter);
}

static void
print_detection(const json_t *rule)
{
    json_t *checks = json_object_get(rule, "checks"), *one;
    size_t i;

    print_logsource(json_object_get(rule, "logsource"));
    print_conditions(rule);
    if (json_array_size(checks) > 0)
        puts("  and one of these checks:");
    json_array_foreach(checks, i, one)
        print_check(one);
    print_filter(json_object_get(rule, "filter"));
}

static void
print_first_seen(const json_t *seen)
{
    struct buf line = { 0 };

    if (seen == NULL)
        return;
    buf_append_str(&line, "  only the first time for ");
    append_parts(&line, json_object_get(seen, "key"));
    buf_printf(&line, " in %s", answer_text(seen, "remembers"));
    if (strcmp(answer_text(seen, "learns"), "0s") != 0)
        buf_printf(&line, " (after learning for %s)", answer_text(seen, "learns"));
    buf_printf(&line, "%s",
               json_is_true(json_object_get(seen, "whole")) ? "" : "; not all of it is there");
    put(&line);
    buf_release(&line);
}

static void
print_allowed(const json_t *allowed)
{
    struct buf line = { 0 };

    if (allowed == NULL)
        return;
    buf_printf(&line, "  but the allow list takes the event from this rule: %s (%s)   [line %"
               JSON_INTEGER_FORMAT "]", answer_text(allowed, "entry"),
               answer_text(allowed, "reason"), json_integer_value(json_object_get(allowed, "at")));
    put(&line);
    buf_release(&line);
}

/* --- a correlation --- */

static void
print_step(const json_t *step)
{
    struct buf line = { 0 };

    if (json_object_get(step, "matches") == NULL) {
        buf_printf(&line, "      ?    %s (%s): depends on other events", answer_text(step, "title"),
                   answer_text(step, "rule"));
    } else {
        buf_printf(&line, "      %s  %s (%s), key ", yes_or_no(step, "matches"),
                   answer_text(step, "title"), answer_text(step, "rule"));
        append_parts(&line, json_object_get(step, "key"));
        if (json_is_false(json_object_get(step, "grouped")))
            buf_append_str(&line, ": a part is not there, so the event is not grouped");
    }
    put(&line);
    buf_release(&line);
}

static void
print_correlation(const json_t *rule)
{
    struct buf line = { 0 };
    json_t *step, *value;
    const char *name;
    size_t i;

    buf_printf(&line, "  needs %s", answer_text(rule, "needs"));
    json_object_foreach(json_object_get(rule, "values"), name, value) {
        buf_printf(&line, "; %s of this event is ", name);
        append_value(&line, value);
    }
    put(&line);
    buf_release(&line);
    puts("  the event goes into its window as a match of one of:");
    json_array_foreach(json_object_get(rule, "steps"), i, step)
        print_step(step);
}

/* --- all --- */

static void
print_rule(const json_t *rule)
{
    int is_detection = strcmp(answer_text(rule, "type"), "detection") == 0;
    int is_match = json_is_true(json_object_get(rule, "matches"));
    struct buf line = { 0 };

    buf_printf(&line, "%s %s (%s)", !is_match ? "no   " : is_detection ? "MATCH" : "IN   ",
               answer_text(rule, "title"), answer_text(rule, "id"));
    put(&line);
    buf_clear(&line);
    buf_printf(&line, "  %s:%" JSON_INTEGER_FORMAT ", %s", answer_text(rule, "file"),
               json_integer_value(json_object_get(rule, "at")), answer_text(rule, "type"));
    if (is_detection && json_integer_value(json_object_get(rule, "missing")) > 0)
        buf_printf(&line, ", %" JSON_INTEGER_FORMAT " of its tests would have to come out otherwise",
                   json_integer_value(json_object_get(rule, "missing")));
    if (!json_is_true(json_object_get(rule, "incidents")))
        buf_append_str(&line, ", part of another rule: no incident of its own");
    put(&line);
    buf_release(&line);
    if (is_detection)
        print_detection(rule);
    else
        print_correlation(rule);
    print_first_seen(json_object_get(rule, "first_seen"));
    print_allowed(json_object_get(rule, "allowed"));
    puts("");
}

void
explain_print(const json_t *answer, int is_search)
{
    json_t *rules = json_object_get(answer, "rules"), *rule;
    size_t refused = json_array_size(json_object_get(answer, "refused")), i;

    if (json_is_true(json_object_get(answer, "decoded")))
        puts("(the line was read by the decoders: bongsu decode shows what came of it)\n");
    if (is_search && json_array_size(rules) == 0)
        puts("no rule matches, and none has anything of what it needs");
    json_array_foreach(rules, i, rule)
        print_rule(rule);
    if (refused > 0)
        printf("%zu rule%s refused and not asked: bongsu rules check says why\n", refused,
               refused == 1 ? " is" : "s are");
}
