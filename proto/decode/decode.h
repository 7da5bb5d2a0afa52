/*
 * decode.h - what a raw log line says, as an event's fields
 *
 * A table of decoders, one file each (decode_sshd.c, ...), tried in order
 * after the syslog header, or the journal's JSON, was taken off. A decoder reads only the line, so
 * one login attempt that is written as several lines becomes one
 * login_failed and otherwise auth_detail. Everything in a line is hostile.
 */
#ifndef PROTO_DECODE_DECODE_H
#define PROTO_DECODE_DECODE_H

#include <stdint.h>

#include "proto/base/arena.h"
#include "proto/base/text.h"
#include "proto/event.h"

struct json_line;

/* A line after its header was read. Texts borrow the line. */
struct log_line {
    struct text raw;            /* the whole line, UTF-8 */
    struct text host;           /* from the header; ptr NULL: none */
    struct text program;        /* "sshd", without [pid] */
    struct text pid;
    struct text message;        /* what follows the header */
    int priority;               /* of "<34>": 8 * facility + severity; -1: none */
    struct text message_id, structured_data;    /* of RFC 5424; ptr NULL: none */
    int64_t at_us;
    int has_time;
    int is_ahead;               /* a date without a year that would be tomorrow */
    uint32_t repeated;          /* from "message repeated N times", else 1 */
    struct text unit, level;    /* of the journal; ptr NULL: none */
    const struct json_line *json;   /* the message, when it is a JSON object; else NULL */
    struct text stream;         /* of a container: "stdout", "stderr"; ptr NULL: none */
    int is_piece;               /* of a line that Docker has cut */
};

struct decoder {
    const char *name;
    const char *programs;       /* space separated; NULL: looks at every line */
    /* Fill ev from line (with decoded.h): 1 when it was this decoder's, 0
     * when not, and then ev is as it was. Texts made anew come from arena. */
    int (*decode)(const struct log_line *line, struct arena *arena, struct event *ev);
    /* Without programs: of those it looks at the first letters, besides lines
     * of no program; NULL: of every program. */
    const char *initials;
    /* The first bytes that its messages may have, so that no other line costs a call; NULL: any. */
    const char *starts;
};

/* Of decoders of JSON (journal and syslog may have space before it). */
#define DECODER_STARTS_JSON "{ \t"

/* decode_<name>.c */
extern const struct decoder decoder_accounts, decoder_audit, decoder_cron,
    decoder_fail2ban, decoder_firewall, decoder_logind, decoder_login, decoder_pam,
    decoder_sshd, decoder_su, decoder_sudo, decoder_syslog;
extern const struct decoder decoder_web_access, decoder_web_json, decoder_apache_error,
    decoder_nginx_error, decoder_vsftpd, decoder_xferlog, decoder_openvpn, decoder_wireguard,
    decoder_mysql, decoder_postgresql;
extern const struct decoder decoder_windows, decoder_suricata, decoder_cloudtrail,
    decoder_kubernetes, decoder_asa, decoder_fortigate, decoder_filterlog;

extern const struct decoder *const decoders[];
extern const size_t decoder_count;

/* Decode line (valid UTF-8, no NUL, no line end) into ev: fields that ev has
 * already stay as they are; raw_log and event_type are always set afterwards
 * ("log" for a line that no decoder knows), and the timestamp when the line
 * has a time. now_us serves dates without a year: the latest year that is
 * not ahead of now by more than 10 minutes; one that is ahead by up to a day
 * is no time, and log.flags says "ahead". Returns the decoder's name
 * ("syslog" or "none" for lines that no decoder knows), or NULL when out of
 * memory. ev borrows line and arena. */
const char *decode_line(struct text line, int64_t now_us, struct arena *arena,
                        struct event *ev);

/* The same for what a program said, when who sends it says which program beside it
 * (ptr NULL: not). A header that the text has goes before that. */
const char *decode_words(struct text message, struct text program, int64_t now_us,
                           struct arena *arena, struct event *ev);

/* How a raw line's bytes were read. */
enum raw_encoding { RAW_UTF8, RAW_CP949, RAW_ESCAPED };

/* Where to cut bytes that are more than max (4 or more) of them: at max, or before a
 * UTF-8 character that would be cut in two. */
size_t raw_cut(struct text bytes, size_t max);

/* The line as UTF-8 without NULs: as it is, read as CP949, or each odd byte
 * written as \xHH (a NUL too); borrows bytes or arena. {NULL, 0} when out of
 * memory. */
struct text raw_to_utf8(struct text bytes, struct arena *arena,
                        enum raw_encoding *ret_how);

#endif
