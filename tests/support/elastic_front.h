/*
 * elastic_front.h - what a real cluster asks for, before the node: a password, TLS
 *
 * tests/elasticsearch/front (nginx) on a port of its own. The node's jars have
 * no security; what a client must send and check is the same. It dies with the
 * test. What goes wrong fails the test itself.
 */
#ifndef TESTS_SUPPORT_ELASTIC_FRONT_H
#define TESTS_SUPPORT_ELASTIC_FRONT_H

#define ELASTIC_FRONT_USER "elastic"

/* 1 when there is an nginx; else it says why not on standard output. */
int elastic_front_is_here(void);

struct elastic_front;

/* Before the node (or fault proxy) of this port; nothing started. */
struct elastic_front *elastic_front_new(int node_port, int is_tls);
void elastic_front_destroy(struct elastic_front **front);

/* Of the next starts: the certificate ("good", "expired", "foreign": for another host),
 * and the largest body in nginx's words ("64k"; above: 413). Borrowed; NULL: good, 100m. */
void elastic_front_set(struct elastic_front *front, const char *certificate, const char *max_body);

/* From now on this password and API key (what follows "Authorization: ApiKey"; NULL: none)
 * are right, others get 401. Starts it, or starts it anew: connections are closed. */
void elastic_front_start(struct elastic_front *front, const char *password, const char *api_key);

/* Connections are refused until it is started again. */
void elastic_front_stop(struct elastic_front *front);

/* "http://127.0.0.1:PORT" or "https://...", without the password; and of TLS the CA's file
 * (there once it was started). Borrowed. */
const char *elastic_front_url(const struct elastic_front *front);
const char *elastic_front_ca(const struct elastic_front *front);

#endif
