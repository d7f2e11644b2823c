"""What the holders of keys do, by the names of their keys; only whoever may see everybody's usage is shown it."""

from __future__ import annotations

from collections.abc import Iterator

from prometheus_client import CollectorRegistry, Counter
from prometheus_client.core import Metric
from prometheus_client.registry import Collector

from gpt2giga.web.exchange import Exchange

PREFIX = "gpt2giga_key_"
# Names come from the operator alone, but each that there ever was would be one more to keep until the next start.
MOST_KEYS = 200
OTHER = "other"


class KeyMetrics:
    def __init__(self, registry: CollectorRegistry) -> None:
        self._names: set[str] = set()
        self._requests = Counter(
            f"{PREFIX}requests", "Requests of the holder of a key.", ("key", "status"), registry=registry
        )
        self._tokens = Counter(f"{PREFIX}tokens", "Tokens of the holder of a key.", ("key", "kind"), registry=registry)

    def add(self, exchange: Exchange) -> None:
        """Of a request that has shown a key with a name."""
        name = exchange.key_name
        if name not in self._names and len(self._names) >= MOST_KEYS:
            name = OTHER
        self._names.add(name)
        self._requests.labels(name, exchange.status).inc()
        if usage := exchange.usage:
            for kind, tokens in (("in", usage.prompt), ("out", usage.completion), ("cached", usage.cached)):
                if tokens:
                    self._tokens.labels(name, kind).inc(tokens)


class WithoutKeys(Collector):
    """The same registry for everybody else."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._registry = registry

    def collect(self) -> Iterator[Metric]:
        return (metric for metric in self._registry.collect() if not metric.name.startswith(PREFIX))
