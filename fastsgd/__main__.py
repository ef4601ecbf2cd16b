"""`python -m fastsgd` is the `fastsgd` command."""

import sys

from .cli import main

sys.argv[0] = 'fastsgd' # its name in the help, instead of this file's
sys.exit(main())
