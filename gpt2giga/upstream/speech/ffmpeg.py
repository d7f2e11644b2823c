"""ffmpeg, where it is installed: long recordings in parts, other formats as mp3, speech as mp3, aac or flac.

What it reads comes from strangers. So it is told what the recording is instead of guessing, for some formats are lists
of addresses; it may open files only, starts in an empty environment, one at a time in a process, and has its time.
"""

from __future__ import annotations

import shutil
import subprocess
import tempfile
import threading
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from itertools import chain
from pathlib import Path

from gpt2giga.concurrency import background
from gpt2giga.errors import BadRequest, ProxyError, RateLimited, Unavailable
from gpt2giga.upstream.files.media import LARGEST_BYTES, Media, MIB

PROGRAM = "ffmpeg"
# Ten minutes of speech are about three thousand tokens, and an answer may have eight (contract 6.4).
PART_SECONDS = 600
MOST_PARTS = 24
# What fits into one answer in any case, so nothing is to be cut: by the ending of the name, and of all others.
SHORT_WAV_BYTES, SHORT_BYTES = 4 * MIB, MIB
WORK_SECONDS = 300
WAIT_SECONDS = 60
PIECE_BYTES = 64 * 1024
# Of a file's name -> how ffmpeg calls what it is to read.
READERS = {"mp3": "mp3", "m4a": "mov", "wav": "wav", "weba": "matroska", "ogg": "ogg", "opus": "ogg", "flac": "flac"}
# Of speech, which is 16-bit PCM with one channel -> how ffmpeg is told to write it.
WRITERS = {"mp3": ("libmp3lame", "mp3"), "aac": ("aac", "adts"), "flac": ("flac", "flac")}
TO_MP3 = ("-c:a", "libmp3lame", "-b:a", "48k", "-ac", "1", "-ar", "16000", "-map_metadata", "-1")
QUIET = ("-nostdin", "-hide_banner", "-v", "error", "-threads", "1")

_one_at_a_time = threading.Semaphore(1)


def is_installed() -> bool:
    return shutil.which(PROGRAM) is not None


def parts(recording: Media) -> list[Media]:
    """A long recording in pieces of ten minutes, any other as it is. Raises BadRequest, RateLimited, Unavailable."""
    short = SHORT_WAV_BYTES if recording.media_type == "audio/wav" else SHORT_BYTES
    if len(recording.content) <= short:
        return [recording]
    limit = str((MOST_PARTS + 1) * PART_SECONDS)
    options = ("-t", limit, "-f", "segment", "-segment_time", str(PART_SECONDS))
    found = _convert(recording, *options, output="part%03d.mp3")
    if len(found) > MOST_PARTS:
        hours = MOST_PARTS * PART_SECONDS // 3600
        raise BadRequest(f"The recording is longer than {hours} hours.", param="file", code="audio_too_long")
    if len(found) == 1 and len(recording.content) <= LARGEST_BYTES["audio"]:
        return [recording]
    return [_mp3(content) for content in found]


def to_mp3(recording: Media) -> Media:
    """Raises BadRequest, RateLimited, Unavailable."""
    [content] = _convert(recording, output="whole.mp3")
    return _mp3(content)


def encode(pcm: Generator[bytes, None, None], rate: int, form: str) -> Generator[bytes, None, None]:
    """Speech in one of WRITERS, as it comes. Raises what `pcm` raises, and Unavailable."""
    first = next(pcm, b"")  # what is refused is refused before a program is started
    codec, container = WRITERS[form]
    source = ("-f", "s16le", "-ar", str(rate), "-ac", "1", "-i", "pipe:0")
    command = [_program(), *QUIET, *source, "-c:a", codec, "-f", container, "-flush_packets", "1", "pipe:1"]
    failures: list[ProxyError] = []

    def feed() -> None:
        assert program.stdin
        with program.stdin as pipe:  # closed when it is known whether all went well, for then ffmpeg ends
            try:
                for piece in chain([first], pcm):
                    left = memoryview(piece)
                    while left:
                        left = left[pipe.write(left) or 0 :]
            except ProxyError as error:
                failures.append(error)
            except (OSError, ValueError):  # it has ended, or was closed, before it had read everything
                failures.append(Unavailable(f"ffmpeg cannot write {form}."))
            finally:
                pcm.close()

    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=subprocess.DEVNULL, env={}, bufsize=0) as program:
        stop = background.start(feed)
        assert program.stdout
        try:
            while piece := program.stdout.read(PIECE_BYTES):
                yield piece
            if program.wait() and not failures:
                failures.append(Unavailable(f"ffmpeg cannot write {form}."))
        finally:
            stop()
            program.kill()
    if failures:
        raise failures.pop()


def _mp3(content: bytes) -> Media:
    return Media("audio", "audio.mp3", content, "audio/mpeg")


def _convert(recording: Media, *options: str, output: str) -> list[bytes]:
    """What ffmpeg writes, file by file, as mp3 with one channel."""
    reader = READERS[Path(recording.name).suffix.removeprefix(".")]
    with _turn(), _folder() as folder:
        (folder / "recording").write_bytes(recording.content)
        source = ("-protocol_whitelist", "file", "-f", reader, "-i", "recording", "-map", "0:a:0")
        command = [_program(), *QUIET, *source, *TO_MP3, *options, output]
        try:
            done = subprocess.run(command, cwd=folder, env={}, capture_output=True, timeout=WORK_SECONDS)
        except subprocess.TimeoutExpired:
            raise BadRequest(
                f"The recording could not be read within {WORK_SECONDS} seconds.", param="file", code="audio_too_long"
            ) from None
        found = [path.read_bytes() for path in sorted(folder.glob(output.replace("%03d", "*")))]
    if done.returncode or not all(found) or not found:
        raise BadRequest(
            f"The recording cannot be read as {reader}: is it whole, and what its name says?",
            param="file",
            code="invalid_audio",
        )
    return found


def _program() -> str:
    found = shutil.which(PROGRAM)
    if found is None:
        raise Unavailable("ffmpeg was there a moment ago, and is not any more.")
    return found


@contextmanager
def _turn() -> Iterator[None]:
    if not _one_at_a_time.acquire(timeout=WAIT_SECONDS):
        raise RateLimited("Other recordings are being converted for too long.", retry_after=5.0)
    try:
        yield
    finally:
        _one_at_a_time.release()


@contextmanager
def _folder() -> Iterator[Path]:
    try:
        with tempfile.TemporaryDirectory(prefix="gpt2giga-") as folder:
            yield Path(folder)
    except OSError:
        raise Unavailable("There is no room for a temporary copy of the recording.") from None
