"""Pages for machines: health, readiness, metrics, the OpenAPI document; ``v1`` is the HTTP API."""
