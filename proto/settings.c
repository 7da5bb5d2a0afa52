#include "proto/settings.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "proto/base/log.h"
#include "proto/event.h"

#define AT(member) offsetof(struct settings, member)

#define KIB INT64_C(1024)
#define MIB (INT64_C(1024) * 1024)
#define GIB (INT64_C(1024) * 1024 * 1024)
#define SECOND INT64_C(1000)
#define DAY (24 * 3600 * SECOND)

enum { API_KEY_MIN = 16 };

/* A wider table than the code around it: a row is an option. */
const struct option settings_options[] = {
    { "data_dir", NULL, OPTION_TEXT, AT(data_dir), "./var", 0, 0, 0, NULL,
      "folder of everything kept on disk" },
    { "log.level", NULL, OPTION_TEXT, AT(log_level), "info", 0, 16, 0, NULL,
      "what is logged: debug, info, warn or error, and what is worse" },
    { "public_url", NULL, OPTION_TEXT, AT(public_url), NULL, 0, 0, 0, NULL,
      "address under which people reach the web UI, for links in messages" },
    { "api_key", "API_KEY", OPTION_TEXT, AT(api_key), NULL, 0, 512, OPTION_SECRET,
      "change-me", "key that senders of events and changers of incidents must give, "
      "16 characters or more" },
    { "reader_key", "READER_KEY", OPTION_TEXT, AT(reader_key), NULL, 0, 512,
      OPTION_SECRET, NULL,
      "key that readers of dashboard, reports and events must give" },
    { "keys_file", NULL, OPTION_TEXT, AT(keys_path), NULL, 0, 0, 0, NULL,
      "file of the further API keys, hashed, that bongsu key makes; read again when it "
      "changes; unset: keys.yml in data_dir" },
    { "read_open", "READ_OPEN", OPTION_BOOL, AT(read_open), "false", 0, 1, 0, NULL,
      "let anyone read without a key, on any address; on loopback that is so anyway" },
    { "ingest.listen", NULL, OPTION_TEXT, AT(ingest_listen), "127.0.0.1:8000", 0, 256, 0,
      NULL, "host:port that takes events" },
    { "ingest.files", NULL, OPTION_TEXT, AT(ingest_files), NULL, 0, 65536, OPTION_LIST, NULL,
      "log files to read as they grow: absolute paths or globs, with commas or as a list" },
    { "ingest.files_from", NULL, OPTION_TEXT, AT(ingest_files_from), "end", 0, 16, 0, NULL,
      "where to begin with files that are there when their pattern is new: end or start; "
      "those that come later are read from their start" },
    { "syslog.listen_udp", NULL, OPTION_TEXT, AT(syslog_listen_udp), NULL, 0, 1024, OPTION_LIST,
      NULL, "host:port, or several, that take syslog messages over UDP, as in 127.0.0.1:514; "
      "unset: none" },
    { "syslog.listen_tcp", NULL, OPTION_TEXT, AT(syslog_listen_tcp), NULL, 0, 1024, OPTION_LIST,
      NULL, "likewise over TCP (RFC 6587: lines, or octets counted)" },
    { "syslog.listen_tls", NULL, OPTION_TEXT, AT(syslog_listen_tls), NULL, 0, 1024, OPTION_LIST,
      NULL, "likewise over TLS (RFC 5425, port 6514), with tls.certificate and tls.key" },
    { "syslog.allow", NULL, OPTION_TEXT, AT(syslog_allow), NULL, 0, 65536, OPTION_LIST, NULL,
      "networks that may send syslog, for it has no key: as in 10.0.0.0/8, 2001:db8::/32; "
      "unset: only this machine" },
    { "syslog.max_message", NULL, OPTION_BYTES, AT(syslog_max_message), "64KiB", KIB, 256 * KIB,
      0, NULL, "longest syslog message; what is longer becomes several events" },
    { "syslog.connections", NULL, OPTION_INT, AT(syslog_connections), "512", 1, 65536, 0, NULL,
      "syslog connections at once; beyond, the longest idle one is asked to leave, and others "
      "wait" },
    { "syslog.idle_timeout", NULL, OPTION_DURATION, AT(syslog_idle_ms), "1h", 0, 30 * DAY, 0,
      NULL, "how long a syslog connection may say nothing; 0: for ever" },
    { "syslog.udp_buffer", NULL, OPTION_BYTES, AT(syslog_udp_buffer), "64MiB", 64 * KIB, GIB, 0,
      NULL, "what the kernel is asked to keep of UDP messages that are not read yet (it grants "
      "net.core.rmem_max, to root all)" },
    { "syslog.proxy_protocol", NULL, OPTION_BOOL, AT(syslog_proxy_protocol), "false", 0, 1, 0,
      NULL, "trusted_proxies begin each syslog connection with the PROXY protocol (1 or 2), "
      "which names the sender" },
    { "trusted_proxies", NULL, OPTION_TEXT, AT(trusted_proxies), NULL, 0, 65536, OPTION_LIST,
      NULL, "networks of proxies that are believed whom they speak for (received_from)" },
    { "forwarded_header", NULL, OPTION_TEXT, AT(forwarded_header), "x-forwarded-for", 0, 32, 0,
      NULL, "header in which they say it over HTTP: x-forwarded-for, or forwarded (RFC 7239); "
      "the other one is not looked at, since a client may have written it" },
    { "api.listen", NULL, OPTION_TEXT, AT(api_listen), "127.0.0.1:8080", 0, 256, 0,
      NULL, "host:port of dashboard, reports, incidents and search" },
    { "tls.certificate", NULL, OPTION_TEXT, AT(tls_certificate), NULL, 0, 0, 0, NULL,
      "PEM file of the certificate with which ingest and api speak https, its authorities "
      "behind it; read again when it changes; unset: plain http" },
    { "tls.key", NULL, OPTION_TEXT, AT(tls_key), NULL, 0, 0, 0, NULL,
      "PEM file of its private key, without a password" },
    { "tls.client_ca", NULL, OPTION_TEXT, AT(tls_client_ca), NULL, 0, 0, 0, NULL,
      "PEM file of the authorities whose certificates clients may show; unset: none is asked for" },
    { "tls.client_crl", NULL, OPTION_TEXT, AT(tls_client_crl), NULL, 0, 0, 0, NULL,
      "PEM file of the certificates that these authorities have revoked (CRLs); read again when "
      "it changes; unset: none" },
    { "tls.client_required", NULL, OPTION_BOOL, AT(tls_client_required), "false", 0, 1, 0, NULL,
      "turn away clients that show no certificate" },
    { "tls.client_certificate", NULL, OPTION_TEXT, AT(tls_client_certificate), NULL, 0, 0, 0, NULL,
      "PEM file of the certificate that the command line shows to a server that asks for one" },
    { "tls.client_key", NULL, OPTION_TEXT, AT(tls_client_key), NULL, 0, 0, 0, NULL,
      "PEM file of its private key, without a password" },
    { "http.max_body", NULL, OPTION_BYTES, AT(http_max_body), "10MiB", KIB, GIB, 0, NULL,
      "largest body of a request; a larger one is answered 413" },
    { "http.max_connections", NULL, OPTION_INT, AT(http_max_connections), "1024",
      1, 65536, 0, NULL,
      "connections that a process holds at once; beyond, the longest idle one is closed" },
    { "http.timeout", NULL, OPTION_DURATION, AT(http_timeout_ms), "60s",
      100, 3600 * SECOND, 0, NULL, "how long a connection may be idle" },
    { "http.max_per_address", NULL, OPTION_INT, AT(http_max_per_address), "512", 0, 65536, 0,
      NULL, "connections that one address (of IPv6, one /64) may have; beyond, its longest idle "
      "one is closed; 0: no limit" },
    { "http.header_timeout", NULL, OPTION_DURATION, AT(http_header_timeout_ms), "5s",
      0, 3600 * SECOND, 0, NULL, "how long a request's head, or TLS's handshake, may take from its "
      "first byte; 0: no limit" },
    { "http.body_timeout", NULL, OPTION_DURATION, AT(http_body_timeout_ms), "30s",
      0, 3600 * SECOND, 0, NULL, "how long a request's body may take, in all; 0: no limit" },
    { "http.min_rate", NULL, OPTION_BYTES, AT(http_min_rate), "512", 0, GIB, 0, NULL,
      "bytes a second that a body must bring, and an answer take, after its first 5 seconds; "
      "0: no limit" },
    { "http.allowed_hosts", NULL, OPTION_TEXT, AT(http_allowed_hosts), NULL, 0, 0, 0, NULL,
      "further names, with commas, under which those who need no key may read: what a "
      "browser calls this machine; public_url's, localhost and addresses always may" },
    { "bus.dir", NULL, OPTION_TEXT, AT(bus_dir), NULL, 0, 0, 0, NULL,
      "folder of the sockets between the processes; unset: tcp" },
    { "bus.listen", NULL, OPTION_TEXT, AT(bus_listen), "127.0.0.1", 0, 256, 0, NULL,
      "address that the tcp sockets between the processes are bound to" },
    { "bus.curve_dir", NULL, OPTION_TEXT, AT(bus_curve_dir), NULL, 0, 0, 0, NULL,
      "folder of the keys with which the processes know each other over tcp, made when it is "
      "empty; unset: whoever reaches these sockets may do anything" },
    { "ingest.host", NULL, OPTION_TEXT, AT(ingest_host), "127.0.0.1", 0, 1024, 0, NULL,
      "where the other processes find ingest, over tcp: names or addresses, with commas; a "
      "name stands for all its addresses" },
    { "detector.host", NULL, OPTION_TEXT, AT(detector_host), "127.0.0.1", 0, 1024, 0,
      NULL, "where the other processes find the detectors, over tcp, likewise" },
    { "journal.dir", NULL, OPTION_TEXT, AT(journal_dir), NULL, 0, 0, 0, NULL,
      "folder of the journal; unset: journal in data_dir" },
    { "journal.max_bytes", NULL, OPTION_BYTES, AT(journal_max_bytes), "0",
      0, INT64_MAX, 0, NULL,
      "largest journal, then ingest answers 503; 0: the smaller of 10 GiB and 80 % "
      "of the disk" },
    { "journal.min_free", NULL, OPTION_BYTES, AT(journal_min_free), "1GiB",
      0, INT64_MAX, 0, NULL, "free space that ingest leaves on the journal's disk" },
    { "journal.segment_bytes", NULL, OPTION_BYTES, AT(journal_segment_bytes), "64MiB",
      64 * KIB, 4 * GIB, 0, NULL, "size at which a new journal file begins" },
    { "detector.rules", NULL, OPTION_TEXT, AT(rules_dir), NULL, 0, 0, 0, NULL,
      "folder of the Sigma rules; unset: the rules that came with the program" },
    { "detector.placeholders", NULL, OPTION_TEXT, AT(placeholders_path), NULL, 0, 0, 0, NULL,
      "file of what the %names% in rules (expand) stand for; unset: such rules are refused" },
    { "detector.rule_choice", NULL, OPTION_TEXT, AT(rule_choice), NULL, 0, 65536, OPTION_LIST, NULL,
      "which rules are on: lines such as off path=sigma/**, with commas or as a list; the last "
      "that is for a rule decides (docs/RULES.md)" },
    { "detector.allow", NULL, OPTION_TEXT, AT(allow_path), NULL, 0, 0, 0, NULL,
      "file of the allow list, read again when it changes; unset: allow.yml in data_dir" },
    { "detector.slots", NULL, OPTION_INT, AT(detector_slots), "1", 1, 16, 0, NULL,
      "how many detectors share the work; changed, their state is divided anew at the "
      "next start of all" },
    { "detector.slot", NULL, OPTION_INT, AT(detector_slot), "-1", -1, 15, 0, NULL,
      "which of them this one is, from 0; -1: the first that no other process of the same "
      "data_dir has" },
    { "detector.lateness", NULL, OPTION_DURATION, AT(detector_lateness_ms), "5m",
      0, DAY, 0, NULL, "how late an event may come and still count into windows" },
    { "detector.max_keys", NULL, OPTION_INT, AT(detector_max_keys), "250000",
      1, 10000000, 0, NULL, "keys (addresses, users) that the windows hold" },
    { "detector.max_entries", NULL, OPTION_INT, AT(detector_max_entries), "500",
      16, 1000000, 0, NULL,
      "events that the window of one key holds (40 bytes each, a few more with values)" },
    { "detector.max_total_entries", NULL, OPTION_INT, AT(detector_max_total_entries),
      "1000000", 1000, 100000000, 0, NULL,
      "events that all windows hold: a million takes 40 to 60 MiB" },
    { "detector.max_rule_share", NULL, OPTION_INT, AT(detector_rule_share), "80",
      1, 100, 0, NULL,
      "percent of these keys and events that one rule may hold; beyond it its own go first" },
    { "detector.checkpoint", NULL, OPTION_DURATION, AT(checkpoint_ms), "1s",
      10, 60 * SECOND, 0, NULL, "how often the detector saves its state" },
    { "sources.silent_after", NULL, OPTION_DURATION, AT(sources_silent_after_ms), "1h",
      0, 30 * DAY, 0, NULL, "how long a regular log source may send nothing, at least (three "
      "times its longest pause when that is more), before that is an incident; 0: never" },
    { "store.dir", NULL, OPTION_TEXT, AT(store_dir), NULL, 0, 0, 0, NULL,
      "folder of the embedded store; unset: store in data_dir" },
    { "store.retention", NULL, OPTION_DURATION, AT(store_retention_ms), "90d",
      0, 36500 * DAY, 0, NULL, "how long events are kept; 0: for ever" },
    { "store.max_bytes", NULL, OPTION_BYTES, AT(store_max_bytes), "0",
      0, INT64_MAX, 0, NULL, "largest store, then the oldest days go; 0: no limit" },
    { "indexer.batch_events", NULL, OPTION_INT, AT(indexer_batch_events), "5000",
      1, 100000, 0, NULL, "events that one transaction of the store holds" },
    { "indexer.batch_time", NULL, OPTION_DURATION, AT(indexer_batch_ms), "50ms",
      0, 10 * SECOND, 0, NULL, "how long a transaction waits for more events" },
    { "slack.webhook_url", "SLACK_WEBHOOK_URL", OPTION_TEXT, AT(slack_webhook_url), NULL,
      0, 2048, OPTION_SECRET, "https://hooks.slack.com/services/CHANGE/ME",
      "Slack incoming webhook; unset: messages are only logged" },
    { "slack.min_severity", NULL, OPTION_TEXT, AT(slack_min_severity), "medium",
      0, 16, 0, NULL,
      "least severity that Slack is told: low, medium, high or critical" },
    { "slack.digest_over", NULL, OPTION_INT, AT(slack_digest_over), "20",
      1, 10000, 0, NULL, "incidents a minute beyond which they become one digest" },
    { "report.daily_at", NULL, OPTION_TEXT, AT(report_daily_at), NULL, 0, 16, 0, NULL,
      "when the day before is summed up to Slack, as in 09:00, in the site's time zone; "
      "unset: never" },
    { "report.weekly_at", NULL, OPTION_TEXT, AT(report_weekly_at), NULL, 0, 16, 0, NULL,
      "when the week before is, as in Mon 09:00; unset: never" },
    { "report.lang", NULL, OPTION_TEXT, AT(report_lang), "en", 0, 8, 0, NULL,
      "language of these messages: en or ko" },
    { "watch.stages", NULL, OPTION_TEXT, AT(watch_stages), "ingest detector indexer api",
      0, 1024, 0, NULL, "processes that the notifier watches, by their sockets in data_dir, or as "
      "name=http://host:port, or none; what is wrong becomes an incident" },
    { "watch.after", NULL, OPTION_DURATION, AT(watch_after_ms), "60s", 0, 3600 * SECOND, 0, NULL,
      "how long a process may be not ready before that is an incident; the watch's other "
      "times go with it" },
    { "health.listen", NULL, OPTION_TEXT, AT(health_listen), NULL, 0, 256, 0, NULL,
      "host:port of health and metrics; unset: a socket in data_dir" },
    { "store.url", "ELASTICSEARCH_URL", OPTION_TEXT, AT(store_url), NULL, 0, 2048, 0, NULL,
      "where Elasticsearch 8 is: http://host:9200, https://..., or elasticsearch://host:9200; "
      "unset: the embedded store" },
    { "elastic.user", NULL, OPTION_TEXT, AT(elastic_user), "elastic", 0, 256, 0, NULL,
      "user of Elasticsearch, with its password" },
    { "elastic.password", "ELASTIC_PASSWORD", OPTION_TEXT, AT(elastic_password), NULL,
      0, 512, OPTION_SECRET, "change-me", "password of Elasticsearch; unset: none is sent" },
    { "elastic.api_key", "ELASTIC_API_KEY", OPTION_TEXT, AT(elastic_api_key), NULL,
      0, 1024, OPTION_SECRET, NULL,
      "API key of Elasticsearch, encoded as Kibana shows it; instead of user and password" },
    { "elastic.ca_file", NULL, OPTION_TEXT, AT(elastic_ca_file), NULL, 0, 0, 0, NULL,
      "PEM file of the authority that signed Elasticsearch's certificate; unset: the system's" },
    { "elastic.gzip", NULL, OPTION_TEXT, AT(elastic_gzip), "auto", 0, 8, 0, NULL,
      "whether what is sent is compressed: on, off, or auto: with https" },
    { "elastic.in_flight", NULL, OPTION_INT, AT(elastic_in_flight), "3", 1, 32, 0, NULL,
      "_bulk requests that an indexer has on the way at once" },
    { "elastic.bulk_bytes", NULL, OPTION_BYTES, AT(elastic_bulk_bytes), "5MiB",
      64 * KIB, 64 * MIB, 0, NULL, "largest body of a _bulk request" },
    { "elastic.bulk_events", NULL, OPTION_INT, AT(elastic_bulk_events), "2000", 1, 20000, 0, NULL,
      "documents of a _bulk request" },
    { "elastic.timeout", NULL, OPTION_DURATION, AT(elastic_timeout_ms), "60s",
      100, 600 * SECOND, 0, NULL, "how long a _bulk request may take; then it is sent again" },
    { "elastic.refresh", NULL, OPTION_DURATION, AT(elastic_refresh_ms), "1s",
      0, 3600 * SECOND, 0, NULL, "how soon what is stored can be found (index.refresh_interval); "
      "0: with each write, which is slow" },
    { "elastic.shards", NULL, OPTION_INT, AT(elastic_shards), "2", 1, 64, 0, NULL,
      "primary shards of each day's index from the next day on: cores or nodes that should share the work" },
    { "elastic.geoip", NULL, OPTION_BOOL, AT(elastic_geoip), "false", 0, 1, 0, NULL,
      "let Elasticsearch add source.geo by its geoip processor, where it has one" },
};

