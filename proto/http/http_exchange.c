#include "proto/http/http_exchange.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { CONNECT_TIMEOUT_MS = 5000, TOTAL_TIMEOUT_MS = 15000, MAX_RETRY_AFTER_S = 86400 };

static void
init_curl(void)
{
    curl_global_init(CURL_GLOBAL_DEFAULT);
}

/* --- addresses --- */

static int
is_loopback_literal(const char *host)
{
    struct in_addr address;

    if (strcasecmp(host, "localhost") == 0 || strcmp(host, "[::1]") == 0)
        return 1;
    return inet_pton(AF_INET, host, &address) == 1 &&
           (ntohl(address.s_addr) >> 24) == IN_LOOPBACKNET;
}

static int
is_loopback(const struct sockaddr *address)
{
    const struct sockaddr_in *v4 = (const struct sockaddr_in *)(const void *)address;
    const struct sockaddr_in6 *v6 = (const struct sockaddr_in6 *)(const void *)address;

    if (address->sa_family == AF_INET)
        return (ntohl(v4->sin_addr.s_addr) >> 24) == IN_LOOPBACKNET;
    return address->sa_family == AF_INET6 && IN6_IS_ADDR_LOOPBACK(&v6->sin6_addr);
}

/* 1 when the host is a loopback literal, 0 when not, -1 out of memory. */
static int
url_is_loopback(CURLU *url)
{
    char *host = NULL;
    int is = -1;

    if (curl_url_get(url, CURLUPART_HOST, &host, 0) == CURLUE_OK)
        is = is_loopback_literal(host);
    curl_free(host);
    return is;
}

/* 1 https, 0 http, -1 anything else. */
static int
url_is_https(CURLU *url)
{
    char *scheme = NULL;
    int is = -1;

    if (curl_url_get(url, CURLUPART_SCHEME, &scheme, 0) == CURLUE_OK)
        is = strcasecmp(scheme, "https") == 0  ? 1
             : strcasecmp(scheme, "http") == 0 ? 0
                                               : -1;
    curl_free(scheme);
    return is;
}

/* The reasons here name no part of the URL: a webhook's is a secret. */
static CURLU *
url_parse(const char *text, struct err *err)
{
    CURLU *url = curl_url();
    CURLUcode code;

    if (url == NULL) {
        err_set(err, "out of memory");
        return NULL;
    }
    code = text == NULL ? CURLUE_MALFORMED_INPUT
                        : curl_url_set(url, CURLUPART_URL, text, CURLU_DISALLOW_USER);
    if (code != CURLUE_OK)
        err_set(err, "not a usable URL: %s", curl_url_strerror(code));
    else if (url_is_https(url) >= 0)
        return url;
    else
        err_set(err, "not a usable URL: neither https nor http");
    curl_url_cleanup(url);
    return NULL;
}

int
http_url_check_webhook(const char *text, struct err *err)
{
    CURLU *url = url_parse(text, err);
    int rc = -1;

    if (url == NULL)
        return -1;
    if (url_is_https(url) == 1 || url_is_loopback(url) == 1)
        rc = 0;
    else
        err_set(err, "plain http is only for 127.0.0.1, [::1] and localhost; use https");
    curl_url_cleanup(url);
    return rc;
}

/* --- what libcurl calls --- */

/* The name "localhost", too, must have led to where it says. */
static curl_socket_t
open_socket(void *self, curlsocktype purpose, struct curl_sockaddr *address)
{
    struct http_exchange *exchange = self;

    if (exchange->needs_loopback && !is_loopback(&address->addr)) {
        err_set(&exchange->answer.error,
                "plain http, and the name leads to another machine");
        return CURL_SOCKET_BAD;
    }
    return socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
}

static size_t
take_body(char *bytes, size_t size, size_t count, void *self)
{
    struct http_exchange *exchange = self;
    size_t room = exchange->max_body - exchange->answer.body.len;
    size_t len = size * count;

    if (len > room)
        exchange->is_cut = 1;
    if (buf_append(&exchange->answer.body, bytes, len > room ? room : len) != 0) {
        err_set(&exchange->answer.error, "out of memory");
        return 0;
    }
    return len > room ? 0 : len;
}

/* --- set-up --- */

/* A line break in a header would be a second header. */
static int
add_header(struct http_exchange *exchange, const char *header, struct err *err)
{
    struct curl_slist *longer;

    for (const char *c = header; *c != '\0'; c++) {
        if ((unsigned char)*c >= ' ' && *c != 0x7f)
            continue;
        err_set(err, "a control character in a header");
        return -1;
    }
    longer = curl_slist_append(exchange->headers, header);
    if (longer == NULL) {
        err_set(err, "out of memory");
        return -1;
    }
    exchange->headers = longer;
    return 0;
}

