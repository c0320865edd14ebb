"""Queries: rows of a table by page or as a stream (`lists`), and the two metrics (`metrics`)."""
