#include "proto/base/err.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "proto/base/text.h"

/* Where a reason is cut, and what it quotes, may end within a character: who shows it in
 * JSON would have none. */
static void
keep(struct err *err, struct err *fresh)
{
    text_mend(fresh->text);
    *err = *fresh;
}

/* Formatted aside, because an argument may be the old reason itself. */
void
err_set(struct err *err, const char *fmt, ...)
{
    struct err fresh;
    va_list args;

    if (err == NULL)
        return;
    va_start(args, fmt);
    vsnprintf(fresh.text, sizeof(fresh.text), fmt, args);
    va_end(args);
    keep(err, &fresh);
}

void
err_add(struct err *err, const char *fmt, ...)
{
    struct err fresh;
    va_list args;
    size_t len;

    if (err == NULL)
        return;
    va_start(args, fmt);
    vsnprintf(fresh.text, sizeof(fresh.text), fmt, args);
    va_end(args);
    len = strlen(fresh.text);
    snprintf(fresh.text + len, sizeof(fresh.text) - len, ": %.*s",
             (int)(sizeof(fresh.text) - len), err->text);
    keep(err, &fresh);
}
