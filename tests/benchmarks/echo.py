"""A program that answers lines, for what waits for programs."""

import json
import sys
import time

print("libraries talk as well", flush=True)
print("ready", flush=True)
for line in sys.stdin:
    asked = json.loads(line)
    if "sleep" in asked:
        time.sleep(asked["sleep"])
    if "end" in asked:
        sys.exit(asked["end"])
    print(json.dumps(asked), flush=True)
