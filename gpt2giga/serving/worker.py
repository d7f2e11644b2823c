"""gunicorn's gevent worker, with an orderly end and code of its own."""

from __future__ import annotations

import logging
import signal
import sys
import time
from collections.abc import Mapping
from contextlib import suppress
from types import FrameType
from typing import Any

import gevent
from gunicorn import util
from gunicorn.arbiter import Arbiter
from gunicorn.workers.ggevent import GeventWorker

from gpt2giga.serving import process_log

log = logging.getLogger(__name__)

# What is left to a worker after the graceful time: the last events go out, and connections close.
LAST_EVENTS_SECONDS = 5
STOP_SIGNALS = (signal.SIGTERM, signal.SIGQUIT, signal.SIGINT)
# As gunicorn names our application.
OUR_APP_URI = "wsgi:app"
# What works without a client, by the names that the application has for it.
WITHOUT_CLIENTS = ("batches", "background")

# gevent would keep with each greenlet the stack it was started from, which only debugging needs.
gevent.config.track_greenlet_tree = False


class Worker(GeventWorker):
    variables: Mapping[str, str]  # as the master has read them and found them in order
    wsgi: Any = None  # a worker may be told to end before it has loaded any
    _ending = False
    _ends_at = 0.0  # on the monotonic clock

    def init_process(self) -> None:
        # Until gevent has patched everything, handlers of the master are in force: a worker that is told to stop
        # then would not hear of it, and the master would wait for it through the whole graceful time.
        for signum in STOP_SIGNALS:
            signal.signal(signum, signal.SIG_DFL)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, STOP_SIGNALS)
        process_log.adopt_gevent()
        try:
            super().init_process()
        except Exception as error:  # noqa: BLE001 gunicorn would log it and also print it
            if self.booted:  # then the text may be a client's
                log.critical("A worker ends unexpectedly", exc_info=error)
                sys.exit(1)
            log.critical("A worker cannot start: %s: %s", type(error).__name__, error, exc_info=error)
            sys.exit(Arbiter.WORKER_BOOT_ERROR)

    def load_wsgi(self) -> None:
        """With what the master gives: `wsgi` would read the settings again, and a mistake that was made in them since
        would end the service. An application that somebody has put around ours is loaded as gunicorn does."""
        _forget_the_masters_code()
        from gpt2giga.config.sources import from_variables
        from gpt2giga.factory import create_app
        from gpt2giga.serving.address_limit import AddressLimit

        settings = from_variables(self.variables)
        self._addresses = AddressLimit(settings.limits.connections_per_address, settings.server.trusted_proxies)
        named = getattr(self.app, "app_uri", None)  # the command `gpt2giga` names none
        if named not in (None, OUR_APP_URI):
            super().load_wsgi()
            return
        app = create_app(settings, behind_web_server=named is not None)
        self.wsgi = app
        for name in WITHOUT_CLIENTS:
            if not self._ending and (runner := app.extensions[name]):
                runner.wake()  # a worker before this one may have left some, and nobody need ask for them

    def run(self) -> None:
        """To the end, gunicorn's own waits only for clients; what a batch is being answered is paid for too."""
        super().run()
        while time.monotonic() < self._ends_at and (batches := self._part("batches")) and batches.is_at_work:
            self.notify()
            gevent.sleep(0.1)

    def handle(self, listener: Any, client: Any, addr: Any) -> None:
        with self._addresses.place(addr) as has_place:
            if has_place:
                super().handle(listener, client, addr)
            else:
                with suppress(OSError):  # it may have gone by now
                    util.write_nonblock(client, self._addresses.refusal)
                util.close(client)

    def handle_exit(self, signum: int, frame: FrameType | None) -> None:
        super().handle_exit(signum, frame)
        if not self._ending:  # gunicorn may say it twice
            self._ending = True
            self._ends_at = time.monotonic() + self.cfg.graceful_timeout
            gevent.spawn(self._end_work)
            gevent.spawn_later(self.cfg.graceful_timeout - LAST_EVENTS_SECONDS, self._end_requests)

    def _end_work(self) -> None:
        for name in WITHOUT_CLIENTS:
            if runner := self._part(name):
                runner.close()

    def _end_requests(self) -> None:
        if capacity := self._part("capacity"):
            capacity.end()

    def _part(self, name: str) -> Any:
        """Of the Flask application, if nobody has wrapped it."""
        return getattr(self.wsgi, "extensions", {}).get(name)


def _forget_the_masters_code() -> None:
    """After an upgrade and a reload the master still has the modules it started with; they would mix with new ones."""
    for name in [name for name in sys.modules if name.partition(".")[0] == "gpt2giga"]:
        del sys.modules[name]
