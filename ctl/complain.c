#include "ctl/complain.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "ctl/screen.h"

static void
say(const char *name, const char *text)
{
    struct buf out = { 0 };

    if (screen_escape(&out, text_of(text)) == 0)
        fprintf(stderr, "bongsu%s%s: %s\n", name == NULL ? "" : " ", name == NULL ? "" : name,
                out.ptr == NULL ? "" : out.ptr);
    buf_release(&out);
}

int
call_complain(const struct call *call, int code, const struct err *err)
{
    struct buf text = { 0 };
    json_t *json;

    fflush(stdout);             /* what was shown before stays before it */
    say(call->name, err->text);
    if (call->json && screen_escape(&text, text_of(err->text)) == 0) {
        json = json_pack("{s:s, s:i}", "error", text.ptr == NULL ? "" : text.ptr, "exit", code);
        screen_print_json_line(json);
        json_decref(json);
    }
    buf_release(&text);
    return code;
}

void
call_warn(const char *name, const char *fmt, ...)
{
    char *text = NULL;
    va_list args;

    va_start(args, fmt);
    if (vasprintf(&text, fmt, args) >= 0)
        say(name, text);
    va_end(args);
    free(text);
}
