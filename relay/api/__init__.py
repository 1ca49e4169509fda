"""The service pages: health, readiness, metrics and the OpenAPI document."""
