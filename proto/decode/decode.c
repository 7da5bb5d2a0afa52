#include "proto/decode/decode.h"

#include <string.h>

#include "proto/decode/cisco_line.h"
#include "proto/decode/decoded.h"
#include "proto/decode/docker_line.h"
#include "proto/decode/journal_line.h"
#include "proto/decode/json_line.h"
#include "proto/decode/structured_data.h"
#include "proto/decode/syslog_header.h"

/* The first that takes a line has it: those that know a program, those that
 * look at every line, and last the one for whatever has a header. */
const struct decoder *const decoders[] = {
    &decoder_pam,
    &decoder_sshd,
    &decoder_sudo,
    &decoder_su,
    &decoder_login,
    &decoder_accounts,
    &decoder_cron,
    &decoder_logind,
    &decoder_audit,
    &decoder_firewall,
    &decoder_fail2ban,
    &decoder_windows,
    &decoder_suricata,
    &decoder_cloudtrail,
    &decoder_kubernetes,
    &decoder_asa,
    &decoder_fortigate,
    &decoder_filterlog,
    &decoder_web_json,
    &decoder_web_access,
    &decoder_apache_error,
    &decoder_nginx_error,
    &decoder_vsftpd,
    &decoder_xferlog,
    &decoder_openvpn,
    &decoder_wireguard,
    &decoder_mysql,
    &decoder_postgresql,
    &decoder_syslog,
};

const size_t decoder_count = sizeof decoders / sizeof decoders[0];

/* An event's count goes to a million. */
enum { REPEATED_MAX = 1000000 };

/* "message repeated 5 times: [ the message]", which rsyslog writes instead of
 * five lines, behind their tag: without one it may be anybody's words, and the
 * number his choice. One that no event can carry leaves the line as it is. */
static void
unwrap_repeated(struct log_line *line)
{
    static const char start[] = "message repeated ", middle[] = " times: [ ";
    struct text rest = line->message, number;
    int64_t times;

    if (line->program.len == 0 || !text_starts_with(rest, start) ||
        !text_ends_with(rest, "]"))
        return;
    rest.ptr += sizeof start - 1;
    rest.len -= sizeof start - 1;

    number = (struct text){ rest.ptr, 0 };
    while (number.len < rest.len && rest.ptr[number.len] != ' ')
        number.len++;
    rest.ptr += number.len;
    rest.len -= number.len;

    if (!text_starts_with(rest, middle) ||
        text_to_int(number, 1, REPEATED_MAX, &times) != 0 || rest.len < sizeof middle)
        return;

    line->repeated = (uint32_t)times;
    line->message = text_trim((struct text){ rest.ptr + sizeof middle - 1,
                                             rest.len - sizeof middle });
}

enum { DECODERS = sizeof decoders / sizeof decoders[0], NO_PROGRAM = 0, LETTERS = 256 };

_Static_assert(DECODERS <= 64, "a set of decoders is 64 bits");

static int
knows_program(const struct decoder *decoder, struct text program)
{
    struct text names = text_of(decoder->programs);

    while (names.ptr != NULL)
        if (text_equals(text_split(&names, ' '), program))
            return 1;
    return 0;
}

static void
add_decoder(uint64_t sets[LETTERS], size_t number)
{
    const struct decoder *decoder = decoders[number];
    const uint64_t bit = UINT64_C(1) << number;
    struct text names = text_of(decoder->programs);

    while (names.ptr != NULL)
        sets[(unsigned char)*text_split(&names, ' ').ptr] |= bit;
    if (decoder->programs != NULL)
        return;
    for (int letter = 0; letter < LETTERS; letter++)
        if (letter == NO_PROGRAM || decoder->initials == NULL ||
            strchr(decoder->initials, letter) != NULL)
            sets[letter] |= bit;
}

static void
add_starts(uint64_t starts[LETTERS], size_t number)
{
    const char *firsts = decoders[number]->starts;

    for (int letter = 0; letter < LETTERS; letter++)
        if (firsts == NULL || (letter != 0 && strchr(firsts, letter) != NULL))
            starts[letter] |= UINT64_C(1) << number;
}

/* The decoders that may know a line, by the first letters of its program and of its
 * message: most lines are for none, and that must not cost a comparison for each name.
 * Made once; a program has one thread. */
static uint64_t
decoders_for(const struct log_line *line)
{
    static uint64_t sets[LETTERS], starts[LETTERS];
    struct text program = line->program, message = line->message;

    if (sets[NO_PROGRAM] == 0)
        for (size_t i = 0; i < DECODERS; i++) {
            add_decoder(sets, i);
            add_starts(starts, i);
        }
    return sets[program.len > 0 ? (unsigned char)*program.ptr : NO_PROGRAM] &
           starts[message.len > 0 ? (unsigned char)*message.ptr : 0];
}

