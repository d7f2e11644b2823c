from __future__ import annotations

from pathlib import Path

import pytest

from gpt2giga_sandbox.server import SandboxServer


@pytest.fixture
def account(sandbox: SandboxServer, tmp_path: Path) -> dict[str, str]:
    """The variables of an account at the sandbox, as if it were GigaChat."""
    return {
        "GIGACHAT_BASE_URL": sandbox.base_url,
        "GIGACHAT_AUTH_URL": sandbox.auth_url,
        "GIGACHAT_CREDENTIALS": sandbox.credentials,
        "GIGACHAT_RETRY_BACKOFF_FACTOR": "0.05",
        "GPT2GIGA_RUNTIME_DIR": str(tmp_path),
    }
