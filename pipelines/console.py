"""Where commands write: names of files and studies are shown as they are, never as markup."""

from __future__ import annotations

from rich.console import Console


def console(*, stderr: bool = False, wrap: bool = False) -> Console:
    """A console that changes nothing of what it is given.

    Parameters
    ----------
    stderr
        Standard error in place of standard output.
    wrap
        Break long lines at the terminal's width; without it they stay whole, for pipes.
    """
    return Console(stderr=stderr, soft_wrap=not wrap, highlight=False, markup=False, emoji=False)
