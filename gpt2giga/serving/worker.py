"""gunicorn's gevent worker, with an orderly end and code of its own."""

from __future__ import annotations

import signal
import sys
from collections.abc import Mapping
from types import FrameType
from typing import ClassVar

import gevent
from gunicorn.workers.ggevent import GeventWorker

# What is left to a worker after the graceful time: the last events go out, and connections close.
LAST_WORDS = 5
STOPS = (signal.SIGTERM, signal.SIGQUIT, signal.SIGINT)

# gevent would keep with each greenlet the stack it was started from, which only debugging needs.
gevent.config.track_greenlet_tree = False


class Worker(GeventWorker):
    # As the master has read them and found them in order; a new worker gets them by the fork.
    variables: ClassVar[Mapping[str, str]] = {}
    _ending = False

    def init_process(self) -> None:
        # Until gevent has patched everything, handlers of the master are in force: a worker that is told to stop
        # then would not hear of it, and the master would wait for it through the whole graceful time.
        for signum in STOPS:
            signal.signal(signum, signal.SIG_DFL)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, STOPS)
        super().init_process()

    def load_wsgi(self) -> None:
        _forget_the_masters_code()
        from gpt2giga.config import sources

        sources.given = self.variables
        super().load_wsgi()

    def handle_exit(self, signum: int, frame: FrameType | None) -> None:
        super().handle_exit(signum, frame)
        if not self._ending:  # gunicorn may say it twice
            self._ending = True
            gevent.spawn_later(self.cfg.graceful_timeout - LAST_WORDS, self._end_requests)

    def _end_requests(self) -> None:
        # The Flask application, if nobody has wrapped it.
        capacity = getattr(self.wsgi, "extensions", {}).get("capacity")
        if capacity is not None:
            capacity.end()


def _forget_the_masters_code() -> None:
    """After an upgrade and a reload the master still has the modules it started with; they would mix with new ones."""
    for name in [name for name in sys.modules if name.partition(".")[0] == "gpt2giga"]:
        del sys.modules[name]
