"""`python -m migration_job.samples`."""

import sys

from .generate import main

if __name__ == "__main__":
    sys.exit(main())
