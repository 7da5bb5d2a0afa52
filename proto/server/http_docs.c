#include "proto/server/http_docs.h"

#include <string.h>

#include "proto/base/buf.h"

/* swagger-ui sets style attributes, and has its pictures inline. */
const char docs_policy[] = "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; "
                           "img-src 'self' data:; connect-src 'self'; base-uri 'none'; "
                           "form-action 'none'; frame-ancestors 'none'";

/* The build makes these of what npm has; they are empty where there is no npm. */
#define ASSET(symbol, file) \
    __asm__(".section .rodata\n" \
            ".global " #symbol ", " #symbol "_end\n" \
            ".hidden " #symbol ", " #symbol "_end\n" \
            #symbol ": .incbin \"" file "\"\n" \
            #symbol "_end: .byte 0\n" \
            ".previous\n"); \
    extern const char symbol[], symbol##_end[]

ASSET(docs_style, "swagger-ui.css.gz");
ASSET(docs_script, "swagger-ui-bundle.js.gz");
ASSET(docs_start, "docs-start.js.gz");

const struct docs_asset *
docs_find(struct text name)
{
    static struct docs_asset assets[] = {
        { "swagger-ui.css", "text/css; charset=utf-8", { NULL, 0 } },
        { "swagger-ui-bundle.js", "text/javascript; charset=utf-8", { NULL, 0 } },
        { "start.js", "text/javascript; charset=utf-8", { NULL, 0 } },
    };

    assets[0].gzip = (struct text){ docs_style, (size_t)(docs_style_end - docs_style) };
    assets[1].gzip = (struct text){ docs_script, (size_t)(docs_script_end - docs_script) };
    assets[2].gzip = (struct text){ docs_start, (size_t)(docs_start_end - docs_start) };
    for (size_t i = 0; i < sizeof(assets) / sizeof(assets[0]); i++)
        if (text_is(name, assets[i].name))
            return &assets[i];
    return NULL;
}

/* --- the plain list --- */

static int
escape(struct buf *out, const char *text)
{
    int rc = 0;

    for (; text != NULL && *text != '\0'; text++)
        if (*text == '<' || *text == '>' || *text == '&' || *text == '"')
            rc |= buf_printf(out, "&#%d;", *text);
        else
            rc |= buf_append_char(out, *text);
    return rc;
}

static int
add_member(struct buf *out, const char *before, const json_t *object, const char *name,
           const char *after)
{
    const char *text = json_string_value(json_object_get(object, name));

    if (text == NULL)
        return 0;
    return buf_append_str(out, before) | escape(out, text) | buf_append_str(out, after);
}

static int
add_operation(struct buf *out, const char *path, const char *method, const json_t *operation)
{
    const json_t *parameter;
    size_t i;
    int rc = buf_append_str(out, "<section><h2><b>");

    for (const char *at = method; *at != '\0'; at++)
        rc |= buf_append_char(out, (char)(*at & ~0x20));
    rc |= buf_append_str(out, "</b> ");
    rc |= escape(out, path);
    rc |= buf_append_str(out, "</h2>");
    rc |= add_member(out, "<p>", operation, "summary", ".</p>");
    rc |= add_member(out, "<p>", operation, "description", "</p>");
    rc |= buf_append_str(out, "<ul>");
    json_array_foreach(json_object_get(operation, "parameters"), i, parameter) {
        rc |= add_member(out, "<li><code>", parameter, "name", "</code>");
        rc |= add_member(out, " ", parameter, "description", "</li>");
    }
    return rc | buf_append_str(out, "</ul></section>\n");
}

char *
docs_make_page(const json_t *document)
{
    json_t *paths = json_object_get(document, "paths"), *path, *operation;
    const json_t *info = json_object_get(document, "info");
    const char *name, *method;
    struct buf out = { 0 };
    int rc = buf_append_str(&out, "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">"
                                  "<meta name=\"viewport\" content=\"width=device-width\">");

    rc |= add_member(&out, "<title>", info, "title", "</title>");
    if (docs_find(text_of("swagger-ui-bundle.js"))->gzip.len > 0)
        rc |= buf_append_str(&out, "<link rel=\"stylesheet\" href=\"docs/swagger-ui.css\">"
                                   "<script src=\"docs/swagger-ui-bundle.js\" defer></script>"
                                   "<script src=\"docs/start.js\" defer></script>");
    rc |= buf_append_str(&out, "</head>\n<body><main id=\"docs\">");
    rc |= add_member(&out, "<h1>", info, "title", "</h1>\n");
    rc |= buf_append_str(&out, "<p>As a document: <a href=\"openapi.json\">openapi.json</a></p>\n");
    json_object_foreach(paths, name, path)
        json_object_foreach(path, method, operation)
            rc |= add_operation(&out, name, method, operation);
    rc |= buf_append(&out, "</main></body></html>\n", sizeof("</main></body></html>\n"));
    if (rc == 0)
        return out.ptr;
    buf_release(&out);
    return NULL;
}
