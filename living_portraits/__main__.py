"""`python -m living_portraits` is the command line."""

import sys

from living_portraits.cli import main

if __name__ == "__main__":
    sys.exit(main())
