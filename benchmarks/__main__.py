"""`make bench`: every benchmark, one after the other."""

import subprocess
import sys

for benchmark in (
    "arms",
    "backends",
    "engine",
    "serving",
    "tolerance",
    "previews",
    "memory",
    "page",
    "fairness",
    "tracing",
):
    print(f"\n== {benchmark}", flush=True)
    subprocess.run([sys.executable, "-m", f"benchmarks.{benchmark}"], check=True)
