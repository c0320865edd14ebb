"""`python -m hiring_api`: serves the API; and what operators and cron jobs do with backups."""

import sys

try:  # a Ctrl-C is no traceback from the first import on, and the imports take half a second
    from hiring_api.cli.main import main
    from hiring_api.system.output import exit_status
except KeyboardInterrupt:
    sys.stderr.write("interrupted: nothing was changed\n")
    sys.exit(130)

if __name__ == "__main__":
    sys.exit(exit_status(main))
