#include "proto/base/yaml_reader.h"

#include <stdarg.h>
#include <string.h>
#include <yaml.h>

#include "proto/base/buf.h"
#include "proto/base/yaml_anchors.h"
#include "proto/base/yaml_scalar.h"

/* Levels of nesting; and what aliases may unfold to, counted as COPY_COST a
 * value and the bytes of its texts. */
enum { DEPTH_MAX = 32, COPY_MAX = 1024 * 1024, COPY_COST = 16 };

/* What one parse carries along. */
struct reader {
    struct yaml_content *content;
    yaml_parser_t parser;
    const char *name;
    struct text bytes;
    struct yaml_anchors anchors;    /* of this document */
    size_t copied;                  /* by aliases, of COPY_MAX */
    struct err *err;
};

static json_t *read_value(struct reader *in, const yaml_event_t *event, int line,
                          int depth);

/* --- reasons ----------------------------------------------------------- */

/* Sets the reason "name:line: ..."; NULL, for return. */
static void *__attribute__((format(printf, 3, 4)))
refuse(struct reader *in, int line, const char *fmt, ...)
{
    struct buf reason = { NULL, 0, 0 };
    va_list args;

    va_start(args, fmt);
    if (buf_vprintf(&reason, fmt, args) == 0)
        err_set(in->err, "%s:%d: %s", in->name, line, reason.ptr);
    else
        err_set(in->err, "%s:%d: out of memory", in->name, line);
    va_end(args);
    buf_release(&reason);
    return NULL;
}

/* Bytes that are no UTF-8 come with an offset, everything else with a mark. */
static int
problem_line(const struct reader *in)
{
    int line = 1;

    if (in->parser.error != YAML_READER_ERROR)
        return (int)in->parser.problem_mark.line + 1;
    for (size_t i = 0; i < in->parser.problem_offset && i < in->bytes.len; i++)
        line += in->bytes.ptr[i] == '\n';
    return line;
}

static int
next_event(struct reader *in, yaml_event_t *event)
{
    if (yaml_parser_parse(&in->parser, event))
        return 0;
    refuse(in, problem_line(in), "%s",
           in->parser.problem == NULL ? "out of memory" : in->parser.problem);
    return -1;
}

static int
line_of(const yaml_event_t *event)
{
    return (int)event->start_mark.line + 1;
}

/* Takes value and notes its line; NULL when it or memory is missing. */
static json_t *
placed(struct reader *in, json_t *value, int line)
{
    if (value != NULL && yaml_lines_set(&in->content->lines, value, line) == 0)
        return value;
    json_decref(value);
    return refuse(in, line, "out of memory");
}

/* --- aliases ----------------------------------------------------------- */

static json_t *copy_value(struct reader *in, json_t *value, int line, int depth);

/* Copy the items of from into to; lines are those of the originals. */
static int
copy_items(struct reader *in, json_t *from, json_t *to, int depth)
{
    json_t *item, *copy;
    const char *key;
    size_t i;

    json_array_foreach(from, i, item) {
        copy = copy_value(in, item, yaml_lines_get(&in->content->lines, item), depth);
        if (copy == NULL || json_array_append_new(to, copy) != 0)
            return -1;
    }
    json_object_foreach(from, key, item) {
        in->copied += strlen(key);
        copy = copy_value(in, item, yaml_lines_get(&in->content->lines, item), depth);
        if (copy == NULL || json_object_set_new(to, key, copy) != 0)
            return -1;
    }
    return 0;
}

static json_t *
copy_value(struct reader *in, json_t *value, int line, int depth)
{
    json_t *copy;

    in->copied += COPY_COST + json_string_length(value);
    if (in->copied > COPY_MAX)
        return refuse(in, line, "aliases unfold to more than %d bytes", COPY_MAX);
    if (json_is_object(value))
        copy = json_object();
    else if (json_is_array(value))
        copy = json_array();
    else
        return placed(in, yaml_scalar_copy(value, &in->content->constants), line);
    if (depth > DEPTH_MAX) {
        json_decref(copy);
        return refuse(in, line, "an alias nests deeper than %d levels", DEPTH_MAX);
    }
    copy = placed(in, copy, line);
    if (copy != NULL && copy_items(in, value, copy, depth + 1) != 0) {
        json_decref(copy);
        copy = NULL;
    }
    return copy;
}

