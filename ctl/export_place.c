#include "ctl/export_place.h"

#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "proto/base/buf.h"

/* What was asked for, so that two calls can be compared. */
static char *
describe(const struct call *call)
{
    const char *const given[] = { call->since, call->until, call->status, call->severity,
                                  call->rule, call->key, call->text };
    json_t *all = json_array();
    char *text;

    json_array_append_new(all, json_string(call->name));
    for (size_t i = 0; i < sizeof given / sizeof given[0]; i++)
        json_array_append_new(all, given[i] == NULL ? json_null() : json_string(given[i]));
    for (int i = 0; i < call->arg_count; i++)
        json_array_append_new(all, json_string(call->args[i]));
    if (call->to_send)
        json_array_append_new(all, json_true());
    text = json_dumps(all, JSON_COMPACT);
    json_decref(all);
    return text;
}

static char *
copy_of(const json_t *object, const char *name)
{
    const char *text = json_string_value(json_object_get(object, name));

    return text == NULL ? NULL : strdup(text);
}

static int
take_over(struct export_place *place, const json_t *saved, const char *file, struct err *err)
{
    char *asked = copy_of(saved, "asked");
    int rc = -1;

    if (asked == NULL || json_string_value(json_object_get(saved, "path")) == NULL) {
        err_set(err, "%s: is no place of an export (take another file, or remove it)", file);
    } else if (strcmp(asked, place->asked) != 0) {
        err_set(err, "%s: is the place of another export, with other filters", file);
    } else {
        free(place->path);
        place->path = copy_of(saved, "path");
        place->cursor = copy_of(saved, "cursor");
        place->is_done = place->cursor == NULL;
        place->written = (uint64_t)json_integer_value(json_object_get(saved, "written"));
        rc = place->path == NULL ? -1 : 0;
    }
    free(asked);
    return rc;
}

int
export_place_open(struct export_place *place, const struct call *call, const char *path,
                  struct err *err)
{
    json_error_t error;
    json_t *saved;
    int rc;

    *place = (struct export_place){ .asked = describe(call), .path = strdup(path) };
    if (place->asked == NULL || place->path == NULL) {
        err_set(err, "out of memory");
        return -1;
    }
    if (call->resume == NULL || (access(call->resume, F_OK) != 0 && errno == ENOENT))
        return 0;
    saved = json_load_file(call->resume, 0, &error);
    rc = take_over(place, saved, call->resume, err);
    json_decref(saved);
    return rc;
}

int
export_place_save(const struct export_place *place, const char *file, const char *cursor,
                  struct err *err)
{
    json_t *saved = json_pack("{s:s, s:s, s:s?, s:I}", "asked", place->asked, "path", place->path,
                              "cursor", cursor, "written", (json_int_t)place->written);
    char *temp = NULL;
    int rc = -1;

    if (saved == NULL || asprintf(&temp, "%s.new", file) < 0) {
        temp = NULL;
        err_set(err, "out of memory");
    } else if (json_dump_file(saved, temp, JSON_INDENT(1)) != 0 || rename(temp, file) != 0) {
        err_set(err, "%s: cannot be written: %s", file, strerror(errno));
    } else {
        rc = 0;
    }
    free(temp);
    json_decref(saved);
    return rc;
}

void
export_place_release(struct export_place *place)
{
    free(place->asked);
    free(place->path);
    free(place->cursor);
}
