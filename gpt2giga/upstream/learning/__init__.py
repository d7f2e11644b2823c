"""Questions to GigaChat whose answers are facts of the account's models (contract 10). Pure: whoever sends them is
upstream.asking."""