static json_t *
read_alias(struct reader *in, const yaml_event_t *event, int line, int depth)
{
    const char *name = (const char *)event->data.alias.anchor;
    const struct yaml_anchor *anchor = yaml_anchors_find(&in->anchors, name);

    if (anchor == NULL)
        return refuse(in, line_of(event), "alias *%s of no anchor before it", name);
    if (anchor->value == NULL)
        return refuse(in, line_of(event), "alias *%s stands inside its own anchor", name);
    return copy_value(in, anchor->value, line, depth);
}

/* --- values ------------------------------------------------------------ */

/* 1 when the tag is none, or the plain one of this kind of value. */
static int
is_usual_tag(const yaml_char_t *tag, const char *usual)
{
    return tag == NULL || strcmp((const char *)tag, "!") == 0 ||
           strcmp((const char *)tag, usual) == 0;
}

/* Texts end in a NUL for those who read them: one inside would cut them short. */
static int
check_scalar(struct reader *in, const yaml_event_t *event)
{
    const char *value = (const char *)event->data.scalar.value;

    if (strlen(value) != event->data.scalar.length) {
        refuse(in, line_of(event), "a text holds a NUL character");
        return -1;
    }
    if (!is_usual_tag(event->data.scalar.tag, YAML_STR_TAG)) {
        refuse(in, line_of(event), "tag %s is not known",
               (const char *)event->data.scalar.tag);
        return -1;
    }
    return 0;
}

static json_t *
read_scalar(struct reader *in, const yaml_event_t *event, int line)
{
    const char *value = (const char *)event->data.scalar.value;
    size_t len = event->data.scalar.length;

    if (check_scalar(in, event) != 0)
        return NULL;
    if (event->data.scalar.style == YAML_PLAIN_SCALAR_STYLE &&
        event->data.scalar.tag == NULL)
        return placed(in, yaml_scalar_new(value, len, &in->content->constants), line);
    return placed(in, json_stringn(value, len), line);
}

static json_t *
read_array(struct reader *in, json_t *array, int depth)
{
    yaml_event_t event;

    while (next_event(in, &event) == 0) {
        int is_end = event.type == YAML_SEQUENCE_END_EVENT;
        json_t *item = is_end ? NULL : read_value(in, &event, line_of(&event), depth);

        yaml_event_delete(&event);
        if (is_end)
            return array;
        if (item == NULL || json_array_append_new(array, item) != 0)
            return NULL;
    }
    return NULL;
}

/* Read one key's value into object. 0 or -1. */
static int
read_member(struct reader *in, json_t *object, const yaml_event_t *key, int depth)
{
    const char *name = (const char *)key->data.scalar.value;
    int line = line_of(key);
    yaml_event_t event;
    json_t *value, *twin;

    if (key->type != YAML_SCALAR_EVENT) {
        refuse(in, line, "a key must be a plain or quoted text");
        return -1;
    }
    if (check_scalar(in, key) != 0)
        return -1;
    twin = json_object_get(object, name);
    if (twin != NULL) {
        refuse(in, line, "key \"%s\" is already on line %d", name,
               yaml_lines_get(&in->content->lines, twin));
        return -1;
    }
    if (key->data.scalar.anchor != NULL) {
        refuse(in, line, "a key cannot have an anchor");
        return -1;
    }
    if (next_event(in, &event) != 0)
        return -1;
    value = read_value(in, &event, line, depth);
    yaml_event_delete(&event);
    return value == NULL ? -1 : json_object_set_new(object, name, value);
}

static json_t *
read_object(struct reader *in, json_t *object, int depth)
{
    yaml_event_t event;

    while (next_event(in, &event) == 0) {
        int is_end = event.type == YAML_MAPPING_END_EVENT;
        int rc = is_end ? 0 : read_member(in, object, &event, depth);

        yaml_event_delete(&event);
        if (is_end)
            return object;
        if (rc != 0)
            return NULL;
    }
    return NULL;
}