const size_t settings_option_count =
    sizeof(settings_options) / sizeof(settings_options[0]);

/* From the folder of the running program: a checkout's build/bin, its
 * build/check/bin (or tests), an installed package. */
static const char *const rules_places[] = {
    "../../detector/rules",
    "../../../detector/rules",
    "../share/bongsu/rules",
    "/usr/share/bongsu/rules",
};

static int
find_rules(struct settings *settings)
{
    char exe[PATH_MAX], path[PATH_MAX * 2];
    ssize_t len = readlink("/proc/self/exe", exe, sizeof(exe) - 1);
    char *slash;

    exe[len > 0 ? len : 0] = '\0';
    slash = strrchr(exe, '/');
    if (slash != NULL)
        *slash = '\0';
    for (size_t i = 0; i < sizeof(rules_places) / sizeof(rules_places[0]); i++) {
        char *real;

        if (rules_places[i][0] == '/')
            snprintf(path, sizeof(path), "%s", rules_places[i]);
        else
            snprintf(path, sizeof(path), "%s/%s", exe, rules_places[i]);
        real = realpath(path, NULL);
        if (real != NULL) {
            settings->rules_dir = real;
            return 0;
        }
        if (errno == ENOMEM)
            return -1;
    }
    return 0;           /* NULL: the detector says that it has no rules */
}

