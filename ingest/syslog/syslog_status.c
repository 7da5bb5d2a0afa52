#include "ingest/syslog/syslog.h"

#include <inttypes.h>
#include <string.h>

#include "ingest/syslog/syslog_inner.h"
#include "proto/base/clock.h"

/* How long a loss is warned of. */
enum { WARN_MS = 10 * 60 * 1000 };

static const char *const transports[SYSLOG_TRANSPORTS] = {
    [SYSLOG_UDP] = "udp", [SYSLOG_TCP] = "tcp", [SYSLOG_TLS] = "tls",
};

static const char *const refusals[SYSLOG_REFUSALS] = {
    [SYSLOG_REFUSED_NETWORK] = "network",     [SYSLOG_REFUSED_PROXY] = "proxy",
    [SYSLOG_REFUSED_HANDSHAKE] = "handshake", [SYSLOG_REFUSED_LENGTH] = "length",
    [SYSLOG_REFUSED_LATE] = "late",           [SYSLOG_REFUSED_MEMORY] = "memory",
};

static const struct { const char *reason, *about; } drops[SYSLOG_DROPS] = {
    [SYSLOG_DROP_KERNEL] = { "kernel_buffer", "the socket's buffer was full "
                             "(syslog.udp_buffer, net.core.rmem_max)" },
    [SYSLOG_DROP_NETWORK] = { "network", "their senders are not in syslog.allow" },
    [SYSLOG_DROP_JOURNAL] = { "journal", "the journal takes nothing" },
    [SYSLOG_DROP_COMMIT] = { "commit", "the journal's commit failed" },
};

static void
take_kinds(struct syslog_numbers *numbers, struct metrics *metrics)
{
    char labels[64];

    for (int i = 0; i < SYSLOG_TRANSPORTS; i++) {
        snprintf(labels, sizeof(labels), "transport=\"%s\"", transports[i]);
        numbers->messages[i] = metrics_number(metrics, METRIC_COUNTER,
            "bongsu_syslog_messages_total", labels, "syslog messages on disk");
        numbers->bytes[i] = metrics_number(metrics, METRIC_COUNTER,
            "bongsu_syslog_bytes_total", labels, "bytes of syslog read");
    }
    for (int i = 0; i < SYSLOG_REFUSALS; i++) {
        snprintf(labels, sizeof(labels), "reason=\"%s\"", refusals[i]);
        numbers->refused[i] = metrics_number(metrics, METRIC_COUNTER,
            "bongsu_syslog_refused_total", labels, "syslog connections refused or cut off");
    }
    for (int i = 0; i < SYSLOG_DROPS; i++) {
        snprintf(labels, sizeof(labels), "reason=\"%s\"", drops[i].reason);
        numbers->dropped[i] = metrics_number(metrics, METRIC_COUNTER,
            "bongsu_syslog_dropped_total", labels, "syslog datagrams lost");
    }
}

