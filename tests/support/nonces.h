/*
 * nonces.h - events that each carry a number, and what became of every one
 *
 * For tests that kill what takes them: accepted is what was answered 202, stored
 * what the store has. Every function fails the test itself.
 */
#ifndef TESTS_SUPPORT_NONCES_H
#define TESTS_SUPPORT_NONCES_H

enum { NONCES_MAX = 20000 };

/* Zeroed at first. */
struct nonces {
    unsigned next, accepted, stored;
    unsigned char is_accepted[NONCES_MAX];
    unsigned char seen[NONCES_MAX];
};

/* The number for the next event, which carries it as its field "nonce". */
unsigned nonces_next(struct nonces *nonces);

/* POST the event of this number, a JSON object. What has no answer is not known to be
 * accepted, and is not sent again. */
void nonces_post(struct nonces *nonces, unsigned nonce, const char *url, const char *key,
                 const char *body);

/* Wait until the store of data_dir has every accepted event, once, and its incidents,
 * this many at least, are those of a replay. */
void nonces_expect_settled(struct nonces *nonces, const char *data_dir,
                           unsigned least_incidents);

#endif
