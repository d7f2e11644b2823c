"""Recordings for tests, and ffmpeg, which comes with a package of theirs."""

from __future__ import annotations

from pathlib import Path

from gpt2giga_sandbox import sound
from gpt2giga_sandbox.server import SandboxServer

RATE = 8000


def wav(seconds: float = 0.2) -> bytes:
    content = sound.pcm("a" * 20, RATE)  # one second
    return sound.wav((content * (int(seconds) + 1))[: int(seconds * RATE) * 2], RATE)


def at_salutespeech(sandbox: SandboxServer) -> dict[str, str]:
    """The settings for speech by the sandbox."""
    return {
        "SALUTESPEECH_CREDENTIALS": sandbox.credentials,
        "SALUTESPEECH_BASE_URL": sandbox.speech_url,
        "SALUTESPEECH_AUTH_URL": sandbox.auth_url,
    }


def ffmpeg_in(folder: Path) -> str:
    """A PATH on which there is nothing but ffmpeg."""
    import imageio_ffmpeg  # only now: few tests need it

    folder.mkdir()
    (folder / "ffmpeg").symlink_to(imageio_ffmpeg.get_ffmpeg_exe())
    return str(folder)
