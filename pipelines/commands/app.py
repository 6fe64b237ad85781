"""The app that every command registers on."""

from __future__ import annotations

from cyclopts import App

EPILOGUE = """Settings also come from a TOML file: --config FILE, flat, keys named like the flags; flags win.
Folders and s3:// are alike. Exit codes: 0 done, 1 crash, 2 your mistake, 3 incomplete, 130 interrupted."""


def _version() -> str:
    from importlib.metadata import version

    return f"echoprime {version('echoprime-pipeline')}"


def examples(*lines: str) -> str:
    """What `--help` ends with."""
    return "Examples:\n\n" + "\n\n".join(f"    {line}" for line in lines)


app = App(
    name="echoprime",
    help="Archives of heart-ultrasound videos to reports and measurements. Not a medical device.",
    help_epilogue=EPILOGUE,
    version=_version,
    suppress_keyboard_interrupt=False,
)
