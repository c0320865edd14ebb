"""A CSV file into its table, chunk by chunk, for the migration job and for uploads.

Reading order: `task` (what to load, and what came of it), `loader` (a load that commits chunk by chunk),
`at_once` (a load of all or nothing), `dry_run` (what a load would do), `chunks` (what these three have in
common), `plan` (a chunk's records for the planner), `apply` (planned rows into the table), `outcomes` (what
came of a chunk, on record), `progress` (where a killed load goes on), `earlier` and `repairs` (rejects whose
rows come again), `rejects_of_load` (what was refused, for repair), `mislabelled` (does the header fit the
rows?).
"""
