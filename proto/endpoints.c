#include "proto/endpoints.h"

#include <stdio.h>
#include <string.h>

enum { IPC_PATH_MAX = 107 };    /* sun_path of unix(7), without its NUL */

enum owner { OWNER_INGEST, OWNER_DETECTOR };

/* Who binds it, its ipc file and tcp port, and how far apart slots are. */
static const struct endpoint_row {
    enum owner owner;
    const char *name;
    int port, slot_step;
} rows[ENDPOINT_COUNT] = {
    [ENDPOINT_INDEX]           = { OWNER_INGEST,   "index",           5550, 0 },
    [ENDPOINT_DETECT]          = { OWNER_INGEST,   "detect",          5600, 1 },
    [ENDPOINT_INGEST_REPORT]   = { OWNER_INGEST,   "ingest-report",   5559, 0 },
    [ENDPOINT_LIVE_EVENTS]     = { OWNER_INGEST,   "live-events",     5552, 0 },
    [ENDPOINT_INCIDENTS]       = { OWNER_DETECTOR, "incidents",       5561, 10 },
    [ENDPOINT_INCIDENT_REPORT] = { OWNER_DETECTOR, "incident-report", 5569, 10 },
    [ENDPOINT_LIVE_INCIDENTS]  = { OWNER_DETECTOR, "live-incidents",  5562, 10 },
};

static int
ipc_format(const struct settings *settings, const struct endpoint_row *row, int slot,
           char out[ENDPOINT_LEN])
{
    char number[16] = "";
    int len;

    if (row->slot_step > 0)
        snprintf(number, sizeof(number), "-%d", slot);
    len = snprintf(out, ENDPOINT_LEN, "ipc://%s/%s%s", settings->bus_dir, row->name,
                   number);
    return len >= 0 && len <= IPC_PATH_MAX + (int)strlen("ipc://") ? 0 : -1;
}

/* An IPv6 address goes into brackets, unless it is in some. */
static int
tcp_format(const char *host, const struct endpoint_row *row, int slot,
           char out[ENDPOINT_LEN])
{
    int is_bare_v6 = strchr(host, ':') != NULL && host[0] != '[';
    int port = row->port + row->slot_step * slot;
    int len;

    len = snprintf(out, ENDPOINT_LEN, "tcp://%s%s%s:%d", is_bare_v6 ? "[" : "", host,
                   is_bare_v6 ? "]" : "", port);
    return len > 0 && len < ENDPOINT_LEN && port > 0 && port <= 65535 ? 0 : -1;
}

static int
endpoint_format(const struct settings *settings, enum endpoint which, int slot,
                const char *host, char out[ENDPOINT_LEN])
{
    const struct endpoint_row *row = &rows[which];

    if (slot < 0)
        return -1;
    if (settings->bus_dir != NULL)
        return ipc_format(settings, row, slot, out);
    return host != NULL ? tcp_format(host, row, slot, out) : -1;
}

int
endpoint_to_bind(const struct settings *settings, enum endpoint which, int slot,
                 char out[ENDPOINT_LEN])
{
    return endpoint_format(settings, which, slot, settings->bus_listen, out);
}

static struct text
hosts_of(const struct settings *settings, enum endpoint which)
{
    return text_of(rows[which].owner == OWNER_INGEST ? settings->ingest_host
                                                     : settings->detector_host);
}

int
endpoint_hosts(const struct settings *settings, enum endpoint which)
{
    struct text rest = hosts_of(settings, which);
    int count = 0;

    if (settings->bus_dir != NULL)
        return 1;
    while (rest.len > 0)
        count += text_trim(text_split(&rest, ',')).len > 0;
    return count > 0 ? count : 1;
}

int
endpoint_to_host(const struct settings *settings, enum endpoint which, int host, int slot,
                 char out[ENDPOINT_LEN])
{
    struct text rest = hosts_of(settings, which), name = { NULL, 0 };
    char text[ENDPOINT_LEN];

    if (settings->bus_dir != NULL)
        return endpoint_format(settings, which, slot, NULL, out);
    while (host >= 0 && rest.len > 0) {
        name = text_trim(text_split(&rest, ','));
        host -= name.len > 0;
    }
    if (host >= 0 || name.len == 0 || name.len >= sizeof(text))
        return -1;
    memcpy(text, name.ptr, name.len);
    text[name.len] = '\0';
    return endpoint_format(settings, which, slot, text, out);
}

int
endpoint_to_connect(const struct settings *settings, enum endpoint which, int slot,
                    char out[ENDPOINT_LEN])
{
    return endpoint_to_host(settings, which, 0, slot, out);
}

const char *
endpoint_server(enum endpoint which)
{
    return rows[which].owner == OWNER_INGEST ? "ingest" : "detector";
}
