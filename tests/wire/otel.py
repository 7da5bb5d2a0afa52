"""The OpenTelemetry SDK for Python against ingest: python otel.py INGEST_URL API_KEY.

It speaks protobuf alone. Ends with 0 when every batch was answered as the SDK expects it.
"""
import logging
import sys

from opentelemetry.exporter.otlp.proto.http import Compression
from opentelemetry.exporter.otlp.proto.http._log_exporter import OTLPLogExporter
from opentelemetry.sdk._logs import LoggerProvider, LoggingHandler
from opentelemetry.sdk._logs.export import BatchLogRecordProcessor
from opentelemetry.sdk.resources import Resource

URL, KEY = sys.argv[1:]
COUNT = 1000


class Complaints(logging.Handler):
    """What the exporter says when it is refused, partly or at all."""

    def __init__(self):
        super().__init__(logging.WARNING)
        self.said = []

    def emit(self, record):
        self.said.append(record.getMessage())


def main():
    complaints = Complaints()
    logging.getLogger("opentelemetry").addHandler(complaints)
    for name, compression in (("plain", Compression.NoCompression), ("gzip", Compression.Gzip)):
        provider = LoggerProvider(resource=Resource.create({"host.name": "otel_" + name}))
        provider.add_log_record_processor(BatchLogRecordProcessor(OTLPLogExporter(
            endpoint=URL + "/v1/logs", headers={"X-API-Key": KEY}, compression=compression)))
        logger = logging.getLogger(name)
        logger.propagate = False
        logger.addHandler(LoggingHandler(logger_provider=provider))
        for i in range(COUNT):
            logger.warning("Failed password for otel%d from 2001:db8::5 port 5 ssh2", i,
                           extra={"process.name": "sshd", "ratio": 0.5, "list": [1, 2],
                                  "raw": b"\x00\xff", "yes": True})
        provider.shutdown()
    if complaints.said:
        sys.exit("otel.py: " + complaints.said[0])


main()
