#!/usr/bin/env python3
"""For hosters that offer nothing but CGI: a process a request, so each asks GigaChat for a token of its own.

It belongs into the folder of wsgi.py, or one below it, with the right to be executed (chmod 755).
"""

import os
import sys

FOLDER = os.path.dirname(os.path.abspath(__file__))
if not os.path.exists(os.path.join(FOLDER, "wsgi.py")):
    FOLDER = os.path.dirname(FOLDER)

for name in ("venv", ".venv"):
    python = os.path.join(FOLDER, name, "bin", "python3")
    if os.path.exists(python):
        if os.path.realpath(sys.prefix) != os.path.realpath(os.path.join(FOLDER, name)):
            os.execl(python, python, *sys.argv)
        break

os.chdir(FOLDER)  # where .env is
sys.path.insert(0, FOLDER)

from wsgiref.handlers import CGIHandler  # noqa: E402

from wsgi import application  # noqa: E402

CGIHandler().run(application)
