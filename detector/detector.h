/*
 * detector.h - the detector process: rows in, judged, committed, published
 *
 * Takes each journal's rows in order (a row names its predecessor), gives
 * their events to the engine (rows.c), and commits state, places and
 * incidents together (detector.c); only then are incidents published and
 * rows acknowledged. Private to this program.
 */
#ifndef DETECTOR_DETECTOR_H
#define DETECTOR_DETECTOR_H

#include <czmq.h>
#include <stdint.h>

#include "detector/watch/allow_file.h"
#include "detector/commit_pace.h"
#include "detector/engine/share.h"
#include "detector/read_ahead.h"
#include "detector/watch/rule_watch.h"
#include "detector/ruleset/rule_files.h"
#include "proto/base/log.h"
#include "proto/bus.h"
#include "proto/event.h"
#include "proto/run/daemon.h"
#include "proto/run/fan.h"

extern const struct daemon_spec detector_spec;

enum { DETECTOR_MAX_JOURNALS = 256 };

/* Rules anew (reload.c). */
enum { RELOAD_MAX_WAITING = 16 };

struct reload {
    struct rule_watch *watch;
    struct rule_news news;          /* not in force yet, for the disk is full */
    int has_news;
    uint64_t seen;                  /* how the files stood before they were read at start */
    struct { struct http_request *req; uint64_t asked; } waiting[RELOAD_MAX_WAITING];
    size_t waiting_count;           /* who asked by POST /rules/reload */
    int64_t at_us, took_ms, swap_ms;    /* of the last that came in force */
    char *problem;                  /* why the last came not, or NULL */
    uint64_t *count, *failures;
};

/* What windows forget early, since memory is bounded (losses.c). */
struct losses {
    /* of all rules, when it was last looked */
    uint64_t keys, rule_keys, entries, shortened, seen;
    int64_t seen_ms;                /* the last time that there were new ones; 0: never */
    struct log_burst burst;
};

struct detector {
    struct daemon *daemon;
    struct engine *engine;
    struct sources *sources;
    struct checkpoint *checkpoint;
    struct poison *poison;
    struct fan *links;
    struct sender *sender;
    zsock_t *incidents, *reports, *live;
    uint64_t boot, sent_counter;
    char consumer[32];
    struct share share;             /* which slot of how many we are */
    struct read_ahead ahead;
    uint64_t resend[DETECTOR_MAX_JOURNALS];       /* journals in which a gap was seen */
    size_t resend_count;
    int is_dirty, is_commit_due, is_refused;
    int is_taken;                   /* our slot, or all of them, by others */
    struct commit_pace pace;
    struct allow_file allow;
    struct rule_files rule_files;   /* until the good ones are kept */
    json_t *refusals;               /* why rules are refused, for status */
    struct reload reload;
    struct losses losses;
    char state_path[4096];
    struct log_burst keep_burst, gap_burst, fail_burst, place_burst;
    uint64_t *judged, *rows, *refused_rows, *repeats, *gaps, *lost, *unplaced, *poisoned;
    uint64_t *bad_reports, *refused_state, *kept_files;
    uint64_t *commits, *failures;
};

/* open_state.c: the rules, the state file and the engine between them. 0, or
 * -1 with the reason: what is open by then, detector_spec.destroy closes. */
int detector_open_state(struct detector *det, struct err *err);

/* slot.c: lock a slot: that which the settings name, else the first that is free; before
 * that the state is divided anew when it is for another number of slots. The lock on dividing,
 * to be closed once our state file is open; or -1 with the reason. */
int detector_take_slot(struct detector *det, struct err *err);

/* losses.c: each second, tell the log and /readyz of what windows have forgotten early; and
 * which rules have, for status. */
void detector_note_losses(struct detector *det);
void detector_fill_losses(const struct detector *det, json_t *status);

/* Keep the rule files that are good, if that is not done yet. */
void detector_keep_rules(struct detector *det);

/* The allow list: that of its file, or the last good one. 0, or -1 with the reason.
 * Keep the good one, if that is not done yet. */
int detector_open_allow(struct detector *det, struct err *err);
void detector_keep_allow(struct detector *det);

/* Say of the rules in force, and of their files, what status and log are to say. */
void detector_note_rules(struct detector *det);

/* reload.c: read the rules anew when files change, or are asked for (a daemon_spec's
 * reload). Put in force what was read since. What status says of it. */
int detector_open_reload(struct detector *det, struct err *err);
void detector_close_reload(struct detector *det);
void detector_reload(void *self);
void detector_take_rules(struct detector *det);
void detector_fill_reload(const struct detector *det, json_t *status, json_t *warnings);

/* Read the rules and say which are refused: 0 when none is. */
int detector_check_rules(const struct settings *settings, struct err *err);

/* What detector.placeholders holds, for rules that are read now; NULL when it is unset,
 * or bad: then the log says why, and the rules that need it are refused. */
struct placeholders *detector_placeholders(const struct settings *settings);

/* Where the allow list is: detector.allow, else allow.yml in data_dir. The caller
 * frees; NULL when out of memory. */
char *detector_allow_path(const struct settings *settings);

/* Take one row, if it is the next of its journal (a links_spec's on_batch). */
int detector_on_batch(void *self, struct link *link, struct bus_batch *batch);

/* Commit now; or soon (commit_pace.h), together with what comes until then. News of
 * incidents is told with each commit, of what only grew most_grown (engine_incidents). */
void detector_commit(struct detector *det, size_t most_grown);
void detector_commit_soon(struct detector *det);

/* Nothing is taken in while the disk or memory is full: the journals keep
 * it. Tried again with each checkpoint until a commit goes through. */
void detector_refuse(struct detector *det, const struct err *err);

/* numbers.c: counters, and what /status shows (a health_on_status). */
void detector_open_metrics(struct detector *det);
void detector_fill_status(void *self, json_t *status);

/* detector_sources.c: the log sources, and what /status says of them. 0, or -1
 * with the reason. */
int detector_open_sources(struct detector *det, struct err *err);
void detector_fill_sources(const struct detector *det, json_t *status);

/* Tell every ingest how far we are. */
void detector_report(struct detector *det);

#endif
