"""What GigaChat takes and gives. Comments cite the numbered rules of docs/gigachat-contract.md."""
