"""Becomes a program that ends when its parent does: `launch.py SIGNAL PARENT PROGRAM ARGUMENT...`.

The kernel sends SIGNAL when the parent dies, even by kill -9, so no child outlives its supervisor
to hold the port or the data folder. A step of its own rather than code between fork and exec,
which is not safe in a process with threads.
"""

import ctypes
import os
import sys

PR_SET_PDEATHSIG = 1


def main() -> None:
    number, parent, *command = sys.argv[1:]
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, int(number))
        if os.getppid() != int(parent):
            sys.exit("The parent ended before the program began.")
    try:
        os.execvp(command[0], command)
    except OSError as error:
        sys.exit(f"{command[0]} cannot be started: {error.strerror}.")


if __name__ == "__main__":
    main()
