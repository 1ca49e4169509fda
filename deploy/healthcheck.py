"""The health check of the container: web answers on PORT, a worker or scheduler on RELAY_METRICS_PORT."""

import os
import sys
import urllib.request

port, path = os.environ.get("RELAY_METRICS_PORT"), "/metrics"
if not port:
    port, path = os.environ.get("PORT") or "8000", "/healthz"
try:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=4) as response:
        sys.exit(response.status != 200)
except OSError as exc:
    sys.exit(f"{path} on port {port}: {exc}")
