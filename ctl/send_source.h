/*
 * send_source.h - a file or standard input that is being sent
 *
 * Ingest stores a line once per (identity, offset). A file's identity is made
 * of its inode and its first line, so that it can be sent again, grow, or be
 * renamed by log rotation, and is still the same. What is no regular file has
 * a random one.
 */
#ifndef CTL_SEND_SOURCE_H
#define CTL_SEND_SOURCE_H

#include <stdint.h>
#include <sys/types.h>

#include "ctl/line_reader.h"
#include "proto/base/hash.h"
#include "proto/base/timestamp.h"

struct send_source {
    const char *name;           /* as on the command line; borrowed */
    int fd;
    int is_file;                /* regular: it has a size and a time */
    int64_t size;
    int64_t modified_us;
    int is_json;                /* -1 until the first byte has been seen */
    char identity[2 * HASH_ID_LEN + 1];
    struct line_reader *reader;
};

/* Open name ("-": standard input). 0, or -1 with the reason. */
int send_source_open(struct send_source *source, const char *name, size_t max_lines,
                     struct err *err);
void send_source_close(struct send_source *source);

/* The time for lines that have none. */
void send_source_default_time(const struct send_source *source, char out[TIMESTAMP_LEN]);

/* The identity of a file by its inode and its first line without its end (all
 * there is when it has none; at most LINE_MAX_BYTES of it). */
void send_identity(ino_t inode, struct text start, char ret_hex[2 * HASH_ID_LEN + 1]);

#endif
