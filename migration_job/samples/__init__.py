"""Sample data that looks like the real thing: `python -m migration_job.samples FOLDER`."""
