/* A stream of syslog cut into messages, and the PROXY header before it: how it is cut
 * into reads changes nothing. */
#include <stdlib.h>
#include <string.h>

#include "ingest/syslog/proxy_header.h"
#include "ingest/syslog/syslog_framing.h"
#include "tests/fuzz/fuzz.h"

enum { AS_PROXY = 1, SMALL = 2, MAX_COUNT = 10 };

/* What a stream was cut into: a digest of the messages, in order. */
struct digest {
    uint64_t sum;
    size_t messages, used;
    int is_hopeless;
};

static void
mix(struct digest *digest, const struct syslog_frame *frame)
{
    uint64_t sum = digest->sum;

    for (size_t i = 0; i < frame->message.len; i++)
        sum = (sum ^ (unsigned char)frame->message.ptr[i]) * UINT64_C(1099511628211);
    digest->sum = (sum ^ (0x100u + (frame->is_split != 0))) * UINT64_C(1099511628211);
    digest->messages++;
}

/* Take all messages that bytes[*at..len) holds. */
static void
take(struct syslog_framing *framing, struct text stream, size_t len, int is_end,
     struct digest *digest)
{
    enum syslog_framed framed;
    struct syslog_frame frame;
    size_t used;

    do {
        /* of its own, so that a byte too far is seen */
        struct text window = { NULL, len - digest->used };
        char *copy = malloc(window.len + 1);

        REQUIRE(copy != NULL);
        memcpy(copy, stream.ptr + digest->used, window.len);
        copy = realloc(copy, window.len == 0 ? 1 : window.len);
        window.ptr = copy;
        framed = syslog_framing_next(framing, window, is_end, &frame, &used);
        REQUIRE(used <= window.len);
        if (framed == SYSLOG_MESSAGE) {
            REQUIRE(used > 0 && frame.message.len > 0);
            REQUIRE(frame.message.len <= framing->max_message);
            REQUIRE(frame.message.ptr >= window.ptr &&
                    frame.message.ptr + frame.message.len <= window.ptr + used);
            mix(digest, &frame);
        } else if (framed == SYSLOG_MORE) {
            /* what must wait is bounded, and at the end nothing waits */
            REQUIRE(window.len - used <= framing->max_message + MAX_COUNT);
            REQUIRE(!is_end || used == window.len);
        }
        digest->used += used;
        free(copy);
    } while (framed == SYSLOG_MESSAGE);
    digest->is_hopeless = framed == SYSLOG_HOPELESS;
}

static void
read_stream(struct text stream, size_t max_message, unsigned seed)
{
    struct syslog_framing whole = { .max_message = max_message }, cut = whole;
    struct digest of_whole = { .sum = 1 }, of_cut = of_whole;
    size_t len = 0;

    take(&whole, stream, stream.len, 0, &of_whole);
    if (!of_whole.is_hopeless)
        take(&whole, stream, stream.len, 1, &of_whole);
    while (!of_cut.is_hopeless && len < stream.len) {
        seed = seed * 1103515245 + 12345;
        len += 1 + (seed >> 16) % (seed & 0x40000000 ? 5 : 200);
        if (len > stream.len)
            len = stream.len;
        take(&cut, stream, len, 0, &of_cut);
    }
    if (!of_cut.is_hopeless)
        take(&cut, stream, stream.len, 1, &of_cut);
    REQUIRE(of_whole.sum == of_cut.sum && of_whole.messages == of_cut.messages);
    REQUIRE(of_whole.is_hopeless == of_cut.is_hopeless);
}

static void
read_header(struct text bytes)
{
    struct proxy_header header, of_part;
    struct err err = { .text = "" };
    enum proxy_read whole, part;
    unsigned char address[16];
    size_t len;

    if (bytes.len > PROXY_MAX_HEADER)
        bytes.len = PROXY_MAX_HEADER;
    whole = proxy_header_read(bytes, &header, &err);
    REQUIRE(whole != PROXY_BAD || err.text[0] != '\0');
    REQUIRE(whole != PROXY_MORE || bytes.len < PROXY_MAX_HEADER);
    if (whole == PROXY_DONE) {
        REQUIRE(header.len > 0 && header.len <= bytes.len);
        REQUIRE(header.address[0] == '\0' ||
                inet_pton(AF_INET, header.address, address) == 1 ||
                inet_pton(AF_INET6, header.address, address) == 1);
    }
    /* what came first never says another thing than the whole */
    for (len = bytes.len; len > 0 && len + 300 > bytes.len; len--) {
        part = proxy_header_read((struct text){ bytes.ptr, len - 1 }, &of_part, &err);
        REQUIRE(part == PROXY_MORE || part == whole);
        REQUIRE(part != PROXY_DONE || (of_part.len == header.len && len - 1 >= header.len &&
                                       strcmp(of_part.address, header.address) == 0));
    }
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct text bytes = { (const char *)data, size };
    unsigned how = fuzz_take(&bytes);

    if (how & AS_PROXY)
        read_header(bytes);
    else
        read_stream(bytes, how & SMALL ? 16 + how / 4 : 1024, how * 7 + 1);
    return 0;
}
