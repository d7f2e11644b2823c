"""gunicorn -c deploy/gunicorn.conf.py wsgi:app

The same settings as the command `gpt2giga` and its systemd unit have; what the command line adds (-b, -w) wins.
gunicorn runs this file again on every reload, so that a changed .env counts from then on.
"""

import sys

from gpt2giga.config.settings import SettingsError
from gpt2giga.serving.server import configuration_of_file, raise_file_limit

raise_file_limit()
try:
    globals().update(configuration_of_file())
except SettingsError as error:
    sys.exit(f"gpt2giga: {error}")
