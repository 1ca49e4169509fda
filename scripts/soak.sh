#!/usr/bin/env bash
# Run the fault tests at full size repeatedly for SOAK_MINUTES (30).  Stops at the first failure.
set -euo pipefail
export FAULTS=full
round=0
while [ "$SECONDS" -lt $((60 * ${SOAK_MINUTES:-30})) ]; do
  round=$((round + 1))
  echo "Round $round, after $((SECONDS / 60)) min"
  .venv/bin/python -m pytest -q tests/faults
done
echo "$round rounds without a failure in $((SECONDS / 60)) min."
