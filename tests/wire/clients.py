"""The official Python client against ingest: python clients.py INGEST_URL API_KEY.

What helpers.bulk, streaming_bulk and parallel_bulk do, plain and gzipped, with each way
to send the key. Ends with 0 when all was as its users expect it.
"""
import base64
import sys

from elasticsearch import ApiError, Elasticsearch, helpers

URL, KEY = sys.argv[1:]
TIME = "2026-11-22T10:00:00.123Z"


def docs(tag, count, **more):
    for i in range(count):
        yield {"_index": "py", "@timestamp": TIME, "event": {"action": "py_" + tag},
               "source": {"ip": "203.0.113.%d" % (i % 250)}, "py": {"number": i}, **more}


def check(claim, what):
    if not claim:
        sys.exit("clients.py: " + what)


def main():
    pair = base64.b64encode(("some-id:" + KEY).encode()).decode()
    logins = {
        "api_key_text": {"api_key": pair},
        "api_key_pair": {"api_key": ("some-id", KEY)},
        "basic": {"basic_auth": ("anybody", KEY)},
        "bearer": {"bearer_auth": KEY},
        "header": {"headers": {"X-API-Key": KEY}},
    }
    for name, login in logins.items():
        with Elasticsearch(URL, **login) as es:
            check(es.info()["version"]["number"] == "8.15.0", "info with " + name)
            check(es.ping(), "ping with " + name)
            ok, failed = helpers.bulk(es, docs("bulk_" + name, 10))
            check((ok, failed) == (10, []), "bulk with " + name)

    with Elasticsearch(URL, api_key=pair, http_compress=True) as es:
        check(es.cluster.health()["status"] == "green", "cluster.health")
        check(es.license.get()["license"]["status"] == "active", "license.get")
        ok, failed = helpers.bulk(es, docs("gzip", 2500), chunk_size=1000)
        check((ok, failed) == (2500, []), "bulk with gzip")
        answers = list(helpers.streaming_bulk(es, docs("streaming", 300), chunk_size=100))
        check(len(answers) == 300 and all(ok for ok, _ in answers), "streaming_bulk")
        check(all(a["create" if "create" in a else "index"]["result"] == "created"
                  for _, a in answers), "result of streaming_bulk")
        answers = list(helpers.parallel_bulk(es, docs("parallel", 300), thread_count=3,
                                             chunk_size=50))
        check(len(answers) == 300 and all(ok for ok, _ in answers), "parallel_bulk")

        # one at a time
        (doc,) = docs("single", 1)
        index = doc.pop("_index")
        for answer in (es.index(index=index, document=doc),
                       es.index(index=index, id="a/b", document=doc),
                       es.create(index=index, id="a/b", document=doc)):
            check(answer["result"] == "created" and answer["_id"], "index or create")
        try:
            es.index(index=index, document={"@timestamp": "yesterday"})
            check(False, "a time that is none was taken")
        except ApiError as error:
            check(error.meta.status == 400 and "timestamp" in str(error), "the 400 of index")

        # the same _id, three times: stored once
        once = [dict(d, _id="once-%d" % i, _op_type="create")
                for i, d in enumerate(docs("once", 5))]
        for _ in range(3):
            check(helpers.bulk(es, once)[0] == 5, "bulk with _id")

        # what is refused is refused by itself, with a type and a reason
        mixed = [*docs("mixed", 2), {"_index": "py", "_op_type": "delete", "_id": "x"},
                 {"_index": "py", "_op_type": "update", "_id": "x", "doc": {"a": 1}},
                 {"_index": "py", "@timestamp": "yesterday"}]
        ok, failed = helpers.bulk(es, mixed, raise_on_error=False)
        check(ok == 2 and len(failed) == 3, "bulk with what is refused")
        for failure in failed:
            (answer,) = failure.values()
            check(answer["status"] == 400 and answer["error"]["type"]
                  and answer["error"]["reason"], "an error of bulk")
        try:
            helpers.bulk(es, mixed)
            check(False, "bulk raised no BulkIndexError")
        except helpers.BulkIndexError as error:
            check(len(error.errors) == 3, "BulkIndexError")

    for login in ({"api_key": "wrong"}, {"basic_auth": ("a", "b")}, {}):
        with Elasticsearch(URL, **login) as es:
            try:
                helpers.bulk(es, docs("never", 1))
                check(False, "a wrong key was taken")
            except ApiError as error:
                check(error.meta.status == 401 and
                      error.body["error"]["type"] == "security_exception", "the 401")
    print("ok")


main()
