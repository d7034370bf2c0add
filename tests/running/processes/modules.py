"""Says which modules a program has before it does anything."""

import sys

if __name__ == "__main__":
    print("\n".join(sys.modules))
