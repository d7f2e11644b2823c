"""For WSGI servers: `gunicorn wsgi:app`, Passenger, mod_wsgi."""

import sys
from pathlib import Path

FOLDER = Path(__file__).resolve().parent
sys.path.insert(0, str(FOLDER))  # mod_wsgi does not look beside this file

from gpt2giga.serving.site import load  # noqa: E402

application = app = load(FOLDER)
