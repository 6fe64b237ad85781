"""StopSign: a file beside the plan that tells a run's actors to take nothing up any more.

Every actor reaches it, as it does the plan; whoever may write there can stop a run in order by putting it.
"""

from __future__ import annotations

import time

from echoprime.storage import Location

LOOK_SECONDS = 1.0
"""An actor looks so often at most: a bucket is asked over a network."""


class StopSign:
    """Of one run; travels to the actors.

    Parameters
    ----------
    plan
        The run's plan; the sign is beside it.

    Examples
    --------
    >>> StopSign(Location.parse("/out/runs/1/plan.parquet")).place.uri
    '/out/runs/1/stop'
    """

    def __init__(self, plan: Location) -> None:
        self.place = plan.parent / "stop"
        self._looked = float("-inf")
        self._seen = False

    def put(self) -> None:
        """Put it up.

        Raises
        ------
        OSError
            Nothing can be written there.
        """
        self.place.write_bytes(b"")

    def seen(self) -> bool:
        """Whether it is up; a store that does not answer says nothing."""
        now = time.monotonic()
        if not self._seen and now - self._looked >= LOOK_SECONDS:
            self._looked = now
            try:
                self._seen = self.place.exists()
            except OSError:
                return False
        return self._seen
