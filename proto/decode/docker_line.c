#include "proto/decode/docker_line.h"

#include <yyjson.h>

#include "proto/base/timestamp.h"
#include "proto/decode/syslog_header.h"

int
docker_line_read(const struct json_line *json, int64_t now_us, struct log_line *line)
{
    struct yyjson_val *log = json_line_get(json->root, "log");
    struct text time = json_line_text(json, json_line_get(json->root, "time"));
    struct text stream = json_line_text(json, json_line_get(json->root, "stream"));
    struct text raw = line->raw, words;
    int64_t at_us;

    if (!yyjson_is_str(log) || time.len == 0 || timestamp_parse(time, &at_us, NULL) != 0 ||
        !(text_is(stream, "stdout") || text_is(stream, "stderr")))
        return 0;
    words = json_line_text(json, log);
    if (words.ptr == NULL)
        return 0;
    syslog_header_read(text_trim(words), now_us, line);
    line->raw = raw;
    line->stream = stream;
    line->is_piece = !text_ends_with(words, "\n");     /* of more than 16 KiB */
    if (!line->has_time) {
        line->at_us = at_us;
        line->has_time = 1;
        line->is_ahead = 0;
    }
    return 1;
}
