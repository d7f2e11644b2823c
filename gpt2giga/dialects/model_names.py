"""What the names of other vendors' models mean here. Pure."""

from __future__ import annotations

from gpt2giga.upstream.contract.models import Catalog, names_embedder


def known_name(asked: str, catalog: Catalog, vendors: str) -> str:
    """Empty, as for no name, where it begins with `vendors` and is no alias: the default model. An embedder's name is
    the Catalog's matter."""
    bare = _bare(asked)
    is_theirs = bare.startswith(vendors) and not names_embedder(bare)
    return "" if is_theirs and _bare(catalog.resolve(asked)) == bare else asked


def _bare(name: str) -> str:
    """Without a vendor, in letters of one case, as names are looked up."""
    return name.rpartition("/")[2].lower()
