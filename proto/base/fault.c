#include "proto/base/fault.h"

#include <assert.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* process.before_x / process.after_x, in the order in which one event meets them */
const char *const fault_points[] = {
    "ingest.before_commit",   "ingest.after_commit",   "ingest.after_reply",
    "ingest.before_send",     "ingest.after_send",     "ingest.before_unlink",
    "ingest.after_unlink",    "ingest.after_segment",
    "detector.before_commit", "detector.after_commit", "detector.before_send",
    "detector.after_send",    "detector.before_ack",   "detector.after_ack",
    "detector.after_publish", "detector.before_swap",  "detector.after_swap",
    "detector.rules_kept",
    "indexer.before_commit",  "indexer.after_commit",  "indexer.between_files",
    "indexer.ledger_committed",
    "indexer.before_ack",     "indexer.after_ack",     "indexer.incidents_committed",
    "notifier.before_insert", "notifier.after_insert", "notifier.before_send",
    "notifier.after_send",    "notifier.after_mark",
    "api.before_status",      "api.after_status",
};
const size_t fault_point_count = sizeof(fault_points) / sizeof(fault_points[0]);

#ifdef BONGSU_FAULTS

static int
is_known(const char *name)
{
    for (size_t i = 0; i < fault_point_count; i++)
        if (strcmp(fault_points[i], name) == 0)
            return 1;
    return 0;
}

void
fault_point(const char *name)
{
    static const char *wanted = NULL;
    static long left = -1;

    assert(is_known(name));

    if (left == -1) {
        const char *spec = getenv("BONGSU_FAULT");
        const char *colon = spec == NULL ? NULL : strchr(spec, ':');

        left = 0;
        if (colon != NULL) {
            wanted = spec;
            left = strtol(colon + 1, NULL, 10);
        }
    }

    if (left > 0 && strncmp(wanted, name, strlen(name)) == 0 &&
        wanted[strlen(name)] == ':' && --left == 0)
        kill(getpid(), SIGKILL);
}

void
fault_on_text(const char *name, struct text encoded)
{
    static const char *spec = NULL;
    size_t len = strlen(name);

    if (spec == NULL)
        spec = getenv("BONGSU_POISON");
    if (spec == NULL)
        spec = "";
    if (encoded.len > 0 && strncmp(spec, name, len) == 0 && spec[len] == ':' &&
        memmem(encoded.ptr, encoded.len, spec + len + 1, strlen(spec + len + 1)) != NULL)
        kill(getpid(), SIGKILL);
}

#endif
