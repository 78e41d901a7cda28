"""Where a command writes what nobody asked it to write: one folder, and only to be quicker.

The folder is that of the user's caches (`~/.cache/spanspec`), or the one that SPANSPEC_CACHE names
in the environment; `SPANSPEC_CACHE=off` has nothing written anywhere. A folder that cannot be made
or written is no error.
"""

import os
from pathlib import Path
from typing import Final

VARIABLE: Final = "SPANSPEC_CACHE"
OFF: Final = frozenset({"", "0", "no", "none", "off"})
"""What the variable says to have nothing kept."""

NOWHERE: Final = Path(os.devnull) / "spanspec"
"""A folder that can never be: what is written there is not kept, and nothing is found there."""


def cache_folder() -> Path:
    """Return the folder for what is kept from run to run, whether or not it exists."""
    named = os.environ.get(VARIABLE)
    if named is not None:
        return NOWHERE if named.strip().lower() in OFF else Path(named).absolute()
    from platformdirs import user_cache_path

    try:
        folder = user_cache_path("spanspec")
    except RuntimeError:
        return NOWHERE
    # Where older versions find no home its sign stays, and a folder of that name would be made.
    return folder if folder.is_absolute() else NOWHERE


def keep_working_directory_clean() -> None:
    """Have Hypothesis keep what it knows of sources in our folder, not where the command is run."""
    os.environ.setdefault("HYPOTHESIS_STORAGE_DIRECTORY", str(cache_folder() / "hypothesis"))
