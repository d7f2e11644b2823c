"""GET /metrics for Prometheus (GPT2GIGA_METRICS). factory.py imports this, and with it the library, only when asked.

gunicorn's workers count together in files of a folder that their master has made (metrics_folder.py); any of them
reads all. Processes without such a folder count for themselves.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from os.path import isdir
from typing import Any, Final

from flask import Blueprint, Response
from prometheus_client import CollectorRegistry, Counter, disable_created_metrics, Gauge, Histogram, values
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector

from gpt2giga.chat import Usage
from gpt2giga.config.settings import SettingsError
from gpt2giga.config.sources import metrics_folder
from gpt2giga.errors import QuotaExceeded, RateLimited, UpstreamCut, UpstreamError, UpstreamTimeout, UpstreamUnavailable
from gpt2giga.telemetry.key_metrics import KeyMetrics, WithoutKeys
from gpt2giga.telemetry.known_models import KnownModels
from gpt2giga.telemetry.metrics_file import MetricsFile
from gpt2giga.telemetry.package_table import Known
from gpt2giga.telemetry.service_metrics import ServiceMetrics
from gpt2giga.upstream.listener import Listener
from gpt2giga.web.exchange import current, Exchange

# From an embedding to a long answer.
SECONDS = (0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 20, 30, 60, 120, 300, 600)
WAITS = (0.005, 0.05, 0.25, 1, 2.5, 5, 10, 20, 30, 60, 120)
UNMATCHED = "unmatched"
RECENT: Final = "mostrecent"
KINDS = ("in", "out", "cached")
OUTCOMES = ("done", "failed")
WATCHED_FAILURES = (QuotaExceeded, RateLimited, UpstreamCut, UpstreamError, UpstreamTimeout, UpstreamUnavailable)


@dataclass(frozen=True, slots=True)
class Series:
    """What requests of one kind add to; no tokens where no model is asked."""

    requests: Counter
    seconds: Histogram
    first: Histogram
    tokens: tuple[Counter, ...]

    def add(self, usage: Usage) -> None:
        for counter, tokens in zip(self.tokens, (usage.prompt, usage.completion, usage.cached), strict=False):
            if tokens:
                counter.inc(tokens)


class Metrics(Listener):
    """Hears of requests when they are over, and of GigaChat from the upstream. Raises SettingsError."""

    def __init__(self, known: KnownModels) -> None:
        folder = metrics_folder()
        if folder and not isdir(folder):
            raise SettingsError(f"PROMETHEUS_MULTIPROC_DIR: {folder!r} is not a folder")
        self._known = known
        self._series: dict[tuple[str, str, int, bool], Series] = {}
        disable_created_metrics()  # type: ignore[no-untyped-call]  # a second series for each, which nobody asked for
        if hasattr(os, "memfd_create"):  # Linux
            values.MmapedDict = MetricsFile  # type: ignore[attr-defined]
        own = CollectorRegistry()
        self._count_requests(own)
        self._by_key = KeyMetrics(own)
        self._count_upstream(own)
        self._own = self._shared = own
        self._folder = folder
        if folder:
            self._shared = CollectorRegistry()
            MultiProcessCollector(self._shared, folder)  # type: ignore[no-untyped-call]
        for registry in {self._own, self._shared}:
            registry.register(ServiceMetrics(folder))

    def _count_requests(self, own: CollectorRegistry) -> None:
        self._requests = Counter("gpt2giga_requests", "Requests answered.", ("route", "model", "status"), registry=own)
        self._seconds = Histogram(
            "gpt2giga_request_seconds",
            "From a request to the last byte of its answer.",
            ("route", "stream"),
            registry=own,
            buckets=SECONDS,
        )
        self._first = Histogram(
            "gpt2giga_first_byte_seconds",
            "From a request to the first piece of GigaChat's answer.",
            ("route", "stream"),
            registry=own,
            buckets=SECONDS,
        )
        self._tokens = Counter(
            "gpt2giga_tokens",
            "Tokens as GigaChat counts them; cached ones are among in.",
            ("kind", "model"),
            registry=own,
        )
        self._filtered = Counter(
            "gpt2giga_filtered", "Answers that GigaChat's filter gave or stopped.", ("model",), registry=own
        )
        # livesum: those of workers that have died do not count.
        self._streams = Gauge("gpt2giga_streams_open", "Streams being sent.", registry=own, multiprocess_mode="livesum")

    def _count_upstream(self, own: CollectorRegistry) -> None:
        self._queue = Gauge(
            "gpt2giga_queue_length",
            "Requests that wait for their turn at GigaChat.",
            registry=own,
            multiprocess_mode="livesum",
        )
        self._waits = Histogram(
            "gpt2giga_queue_wait_seconds", "How long they waited, in vain or not.", registry=own, buckets=WAITS
        )
        self._failures = Counter(
            "gpt2giga_upstream_failures", "Attempts that GigaChat refused or broke.", ("cause",), registry=own
        )
        self._repetitions = Counter("gpt2giga_upstream_repetitions", "Attempts made again.", registry=own)
        self._repairs = Counter(
            "gpt2giga_call_repairs", "Calls that did not fit their tool, asked for again.", ("outcome",), registry=own
        )
        # mostrecent: all processes tell of the same, and what one of them has told counts also when it has died.
        self._left, self._whole = (
            Gauge(f"gpt2giga_package_tokens_{name}", doc, ("account", "model"), registry=own, multiprocess_mode=RECENT)
            for name, doc in (
                ("left", "Tokens left of a package of GigaChat's."),
                ("whole", "Tokens of the package after the last purchase, as far as that was seen."),
            )
        )
        self._renewals = Counter("gpt2giga_token_refreshes", "Access tokens asked for.", ("outcome",), registry=own)
        # Prometheus sees no growth where a series begins, so those that people want to be told of begin at 0.
        for counter, labels in (
            (self._failures, [failure.code for failure in WATCHED_FAILURES]),
            (self._repairs, OUTCOMES),
            (self._renewals, OUTCOMES),
        ):
            for label in labels:
                counter.labels(label)

    def add(self, exchange: Exchange) -> None:
        """Once a request, when its last byte has been sent."""
        series = self._of(
            exchange.route or UNMATCHED, self._known.name(exchange.model), exchange.status, exchange.stream
        )
        series.requests.inc()
        series.seconds.observe(time.monotonic() - exchange.started)
        if exchange.first_ms is not None:
            series.first.observe(exchange.first_ms / 1000)
        if exchange.queued or exchange.answering_model:
            self._waits.observe(exchange.queued)
        if exchange.usage:
            series.add(exchange.usage)
        if exchange.key_name:
            self._by_key.add(exchange)
        if exchange.is_filtered:
            self._filtered.labels(self._known.name(exchange.model)).inc()

    def _of(self, route: str, model: str, status: int, stream: bool) -> Series:
        """Kept, for looking them up by their labels takes the library longer than counting."""
        key = (route, model, status, stream)
        if key not in self._series:
            streamed = str(stream).lower()
            self._series[key] = Series(
                self._requests.labels(route, model, status),
                self._seconds.labels(route, streamed),
                self._first.labels(route, streamed),
                tuple(self._tokens.labels(kind, model) for kind in KINDS if model),
            )
        return self._series[key]

    def count_stream(self, exchange: Exchange, response: Response) -> None:
        if exchange.stream and response.status_code < 400:
            self._streams.inc()
            exchange.on_end(self._streams.dec)

    def on_wait_begun(self) -> None:
        self._queue.inc()

    def on_wait_over(self) -> None:
        self._queue.dec()

    def on_model_known(self, model: str) -> None:
        self._known.on_model_known(model)

    def on_failure(self, cause: str) -> None:
        self._failures.labels(cause).inc()

    def on_retry(self) -> None:
        self._repetitions.inc()

    def on_call_repaired(self, done: bool) -> None:
        self._repairs.labels("done" if done else "failed").inc()

    def on_token_asked(self, done: bool) -> None:
        self._renewals.labels("done" if done else "failed").inc()

    def set_packages(self, account: str, packages: Sequence[Known]) -> None:
        for package in packages:
            self._left.labels(account, package.model).set(package.left)
            self._whole.labels(account, package.model).set(package.whole)

    def blueprint(self, sees_all: Callable[[str], bool], look: Callable[[], Any]) -> Blueprint:
        """sees_all: whether the holder of the key with this name is shown what others do. look: called before the
        figures are shown."""
        metrics = Blueprint("metrics", __name__)

        @metrics.get("/metrics")
        def show() -> Response:
            look()
            is_alone = MetricsFile.in_memory or (self._folder and not isdir(self._folder))
            shown = self._own if is_alone else self._shared
            of_all = shown if sees_all(current().key_name) else WithoutKeys(shown)
            return Response(generate_latest(of_all), content_type=CONTENT_TYPE_PLAIN_0_0_4)

        return metrics
