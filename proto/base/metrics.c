#include "proto/base/metrics.h"

#include <assert.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

#include "proto/base/log.h"

struct number {
    struct number *next;
    uint64_t value;
    char labels[];
};

/* All numbers of one name; the text format wants them together. */
struct family {
    struct family *next;
    struct number *numbers;
    const char *help;
    enum metric_kind kind;
    char name[];
};

struct metrics {
    struct family *families;
};

static void *
allocate(size_t len)
{
    void *memory = calloc(1, len);

    if (memory == NULL) {
        log_error("out of memory for metrics", "");
        exit(EX_OSERR);
    }
    return memory;
}

struct metrics *
metrics_new(void)
{
    return calloc(1, sizeof(struct metrics));
}

static void
destroy_family(struct family *family)
{
    for (struct number *number = family->numbers, *next; number != NULL; number = next) {
        next = number->next;
        free(number);
    }
    free(family);
}

void
metrics_destroy(struct metrics **metrics)
{
    if (*metrics == NULL)
        return;
    for (struct family *family = (*metrics)->families, *next; family != NULL;
         family = next) {
        next = family->next;
        destroy_family(family);
    }
    free(*metrics);
    *metrics = NULL;
}

/* The exposition format's names: [a-zA-Z_:][a-zA-Z0-9_:]* */
static int
is_name(const char *name)
{
    static const char letters[] =
        "_:abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";

    return name[0] != '\0' && !(name[0] >= '0' && name[0] <= '9') &&
           name[strspn(name, letters)] == '\0';
}

/* The place in the list where name is, or would go: the end, to keep the order. */
static struct family **
find_family(struct metrics *metrics, const char *name)
{
    struct family **at = &metrics->families;

    while (*at != NULL && strcmp((*at)->name, name) != 0)
        at = &(*at)->next;
    return at;
}

static struct number **
find_number(struct family *family, const char *labels)
{
    struct number **at = &family->numbers;

    while (*at != NULL && strcmp((*at)->labels, labels) != 0)
        at = &(*at)->next;
    return at;
}

uint64_t *
metrics_number(struct metrics *metrics, enum metric_kind kind, const char *name,
               const char *labels, const char *help)
{
    struct family **family = find_family(metrics, name);
    struct number **number;

    assert(is_name(name));
    if (*family == NULL) {
        *family = allocate(sizeof(**family) + strlen(name) + 1);
        (*family)->kind = kind;
        (*family)->help = help;
        memcpy((*family)->name, name, strlen(name) + 1);
    }
    assert((*family)->kind == kind);
    number = find_number(*family, labels);
    if (*number == NULL) {
        *number = allocate(sizeof(**number) + strlen(labels) + 1);
        memcpy((*number)->labels, labels, strlen(labels) + 1);
    }
    return &(*number)->value;
}

/* In HELP a backslash and a line feed are escaped. */
static int
render_help(const struct family *family, struct buf *out)
{
    int rc = buf_printf(out, "# HELP %s ", family->name);

    for (const char *c = family->help; rc == 0 && *c != '\0'; c++) {
        if (*c == '\n')
            rc = buf_append_str(out, "\\n");
        else if (*c == '\\')
            rc = buf_append_str(out, "\\\\");
        else
            rc = buf_append_char(out, *c);
    }
    return rc == 0 ? buf_append_char(out, '\n') : -1;
}

static int
render_family(const struct family *family, struct buf *out)
{
    if (render_help(family, out) != 0 ||
        buf_printf(out, "# TYPE %s %s\n", family->name,
                   family->kind == METRIC_COUNTER ? "counter" : "gauge") != 0)
        return -1;
    for (const struct number *number = family->numbers; number != NULL;
         number = number->next) {
        int has_labels = number->labels[0] != '\0';

        if (buf_printf(out, "%s%s%s%s %" PRIu64 "\n", family->name,
                       has_labels ? "{" : "", number->labels, has_labels ? "}" : "",
                       number->value) != 0)
            return -1;
    }
    return 0;
}

int
metrics_render(const struct metrics *metrics, struct buf *out)
{
    for (const struct family *family = metrics->families; family != NULL;
         family = family->next)
        if (render_family(family, out) != 0)
            return -1;
    return 0;
}
