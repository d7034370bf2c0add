"""The `darkroom` command, also as `python -m darkroom`."""

from __future__ import annotations

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
            print(f"{name}={each['input']} does not fit: {each['msg']}.", file=sys.stderr)
        return 2
    # Not before: modules further down read the settings while they are imported.
    from darkroom import cli

    return cli.main()


if __name__ == "__main__":
    raise SystemExit(main())
