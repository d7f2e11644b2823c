"""GigaChat's newer interface, chapter 5 of docs/gigachat-contract.md."""
