"""Tables, rows and files of rows. Knows nothing of HTTP."""
