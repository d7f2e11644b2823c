"""How the cost grows: per chunk with the number of streams, per request with its size, and memory with use.

`python -m benchmarks` measures the working tree, `--base REV` another commit beside it, round by round in turn.
Absolute figures are worth little on a machine that others use too; the shape of a line and the ratio of two commits
are worth more.
"""

from __future__ import annotations

import asyncio
import contextlib
import statistics
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TypeAlias

import click

from benchmarks import load
from benchmarks.service import checkout, gigachat, Service, service

# Frames a second over all streams: what is to grow is their number, not the traffic.
RATE = 400
SECONDS = 5
REQUESTS, BROKEN = 10_000, 1_000
STREAMS = (10, 50, 200, 1000)
SIZES = (4, 16, 64, 256, 1024)
AT_A_TIME = (1, 10, 50)

OVER_V2 = {"GPT2GIGA_GIGACHAT_API_MODE": "v2"}

Results: TypeAlias = dict[str, dict[float, list[float]]]

CHUNKS = "CPU of a chunk, ms, by streams at a time"
BODIES = "CPU of a request, ms, by KiB of its body"
CHATS = "CPU of a short chat, ms, by chats at a time"
MEMORY = f"Memory, MiB (PSS): 0 warm, 1 after {REQUESTS} requests, 2 after {BROKEN} broken streams"


def chunks(service: Service, number: int) -> float:
    """Of open streams: what it takes to open them is not counted."""
    return asyncio.run(_chunks(service, number))


async def _chunks(service: Service, number: int) -> float:
    async with load.Streams(service.port, service.path, number, number / RATE) as streams:
        cpu, frames = service.cpu(), streams.frames
        await asyncio.sleep(SECONDS)
        return (service.cpu() - cpu) / (streams.frames - frames) * 1000


def bodies(service: Service, kib: int) -> float:
    return _chats(service, max(20, 800 // kib), 1, kib * 1024)


def chats(service: Service, at_a_time: int) -> float:
    return _chats(service, 500, at_a_time)


def _chats(service: Service, count: int, at_a_time: int, filler: int = 0) -> float:
    data = load.request(service.path, "Привет", filler=filler)
    before = service.cpu()
    asyncio.run(load.whole(service.port, data, count, at_a_time))
    return (service.cpu() - before) / count * 1000


def memory(service: Service) -> list[float]:
    chats(service, 50)  # what is loaded and opened once
    asyncio.run(_leave(service, 100))
    found = [_settled(service)]
    _chats(service, REQUESTS, 50)
    found.append(_settled(service))
    for _ in range(BROKEN // 100):
        asyncio.run(_leave(service, 100))
    return [*found, _settled(service)]


async def _leave(service: Service, number: int) -> None:
    async with load.Streams(service.port, service.path, number, 0.2):
        pass


def _settled(service: Service) -> float:
    time.sleep(2)
    return service.memory()


def measure(services: dict[str, Service], rounds: int) -> dict[str, Results]:
    results: dict[str, Results] = {name: {CHUNKS: {}, BODIES: {}, CHATS: {}, MEMORY: {}} for name in services}
    plan: list[tuple[str, Callable[[Service, int], float], tuple[int, ...]]] = [
        (CHATS, chats, AT_A_TIME),
        (BODIES, bodies, SIZES),
        (CHUNKS, chunks, STREAMS),
    ]
    for title, work, sizes in plan:
        for size in sizes:
            for round_ in range(rounds):
                for name in [*services] if round_ % 2 == 0 else [*services][::-1]:
                    results[name][title].setdefault(size, []).append(work(services[name], size))
            _say(f"{title}: {size} done")
    return results


def table(results: dict[str, Results]) -> str:
    """A row a measurement, a column a commit; with two of them the ratio of their medians."""
    lines = []
    for title in (CHATS, BODIES, CHUNKS, MEMORY):
        lines += [title, "  " + "".join(f"{name:>16}" for name in ["", *results])]
        for size in next(iter(results.values()))[title]:
            values = [statistics.median(found[title][size]) for found in results.values()]
            ratio = f"{values[0] / values[1]:>16.2f}" if len(values) == 2 else ""
            lines.append(f"  {size:>16}" + "".join(f"{value:>16.3f}" for value in values) + ratio)
    return "\n".join(lines)


def picture(results: dict[str, Results], path: Path) -> None:
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(2, 2, figsize=(12, 8))
    for axis, title in zip(axes.flat, (CHATS, BODIES, CHUNKS, MEMORY), strict=True):
        top = 0.0
        for name, found in results.items():
            sizes = [*found[title]]
            values = [statistics.median(found[title][size]) for size in sizes]
            axis.plot(sizes, values, marker="o", label=name)
            top = max(top, *values)
        axis.set_title(title, fontsize=9)
        axis.set_ylim(0, top * 1.1)
        if title == CHUNKS:
            axis.set_xscale("log")
        if title != BODIES:  # which shall be a straight line, on a scale that shows one
            axis.set_xticks(sizes, [str(size) for size in sizes])
        axis.grid(alpha=0.3)
        axis.legend(loc="best")
    figure.tight_layout()
    figure.savefig(path, dpi=110)


def _say(text: str) -> None:
    click.echo(f"{time.strftime('%H:%M:%S')} {text}", err=True)


@click.command()
@click.option("--base", default="", help="Another commit to measure beside the working tree.")
@click.option("--v2", is_flag=True, help="Measure the working tree over GigaChat's v2 beside v1.")
@click.option("--ollama", is_flag=True, help="Measure Ollama's API of the working tree beside OpenAI's.")
@click.option("--gemini", is_flag=True, help="Measure Gemini's API of the working tree beside OpenAI's.")
@click.option("--rounds", default=3, show_default=True)
@click.option("--picture", "path", type=click.Path(path_type=Path), default=Path("build/bench.png"), show_default=True)
def main(base: str, v2: bool, ollama: bool, gemini: bool, rounds: int, path: Path) -> None:
    """Measures how the cost of the service grows, prints a table and draws a picture."""
    with contextlib.ExitStack() as stack:
        port = stack.enter_context(gigachat())
        here = stack.enter_context(checkout(""))
        starts = {"v2": partial(service, here, port, **OVER_V2)} if v2 else {}
        if ollama:
            starts["ollama"] = partial(service, here, port, "/api/chat", GPT2GIGA_OLLAMA="True")
        if gemini:
            starts["gemini"] = partial(service, here, port, load.GEMINIS)
        starts["here"] = partial(service, here, port)
        if base:
            starts[base] = partial(service, stack.enter_context(checkout(base)), port)
        with contextlib.ExitStack() as running:
            results = measure({name: running.enter_context(start()) for name, start in starts.items()}, rounds)
        for name, start in starts.items():
            with start() as new:  # the other one has had its thousand streams
                results[name][MEMORY] = {step: [value] for step, value in enumerate(memory(new))}
    click.echo(table(results))
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        picture(results, path)
    except ImportError:
        sys.exit("There is no picture without matplotlib (requirements-bench.txt).")
    click.echo(f"The picture is in {path}")


if __name__ == "__main__":
    main()
