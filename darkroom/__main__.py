"""The `darkroom` command, also as `python -m darkroom`."""

from __future__ import annotations

import re
import sys

from pydantic import ValidationError

from jobs.settings import settings


def main() -> int:
    """Check the settings, then run a command; returns the exit code."""
    try:
        settings()
    except ValidationError as error:
        for each in error.errors():
            name = "".join(map(str, each["loc"])).upper()
            said = each["msg"].removeprefix("Value error, ")
            # A URL may have a password in it.
            given = re.sub(r"//[^/@]*@", "//...@", str(each["input"]))
            print(f"{name}={given} does not fit: {said}.", file=sys.stderr)
        return 2
    # Not before: modules further down read the settings while they are imported.
    from darkroom import cli

    return cli.main()


if __name__ == "__main__":
    raise SystemExit(main())