static int
check_tls(const struct settings *settings, struct err *err)
{
    if ((settings->tls_certificate == NULL) != (settings->tls_key == NULL))
        err_set(err, "tls.certificate and tls.key: one needs the other");
    else if (settings->tls_client_ca != NULL && settings->tls_certificate == NULL)
        err_set(err, "tls.client_ca: needs tls.certificate");
    else if (settings->tls_client_crl != NULL && settings->tls_client_ca == NULL)
        err_set(err, "tls.client_crl: needs tls.client_ca");
    else if ((settings->tls_client_certificate == NULL) != (settings->tls_client_key == NULL))
        err_set(err, "tls.client_certificate and tls.client_key: one needs the other");
    else if (settings->tls_client_required && settings->tls_client_ca == NULL)
        err_set(err, "tls.client_required: needs tls.client_ca");
    else
        return 0;
    return -1;
}

static int
check(const struct settings *settings, struct err *err)
{
    const char *key = settings->api_key;

    if (settings->detector_slot >= settings->detector_slots)
        err_set(err, "detector.slot: %lld, but detector.slots is %lld: at most %lld",
                (long long)settings->detector_slot, (long long)settings->detector_slots,
                (long long)settings->detector_slots - 1);
    else if (key != NULL && strlen(key) < API_KEY_MIN)
        err_set(err, "api_key: must be %d characters or more", (int)API_KEY_MIN);
    else if (settings->log_level == NULL || log_level_parse(settings->log_level) < 0)
        err_set(err, "log.level: must be debug, info, warn or error");
    else if (strcmp(settings->ingest_files_from, "end") != 0 &&
             strcmp(settings->ingest_files_from, "start") != 0)
        err_set(err, "ingest.files_from: must be end or start");
    else if (strcmp(settings->forwarded_header, "x-forwarded-for") != 0 &&
             strcmp(settings->forwarded_header, "forwarded") != 0)
        err_set(err, "forwarded_header: must be x-forwarded-for or forwarded");
    else if (strcmp(settings->elastic_gzip, "auto") != 0 &&
             strcmp(settings->elastic_gzip, "on") != 0 && strcmp(settings->elastic_gzip, "off") != 0)
        err_set(err, "elastic.gzip: must be on, off or auto");
    else if (severity_parse(text_of(settings->slack_min_severity)) < 0)
        err_set(err, "slack.min_severity: must be low, medium, high or critical");
    else
        return check_tls(settings, err);
    return -1;
}

