"""For Phusion Passenger, which looks for this very name in the site's folder.

It comes here with the server's Python and changes to that of the virtual environment beside this file.
"""

import os
import sys

FOLDER = os.path.dirname(os.path.abspath(__file__))

for name in ("venv", ".venv"):
    python = os.path.join(FOLDER, name, "bin", "python3")
    if os.path.exists(python):
        if os.path.realpath(sys.prefix) != os.path.realpath(os.path.join(FOLDER, name)):
            os.execl(python, python, *sys.argv)
        break

os.chdir(FOLDER)  # where .env is
sys.path.insert(0, FOLDER)

from wsgi import application  # noqa: E402, F401
