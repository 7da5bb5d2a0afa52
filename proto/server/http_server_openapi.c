#include "proto/server/http_server_openapi.h"

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

/* Where the refusals of one operation go, and how they are told. */
struct refusals {
    const json_t *plain;        /* components/responses */
    const json_t *wire;         /* NULL: ours */
    json_t *responses;
};

static void
refer(const struct refusals *to, const char *status, const char *name)
{
    char path[64];

    if (json_object_get(to->responses, status) != NULL)
        return;
    snprintf(path, sizeof(path), "#/components/responses/%s", name);
    json_object_set_new(to->responses, status, to->wire == NULL
        ? json_pack("{s:s}", "$ref", path)
        : openapi_wire_refusal(to->wire, json_object_get(to->plain, name)));
}

/* The refusals of http_server_gate.c. */
static void
add_refusals(const struct http_route *route, const struct refusals *to)
{
    refer(to, "400", "BadRequest");
    if (route->access != HTTP_OPEN) {
        refer(to, "401", "Unauthorized");
        refer(to, "403", "Forbidden");
        refer(to, "429", "TooMany");
    }
    if (strchr(route->path, '{') != NULL)
        refer(to, "404", "NotFound");
    refer(to, "413", "TooLarge");
    if (route->content_types != NULL)
        refer(to, "415", "UnsupportedType");
    refer(to, "421", "WrongHost");
    refer(to, "431", "HeadTooLarge");
    refer(to, "503", "Unavailable");
}

static json_t *
security_of(const struct http_server *server, const struct http_route *route,
            const json_t *wire)
{
    json_t *list = json_object_get(wire, "security");

    if (route->access == HTTP_OPEN)
        return json_array();
    if (list != NULL)
        return json_incref(list);
    list = json_array();
    json_array_append_new(list, json_pack("{s:[]}", "ApiKey"));
    if (route->access == HTTP_READ && server->is_reading_open)
        json_array_append_new(list, json_object());
    return list;
}

/* "getIncidentsId" of GET /incidents/{id}. */
static void
name_operation(const struct http_route *route, const char *path, char *out, size_t size)
{
    size_t len = 0;
    int is_start = 0;

    for (const char *at = route->method; *at != '\0' && len + 1 < size; at++)
        out[len++] = (char)(*at | 0x20);
    for (const char *at = path; *at != '\0' && len + 1 < size; at++) {
        int is_letter = (*at | 0x20) >= 'a' && (*at | 0x20) <= 'z';
        int is_digit = *at >= '0' && *at <= '9';

        if (is_letter || is_digit)
            out[len++] = is_start && *at >= 'a' ? (char)(*at - 0x20) : *at;
        is_start = !is_letter && !is_digit;
    }
    out[len] = '\0';
}

/* The body of a route: the types that are described are those that it takes; where it
 * takes any, those that are usual. */
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
    if (count == json_object_size(content) ||
        (route->content_types == NULL && route->max_body > 0))
        return 0;
    err_set(err, "a body is described that is not taken");
    return -1;
}

static int
complete(const struct http_server *server, const struct http_route *route, const char *path,
         json_t *operation, struct err *err)
{
    const json_t *document = server->description->document;
    const struct refusals refusals = {
        .plain = json_object_get(json_object_get(document, "components"), "responses"),
        .wire = openapi_wire(document, operation),
        .responses = json_object_get(operation, "responses"),
    };
    char name[96];

    if (!json_is_object(refusals.responses)) {
        err_set(err, "no responses");
        return -1;
    }
    if (check_body(route, operation, err) != 0)
        return -1;
    name_operation(route, path, name, sizeof(name));
    add_refusals(route, &refusals);
    if (openapi_spread(document, operation) == 0 &&
        json_object_set_new(operation, "operationId", json_string(name)) == 0 &&
        json_object_set_new(operation, "security",
                            security_of(server, route, refusals.wire)) == 0)
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
    more->takes_any = json_is_true(json_object_get(openapi_wire(all->document, operation),
                                                   "any"));
    json_array_foreach(json_object_get(operation, "parameters"), i, parameter)
        if (know_parameter(more, resolve(all->document, parameter), err) != 0)
            return -1;
    return 0;
}

/* Is path, as it is described, that of the route? "{...}" has a name there. */
static int
is_path_of(const char *path, const char *route)
{
    const char *rest = strstr(route, "{...}");
    size_t len = rest == NULL ? strlen(route) : (size_t)(rest - route);

    if (strncmp(path, route, len) != 0)
        return 0;
    path += len;
    return rest == NULL ? *path == '\0'
                        : *path == '{' && path[strcspn(path, "}")] == '}' &&
                          path[strcspn(path, "}") + 1] == '\0';
}

/* Each described operation is a route, which completes it. */
static int
describe_route(struct http_server *server, const struct http_route *route, size_t *found,
               struct err *err)
{
    json_t *paths = json_object_get(server->description->document, "paths"), *path;
    char method[16] = "";
    json_t *operation = NULL;
    const char *name;

    for (size_t i = 0; route->method[i] != '\0' && i + 1 < sizeof(method); i++)
        method[i] = (char)(route->method[i] | 0x20);
    json_object_foreach(paths, name, path)
        if (is_path_of(name, route->path) &&
            (operation = json_object_get(path, method)) != NULL)
            break;
    if (operation == NULL || json_object_get(operation, "operationId") != NULL)
        return 0;               /* not for everybody, or of an earlier table */
    ++*found;
    if (complete(server, route, name, operation, err) == 0 &&
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
    if (add_parts(server->description->document, parts, err) != 0 ||
        openapi_copy_same(server->description->document, err) != 0)
        return -1;
    return describe_routes(server, err);
}
