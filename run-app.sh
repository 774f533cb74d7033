#!/usr/bin/env bash
# Sets up Voicewright if needed, then starts it. Options go to the app: bash run-app.sh --help
set -euo pipefail
here=$(cd -- "$(dirname -- "$0")" >/dev/null && pwd -P)
bash "$here/run-install.sh"
exec "$here/.venv/bin/python" "$here/app.py" "$@"
