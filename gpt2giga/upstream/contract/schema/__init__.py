"""Any JSON Schema -> one that GigaChat accepts for a function's parameters (contract 3.1.4, 3.1.6, 3.1.7). Pure.

openapi (its own words, and Gemini's) -> read -> resolve (references, depth) -> merge (allOf, anyOf) -> convert; what
the target cannot say is said in descriptions (summary).
"""

from __future__ import annotations

from gpt2giga.upstream.contract.schema.convert import to_function_parameters
from gpt2giga.upstream.contract.schema.refs import write_out_root

__all__ = ["to_function_parameters", "write_out_root"]