static json_t *
read_collection(struct reader *in, const yaml_event_t *event, int line, int depth)
{
    int is_map = event->type == YAML_MAPPING_START_EVENT;
    const yaml_char_t *tag = is_map ? event->data.mapping_start.tag
                                    : event->data.sequence_start.tag;
    json_t *value;

    if (depth > DEPTH_MAX)
        return refuse(in, line_of(event), "nested deeper than %d levels", DEPTH_MAX);
    if (!is_usual_tag(tag, is_map ? YAML_MAP_TAG : YAML_SEQ_TAG))
        return refuse(in, line_of(event), "tag %s is not known", (const char *)tag);
    value = placed(in, is_map ? json_object() : json_array(), line);
    if (value != NULL && (is_map ? read_object(in, value, depth + 1)
                                 : read_array(in, value, depth + 1)) == NULL) {
        json_decref(value);
        value = NULL;
    }
    return value;
}

/* The value that event begins, placed on line. */
static json_t *
read_value(struct reader *in, const yaml_event_t *event, int line, int depth)
{
    const yaml_char_t *anchor = NULL;
    json_t *value;

    if (event->type == YAML_ALIAS_EVENT)
        return read_alias(in, event, line, depth);
    if (event->type == YAML_SCALAR_EVENT)
        anchor = event->data.scalar.anchor;
    else if (event->type == YAML_MAPPING_START_EVENT)
        anchor = event->data.mapping_start.anchor;
    else if (event->type == YAML_SEQUENCE_START_EVENT)
        anchor = event->data.sequence_start.anchor;
    if (anchor != NULL &&
        yaml_anchors_set(&in->anchors, (const char *)anchor, NULL) != 0)
        return refuse(in, line, "more than %d anchors", YAML_ANCHORS_MAX);
    value = event->type == YAML_SCALAR_EVENT ? read_scalar(in, event, line)
                                             : read_collection(in, event, line, depth);
    if (anchor != NULL && value != NULL)
        yaml_anchors_set(&in->anchors, (const char *)anchor, value);
    return value;
}

/* --- documents --------------------------------------------------------- */

/* A document (given) that holds something is kept. 0 or -1. */
static int
keep_document(struct reader *in, json_t *value)
{
    if (json_is_null(value)) {
        json_decref(value);
        return 0;
    }
    return value == NULL ? -1 : json_array_append_new(in->content->documents, value);
}

/* 1 at the stream's end, 0 to go on, -1 on failure. */
static int
read_step(struct reader *in)
{
    yaml_event_t event;
    int rc = 0;

    if (next_event(in, &event) != 0)
        return -1;
    switch (event.type) {
    case YAML_STREAM_END_EVENT:
        rc = 1;
        break;
    case YAML_STREAM_START_EVENT:
    case YAML_DOCUMENT_START_EVENT:
        break;
    case YAML_DOCUMENT_END_EVENT:
        yaml_anchors_release(&in->anchors);
        break;
    default:
        rc = keep_document(in, read_value(in, &event, line_of(&event), 1));
        break;
    }
    yaml_event_delete(&event);
    return rc;
}

int
yaml_content_read(struct yaml_content *content, const char *name, struct text bytes,
                  struct err *err)
{
    struct err reason = { "out of memory" };    /* until something says better */
    struct reader in = { .content = content, .name = name, .bytes = bytes,
                         .err = &reason };
    int rc = 0;

    content->documents = json_array();
    if (content->documents == NULL || !yaml_parser_initialize(&in.parser)) {
        err_set(err, "%s: out of memory", name);
        return -1;
    }
    yaml_parser_set_input_string(&in.parser, (const unsigned char *)bytes.ptr, bytes.len);
    while (rc == 0)
        rc = read_step(&in);
    yaml_anchors_release(&in.anchors);
    yaml_parser_delete(&in.parser);
    if (rc < 0)
        err_set(err, "%s", reason.text);
    return rc < 0 ? -1 : 0;
}

void
yaml_content_release(struct yaml_content *content)
{
    json_decref(content->documents);
    yaml_lines_release(&content->lines);
    yaml_scalar_release(&content->constants);
    content->documents = NULL;
}
