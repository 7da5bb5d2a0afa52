/*
 * decode_kubernetes.c - the audit log of Kubernetes' API server, audit.k8s.io/v1
 *
 * A request is written once or twice: when it came (RequestReceived), when a long
 * answer began (ResponseStarted: watch, exec), and when it was done. The last is the
 * call, the others are api_detail; but a program that was run in a container is told
 * when it starts, since its end may be days off.
 */
#include <string.h>
#include <yyjson.h>

#include "proto/decode/decode.h"
#include "proto/decode/decoded.h"
#include "proto/decode/form.h"
#include "proto/decode/json_fields.h"

enum { UNAUTHORIZED = 401, FORBIDDEN = 403, FAILED = 400, COMMAND_MAX = 4096 };

static const struct json_field rows[] = {
    { "sourceIPs", FIELD_SOURCE_IP },       /* the first: who asked, through proxies */
    { "userAgent", FIELD_USER_AGENT_ORIGINAL },
    { "user.uid", FIELD_USER_ID },
    { "impersonatedUser.username", FIELD_USER_EFFECTIVE_NAME },
    { "auditID", FIELD_EVENT_ORIGINAL_ID },
    { "verb", FIELD_KUBERNETES_AUDIT_VERB },
    { "stage", FIELD_KUBERNETES_AUDIT_STAGE },
    { "level", FIELD_KUBERNETES_AUDIT_LEVEL },
    { "objectRef.resource", FIELD_ORCHESTRATOR_RESOURCE_TYPE },
    { "objectRef.namespace", FIELD_ORCHESTRATOR_NAMESPACE },
    { "objectRef.name", FIELD_ORCHESTRATOR_RESOURCE_NAME },
    { "objectRef.subresource", FIELD_KUBERNETES_AUDIT_SUBRESOURCE },
    { "responseStatus.code", FIELD_HTTP_RESPONSE_STATUS_CODE },
    { "responseStatus.reason", FIELD_EVENT_REASON },
};

struct call {
    const struct json_line *json;
    int64_t code;
    int is_exec, is_done;
};

static struct text
get(const struct call *call, const char *path)
{
    return json_fields_text(call->json, call->json->root, path);
}

/* A binding of the role that may do everything. Only a policy of level Request
 * writes down what was sent. */
static int
is_made_admin(const struct call *call)
{
    struct text resource = get(call, "objectRef.resource"), verb = get(call, "verb");

    return (text_is(verb, "create") || text_is(verb, "update") || text_is(verb, "patch")) &&
           (text_is(resource, "clusterrolebindings") || text_is(resource, "rolebindings")) &&
           text_is(get(call, "requestObject.roleRef.name"), "cluster-admin");
}

static const char *
event_type_of(const struct call *call)
{
    if (call->is_exec && call->code < FAILED && text_is(get(call, "stage"), "ResponseStarted"))
        return "process_started";
    if (!call->is_done)
        return "api_detail";
    if (call->code == UNAUTHORIZED)
        return "login_failed";
    if (call->code == FORBIDDEN)
        return "access_denied";
    return call->code < FAILED && is_made_admin(call) ? "role_granted_admin" : "api_call";
}

static int
hex_of(char c)
{
    static const char digits[] = "0123456789abcdef";
    const char *at = memchr(digits, c >= 'A' && c <= 'F' ? c | 0x20 : c, 16);

    return at == NULL ? -1 : (int)(at - digits);
}

/* A value of the query as it was meant; a byte that is no text stays escaped. */
static size_t
unescape(struct text value, char *out)
{
    size_t n = 0;

    for (size_t i = 0; i < value.len; i++) {
        char c = value.ptr[i];

        if (c == '%' && i + 2 < value.len && hex_of(value.ptr[i + 1]) >= 0 &&
            hex_of(value.ptr[i + 2]) >= 0) {
            int byte = hex_of(value.ptr[i + 1]) * 16 + hex_of(value.ptr[i + 2]);

            if (byte >= ' ' && byte < 0x7f) {
                c = (char)byte;
                i += 2;
            }
        } else if (c == '+') {
            c = ' ';
        }
        out[n++] = c;
    }
    return n;
}

