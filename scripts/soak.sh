#!/usr/bin/env bash
# Every fault at its full size, again and again, until SOAK_MINUTES (30) are over.  Ends at the first failure.
set -euo pipefail
export FAULTS=full
round=0
while [ "$SECONDS" -lt $((60 * ${SOAK_MINUTES:-30})) ]; do
  round=$((round + 1))
  echo "Round $round, after $((SECONDS / 60)) min"
  .venv/bin/python -m pytest -q tests/faults
done
echo "$round rounds without a fault in $((SECONDS / 60)) min."
