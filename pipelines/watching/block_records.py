"""What Ray Data remembers of blocks that are gone: forgotten, or the driver would grow with the archive.

Every stage keeps a record of each block that it ever gave out, node, times and sizes, for a summary at the
end of the execution that no job here asks for. An archive of 50,000,000 videos has some 19 million of them.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from pipelines.watching.scheduler_steps import at_each_step

KEPT = 100
"""Records that each stage keeps: its last ones."""

SECONDS = 1.0
"""Between two looks."""


def forget_blocks(executor: Any) -> None:  # noqa: ANN401  # Ray's
    """Cut each stage's records down to the last `KEPT`.

    Raises
    ------
    AttributeError, TypeError
        This Ray Data has other parts.
    """
    for operator in executor._topology:
        if operator.input_dependencies:  # what the first stage gives out is no block yet, and not recorded
            del operator._output_blocks_stats[:-KEPT]


@contextmanager
def forgetting_blocks(dataset: Any) -> Iterator[None]:  # noqa: ANN401  # a ray.data.Dataset
    """While this lasts, the stages of a dataset's execution forget blocks that are gone."""
    with at_each_step(dataset, SECONDS, look=forget_blocks, purpose="kept small"):
        yield
