"""Files that come with the code: `assets/` beside the checkout, or in the wheel."""

from __future__ import annotations

from pathlib import Path

from echoprime.errors import BundleError


def asset(name: str) -> Path:
    """Path of an asset, which need not exist.

    Parameters
    ----------
    name
        Below `assets/`, with "/".
    """
    package = Path(__file__).parent
    installed = package / "_assets"
    return (installed if installed.is_dir() else package.parent / "assets") / name


def read_asset(name: str) -> bytes:
    """Content of an asset; BundleError when it is missing."""
    path = asset(name)
    if not path.is_file():
        raise BundleError(
            f"assets/{name}: missing from this installation; install again, or make the demonstration's "
            "with `python -m echoprime.demonstration.make_assets`"
        )
    return path.read_bytes()
