/*
 * Who asks, and may he? The key that came with the request, if the route needs one,
 * its scope, its expiry and its rates. What is refused is counted per key, and said
 * in the log with the key's id, never the key.
 */
#include "proto/server/http_server_parts.h"

#include <inttypes.h>
#include <stdio.h>

#include "proto/base/log.h"

static const struct { enum key_scope scope; const char *deed; } needs[] = {
    [HTTP_OPEN]    = { SCOPE_READ, "" },
    [HTTP_READ]    = { SCOPE_READ, "be read" },
    [HTTP_INGEST]  = { SCOPE_INGEST, "be written" },
    [HTTP_ANALYST] = { SCOPE_ANALYST, "be changed" },
    [HTTP_ADMIN]   = { SCOPE_ADMIN, "be done" },
};

int
http_holds_key(struct http_request *req)
{
    struct text key = http_credential(req);
    struct key_holder *holder;

    return key.len > 0 && keyring_find(req->server->keyring, key, SCOPE_READ, &holder) == KEY_GOOD;
}

/* --- refusals --- */

static void
note(struct http_request *req, struct text key, enum key_refusal why)
{
    static const char *const words[KEY_REFUSALS] = {
        [KEY_UNKNOWN] = "unknown", [KEY_EXPIRED] = "expired", [KEY_SCOPE] = "scope",
        [KEY_RATE] = "rate",
    };
    const struct text path = req->path, peer = http_peer(req);
    char id[API_KEY_ID_LEN] = "none";

    keyring_count_refused(req->server->keyring, req->holder, why);
    if (req->holder != NULL)
        snprintf(id, sizeof(id), "%s", key_holder_id(req->holder).ptr);
    else
        api_key_parse(key, id);
    log_warn_burst(&req->server->key_burst, "key refused",
                   "key=%s name=\"%s\" why=%s from=\"%.*s\" path=\"%.*s\"", id,
                   req->holder == NULL ? "" : key_holder_name(req->holder).ptr, words[why],
                   (int)peer.len, peer.ptr == NULL ? "" : peer.ptr,
                   path.len > 100 ? 100 : (int)path.len, path.ptr);
}

static void
refuse_none(struct http_request *req)
{
    enum http_access access = req->route->access;

    http_set_header(req, "WWW-Authenticate", "Bearer realm=\"bongsu\"");
    if (access == HTTP_READ && !req->server->has_reader)
        http_refuse(req, REFUSED_AUTH, 401, "Reading is closed on this address: set"
                    " READER_KEY and send it as X-API-Key, or set READ_OPEN=1 to let"
                    " anybody read.");
    else
        http_refuse(req, REFUSED_AUTH, 401, "X-API-Key is missing or wrong.");
}

static void
refuse(struct http_request *req, struct text key, enum key_refusal why)
{
    const char *name = req->holder == NULL ? "" : key_holder_name(req->holder).ptr;
    enum key_scope needed = needs[req->route->access].scope;

    note(req, key, why);
    if (why == KEY_EXPIRED) {
        http_set_header(req, "WWW-Authenticate", "Bearer realm=\"bongsu\"");
        http_refuse(req, REFUSED_AUTH, 401, "The key %s has expired.", name);
    } else if (why == KEY_SCOPE) {
        http_refuse(req, REFUSED_SCOPE, 403, "The key %s is for %s; this needs one for %s.", name,
                    key_scope_name(key_holder_scope(req->holder)), key_scope_name(needed));
    } else {
        refuse_none(req);
    }
    req->holder = NULL;
}

int
http_check_rate(struct http_request *req)
{
    int64_t wait_s = req->holder == NULL ? 0 : key_holder_wait_s(req->holder);
    char seconds[24];

    if (wait_s == 0)
        return 0;
    note(req, (struct text){ NULL, 0 }, KEY_RATE);
    snprintf(seconds, sizeof(seconds), "%" PRId64, wait_s);
    http_set_header(req, "Retry-After", seconds);
    http_refuse(req, REFUSED_RATE, 429, "The key %s has sent more than its rate allows; go on in"
                " %s s.", key_holder_name(req->holder).ptr, seconds);
    return -1;
}

int
http_check_access(struct http_request *req)
{
    struct http_server *server = req->server;
    enum http_access access = req->route->access;
    enum key_refusal why;
    struct text key;

    if (access == HTTP_OPEN || (access == HTTP_READ && server->is_reading_open))
        return 0;
    if (access != HTTP_READ && !keyring_has(server->keyring, needs[access].scope)) {
        http_refuse(req, REFUSED_NO_KEY, 503, "API_KEY is not set and no other key is for %s, so"
                    " nothing can %s; make one with bongsu key add, or set API_KEY and start"
                    " again.", key_scope_name(needs[access].scope), needs[access].deed);
        return -1;
    }
    key = http_credential(req);
    if (key.len == 0) {
        refuse_none(req);
        return -1;
    }
    why = keyring_find(server->keyring, key, needs[access].scope, &req->holder);
    if (why == KEY_GOOD)
        return http_check_rate(req);
    refuse(req, key, why);
    return -1;
}
