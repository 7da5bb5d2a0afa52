/*
 * cisco_line.h - the headers that Cisco's firewalls put before "%ASA-6-302013: "
 *
 *   Nov 22 2026 10:00:00 fw1 : %ASA-6-302013: ...
 *   Nov 22 2026 10:00:00: %ASA-6-302013: ...
 *   :Nov 22 10:00:00 KST: %ASA-6-302013: ...
 *   Nov 22 10:00:00 fw1 %ASA-6-302013: ...
 *
 * A time with a year, a host behind which a colon stands alone, or none of them:
 * syslog's own reader takes some of it for a program, or leaves it.
 */
#ifndef PROTO_DECODE_CISCO_LINE_H
#define PROTO_DECODE_CISCO_LINE_H

#include "proto/decode/decode.h"

/* Set line right if it is one: the message then starts with %, no program is set.
 * To be asked right behind syslog_header_read(), while all texts are parts of one line. */
void cisco_line_read(struct log_line *line, int64_t now_us);

#endif
