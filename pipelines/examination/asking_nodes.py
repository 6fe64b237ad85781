"""One function called on every node of a cluster, and what came back from each."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from pipelines.ray_session import user_error_behind


@dataclass(frozen=True)
class Answers:
    """What came back from the nodes, by their names: results, errors in a line, and those that are late."""

    results: dict[str, Any]
    problems: dict[str, str]
    late: frozenset[str]


def on_each_node(
    nodes: Mapping[str, Any],
    task: Callable[..., Any],
    *words: Any,  # noqa: ANN401  # what the function takes
    seconds: float,
    gpus: float = 0.0,
) -> Answers:
    """Call a function on every node at once, each in a process of its own: what it takes can be seen there.

    Parameters
    ----------
    nodes
        Name -> what `ray.nodes()` says of it.
    task, words
        The function, which the nodes' package has too, and what it is called with.
    seconds
        After which those that have not answered are late, and given up.
    gpus
        Share of a GPU that each call asks for.
    """
    import ray
    from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

    ask = ray.remote(num_cpus=0, num_gpus=gpus, max_calls=1, max_retries=0)(task)
    asked = {
        ask.options(scheduling_strategy=NodeAffinitySchedulingStrategy(node["NodeID"], soft=False)).remote(
            *words
        ): name
        for name, node in nodes.items()
    }
    done, late = ray.wait(list(asked), num_returns=len(asked), timeout=seconds) if asked else ([], [])
    results, problems = {}, {}
    for reference in done:
        try:
            results[asked[reference]] = ray.get(reference)
        except ray.exceptions.RayError as error:
            problems[asked[reference]] = _line(error)
    for reference in late:
        ray.cancel(reference, force=True)
    return Answers(results, problems, frozenset(asked[reference] for reference in late))


def _line(error: Exception) -> str:
    """What went wrong there, in a line: the project's own words, or no more than what holds no path."""
    cause = getattr(error, "cause", None)  # Ray's own error has the traceback in its words
    if cause is None:
        return " ".join(str(error).split())[-200:]
    if (ours := user_error_behind(cause)) is not None:
        return str(ours)
    said = (
        cause.strerror if isinstance(cause, OSError) else str(cause) if isinstance(cause, ImportError) else ""
    )
    return f"{type(cause).__name__}: {said}" if said else type(cause).__name__
