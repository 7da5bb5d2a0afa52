#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "proto/store/elastic/elastic.h"

static enum store_outcome
set_up(struct store *base, struct err *err)
{
    return elastic_set_up((struct elastic_store *)base, err);
}

static void
elastic_close(struct store **base)
{
    struct elastic_store *store = (struct elastic_store *)*base;

    http_session_destroy(&store->session);
    elastic_writer_destroy(&store->writer);
    if (store->authorization != NULL)
        sodium_memzero(store->authorization, strlen(store->authorization));
    free(store->authorization);
    free(store->ca_file);
    free(store->bulk_url);
    free(store->url);
    free(store);
    *base = NULL;
}

static const struct store_ops elastic_ops = {
    .name = "elasticsearch",
    .bulk = &elastic_bulk_ops,
    .dead = &elastic_dead_ops,
    .close = elastic_close,
    .set_up = set_up,
    .put_events = elastic_put_events,
    .put_incidents = elastic_put_incidents,
    .import_incident = elastic_import_incident,
    .retain = elastic_retain,
    .find_events = elastic_find_events,
    .follow_events = elastic_follow_events,
    .get_event = elastic_get_event,
    .find_incidents = elastic_find_incidents,
    .get_incident = elastic_get_incident,
    .set_status = elastic_set_status,
    .count = elastic_count,
    .compare_sources = elastic_compare_sources,
    .put_ledger = elastic_put_ledger,
    .put_balance = elastic_put_balance,
    .get_ledger = elastic_get_ledger,
    .put_allowed = elastic_put_allowed,
    .get_allowed = elastic_get_allowed,
};

/* elasticsearch:// is http://. A name and password in it would be in logs. */
static char *
url_of(const char *given, struct err *err)
{
    static const char own[] = "elasticsearch://";
    int is_own = strncmp(given, own, strlen(own)) == 0;
    const char *rest = strstr(given, "://");
    struct buf url = { 0 };

    if (rest == NULL || rest[3] == '\0' ||
        (!is_own && strncmp(given, "http://", 7) != 0 && strncmp(given, "https://", 8) != 0)) {
        err_set(err, "store.url: must begin with http://, https:// or elasticsearch://");
        return NULL;
    }
    if (strpbrk(rest, "@?# ") != NULL) {
        err_set(err, "store.url: only a host, a port and perhaps a path; user and password are "
                "elastic.user and elastic.password");
        return NULL;
    }
    if (buf_append_str(&url, is_own ? "http" : "") != 0 ||
        buf_append_str(&url, is_own ? rest : given) != 0) {
        err_set(err, "store: out of memory");
        buf_release(&url);
        return NULL;
    }
    while (url.ptr[url.len - 1] == '/')
        url.ptr[--url.len] = '\0';
    return buf_take(&url);
}

/* RFC 7617, or Elasticsearch's ApiKey. NULL: out of memory. */
static char *
authorization_of(const struct settings *settings)
{
    struct buf header = { 0 }, plain = { 0 };
    size_t len;
    int rc;

    if (settings->elastic_api_key != NULL) {
        rc = buf_printf(&header, "Authorization: ApiKey %s", settings->elastic_api_key);
    } else {
        rc = buf_printf(&plain, "%s:%s", settings->elastic_user, settings->elastic_password);
        rc = rc != 0 ? rc : buf_append_str(&header, "Authorization: Basic ");
        len = sodium_base64_encoded_len(plain.len, sodium_base64_VARIANT_ORIGINAL);
        rc = rc != 0 ? rc : buf_reserve(&header, len);
        if (rc == 0)
            sodium_bin2base64(header.ptr + header.len, len, (unsigned char *)plain.ptr, plain.len,
                              sodium_base64_VARIANT_ORIGINAL);
    }
    if (plain.ptr != NULL)
        sodium_memzero(plain.ptr, plain.cap);
    buf_release(&plain);
    if (rc == 0)
        return header.ptr;
    buf_release(&header);
    return NULL;
}

static int
fill(struct elastic_store *store, const struct settings *settings, struct err *err)
{
    int has_key = settings->elastic_api_key != NULL || settings->elastic_password != NULL;
    size_t headers = 0;

    store->url = url_of(settings->store_url, err);
    if (store->url == NULL)
        return -1;
    if (asprintf(&store->bulk_url, "%s/_bulk?filter_path=items.*._id,items.*.status,items.*.error%s",
                 store->url, store->refresh_ms == 0 ? "&refresh=true" : "") < 0)
        store->bulk_url = NULL;
    store->authorization = has_key ? authorization_of(settings) : NULL;
    store->ca_file = settings->elastic_ca_file == NULL ? NULL : strdup(settings->elastic_ca_file);
    store->session = http_session_new();
    store->writer = elastic_writer_new();
    if (store->bulk_url == NULL || store->session == NULL || store->writer == NULL ||
        (has_key && store->authorization == NULL) ||
        (settings->elastic_ca_file != NULL && store->ca_file == NULL)) {
        err_set(err, "store: out of memory");
        return -1;
    }
    store->is_gzip = strcmp(settings->elastic_gzip, "auto") == 0
                         ? strncmp(store->url, "https:", 6) == 0
                         : strcmp(settings->elastic_gzip, "on") == 0;
    if (store->authorization != NULL) {
        store->headers[headers] = store->authorization;
        store->gzip_headers[headers++] = store->authorization;
    }
    store->gzip_headers[headers] = "Content-Encoding: gzip";
    return 0;
}

struct store *
elastic_store_open(const struct settings *settings, int mode, struct err *err)
{
    struct elastic_store *store = calloc(1, sizeof(*store));
    struct store *base = (struct store *)store;

    if (store == NULL) {
        err_set(err, "store: out of memory");
        return NULL;
    }
    store->base.ops = &elastic_ops;
    store->mode = mode;
    store->retention_us = settings->store_retention_ms * 1000;
    store->max_bytes = settings->store_max_bytes;
    store->refresh_ms = settings->elastic_refresh_ms;
    store->shards = settings->elastic_shards > 0 ? settings->elastic_shards : 1;
    store->wants_geoip = (int)settings->elastic_geoip;
    store->timeout_ms = (long)settings->elastic_timeout_ms;
    if (fill(store, settings, err) != 0)
        elastic_close(&base);
    return base;
}
