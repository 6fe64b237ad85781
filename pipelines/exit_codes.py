"""What a command's exit code says."""

DONE = 0
"""Everything was done; permanent failures are results."""

CRASHED = 1
"""An error of the program's or the machine's."""

MISTAKEN = 2
"""A mistake of the user's, answered in one line."""

INCOMPLETE = 3
"""Some studies had a passing failure: the same command takes them up again."""

INTERRUPTED = 130
"""Ctrl-C; what was finished is kept."""
