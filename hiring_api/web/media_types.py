"""The media types of bodies and answers."""

JSON, CSV, NDJSON = "application/json", "text/csv", "application/x-ndjson"
AVRO, ZIP = "application/avro", "application/zip"
SVG = "image/svg+xml"
PROBLEM, MERGE_PATCH = "application/problem+json", "application/merge-patch+json"
HTML, CSS, JAVASCRIPT, TEXT = "text/html", "text/css", "text/javascript", "text/plain"
