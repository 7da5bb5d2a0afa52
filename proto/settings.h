/*
 * settings.h - every option of every process, in one table
 *
 * All five read the same bongsu.yml, so one table knows all its keys. Times
 * are milliseconds, sizes bytes, booleans 0 or 1.
 */
#ifndef PROTO_SETTINGS_H
#define PROTO_SETTINGS_H

#include <stddef.h>
#include <stdint.h>

#include "proto/base/options.h"

struct settings {
    char *data_dir;                 /* default ./var */
    char *log_level;
    char *public_url;               /* for links in messages */

    char *api_key;                  /* API_KEY, secret */
    char *reader_key;               /* READER_KEY, secret */
    char *keys_path;                /* NULL: data_dir/keys.yml */
    int64_t read_open;              /* READ_OPEN */

    char *tls_certificate;          /* NULL: plain HTTP */
    char *tls_key, *tls_client_ca, *tls_client_crl;
    char *tls_client_certificate, *tls_client_key;  /* of ours: the command line shows it */
    int64_t tls_client_required;

    char *ingest_listen;            /* 127.0.0.1:8000 */
    char *ingest_files;             /* globs with commas; NULL: none */
    char *ingest_files_from;        /* end or start */
    char *syslog_listen_udp;        /* addresses with commas; NULL: none */
    char *syslog_listen_tcp, *syslog_listen_tls;
    char *syslog_allow;             /* networks with commas; NULL: this machine's senders */
    int64_t syslog_max_message;     /* 64 KiB */
    int64_t syslog_connections;
    int64_t syslog_idle_ms;         /* 1 h; 0: for ever */
    int64_t syslog_udp_buffer;      /* 64 MiB */
    int64_t syslog_proxy_protocol;
    char *trusted_proxies;          /* networks with commas; NULL: none */
    char *forwarded_header;         /* x-forwarded-for or forwarded */
    char *api_listen;               /* 127.0.0.1:8080 */
    int64_t http_max_body;          /* POST /logs, 10 MiB */
    int64_t http_max_connections;
    int64_t http_timeout_ms;        /* idle */
    int64_t http_max_per_address;   /* 0: no limit */
    int64_t http_header_timeout_ms, http_body_timeout_ms;
    int64_t http_min_rate;          /* bytes a second */
    char *http_allowed_hosts;       /* with commas; NULL: none */

    char *bus_dir;                  /* ipc folder; NULL: tcp */
    char *bus_listen;               /* tcp bind address */
    char *bus_curve_dir;            /* keys of the tcp sockets; NULL: none */
    char *ingest_host, *detector_host;

    char *journal_dir;              /* NULL: data_dir/journal */
    int64_t journal_max_bytes;      /* 0: the smaller of 10 GiB and 80 % of the disk */
    int64_t journal_min_free;       /* 1 GiB */
    int64_t journal_segment_bytes;  /* 64 MiB */

    char *rules_dir;
    char *placeholders_path;        /* NULL: rules have none */
    char *rule_choice;              /* lines with commas; NULL: all rules are on */
    char *allow_path;               /* NULL: data_dir/allow.yml */
    int64_t detector_slots, detector_slot;
    int64_t detector_lateness_ms;   /* 5 min */
    int64_t detector_max_keys;
    int64_t detector_max_entries;   /* per key of a window */
    int64_t detector_rule_share;    /* percent */
    int64_t detector_max_total_entries;     /* in all windows */
    int64_t checkpoint_ms;          /* 1 s */
    int64_t sources_silent_after_ms;        /* 1 h; 0: never */

    char *store_dir;                /* NULL: data_dir/store */
    int64_t store_retention_ms;     /* 0: for ever; default 90d */
    int64_t store_max_bytes;        /* 0: no limit */
    int64_t indexer_batch_events;
    int64_t indexer_batch_ms;

    char *slack_webhook_url;        /* SLACK_WEBHOOK_URL, secret */
    char *slack_min_severity;       /* medium */
    int64_t slack_digest_over;      /* per minute, 20 */

    char *report_daily_at, *report_weekly_at;   /* "09:00", "Mon 09:00"; NULL: never */
    char *report_lang;              /* en */

    char *watch_stages;             /* names, or name=URL, space separated */
    int64_t watch_after_ms;         /* 60 s */
    char *health_listen;            /* host:port instead of the unix socket; NULL */

    char *store_url;                /* ELASTICSEARCH_URL; NULL: the embedded store */
    char *elastic_user;
    char *elastic_password;         /* ELASTIC_PASSWORD, secret */
    char *elastic_api_key;          /* ELASTIC_API_KEY, secret */
    char *elastic_ca_file;
    char *elastic_gzip;             /* on, off, auto */
    int64_t elastic_in_flight, elastic_bulk_bytes, elastic_bulk_events;
    int64_t elastic_timeout_ms, elastic_refresh_ms, elastic_shards, elastic_geoip;
};

extern const struct option settings_options[];
extern const size_t settings_option_count;

/* options_load with this table. 0 or -1. */
int settings_load(struct settings *settings, int argc, char **argv,
                  struct options_call *ret_call, struct err *err);

/* What settings_load does after options_load, for a larger table that holds
 * this one: check what no row can, find the rules. 0 or -1. */
int settings_finish(struct settings *settings, struct err *err);
void settings_release(struct settings *settings);

/* data_dir/name (or *dir/name where the option is set); the caller frees. */
char *settings_path(const struct settings *settings, const char *name);

#endif
