"""The API on a machine on which importing it takes longer than gunicorn's time-out."""

import importlib
import time

time.sleep(4)
app = importlib.import_module("server.app").create_app()
