#include "proto/run/http_server_openapi.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>


/* Put what part says into whole, members of objects one by one. 0, or -1 when both say it. */
static int
merge(json_t *whole, json_t *part, struct err *err)
{
    const char *key;
    json_t *value, *there;

    json_object_foreach(part, key, value) {
        there = json_object_get(whole, key);
        if (there == NULL) {
            if (json_object_set(whole, key, value) != 0) {
                err_set(err, "out of memory");
                return -1;
            }
        } else if (!json_is_object(there) || !json_is_object(value)) {
            err_set(err, "%s: described twice", key);
            return -1;
        } else if (merge(there, value, err) != 0) {
            err_add(err, "%s", key);
            return -1;
        }
    }
    return 0;
}

static void
refer(json_t *responses, const char *status, const char *name)
{
    char path[64];

    if (json_object_get(responses, status) != NULL)
        return;
    snprintf(path, sizeof(path), "#/components/responses/%s", name);
    json_object_set_new(responses, status, json_pack("{s:s}", "$ref", path));
}

/* The refusals of http_server_gate.c. */
static void
add_refusals(const struct http_route *route, json_t *responses)
{
    refer(responses, "400", "BadRequest");
    if (route->access != HTTP_OPEN) {
        refer(responses, "401", "Unauthorized");
        refer(responses, "403", "Forbidden");
        refer(responses, "429", "TooMany");
    }
    if (strchr(route->path, '{') != NULL)
        refer(responses, "404", "NotFound");
    refer(responses, "413", "TooLarge");
    if (route->content_types != NULL)
        refer(responses, "415", "UnsupportedType");
    refer(responses, "421", "WrongHost");
    refer(responses, "431", "HeadTooLarge");
    refer(responses, "503", "Unavailable");
}

static json_t *
security_of(const struct http_server *server, const struct http_route *route)
{
    json_t *list = json_array();

    if (route->access == HTTP_OPEN)
        return list;
    json_array_append_new(list, json_pack("{s:[]}", "ApiKey"));
    if (route->access == HTTP_READ && server->is_reading_open)
        json_array_append_new(list, json_object());
    return list;
}

/* "getIncidentsId" of GET /incidents/{id}. */
static void
name_operation(const struct http_route *route, char *out, size_t size)
{
    size_t len = 0;
    int is_start = 0;

    for (const char *at = route->method; *at != '\0' && len + 1 < size; at++)
        out[len++] = (char)(*at | 0x20);
    for (const char *at = route->path; *at != '\0' && len + 1 < size; at++) {
        int is_letter = (*at | 0x20) >= 'a' && (*at | 0x20) <= 'z';

        if (is_letter)
            out[len++] = is_start && *at >= 'a' ? (char)(*at - 0x20) : *at;
        is_start = !is_letter;
    }
    out[len] = '\0';
}

/* The body of a route: the types that are described are those that it takes. */
static int
check_body(const struct http_route *route, json_t *operation, struct err *err)
{
    json_t *content = json_object_get(json_object_get(operation, "requestBody"), "content");
    struct text rest = text_of(route->content_types);
    size_t count = 0;

    while (rest.ptr != NULL) {
        struct text type = text_split(&rest, ' ');
        char name[80];

        if (type.len == 0)
            continue;
        snprintf(name, sizeof(name), "%.*s", (int)type.len, type.ptr);
        count++;
        if (json_object_get(content, name) == NULL) {
            err_set(err, "a body of %s is taken and not described", name);
            return -1;
        }
    }
    if (count == json_object_size(content))
        return 0;
    err_set(err, "a body is described that is not taken");
    return -1;
}

static int
complete(const struct http_server *server, const struct http_route *route, json_t *operation,
         struct err *err)
{
    json_t *responses = json_object_get(operation, "responses");
    char name[96];

    if (!json_is_object(responses)) {
        err_set(err, "no responses");
        return -1;
    }
    if (check_body(route, operation, err) != 0)
        return -1;
    name_operation(route, name, sizeof(name));
    add_refusals(route, responses);
    if (json_object_set_new(operation, "operationId", json_string(name)) == 0 &&
        json_object_set_new(operation, "security", security_of(server, route)) == 0)
        return 0;
    err_set(err, "out of memory");
    return -1;
}

