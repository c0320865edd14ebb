"""What has to do with this machine alone: threads, files, terminals.

Reading order: `prefetch` (prepare the next items in a thread), `ordered_steps` (steps side by side that take
effect in order), `shared_work` (work that may hang), `temp_files` (removed even if their owner is killed),
`disk_full`, `object_store` (S3), `listing` (the files of a folder or in S3), `output` (tables, JSON and bars
for people), `sentences` (what is said of an error), `systemd` (what the service manager is told),
`completion` (of arguments in a shell).
"""
