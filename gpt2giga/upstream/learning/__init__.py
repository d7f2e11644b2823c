"""Questions to GigaChat whose answers are facts of the account's models, for what the sources leave open
(contract 10.5, 10.7, 10.10, 10.11, 10.12, 10.13). Pure: whoever sends them is upstream.asking."""