/* What "$ref": "#/a/b" names, or the object itself. */
static const json_t *
resolve(const json_t *document, const json_t *object)
{
    struct text path = text_of(json_string_value(json_object_get(object, "$ref")));

    if (path.ptr == NULL)
        return object;
    text_split(&path, '/');
    for (object = document; path.ptr != NULL;) {
        struct text step = text_split(&path, '/');
        char name[80];

        snprintf(name, sizeof(name), "%.*s", (int)step.len, step.ptr);
        object = json_object_get(object, name);
    }
    return object;
}

/* Note a parameter of a query; of an object's type it stands for any names. */
static int
know_parameter(struct known_query *known, const json_t *parameter, struct err *err)
{
    const char *in = json_string_value(json_object_get(parameter, "in"));

    if (in == NULL) {
        err_set(err, "a parameter that is nowhere");
        return -1;
    }
    if (strcmp(in, "query") != 0)
        return 0;
    if (json_object_get(json_object_get(parameter, "schema"), "additionalProperties") != NULL) {
        known->takes_any = 1;
        return 0;
    }
    if (json_array_append(known->names, json_object_get(parameter, "name")) == 0)
        return 0;
    err_set(err, "a parameter without a name");
    return -1;
}

static int
know_query(struct http_description *all, const struct http_route *route,
           const json_t *operation, struct err *err)
{
    struct known_query *more =
        realloc(all->known, (all->known_count + 1) * sizeof(*all->known));
    const json_t *parameter;
    size_t i;

    if (more == NULL) {
        err_set(err, "out of memory");
        return -1;
    }
    all->known = more;
    more += all->known_count++;
    *more = (struct known_query){ .route = route, .names = json_array() };
    json_array_foreach(json_object_get(operation, "parameters"), i, parameter)
        if (know_parameter(more, resolve(all->document, parameter), err) != 0)
            return -1;
    return 0;
}

/* Each described operation is a route, which completes it. */
static int
describe_route(struct http_server *server, const struct http_route *route, size_t *found,
               struct err *err)
{
    json_t *paths = json_object_get(server->description->document, "paths");
    char method[16] = "";
    json_t *operation;

    for (size_t i = 0; route->method[i] != '\0' && i + 1 < sizeof(method); i++)
        method[i] = (char)(route->method[i] | 0x20);
    operation = json_object_get(json_object_get(paths, route->path), method);
    if (operation == NULL || json_object_get(operation, "operationId") != NULL)
        return 0;               /* not for everybody, or of an earlier table */
    ++*found;
    if (complete(server, route, operation, err) == 0 &&
        know_query(server->description, route, operation, err) == 0)
        return 0;
    err_add(err, "%s %s", route->method, route->path);
    return -1;
}

static int
describe_routes(struct http_server *server, struct err *err)
{
    json_t *path;
    const char *name;
    size_t found = 0, described = 0;

    json_object_foreach(json_object_get(server->description->document, "paths"), name, path)
        described += json_object_size(path);
    for (size_t t = 0; t < server->table_count; t++)
        for (size_t i = 0; i < server->tables[t].count; i++)
            if (describe_route(server, &server->tables[t].routes[i], &found, err) != 0)
                return -1;
    if (found == described)
        return 0;
    err_set(err, "%zu operations are described, %zu of them are routes", described, found);
    return -1;
}

json_t *
openapi_begin(const struct http_document *document)
{
    json_t *info = json_pack("{s:s, s:s, s:{s:s}}", "title", document->title, "version",
                             BONGSU_VERSION, "license", "name", "MIT");

    if (document->about != NULL)
        json_object_set_new(info, "description", json_string(document->about));
    return json_pack("{s:s, s:o, s:[{s:s}]}", "openapi", "3.1.0", "info", info, "servers",
                     "url", "/");
}

static int
add_parts(json_t *whole, const char *const *parts, struct err *err)
{
    for (; *parts != NULL; parts++) {
        json_error_t error;
        json_t *part = json_loads(*parts, JSON_REJECT_DUPLICATES, &error);
        int rc = -1;

        if (part == NULL)
            err_set(err, "line %d: %s", error.line, error.text);
        else
            rc = merge(whole, part, err);
        json_decref(part);
        if (rc != 0)
            return -1;
    }
    return 0;
}

int
openapi_complete(struct http_server *server, const char *const *parts, struct err *err)
{
    return add_parts(server->description->document, parts, err) == 0
               ? describe_routes(server, err) : -1;
}
