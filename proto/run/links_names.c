#include "proto/run/links_inner.h"

#include <string.h>

#include "proto/base/clock.h"

enum {
    RESOLVE_EVERY_MS = 5000,
    RESOLVE_POLL_MS = 20,       /* while a look-up is under way */
    GONE_AFTER = 3              /* look-ups without the address */
};

/* A name that answers without an address for a moment, or with a few of many
 * at a time, must not cut a link. */
static void
drop_missing(struct links *links, const struct resolved *found)
{
    int64_t now_ms = clock_steady_ms();

    for (size_t i = 0; i < links->count; i++) {
        struct link *link = links->links[i];
        size_t a = 0;

        while (a < found->count && strcmp(found->addresses[a], link->address) != 0)
            a++;
        link->missed = a < found->count ? 0 : link->missed + 1;
        if (link->data != NULL && link->missed >= GONE_AFTER &&
            !link_is_alive(link, now_ms)) {
            log_info("link closed", "address=%s", link->address);
            link_close(link);
        }
    }
}

static void
take_addresses(struct links *links, const struct resolved *found)
{
    drop_missing(links, found);
    *links->left_out += found->left_out;
    for (size_t a = 0; a < found->count; a++) {
        const char *address = found->addresses[a];
        const struct link *link = links_find(links, address);
        struct err err = { "" };

        if (link != NULL && link->data != NULL)
            continue;
        if (links_add(links, address, &err) == 0)
            log_info("link opened", "address=%s", address);
        else
            log_warn_burst(&links->resolve_burst, "link refused",
                           "address=%s reason=\"%s\"", address, err.text);
    }
}

int
links_resolve(zloop_t *loop, int timer, void *self)
{
    struct links *links = self;
    struct resolved found;
    const char *why = "out of memory";
    size_t next_ms = RESOLVE_EVERY_MS;
    int rc = resolver_poll(links->resolver, &found, &why);

    if (rc == 1) {
        take_addresses(links, &found);
    } else if (rc == 0 && resolver_start(links->resolver) == 0) {
        next_ms = RESOLVE_POLL_MS;
    } else {
        ++*links->unresolved;
        log_warn_burst(&links->resolve_burst, "host not found", "host=%s reason=\"%s\"",
                       links->host, why);
    }
    links->timer = zloop_timer(loop, next_ms, 1, links_resolve, links);
    if (links->timer < 0)
        log_error("names are resolved no more: out of memory", "host=%s", links->host);
    return 0;
}
