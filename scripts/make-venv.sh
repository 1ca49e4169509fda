#!/usr/bin/env bash
# Create the virtual environment .venv with the Python given as argument.  On Debian, the venv module is
# a separate package: install it if this user can, else print the package to install and fail.
set -euo pipefail
python=${1:-python3}
if ! command -v "$python" >/dev/null; then
  echo "Relay needs Python 3.11 or newer, but $python is not installed." >&2
  exit 1
fi
if ! "$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))'; then
  echo "Relay needs Python 3.11 or newer; $("$python" --version) is too old. Use another one: make run PYTHON=python3.12" >&2
  exit 1
fi
if ! "$python" -c 'import ensurepip, venv' 2>/dev/null; then
  package=$("$python" -c 'import sys; print("python%d.%d-venv" % sys.version_info[:2])')
  as_root=()
  if [ "$(id -u)" != 0 ]; then as_root=(sudo -n); fi
  if command -v apt-get >/dev/null && { [ "$(id -u)" = 0 ] || sudo -n true 2>/dev/null; }; then
    echo "Installing $package, which is needed to create a virtual environment …"
    export DEBIAN_FRONTEND=noninteractive
    "${as_root[@]}" apt-get update -qq
    "${as_root[@]}" apt-get install -y -qq --no-install-recommends "$package" >/dev/null
  else
    echo "This Python cannot create virtual environments. Run this as root, then try again:" >&2
    echo "  apt-get install $package" >&2
    exit 1
  fi
fi
exec "$python" -m venv --clear .venv
