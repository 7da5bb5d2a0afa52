/*
 * elastic_node.h - a real Elasticsearch node for one test program
 *
 * tests/elasticsearch/run in a folder of its own with free ports of 127.0.0.1.
 * To start takes 5 to 15 s: have one per program, and elastic_delete_all
 * (elastic_client.h) between tests. It dies with the test. What goes wrong
 * fails the test itself.
 */
#ifndef TESTS_SUPPORT_ELASTIC_NODE_H
#define TESTS_SUPPORT_ELASTIC_NODE_H

/* The exit code of a test program whose optional part is not here: run-tests
 * says "skip" then, and the last line that was printed as the reason. */
enum { ELASTIC_SKIP = 77 };

/* 1 when a node can be started here. Else it says why on standard output, and
 * main() returns ELASTIC_SKIP. */
int elastic_is_here(void);

struct elastic_node;

/* A folder and ports; nothing started. */
struct elastic_node *elastic_node_new(void);

/* kill -9 if it runs; remove the folder. */
void elastic_node_destroy(struct elastic_node **node);

/* The settings of the next starts, each "name=value", NULL at the end (borrowed). */
void elastic_node_set(struct elastic_node *node, const char *const *settings);

/* Start (again, on the same data and ports), and wait until it is ready. */
void elastic_node_start(struct elastic_node *node);

/* Start without waiting; and wait until it is ready. */
void elastic_node_launch(struct elastic_node *node);
void elastic_node_wait_ready(struct elastic_node *node);

/* SIGTERM and wait for its end in order; or kill -9 and reap. */
void elastic_node_stop(struct elastic_node *node);
void elastic_node_kill(struct elastic_node *node);

/* SIGSTOP: it is there and does nothing, its connections stay; SIGCONT. */
void elastic_node_pause(struct elastic_node *node);
void elastic_node_resume(struct elastic_node *node);

/* "http://127.0.0.1:PORT", borrowed. */
const char *elastic_node_url(const struct elastic_node *node);
int elastic_node_port(const struct elastic_node *node);

/* Its process, 0 while it does not run. */
long elastic_node_pid(const struct elastic_node *node);

#endif
