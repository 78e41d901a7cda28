"""What the witness is held to, as commands: `python -m spanproof.witness.acceptance --help`."""
