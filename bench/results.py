"""One result: a value beside its baseline's, with the machine and the commit."""

from __future__ import annotations

import json
import os
import platform
import subprocess
from dataclasses import asdict, dataclass
from pathlib import Path

FOLDER = Path(__file__).parent / "results"


@dataclass(frozen=True, slots=True)
class Result:
    """`ratio` is value / baseline_value."""

    name: str
    value: float
    unit: str
    baseline: str
    baseline_value: float

    @property
    def ratio(self) -> float:
        return self.value / self.baseline_value if self.baseline_value else 0.0


def machine() -> str:
    """CPU model, cores, memory, Python."""
    model = platform.processor() or "cpu"
    info = Path("/proc/cpuinfo")
    if info.exists():
        names = [
            line.split(":", 1)[1].strip()
            for line in info.read_text().splitlines()
            if line.startswith("model name")
        ]
        model = names[0] if names else model
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return f"{model}, {os.cpu_count()} cores, {memory:.0f} GiB, Python {platform.python_version()}"


def commit() -> str:
    done = subprocess.run(
        ["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=False
    )
    return done.stdout.strip() or "unknown"


def keep(results: list[Result]) -> None:
    """Write each to `bench/results/<name>.json` and print a table."""
    FOLDER.mkdir(exist_ok=True)
    about = {"machine": machine(), "commit": commit()}
    print(f"\n{'name':34} {'value':>10} {'unit':12} {'baseline':>10}  ratio  against")
    for one in results:
        row = {**asdict(one), "ratio": round(one.ratio, 3), **about}
        row["value"], row["baseline_value"] = round(one.value, 3), round(one.baseline_value, 3)
        (FOLDER / f"{one.name}.json").write_text(json.dumps(row, ensure_ascii=False, indent=1) + "\n")
        print(
            f"{one.name:34} {one.value:10.2f} {one.unit:12} {one.baseline_value:10.2f}  {one.ratio:5.2f}  {one.baseline}"
        )
