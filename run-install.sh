#!/usr/bin/env bash
# Sets up Voicewright in .venv beside this file. Safe to run again, from any folder. The work is in setup/install.py.
set -euo pipefail
here=$(cd -- "$(dirname -- "$0")" >/dev/null && pwd -P)

usable() {
  "$1" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' >/dev/null 2>&1
}

for python in "$here/.venv/bin/python" python3 python3.13 python3.12 python3.11 python \
  "$(uv python find --no-python-downloads '>=3.11,<3.14' 2>/dev/null || true)"; do
  if usable "$python"; then
    exec "$python" "$here/setup/install.py" "$@"
  fi
done
echo "Voicewright needs Python 3.11, 3.12 or 3.13, and none is here: install one and run this again." >&2
exit 1
