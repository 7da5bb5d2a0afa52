"""What the OpenAPI documents cannot say, told to schemathesis."""

import json

import schemathesis

# Rules that no schema of one parameter or field can give: what is refused for these may
# well be valid by the document. Each is a part of the answer's detail.
UNSAID = (
    "give either window or from",
    "from: must be before to",
    "window: at most 366 days",
    "give either cursor or after",
    "cursor: not one that was given",
    "source and offset: one needs the other",
    "does not begin with its offset and a space",
    "is more than 10 minutes ahead",
    "event_type: is missing",                   # raw_log: null
    "timestamp: is missing; an event with a key",
    "holds a NUL",                              # in a name or text inside a further field
    "the body holds no event",                  # a text of line ends
    "no event was accepted",                    # texts that are no NDJSON
    "a number too large to keep",               # inside a further field
    "a field has an empty name",                # likewise, and the next five
    "a name of more than",
    "nested deeper than",
    "is before the year 0000",
    "is set by Bongsu",
    ": given twice",                            # {"a.b": 1, "a": {"b": 2}}
    "Malformed action/metadata line",           # _bulk: texts that are no actions
    "request body is required",                 # _bulk: a text of line ends
    "index name is too long",                   # bytes, not characters
    "_id: must be a text of 1 to 512 bytes",    # likewise
    "time: must be seconds since 1970",         # the collector's, where the event has none
    "No data",                                  # the collector's: a text of line ends
    "there is nothing to ask for later",        # the collector's acknowledgements
)


def lines(value):
    if isinstance(value, str):
        return value.encode("utf-8", "surrogateescape")
    if isinstance(value, (bytes, bytearray)):
        return bytes(value)
    rows = value if isinstance(value, list) else [value]
    return "".join(json.dumps(row) + "\n" for row in rows).encode()


@schemathesis.serializer("application/x-ndjson", "application/ndjson",
                         "application/vnd.elasticsearch+x-ndjson")
def as_lines(ctx, value):
    """NDJSON is described as text: it goes out as it is, or as one value a line."""
    return lines(value)


@schemathesis.serializer("application/vnd.elasticsearch+json")
def as_elastic_json(ctx, value):
    """Of _bulk that are lines, too, whatever the type says."""
    return lines(value) if isinstance(value, str) else json.dumps(value).encode()


def reason_of(answer):
    """Why something was refused, as each wire says it."""
    error = answer.get("error")
    if isinstance(error, dict):
        return error["reason"]
    return answer.get("detail") or answer.get("message") or answer.get("text")


@schemathesis.check
def what_is_valid_is_taken(ctx, response, case):
    """In place of positive_data_acceptance, which knows no exceptions."""
    if case.meta is None or not case.meta.generation.mode.is_positive:
        return
    if response.status_code in (400, 415, 422):
        detail = reason_of(response.json())
        assert any(rule in detail for rule in UNSAID), f"valid, but refused: {detail}"
