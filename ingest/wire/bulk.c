#include "ingest/wire/bulk.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <yyjson.h>

const char *const bulk_op_names[BULK_OPS] = {
    [BULK_CREATE] = "create", [BULK_INDEX] = "index", [BULK_UPDATE] = "update",
    [BULK_DELETE] = "delete",
};

/* Most shippers send the same action line each time: it is read once. */
enum { REMEMBERED = 256, NUMBER_LEN = 24 };

struct bulk_reader {
    struct text rest, index;
    size_t line;                /* of the last line that was read, from 1 */
    char *pool;                 /* yyjson's only memory */
    size_t pool_len;
    char number[NUMBER_LEN];    /* an _id that is a number */
    char last[REMEMBERED];      /* the last action line, and what it says */
    size_t last_len;            /* 0: none is remembered */
    struct bulk_item last_item;
};

struct bulk_reader *
bulk_reader_new(void)
{
    struct bulk_reader *reader = calloc(1, sizeof(*reader));

    if (reader == NULL)
        return NULL;
    reader->pool_len = yyjson_read_max_memory_usage(BULK_MAX_ACTION, 0);
    reader->pool = malloc(reader->pool_len);
    if (reader->pool == NULL)
        bulk_reader_destroy(&reader);
    return reader;
}

void
bulk_reader_destroy(struct bulk_reader **reader)
{
    if (*reader == NULL)
        return;
    free((*reader)->pool);
    free(*reader);
    *reader = NULL;
}

void
bulk_reader_open(struct bulk_reader *reader, struct text body, struct text index)
{
    reader->rest = body;
    reader->index = index;
    reader->line = 0;
    reader->last_len = 0;
}

/* --- lines --- */

/* The next line, blank ones too, without its end. 0: none is left. */
static int
next_line(struct bulk_reader *reader, struct text *ret_line)
{
    struct text line = reader->rest;
    const char *end;

    if (line.len == 0)
        return 0;
    end = memchr(line.ptr, '\n', line.len);
    if (end != NULL)
        line.len = (size_t)(end - line.ptr);
    reader->rest.ptr += line.len + (end != NULL);
    reader->rest.len -= line.len + (end != NULL);
    reader->line++;
    if (line.len > 0 && line.ptr[line.len - 1] == '\r')
        line.len--;
    *ret_line = line;
    return 1;
}

/* --- the action --- */

static int
malformed(const struct bulk_reader *reader, const char *what, struct err *err)
{
    err_set(err, "Malformed action/metadata line [%zu], %s", reader->line, what);
    return -1;
}

static int
take_id(struct bulk_reader *reader, yyjson_val *val, struct bulk_item *item, struct err *err)
{
    if (val == NULL || yyjson_is_null(val))
        return 0;
    if (yyjson_is_int(val)) {
        if (yyjson_is_uint(val))
            snprintf(reader->number, NUMBER_LEN, "%" PRIu64, yyjson_get_uint(val));
        else
            snprintf(reader->number, NUMBER_LEN, "%" PRId64, yyjson_get_sint(val));
        item->id = text_of(reader->number);
        return 0;
    }
    item->id = (struct text){ yyjson_get_str(val), yyjson_get_len(val) };
    if (!yyjson_is_str(val))
        return malformed(reader, "_id must be a text", err);
    if (memchr(item->id.ptr, '\0', item->id.len) != NULL)
        return malformed(reader, "_id holds a NUL", err);
    return 0;
}

static int
take_action(struct bulk_reader *reader, yyjson_val *key, yyjson_val *meta,
            struct bulk_item *item, struct err *err)
{
    struct text op = { yyjson_get_str(key), yyjson_get_len(key) };
    yyjson_val *index;

    for (int i = 0; i < BULK_OPS; i++)
        if (text_is(op, bulk_op_names[i]))
            item->op = (enum bulk_op)i;
    if (item->op == BULK_OPS)
        return malformed(reader, "expected field [create], [delete], [index] or [update]",
                         err);
    if (!yyjson_is_obj(meta))
        return malformed(reader, "expected an object behind the action", err);
    index = yyjson_obj_get(meta, "_index");
    if (yyjson_is_str(index)) {
        item->index = (struct text){ yyjson_get_str(index), yyjson_get_len(index) };
    } else if (index != NULL && !yyjson_is_null(index)) {
        return malformed(reader, "_index must be a text", err);
    }
    return take_id(reader, yyjson_obj_get(meta, "_id"), item, err);
}

static int
read_action(struct bulk_reader *reader, struct text line, struct bulk_item *item,
            struct err *err)
{
    yyjson_obj_iter iter;
    yyjson_val *root;
    yyjson_doc *doc;
    yyjson_alc alc;

    if (line.len > BULK_MAX_ACTION)
        return malformed(reader, "it has more than 8 KiB", err);
    if (!yyjson_alc_pool_init(&alc, reader->pool, reader->pool_len))
        return malformed(reader, "out of memory", err);
    /* without INSITU yyjson copies the text and leaves it alone */
    doc = yyjson_read_opts((char *)(uintptr_t)line.ptr, line.len, 0, &alc, NULL);
    root = doc == NULL ? NULL : yyjson_doc_get_root(doc);
    if (!yyjson_is_obj(root) || yyjson_obj_size(root) != 1)
        return malformed(reader, "expected an object with one action", err);
    *item = (struct bulk_item){ .op = BULK_OPS, .index = reader->index };
    yyjson_obj_iter_init(root, &iter);
    root = yyjson_obj_iter_next(&iter);
    return take_action(reader, root, yyjson_obj_iter_get_val(root), item, err);
}

static int
read_action_once(struct bulk_reader *reader, struct text line, struct bulk_item *item,
                 struct err *err)
{
    if (line.len == reader->last_len && reader->last_len > 0 &&
        memcmp(line.ptr, reader->last, line.len) == 0) {
        *item = reader->last_item;
        return 0;
    }
    reader->last_len = 0;
    if (read_action(reader, line, item, err) != 0)
        return -1;
    if (line.len <= sizeof(reader->last)) {
        memcpy(reader->last, line.ptr, line.len);
        reader->last_len = line.len;
        reader->last_item = *item;
    }
    return 0;
}

int
bulk_next(struct bulk_reader *reader, struct bulk_item *ret_item, struct err *err)
{
    struct text line;

    do {
        if (!next_line(reader, &line))
            return 0;
    } while (text_trim(line).len == 0);
    if (read_action_once(reader, line, ret_item, err) != 0)
        return -1;
    ret_item->document = (struct text){ "", 0 };
    if (ret_item->op != BULK_DELETE && !next_line(reader, &ret_item->document))
        return malformed(reader, "its document is missing", err);
    return 1;
}
