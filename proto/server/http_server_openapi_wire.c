/*
 * What parts may say in short, for the paths of another protocol, which are many and
 * alike. In the document that is shown it stands at length.
 *
 *   "x-same-as": "POST /_bulk"   an operation like that one, but for what it says itself;
 *                                its parameters go before the other's
 *   "x-query": ["refresh"]       parameters that are taken and change nothing
 *   "x-wire": "NAME"             refusals, keys and further parameters are those of
 *                                components/x-wires/NAME: refusal (a schema), security,
 *                                parameters, query (as x-query), any (a parameter that is
 *                                not named is taken, too)
 */
#include "proto/server/http_server_openapi.h"

#include <stdio.h>
#include <string.h>

/* --- x-same-as --- */

/* "POST /_bulk" among the paths. */
static json_t *
find_operation(json_t *paths, const char *name)
{
    struct text path = text_of(name), method = text_split(&path, ' ');
    char lower[16] = "";

    for (size_t i = 0; i < method.len && i + 1 < sizeof(lower); i++)
        lower[i] = (char)(method.ptr[i] | 0x20);
    return path.ptr == NULL ? NULL : json_object_get(json_object_get(paths, path.ptr), lower);
}

/* The other with what own says itself; NULL when out of memory. */
static json_t *
make_alike(json_t *other, json_t *own)
{
    json_t *alike = json_deep_copy(other), *parameters, *first;

    if (alike == NULL)
        return NULL;
    parameters = json_incref(json_object_get(alike, "parameters"));
    first = json_object_get(own, "parameters");
    if (json_object_update(alike, own) != 0)
        json_decref(alike), alike = NULL;
    else if (first != NULL && parameters != NULL)
        (void)json_array_extend(first, parameters);
    json_decref(parameters);
    if (alike != NULL)
        (void)json_object_del(alike, "x-same-as");
    return alike;
}

int
openapi_copy_same(json_t *document, struct err *err)
{
    json_t *paths = json_object_get(document, "paths"), *path, *own;
    const char *name, *method;

    json_object_foreach(paths, name, path) {
        json_object_foreach(path, method, own) {
            const char *same = json_string_value(json_object_get(own, "x-same-as"));
            json_t *other = same == NULL ? NULL : find_operation(paths, same);

            if (same == NULL)
                continue;
            if (other == NULL || json_object_get(other, "x-same-as") != NULL) {
                err_set(err, "%s %s: x-same-as: there is no %s", method, name, same);
                return -1;
            }
            if (json_object_set_new(path, method, make_alike(other, own)) != 0) {
                err_set(err, "out of memory");
                return -1;
            }
        }
    }
    return 0;
}

/* --- x-query, x-wire --- */

const json_t *
openapi_wire(const json_t *document, const json_t *operation)
{
    const char *name = json_string_value(json_object_get(operation, "x-wire"));
    const json_t *wires = json_object_get(json_object_get(document, "components"), "x-wires");

    return name == NULL ? NULL : json_object_get(wires, name);
}

static int
add_names(json_t *parameters, const json_t *names)
{
    const json_t *name;
    size_t i;

    json_array_foreach(names, i, name)
        if (json_array_append_new(parameters, json_pack("{s:O, s:s, s:s, s:{s:s}}",
                "name", name, "in", "query", "description", "Taken; it changes nothing here.",
                "schema", "type", "string")) != 0)
            return -1;
    return 0;
}

int
openapi_spread(const json_t *document, json_t *operation)
{
    const json_t *wire = openapi_wire(document, operation), *more;
    json_t *parameters = json_object_get(operation, "parameters");

    if (wire == NULL)
        return 0;
    if (parameters == NULL) {
        parameters = json_array();
        if (json_object_set_new(operation, "parameters", parameters) != 0)
            return -1;
    }
    more = json_object_get(wire, "parameters");
    if (json_is_array(more) && json_array_extend(parameters, (json_t *)(uintptr_t)more) != 0)
        return -1;
    if (add_names(parameters, json_object_get(operation, "x-query")) != 0 ||
        add_names(parameters, json_object_get(wire, "query")) != 0)
        return -1;
    (void)json_object_del(operation, "x-query");
    return 0;
}

json_t *
openapi_wire_refusal(const json_t *wire, const json_t *plain)
{
    json_t *refusal = json_pack("{s:O?, s:{s:{s:O?}}}",
        "description", json_object_get(plain, "description"), "content", "application/json",
        "schema", json_object_get(wire, "refusal"));
    json_t *headers = json_object_get(plain, "headers");

    if (headers != NULL)
        (void)json_object_set(refusal, "headers", headers);
    return refusal;
}
