"""GigaChat behind OpenAI's API."""

from gpt2giga.version import __version__ as __version__
