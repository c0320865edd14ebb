"""The database: connections, transactions, and the ways in and out for many rows at once.

Reading order: `dialects/` (all that differs between databases), `engine` (connections), `readers` (replicas),
`transactions` (which are tried again, and snapshots), `driver_errors` (into errors of the program),
`bulk_load` (rows in, and the proof that they arrived), `lookup` (which ids are there), `lease` (what one
process does at a time), `locks` (on parents), `transaction_size` (what clusters take), `staging` (temporary
tables), `schema`, `revisions` and `migrations/`, `bookkeeping` (the program's own tables), `identity`,
`next_ids`, `wrong_passwords`, `events` (what is counted).
"""
