"""The pages for machines: health, readiness, metrics and the OpenAPI document."""
