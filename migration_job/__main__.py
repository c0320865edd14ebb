"""`python -m migration_job [SOURCE]`: brings the schema up to date and loads the CSV files."""

import sys

try:  # a Ctrl-C is no traceback from the first import on, and the imports take half a second
    from hiring_api.system.output import exit_status

    from .main import main
except KeyboardInterrupt:
    sys.stderr.write("migration_job: stopped before it began\n")
    sys.exit(130)

if __name__ == "__main__":
    sys.exit(exit_status(main))
