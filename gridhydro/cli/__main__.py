"""`python -m gridhydro.cli`, the same as `gridhydro`."""

import sys

from gridhydro.cli.program import main

if __name__ == "__main__":
    sys.exit(main())
