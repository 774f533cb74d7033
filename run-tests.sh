#!/usr/bin/env bash
# Sets up Voicewright with what the tests need, then runs them.
#   bash run-tests.sh             the default suite, at most 10 minutes on two cores
#   bash run-tests.sh --nightly   the long tests alone, at most an hour
# Other options go to pytest.
set -euo pipefail
here=$(cd -- "$(dirname -- "$0")" >/dev/null && pwd -P)
bash "$here/run-install.sh" --tests
cd -- "$here"
export OMP_NUM_THREADS=1
if [ "${1:-}" = "--nightly" ]; then
  shift
  set -- -m "nightly and not gpu" "$@"
fi
.venv/bin/python -m ruff check .
exec .venv/bin/python -m pytest -n 2 "$@"
