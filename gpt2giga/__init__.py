"""GigaChat behind OpenAI's API."""

__version__ = "1.0.0"
