"""Questions to the tables: lists by page or as a stream (`lists`), and the two metrics (`metrics`)."""
