"""Which version this is: what people see, and what pip compares. NUMBER alone is changed, at a release and after it."""

# Between releases it is the next one with .dev0 at its end: CONTRIBUTING has the steps of a release.
NUMBER = "1.1.0.dev0"
# Filled in by `git archive`, and by setup.py in what it builds.
COMMIT = "$Format:%h$"

__version__ = f"{NUMBER}+g{COMMIT}" if NUMBER.endswith(".dev0") and COMMIT.isalnum() else NUMBER
# With an epoch, for pip alone: PyPI's gpt2giga is another project, and whatever number it reaches, `pip install
# --upgrade gpt2giga` does not put it in the place of ours.
PACKAGE_VERSION = f"1!{__version__}"
