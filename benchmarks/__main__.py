"""`make bench`: every benchmark, one after the other."""

import subprocess
import sys

for benchmark in (
    "server.arms",
    "engine.backends",
    "engine.beside_diffusers",
    "server.serving",
    "engine.steps",
    "engine.tolerance",
    "engine.previews",
    "engine.memory",
    "server.page",
    "server.fairness",
    "server.tracing",
):
    print(f"\n== {benchmark}", flush=True)
    subprocess.run([sys.executable, "-m", f"benchmarks.{benchmark}"], check=True)
