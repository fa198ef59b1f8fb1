#!/usr/bin/env bash
# Makes the Python environments: idempotent, says what it does and what is missing.
# Usage: tools/setup.sh [uv] [app] [rasa] [test]
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

say() { printf '%s\n' "$*"; }
fail() { printf '✗ %s\n' "$*" >&2; exit 1; }

free_kb() { df -Pk . | awk 'NR==2 {print $4}'; }

# uv does not read pip's configuration: hand on the index and the folder of wheels where pip has them.
pip_setting() { "$1" -m pip config get "$2" 2>/dev/null || true; }

find_python() { # find_python 3.10 -> path of an interpreter of that version
  local want="$1" candidate
  for candidate in "${PYENV_ROOT:-$HOME/.pyenv}"/versions/"$want".*/bin/python"$want" "python$want" python3; do
    if candidate="$(command -v "$candidate" 2>/dev/null)" &&
      "$candidate" -c "import sys; sys.exit('%d.%d' % sys.version_info[:2] != '$want')" 2>/dev/null; then
      say "$candidate"
      return 0
    fi
  done
  return 1
}

make_uv() {
  [ -x .tools/bin/uv ] && return
  local python
  python="$(command -v python3)" || fail "no python3 found: install Python 3.11 (Debian: apt-get install python3 python3-venv)"
  [ "$(free_kb)" -gt 4000000 ] || fail "less than 4 GB free here; both environments, the models and the pages need about 3.5 GB"
  say "… installing uv into .tools"
  "$python" -m venv .tools || fail "could not make a virtual environment: on Debian install python3-venv"
  .tools/bin/pip install -q --disable-pip-version-check uv || fail "could not install uv: is the package index reachable?"
}

python_for() { # an interpreter for uv: found here, else uv's own download
  local want="$1" found
  if found="$(find_python "$want")"; then
    say "$found"
  elif .tools/bin/uv python find "$want" >/dev/null 2>&1 || .tools/bin/uv python install "$want" >/dev/null 2>&1; then
    .tools/bin/uv python find "$want"
  else
    return 1
  fi
}

stamp() { sha256sum "$@" | sha256sum | cut -c1-16; }

make_env() { # make_env FOLDER VERSION LOCK
  local folder="$1" version="$2" lock="$3" mark python
  mark="$(stamp "$lock" tools/setup.sh)"
  if [ -x "$folder/bin/python" ] && [ "$(cat "$folder/.stamp" 2>/dev/null)" = "$mark" ]; then
    say "✓ $folder is up to date"
    return
  fi
  make_uv
  python="$(python_for "$version")" || fail "no Python $version found: install it (pyenv install $version, or your system's package) and run this again"
  say "… making $folder with $("$python" --version)"
  [ -x "$folder/bin/python" ] || .tools/bin/uv venv -q --python "$python" "$folder"
  rm -f "$folder/.stamp"
  local index links
  index="${UV_DEFAULT_INDEX:-$(pip_setting .tools/bin/python global.index-url)}"
  links="${PIP_FIND_LINKS:-$(pip_setting .tools/bin/python global.find-links)}"
  [ -n "$index" ] && export UV_DEFAULT_INDEX="$index"
  local more=()
  [ -n "$links" ] && more=(--find-links "$links")
  if [ "$folder" = .venv ]; then
    # torch by itself and first: its CPU build. The resolver would bring gigabytes of CUDA.
    local backend=()
    [ -n "$links" ] || backend=(--torch-backend cpu)
    VIRTUAL_ENV="$folder" .tools/bin/uv pip install -q --no-config --no-deps "${more[@]}" "${backend[@]}" torch==2.13.0 ||
      fail "could not install torch 2.13.0 (CPU build)"
  fi
  VIRTUAL_ENV="$folder" .tools/bin/uv pip install -q --no-config --no-deps --require-hashes "${more[@]}" -r "$lock" ||
    fail "could not install $lock: is the package index reachable, and is there disk space?"
  say "$mark" >"$folder/.stamp"
  say "✓ $folder is ready"
}

need_chromium() {
  local name
  for name in chromium chromium-browser google-chrome; do
    command -v "$name" >/dev/null 2>&1 && { say "✓ Chromium: $(command -v "$name")"; return; }
  done
  if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1; then
    say "… installing Chromium and a Chinese font (system packages)"
    { apt-get update -qq && apt-get install -y -qq chromium fonts-noto-cjk; } >/dev/null 2>&1 && return
  fi
  say "… no system Chromium; trying Playwright's own download"
  .venv/bin/python -m playwright install chromium >/dev/null 2>&1 ||
    say "! no Chromium could be had: page tests will be reported as NOT RUN"
}

for part in "$@"; do
  case "$part" in
    uv) make_uv ;;
    app) make_env .venv 3.11 requirements/app.lock ;;
    rasa) make_env .venv-rasa 3.10 requirements/rasa.lock ;;
    test) need_chromium ;;
    *) fail "unknown part: $part" ;;
  esac
done
