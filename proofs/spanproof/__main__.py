"""`python -m spanproof` is the command `spanspec`."""

from spanproof.cli import main

main()