static int
set_headers(struct http_exchange *exchange, const struct http_call *call, struct err *err)
{
    char type[256] = "Content-Type:";       /* without a value: none is sent */

    if (call->content_type != NULL &&
        (size_t)snprintf(type, sizeof(type), "Content-Type: %s", call->content_type) >=
            sizeof(type)) {
        err_set(err, "content type is too long");
        return -1;
    }
    if (add_header(exchange, type, err) != 0 || add_header(exchange, "Expect:", err) != 0)
        return -1;
    for (size_t i = 0; call->headers != NULL && call->headers[i] != NULL; i++)
        if (add_header(exchange, call->headers[i], err) != 0)
            return -1;
    curl_easy_setopt(exchange->easy, CURLOPT_HTTPHEADER, exchange->headers);
    return 0;
}

static int
set_request(struct http_exchange *exchange, const struct http_call *call, struct err *err)
{
    CURL *easy = exchange->easy;
    int has_body = call->body.len > 0 || strcmp(call->method, "POST") == 0;

    if (strspn(call->method, "ABCDEFGHIJKLMNOPQRSTUVWXYZ") != strlen(call->method) ||
        call->method[0] == '\0') {
        err_set(err, "not a method");
        return -1;
    }
    if (strcmp(call->method, "HEAD") == 0)
        curl_easy_setopt(easy, CURLOPT_NOBODY, 1L);
    if (has_body) {
        curl_easy_setopt(easy, CURLOPT_POST, 1L);
        curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)call->body.len);
        if (curl_easy_setopt(easy,
                             call->is_body_kept ? CURLOPT_POSTFIELDS : CURLOPT_COPYPOSTFIELDS,
                             call->body.len > 0 ? call->body.ptr : "") != CURLE_OK) {
            err_set(err, "out of memory");
            return -1;
        }
    }
    if (curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST, call->method) != CURLE_OK) {
        err_set(err, "out of memory");
        return -1;
    }
    return set_headers(exchange, call, err);
}

/* Nothing that the environment or an answer says may lead us elsewhere. */
static void
set_limits(struct http_exchange *exchange, const struct http_call *call)
{
    CURL *easy = exchange->easy;

    curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(easy, CURLOPT_FOLLOWLOCATION, 0L);
    curl_easy_setopt(easy, CURLOPT_PROXY, "");
    curl_easy_setopt(easy, CURLOPT_NETRC, (long)CURL_NETRC_IGNORED);
    curl_easy_setopt(easy, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
    curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
    /* without it the end of a call waits for a resolver thread that hangs */
    curl_easy_setopt(easy, CURLOPT_QUICK_EXIT, 1L);
    curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, (long)CONNECT_TIMEOUT_MS);
    curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS,
                     call->timeout_ms > 0 ? call->timeout_ms : (long)TOTAL_TIMEOUT_MS);
    if (call->ca_file != NULL)
        curl_easy_setopt(easy, CURLOPT_CAINFO, call->ca_file);
    if (call->certificate_file != NULL) {
        curl_easy_setopt(easy, CURLOPT_SSLCERT, call->certificate_file);
        curl_easy_setopt(easy, CURLOPT_SSLKEY, call->key_file);
        exchange->shows_certificate = 1;
    }
    curl_easy_setopt(easy, CURLOPT_USERAGENT, "bongsu/" BONGSU_VERSION);
    curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, take_body);
    curl_easy_setopt(easy, CURLOPT_WRITEDATA, exchange);
    if (call->unix_socket != NULL) {
        curl_easy_setopt(easy, CURLOPT_UNIX_SOCKET_PATH, call->unix_socket);
        return;
    }
    curl_easy_setopt(easy, CURLOPT_OPENSOCKETFUNCTION, open_socket);
    curl_easy_setopt(easy, CURLOPT_OPENSOCKETDATA, exchange);
}

