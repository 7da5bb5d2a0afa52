/*
 * chain.h - the five real processes in a folder of their own, for pipeline tests
 *
 * Each test program makes one or more chains; programs come from
 * $BONGSU_BUILD/bin. Waiting is always for a condition with a deadline.
 */
#ifndef TESTS_SUPPORT_CHAIN_H
#define TESTS_SUPPORT_CHAIN_H

#include <jansson.h>
#include <stddef.h>
#include <stdint.h>

#include "tests/support/wait.h"

enum process { INGEST, DETECTOR, INDEXER, NOTIFIER, API, PROCESSES };

extern const char *const process_names[PROCESSES];

/* The time zone of every chain. */
#define CHAIN_ZONE "Asia/Seoul"

struct chain;

/* A folder, free ports, an API key; nothing started. Fails the test when it
 * cannot. slack_url may be NULL. parent is where the folder goes (NULL: $TMPDIR). */
struct chain *chain_new(const char *parent, const char *slack_url);

/* Kill what runs; remove the folder. */
void chain_destroy(struct chain **chain);

/* A further setting for all, as an environment variable; before starting. */
void chain_set(struct chain *chain, const char *name, const char *value);

/* Start one, with BONGSU_FAULT=fault when not NULL; start all and wait until
 * they are ready. */
void chain_start(struct chain *chain, enum process which, const char *fault);
void chain_start_all(struct chain *chain);

/* Send a signal. */
void chain_signal(struct chain *chain, enum process which, int signo);

/* kill -9 and reap. */
void chain_kill(struct chain *chain, enum process which);

/* SIGTERM and wait: the exit code, or 128 + signal. */
int chain_stop(struct chain *chain, enum process which);

/* All of them, each with 0: in a build with ASan that is, too, no fault, no leak. */
void chain_stop_all(struct chain *chain);

/* 1 once it has died by itself (a fault point was hit); reaps it. */
int chain_has_died(struct chain *chain, enum process which);

/* Start again each one that is dead (without a fault). Returns how many. */
int chain_revive(struct chain *chain);

/* Until all answer /readyz with 200; fails the test at the deadline. */
void chain_wait_ready(struct chain *chain, int64_t deadline_ms);

/* HTTP status of a POST to ingest with the right key (0: no answer); the answer's JSON
 * into *ret_body when not NULL (may be NULL). Thread-safe: opens its own connection. */
long chain_post(struct chain *chain, const char *path, const char *content_type,
                const char *body, size_t len, json_t **ret_body);

/* The same to the api, JSON. */
long chain_post_api(struct chain *chain, const char *path, const char *body, size_t len);

/* GET from the api: new reference, or NULL. */
json_t *chain_get(struct chain *chain, const char *path);

/* Every event (all pages), or incident with its events: new arrays. Fails the test on an error. */
json_t *chain_all_events(struct chain *chain);
json_t *chain_all_incidents(struct chain *chain);

/* Call each for every event, page by page: for more than memory should hold. */
void chain_each_event(struct chain *chain, void (*each)(void *ctx, const json_t *ev),
                      void *ctx);

/* A number of /metrics of a process (sum over labels, or name{label="value"}), -1 when it does not answer. */
double chain_metric(struct chain *chain, enum process which, const char *name);

/* /status of a process: new reference; fails the test when it does not answer. */
json_t *chain_status(struct chain *chain, enum process which);

/* Events that some consumer of the journal has not confirmed, -1 when ingest
 * does not answer. */
long chain_backlog(struct chain *chain);

/* Until no consumer of the journal has a backlog. */
void chain_wait_delivered(struct chain *chain, int64_t deadline_ms);

/* Once nothing is on the way: what ingest accepted is what is stored and what is
 * judged, or was set aside. */
void chain_check_balance(struct chain *chain);

/* Until metric >= least (or the condition holds), else the test fails. */
void chain_wait_metric(struct chain *chain, enum process which, const char *name, double least,
                       int64_t deadline_ms);

/* Until a process says of one of its checks what has this text in it ("ok": it is well). */
void chain_wait_said(struct chain *chain, enum process which, const char *check, const char *text,
                     int64_t deadline_ms);

/* Fails the test when a process says this text: in its log, or at /status, /metrics, /readyz. */
void chain_check_unsaid(struct chain *chain, const char *text);

/* Resident KiB of a process: now, and the most that it has had. */
long chain_resident_kib(struct chain *chain, enum process which);
long chain_peak_kib(struct chain *chain, enum process which);

/* Seconds of processor time that it has used, 0 when it is gone. */
double chain_cpu_s(struct chain *chain, enum process which);

const char *chain_ingest_url(const struct chain *chain);
const char *chain_api_url(const struct chain *chain);
const char *chain_key(const struct chain *chain);
const char *chain_dir(const struct chain *chain);
long chain_pid(const struct chain *chain, enum process which);

#endif
