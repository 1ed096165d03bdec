"""`python -m gridhydro`, the same as `gridhydro`: for torchrun, which starts modules."""

import sys

from gridhydro.cli.program import main

if __name__ == "__main__":
    sys.exit(main())
