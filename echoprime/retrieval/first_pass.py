"""Which filter a shard's searches begin with, and when it is made."""

from __future__ import annotations

from pathlib import Path
from threading import Lock

from echoprime.errors import SettingError
from echoprime.retrieval.coordinates import Moments, WholeRows, principal_directions
from echoprime.retrieval.filters import Filter, FilterName, Float32Filter, require_filter
from echoprime.retrieval.parts import Rows
from echoprime.retrieval.principal import PrincipalFilter

LEAST_ROWS = 16_384
"""Of fewer rows the whole product takes so little that a filter saves nothing."""

PAYS_AFTER = 240
"""Queries, sixteen studies, after which `auto` prepares a filter: it costs half to twice what they do."""

FEW = 1 / 8
"""Share of a row's numbers: multiplying so many in float32 costs half of what all in int8 do, and fewer in
int8 save nothing."""

MOST_REST = 0.15
"""Of `principal_directions` in float32: measured on drawn rows, with fewer or more a search takes longer."""

MOST_REST_INT8 = 0.08
"""In int8, where more numbers cost less."""

MOST_NORM = 1e18
"""Of rows longer than 1.8e19 squares overflow in float32: filters that take them could lose a neighbour."""

CPU_FLAGS = frozenset(("avx512_vnni", "avx_vnni", "amx_int8"))
"""Linux's names of what multiplies whole numbers of 8 bits faster than float32."""

_CPU = Path("/proc/cpuinfo")


class FirstPass:
    """The filter of one shard; made once, by the search that first needs it.

    Parameters
    ----------
    rows
        The shard's.
    largest_norm
        No row is longer.
    name
        `float32`: nothing is prepared, and no memory taken. `principal`: the rows' coordinates on their
        principal directions. `int8`: the same in whole numbers of 8 bits, or all numbers of a row where few
        directions leave too much. `auto`: float32 first; after `PAYS_AFTER` queries `principal` where few
        directions hold the rows, else `int8` where the cores have it, else `principal` where half as many
        directions as numbers do.
        Whatever was asked for, float32 where rows may be longer than `MOST_NORM`.

    Raises
    ------
    SettingError
        There is no such filter.
    """

    def __init__(self, rows: Rows, largest_norm: float, name: FilterName) -> None:
        require_filter(name)
        self._rows = rows
        self._largest_norm = largest_norm
        self._name = name
        self._whole = Float32Filter(rows, largest_norm)
        self._made: Filter | None = None
        self._asked = 0
        self._lock = Lock()

    def of(self, queries: int) -> Filter:
        """The filter for a batch of so many queries."""
        with self._lock:
            self._asked += queries
            if self._name == "auto" and self._asked < PAYS_AFTER:
                return self._made or self._whole
            return self._filter()

    def prepare(self) -> None:
        """Make the filter now, whatever has been asked."""
        with self._lock:
            self._filter()

    def _filter(self) -> Filter:
        if self._made is None:
            self._made = self._make() or self._whole
        return self._made

    def _make(self) -> Filter | None:
        short = len(self._rows) < (LEAST_ROWS if self._name == "auto" else 1)
        if short or self._name == "float32" or not self._largest_norm <= MOST_NORM:
            return None
        moments = Moments(self._rows)
        if self._name == "int8":
            return self._int8(moments)
        found = principal_directions(moments, self._largest_norm, MOST_REST, wanted=self._name == "principal")
        few = found is not None and found.width <= FEW * len(moments.matrix)
        if self._name == "auto" and not few and has_int8():
            try:
                return self._int8(moments)
            except SettingError:
                pass
        return None if found is None else PrincipalFilter(self._rows, found)

    def _int8(self, moments: Moments) -> Filter:
        # imports torch, 260 MB in every shard's process
        from echoprime.retrieval.int8 import Int8Filter

        found = principal_directions(moments, self._largest_norm, MOST_REST_INT8, least=FEW)
        whole = WholeRows(len(moments.matrix), self._largest_norm)
        return Int8Filter(self._rows, found or whole)


def has_int8() -> bool:
    """Whether this machine's cores multiply such numbers in hardware, as Linux says; elsewhere False."""
    try:
        lines = _CPU.read_text().splitlines()
    except OSError:
        return False
    flags = next((line for line in lines if line.startswith("flags")), "")
    return not CPU_FLAGS.isdisjoint(flags.split())
