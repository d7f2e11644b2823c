"""`python -m gpt2giga_sandbox`: the sandbox in the foreground, of a character that is named."""

from __future__ import annotations

import argparse

from gpt2giga_sandbox.character import CHARACTERS
from gpt2giga_sandbox.server import serve


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m gpt2giga_sandbox", description=__doc__)
    parser.add_argument("--port", type=int, default=8090, help="0: any free one")
    parser.add_argument("--character", choices=sorted(CHARACTERS), default="strict")
    options = parser.parse_args()
    serve(options.port, character=options.character)


if __name__ == "__main__":
    main()