int
http_exchange_prepare(struct http_exchange *exchange, CURL *easy,
                      const struct http_call *call, size_t max_body, struct err *err)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;

    pthread_once(&once, init_curl);
    exchange->easy = easy;
    exchange->max_body = max_body;
    exchange->answer.retry_after_s = -1;
    exchange->url = url_parse(call->url, err);
    if (exchange->url == NULL)
        return -1;
    if (url_is_https(exchange->url) == 0 && !call->allow_plain &&
        call->unix_socket == NULL) {
        if (http_url_check_webhook(call->url, err) != 0)
            return -1;
        exchange->needs_loopback = 1;
    }
    /* the parsed form, so that what was checked is what is called */
    curl_easy_setopt(easy, CURLOPT_CURLU, exchange->url);
    curl_easy_setopt(easy, CURLOPT_PRIVATE, exchange);
    set_limits(exchange, call);
    return set_request(exchange, call, err);
}

/* --- the answer --- */

/* RFC 9110, 10.2.3: seconds, or a date. At most a day is believed. */
static long
read_retry_after(CURL *easy)
{
    struct curl_header *header = NULL;
    struct text value;
    int64_t seconds = -1;
    time_t date;

    if (curl_easy_header(easy, "Retry-After", 0, CURLH_HEADER, -1, &header) != CURLHE_OK)
        return -1;
    value = text_trim(text_of(header->value));
    if (value.len > 0 && strspn(value.ptr, "0123456789") >= value.len) {
        if (text_to_int(value, 0, MAX_RETRY_AFTER_S, &seconds) != 0)
            seconds = MAX_RETRY_AFTER_S;
        return (long)seconds;
    }
    date = curl_getdate(header->value, NULL);
    if (date == (time_t)-1)
        return -1;
    seconds = (int64_t)date - (int64_t)time(NULL);
    if (seconds < 0)
        return 0;
    return seconds > MAX_RETRY_AFTER_S ? MAX_RETRY_AFTER_S : (long)seconds;
}

/* What OpenSSL found (its X509_V_ERR numbers, which are for ever). libcurl itself compares
 * the name, and has 1 there when only that was wrong. */
static const char *
wrong_with_certificate(CURL *easy)
{
    static const struct { long number; const char *words; } rows[] = {
        { 1, "it is for another host" },
        { 9, "it is not valid yet" },
        { 10, "it has expired" },
        { 18, "it is signed by itself, and not known" },
        { 19, "its authority is not known" },
        { 20, "its authority is not known" },
        { 21, "its authority is not known" },
        { 23, "it was revoked" },
    };
    long found = -1;

    curl_easy_getinfo(easy, CURLINFO_SSL_VERIFYRESULT, &found);
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        if (rows[i].number == found)
            return rows[i].words;
    return "it cannot be trusted";
}

/* libcurl's own words for this call would name the host. */
static void
explain(struct http_exchange *exchange, CURLcode code)
{
    struct err *reason = &exchange->answer.error;
    long os_error = 0;

    if (reason->text[0] != '\0')
        return;
    curl_easy_getinfo(exchange->easy, CURLINFO_OS_ERRNO, &os_error);
    if (code == CURLE_COULDNT_CONNECT && os_error != 0)
        err_set(reason, "%s: %s", curl_easy_strerror(code), strerror((int)os_error));
    else if (code == CURLE_PEER_FAILED_VERIFICATION)
        err_set(reason, "the server's certificate: %s", wrong_with_certificate(exchange->easy));
    else if (exchange->shows_certificate &&
             (code == CURLE_SEND_ERROR || code == CURLE_RECV_ERROR ||
              code == CURLE_GOT_NOTHING || code == CURLE_SSL_CONNECT_ERROR))
        err_set(reason, "%s; does it take our certificate?", curl_easy_strerror(code));
    else if (code == CURLE_SSL_CERTPROBLEM)
        err_set(reason, "our own certificate, or its key, cannot be used");
    else
        err_set(reason, "%s", curl_easy_strerror(code));
}

void
http_exchange_finish(struct http_exchange *exchange, CURLcode code)
{
    struct http_answer *answer = &exchange->answer;

    if (code != CURLE_OK && !(code == CURLE_WRITE_ERROR && exchange->is_cut)) {
        explain(exchange, code);
        return;
    }
    answer->error.text[0] = '\0';       /* of an address before the one that served */
    curl_easy_getinfo(exchange->easy, CURLINFO_RESPONSE_CODE, &answer->status);
    if (answer->status == 0)        /* HTTP/0.9, or bytes that are no answer */
        err_set(&answer->error, "no HTTP answer");
    answer->retry_after_s = read_retry_after(exchange->easy);
}

void
http_exchange_release(struct http_exchange *exchange)
{
    http_answer_release(&exchange->answer);
    curl_slist_free_all(exchange->headers);
    curl_url_cleanup(exchange->url);
    exchange->headers = NULL;
    exchange->url = NULL;
}