int
settings_finish(struct settings *settings, struct err *err)
{
    if (check(settings, err) != 0)
        return -1;
    if (settings->rules_dir == NULL && find_rules(settings) != 0) {
        err_set(err, "detector.rules: out of memory");
        return -1;
    }
    return 0;
}

int
settings_load(struct settings *settings, int argc, char **argv,
              struct options_call *ret_call, struct err *err)
{
    if (options_load(settings_options, settings_option_count, settings, argc, argv,
                     ret_call, err) != 0)
        return -1;
    /* Who asks for help gets it, whatever is set. */
    if (ret_call->wants_help || ret_call->wants_version)
        return 0;
    if (settings_finish(settings, err) == 0)
        return 0;
    settings_release(settings);
    return -1;
}

void
settings_release(struct settings *settings)
{
    options_release(settings_options, settings_option_count, settings);
}

/* What may stand elsewhere than in data_dir. */
static const struct {
    const char *name;
    size_t offset;
} places[] = {
    { "journal", AT(journal_dir) },
    { "store",   AT(store_dir) },
};

char *
settings_path(const struct settings *settings, const char *name)
{
    size_t first_len = strcspn(name, "/");
    struct text first = { name, first_len };
    char *path = NULL;

    if (settings->keys_path != NULL && strcmp(name, "keys.yml") == 0)
        return text_dup(text_of(settings->keys_path));
    for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
        const char *dir =
            *(char *const *)((const char *)settings + places[i].offset);

        if (dir == NULL || !text_is(first, places[i].name))
            continue;
        return asprintf(&path, "%s%s", dir, name + first_len) < 0 ? NULL : path;
    }
    return asprintf(&path, "%s/%s", settings->data_dir, name) < 0 ? NULL : path;
}
