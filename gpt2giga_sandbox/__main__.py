"""`python -m gpt2giga_sandbox`: the sandbox in the foreground, of a character that is named."""

from __future__ import annotations

import argparse

from gpt2giga_sandbox.character import CHARACTERS
from gpt2giga_sandbox.demo import demo_settings
from gpt2giga_sandbox.server import serve


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m gpt2giga_sandbox", description=__doc__)
    parser.add_argument("--port", type=int, default=8090, help="0: any free one")
    parser.add_argument("--character", choices=sorted(CHARACTERS), default="strict")
    parser.add_argument("--demo", action="store_true", help="talk as a model would, at its pace")
    options = parser.parse_args()
    character = CHARACTERS[options.character]
    serve(options.port, **(demo_settings(character) if options.demo else {"character": character}))


if __name__ == "__main__":
    main()
