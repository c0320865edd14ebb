"""The one-shot job that loads the historical CSV files: `python -m migration_job --help`."""