static const char *
try_decoders(const struct log_line *line, struct arena *arena, struct event *ev)
{
    for (uint64_t left = decoders_for(line); left != 0; left &= left - 1) {
        const struct decoder *decoder = decoders[__builtin_ctzll(left)];

        if ((decoder->programs == NULL || knows_program(decoder, line->program)) &&
            decoder->decode(line, arena, ev))
            return decoder->name;
    }

    decoded_text(ev, EVENT_TYPE, text_of("log"));
    return "none";
}

/* What the header says, under ECS's names, whichever decoder it was. */
static void
add_header(const struct log_line *line, struct event *ev)
{
    int64_t number;

    decoded_put_text(ev, FIELD_HOST_NAME, line->host);
    decoded_put_text(ev, FIELD_PROCESS_NAME, line->program);
    decoded_put_text(ev, FIELD_SYSTEMD_UNIT, line->unit);
    decoded_put_text(ev, FIELD_LOG_LEVEL, line->level);

    if (text_to_int(line->pid, 0, INT32_MAX, &number) == 0)
        decoded_put_number(ev, FIELD_PROCESS_PID, number);
    if (line->priority >= 0) {
        decoded_put_number(ev, FIELD_LOG_SYSLOG_PRIORITY, line->priority);
        decoded_put_number(ev, FIELD_LOG_SYSLOG_FACILITY_CODE, line->priority / 8);
        decoded_put_number(ev, FIELD_LOG_SYSLOG_SEVERITY_CODE, line->priority % 8);
    }
    decoded_put_text(ev, FIELD_LOG_SYSLOG_MSGID, line->message_id);
    decoded_put_text(ev, FIELD_LOG_IOSTREAM, line->stream);
    if (line->is_piece)
        decoded_put_text(ev, FIELD_LOG_FLAGS, text_of("split"));
    if (line->is_ahead && ev->known[EVENT_TIMESTAMP].kind == VALUE_ABSENT)
        decoded_put_text(ev, FIELD_LOG_FLAGS, text_of("ahead"));
}

/* What wraps a line: an entry of the journal, of Docker's log. Its message then is line. */
static int
unwrap(const struct json_line *json, int64_t now_us, struct log_line *line)
{
    return line->program.len == 0 &&
           (json->form == JSON_DOCKER ? docker_line_read(json, now_us, line)
                                      : journal_line_read(json, line));
}

/* The header off raw, and the message read as JSON if it is that. What wraps a line is
 * taken off once: its message may be JSON of its own. 0, or -1 when out of memory. */
static int
read_line(struct text raw, int64_t now_us, struct arena *arena, struct log_line *line,
          struct json_line *json)
{
    int has_json;

    syslog_header_read(raw, now_us, line);
    cisco_line_read(line, now_us);
    has_json = json_line_read(line->message, arena, json);

    if (has_json == 1 && unwrap(json, now_us, line)) {
        json_line_release(json);
        has_json = json_line_read(line->message, arena, json);
    }
    line->json = has_json == 1 ? json : NULL;
    unwrap_repeated(line);
    return has_json < 0 ? -1 : 0;
}

/* Syslog's own %msg% begins with the space that stood behind the tag. */
static void
take_program(struct log_line *line, struct text program)
{
    if (program.len == 0 || line->program.len > 0)
        return;
    line->program = program;
    line->message = text_trim(line->message);
}

const char *
decode_line(struct text text, int64_t now_us, struct arena *arena, struct event *ev)
{
    return decode_words(text, (struct text){ NULL, 0 }, now_us, arena, ev);
}

const char *
decode_words(struct text text, struct text program, int64_t now_us, struct arena *arena,
               struct event *ev)
{
    struct json_line json = { 0 };
    struct log_line line;
    const char *name = NULL;

    if (read_line(text, now_us, arena, &line, &json) == 0) {
        take_program(&line, program);
        name = try_decoders(&line, arena, ev);
        /* A decoder may know a better time than the header's. */
        if (line.has_time && decoded_time(ev, line.at_us, arena) != 0)
            name = NULL;
        add_header(&line, ev);
        if (line.structured_data.ptr != NULL &&
            structured_data_put(line.structured_data, arena, ev) != 0)
            name = NULL;
        decoded_text(ev, EVENT_RAW_LOG, text);
        if (line.repeated > 1)
            decoded_number(ev, EVENT_COUNT, line.repeated);
    }
    json_line_release(&json);
    return name;
}