void
syslog_take_numbers(struct syslog_numbers *numbers, struct metrics *metrics)
{
    const struct { uint64_t **number; enum metric_kind kind; const char *name, *help; } rows[] = {
        { &numbers->accepted, METRIC_COUNTER, "bongsu_ingest_events_accepted_total",
          "events on disk: answered 2xx, read from watched files, or from syslog" },
        { &numbers->split, METRIC_COUNTER, "bongsu_syslog_split_total",
          "pieces of syslog messages that are too long for one event" },
        { &numbers->plain, METRIC_COUNTER, "bongsu_syslog_plain_total",
          "syslog messages kept undecoded because what they say cannot stand" },
        { &numbers->unkept, METRIC_COUNTER, "bongsu_syslog_unkept_total",
          "syslog messages that could not be kept at all" },
        { &numbers->waits, METRIC_COUNTER, "bongsu_syslog_waits_total",
          "times that syslog streams waited because the journal took nothing" },
        { &numbers->commit_failures, METRIC_COUNTER, "bongsu_syslog_commits_failed_total",
          "turns of syslog whose commit failed; those of streams were taken again" },
        { &numbers->connections, METRIC_GAUGE, "bongsu_syslog_connections",
          "syslog connections open" },
        { &numbers->opened, METRIC_COUNTER, "bongsu_syslog_connections_total",
          "syslog connections taken" },
        { &numbers->left_idle, METRIC_COUNTER, "bongsu_syslog_left_idle_total",
          "syslog connections asked to leave after syslog.idle_timeout" },
        { &numbers->left_for_room, METRIC_COUNTER, "bongsu_syslog_left_for_room_total",
          "syslog connections asked to leave for others" },
        { &numbers->resets, METRIC_COUNTER, "bongsu_syslog_resets_total",
          "syslog connections that broke off" },
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        *rows[i].number = metrics_number(metrics, rows[i].kind, rows[i].name, "", rows[i].help);
    take_kinds(numbers, metrics);
}

void
syslog_drop(struct syslog *syslog, enum syslog_drop why, uint64_t count)
{
    if (count == 0)
        return;
    *syslog->numbers.dropped[why] += count;
    syslog->dropped_ms[why] = clock_steady_ms();
    log_warn_burst(&syslog->drop_burst, "syslog datagrams lost", "count=%" PRIu64 " reason=\"%s\"",
                   count, drops[why].about);
}

/* --- status --- */

static json_t *
show_listener(const struct syslog_listener *listener)
{
    json_t *shown = json_pack("{s:s, s:s}", "transport", transports[listener->transport],
                              "address", listener->socket.address);

    if (listener->transport == SYSLOG_UDP)
        json_object_set_new(shown, "buffer_bytes", json_integer(listener->buffer_bytes));
    return shown;
}

static json_t *
show_kinds(uint64_t *const numbers[], size_t count, const char *(*name)(size_t kind))
{
    json_t *shown = json_object();

    for (size_t i = 0; i < count; i++)
        json_object_set_new(shown, name(i), json_integer((json_int_t)*numbers[i]));
    return shown;
}

static const char *
name_transport(size_t kind)
{
    return transports[kind];
}

static const char *
name_refusal(size_t kind)
{
    return refusals[kind];
}

static const char *
name_drop(size_t kind)
{
    return drops[kind].reason;
}

static void
add_warnings(const struct syslog *syslog, json_t *status)
{
    json_t *warnings = json_object_get(status, "warnings");
    const int64_t now_ms = clock_steady_ms();

    if (!json_is_array(warnings)) {
        warnings = json_array();
        json_object_set_new(status, "warnings", warnings);
    }
    if (syslog->is_full)
        json_array_append_new(warnings, json_sprintf("syslog waits: %s", syslog->why.text));
    for (int i = 0; i < SYSLOG_DROPS; i++)
        if (syslog->dropped_ms[i] != 0 && now_ms - syslog->dropped_ms[i] < WARN_MS)
            json_array_append_new(warnings, json_sprintf(
                "syslog: %" PRIu64 " datagrams lost since the start, some in the last 10 minutes: "
                "%s", *syslog->numbers.dropped[i], drops[i].about));
}

void
syslog_status(const struct syslog *syslog, json_t *status)
{
    const struct syslog_numbers *numbers = &syslog->numbers;
    json_t *listeners = json_array(), *shown;

    for (size_t i = 0; i < syslog->listener_count; i++)
        json_array_append_new(listeners, show_listener(&syslog->listeners[i]));
    shown = json_pack("{s:I, s:b}", "connections", (json_int_t)syslog->count,
                      "is_waiting", syslog->is_full);
    json_object_set_new(shown, "listening", listeners);
    json_object_set_new(shown, "messages", show_kinds(numbers->messages, SYSLOG_TRANSPORTS,
                                                      name_transport));
    json_object_set_new(shown, "dropped", show_kinds(numbers->dropped, SYSLOG_DROPS, name_drop));
    json_object_set_new(shown, "refused", show_kinds(numbers->refused, SYSLOG_REFUSALS,
                                                     name_refusal));
    json_object_set_new(status, "syslog", shown);
    add_warnings(syslog, status);
}
