"""Run from a checkout: `python app.py` does what the command `gpt2giga` does."""

from gpt2giga.cli import main

if __name__ == "__main__":
    main()
