"""Is this process run by gevent? Under CGI, mod_wsgi and plain threads it is not."""

from __future__ import annotations

import sys


def gevent_is_on() -> bool:
    """True in a process whose sockets and threads gevent has patched."""
    monkey = sys.modules.get("gevent.monkey")
    return monkey is not None and bool(monkey.is_module_patched("threading"))
