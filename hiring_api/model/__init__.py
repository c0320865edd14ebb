"""What a table, a column and a row are. Nothing here knows a database, a file or HTTP.

Reading order: `tables` (the declarations that drive everything), `columns/` (one file for each kind of
column), `validation` (a raw row becomes a row or its errors), `row_errors` (what an error of a row is),
`conflicts` (the errors that only other rows can cause, one text for each), `row_lines` (rows as lines of
text) and `checksum` (what proves that rows arrived as they were sent).
"""
