"""What outlives a request: one database for all worker processes."""
