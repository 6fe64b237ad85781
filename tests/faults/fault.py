"""What goes wrong with which requests."""

from __future__ import annotations

import random
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

from tests.faults.messages import Head

Mode = Literal[
    "slow_down",
    "internal_error",
    "expired_token",
    "reset",
    "lost_answer",
    "truncate",
    "corrupt",
    "latency",
    "throttle",
]
"""What goes wrong.

slow_down, internal_error
    503 SlowDown and 500 InternalError in the server's place; it never sees the request.
expired_token
    The same with 400 ExpiredToken, as a store answers to keys of a session that is over.
reset
    The connection is reset before the server sees the request.
lost_answer
    The server does what it is asked, then the connection is reset.
truncate
    Half of the body, then the connection is reset: of the request where it has a body, else of the answer.
corrupt
    One byte of that body is another.
latency
    The request waits for `amount` seconds, once, before it goes on.
throttle
    The answer's body comes at `amount` bytes a second.
"""


@dataclass
class Fault:
    """What befalls a share of the requests that match.

    Parameters
    ----------
    modes
        One, or several of which one is drawn each time.
    share
        0 to 1: how many of the matching requests are hit.
    methods, paths
        Regular expressions, searched for in the method and in the path with its query.
    keys
        The same, searched for in the header that names the access key.
    amount
        Seconds, or bytes a second; see `Mode`.
    seed
        Of the draws: the n-th matching request is hit or not, whatever came between.
    """

    modes: Mode | Sequence[Mode]
    share: float = 1.0
    methods: str = "."
    paths: str = "."
    keys: str = ""
    amount: float = 0.0
    seed: int = 0
    _random: random.Random = field(init=False, repr=False)

    def __post_init__(self) -> None:
        self.modes = (self.modes,) if isinstance(self.modes, str) else tuple(self.modes)
        self._random = random.Random(self.seed)

    def matches(self, head: Head) -> bool:
        """Whether a request is one of those that it speaks of."""
        return bool(
            re.search(self.methods, head.method)
            and re.search(self.paths, head.path)
            and re.search(self.keys, head.header("Authorization"))
        )

    def drawn(self) -> tuple[Mode | None, float]:
        """What happens to the next matching request, and where in its body (0 to 1)."""
        hit, which, where = (self._random.random() for _ in range(3))
        return (self.modes[int(which * len(self.modes))] if hit < self.share else None), where
