"""The command line, a group of commands a file; importing a file registers its commands.

Jobs are imported inside their command, so that `--help`, `status` and a run with nothing to do never wait
for torch or Ray.
"""

from pipelines.commands import (
    bundles,
    calibration,
    candidates,
    cluster,
    jobs,
    outputs,
    pages,
    population,
    reprocess,
)
from pipelines.commands.app import app

__all__ = [
    "app",
    "bundles",
    "calibration",
    "candidates",
    "cluster",
    "jobs",
    "outputs",
    "pages",
    "population",
    "reprocess",
]
