"""What several of the clients need."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from gpt2giga_sandbox.server import SandboxServer
from tests.conftest import QUICK
from tests.service import Service


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Where an agent works."""
    found = tmp_path / "project"
    found.mkdir()
    return found


@pytest.fixture
def v2(service_with: Callable[..., Service], sandbox: SandboxServer) -> Service:
    """GigaChat's newer interface behind it."""
    sandbox.state.settings.character = sandbox.state.settings.character.changed("tolerant")
    return service_with(**QUICK, GPT2GIGA_GIGACHAT_API_MODE="v2")
