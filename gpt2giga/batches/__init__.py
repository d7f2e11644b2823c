"""Batches at work: in the process, without anybody who waits for them."""
