"""`python -m tests.running.processes.forked -u -c COMMAND`: Python, forked and not started.

The processes that run the tests are of it. What they test is imported once, where the programs that
they start are forked from, and not by each of them.
"""

from __future__ import annotations

import os
import sys
from multiprocessing.connection import Connection

from tests.running.processes import program


def _become(streams: list[Connection], environment: dict[str, str], arguments: list[str]) -> None:
    for number, stream in enumerate(streams):
        os.dup2(stream.fileno(), number)
        stream.close()
    sys.stdin = os.fdopen(0, closefd=False)
    command = arguments.index("-c") + 1
    with program.taken_over(environment, ["-c", *arguments[command + 1 :]]):
        program.join_forks()
        exec(arguments[command], {"__name__": "__main__"})


def main() -> int:
    """Its exit code."""
    streams = [Connection(os.dup(number)) for number in range(3)]
    process = program.forks.Process(target=_become, args=(streams, dict(os.environ), sys.argv[1:]))
    process.start()
    # Whoever listens hears of its end.
    for stream in streams:
        stream.close()
    nothing = os.open(os.devnull, os.O_RDWR)
    for number in range(3):
        os.dup2(nothing, number)
    process.join()
    assert process.exitcode is not None
    return process.exitcode


if __name__ == "__main__":
    sys.exit(main())