/* "command=sh&command=-c&...": the words, a space between. */
static void
put_command(const struct call *call, struct text query, struct event *ev)
{
    char *out = arena_alloc(call->json->arena, COMMAND_MAX);
    size_t n = 0;

    while (out != NULL && query.ptr != NULL) {
        struct text one = text_split(&query, '&');

        if (!text_starts_with(one, "command="))
            continue;
        one = (struct text){ one.ptr + 8, one.len - 8 };
        if (n + one.len + 1 > COMMAND_MAX)
            break;
        if (n > 0)
            out[n++] = ' ';
        n += unescape(one, out + n);
    }
    if (n > 0)
        form_keep(ev, FIELD_PROCESS_COMMAND_LINE, (struct text){ out, n });
}

static void
put_uri(const struct call *call, struct event *ev)
{
    struct text uri = get(call, "requestURI");
    const char *mark = uri.len == 0 ? NULL : memchr(uri.ptr, '?', uri.len);

    /* The path alone: a query has commands that administrators run, and the rules for
     * web servers would take them for injected ones. */
    form_keep(ev, FIELD_URL_PATH,
              mark == NULL ? uri : (struct text){ uri.ptr, (size_t)(mark - uri.ptr) });
    if (call->is_exec && mark != NULL)
        put_command(call, (struct text){ mark + 1, (size_t)(uri.ptr + uri.len - mark - 1) }, ev);
    decoded_text(ev, EVENT_DESCRIPTION,
                 arena_printf(call->json->arena, "%.*s %.*s", (int)get(call, "verb").len,
                              get(call, "verb").ptr, (int)uri.len, uri.ptr));
}

/* Of the annotations, whose names have dots: what decided. */
static void
put_decision(const struct call *call, struct event *ev)
{
    struct yyjson_val *notes = json_line_get(call->json->root, "annotations");

    form_keep(ev, FIELD_KUBERNETES_AUDIT_DECISION,
              json_line_text(call->json,
                             json_line_get(notes, "authorization.k8s.io/decision")));
}

static int
decode_kubernetes(const struct log_line *line, struct arena *arena, struct event *ev)
{
    struct call call = { .json = line->json };
    const char *event_type;
    struct text stage;

    (void)arena;
    if (line->json == NULL || line->json->form != JSON_KUBERNETES ||
        !text_starts_with(get(&call, "apiVersion"), "audit.k8s.io/"))
        return 0;
    if (json_line_number(json_fields_at(line->json->root, "responseStatus.code"),
                         &call.code) != 0)
        call.code = 0;
    stage = get(&call, "stage");
    call.is_done = text_is(stage, "ResponseComplete") || text_is(stage, "Panic");
    call.is_exec = text_is(get(&call, "objectRef.subresource"), "exec");

    event_type = event_type_of(&call);
    decoded_text(ev, EVENT_TYPE, text_of(event_type));
    json_fields_time(call.json, call.json->root, "stageTimestamp", ev);
    json_fields_time(call.json, call.json->root, "requestReceivedTimestamp", ev);
    form_keep(ev, FIELD_USERNAME, get(&call, "user.username"));
    form_keep(ev, FIELD_ORCHESTRATOR_TYPE, text_of("kubernetes"));
    if (call.code > 0)
        form_keep(ev, FIELD_EVENT_OUTCOME, text_of(call.code < FAILED ? "success" : "failure"));
    put_uri(&call, ev);
    json_fields_put(call.json, call.json->root, rows, sizeof rows / sizeof rows[0], ev);
    put_decision(&call, ev);
    return 1;
}

const struct decoder decoder_kubernetes = {
    "kubernetes", NULL, decode_kubernetes, NULL, DECODER_STARTS_JSON
};
