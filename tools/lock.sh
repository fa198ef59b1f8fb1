#!/usr/bin/env bash
# Resolves both locks from pyproject.toml: hashes, no download addresses.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
links="${PIP_FIND_LINKS:-$(.tools/bin/python -m pip config get global.find-links 2>/dev/null || true)}"
[ -n "$links" ] && export UV_FIND_LINKS="$links"
common=(-q --generate-hashes --no-emit-index-url --no-emit-find-links --no-header)
.tools/bin/uv pip compile "${common[@]}" --python-version 3.11 --group dev pyproject.toml -o requirements/app.lock
.tools/bin/uv pip compile "${common[@]}" --python-version 3.10 --group pyproject.toml:rasa -o requirements/rasa.lock
echo "✓ requirements/app.lock and requirements/rasa.lock"
