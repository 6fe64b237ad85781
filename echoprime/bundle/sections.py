"""Section weights: how much each view says about each section of a report (`sections.csv`)."""

from __future__ import annotations

import csv
import io
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from echoprime.errors import BundleError

VIEWS = (
    "A2C",
    "A3C",
    "A4C",
    "A5C",
    "Apical_Doppler",
    "Doppler_Parasternal_Long",
    "Doppler_Parasternal_Short",
    "Parasternal_Long",
    "Parasternal_Short",
    "SSN",
    "Subcostal",
)
"""The view classifier's outputs, in its order (README, "The method", 2)."""


@dataclass(frozen=True, eq=False)
class SectionWeights:
    """Weight of every view in every report section.

    Attributes
    ----------
    names
        Sections, in the order in which a report lists them (15 in the official release).
    weights
        float32 (sections, 11), finite, >= 0; columns in the order of `VIEWS`. Source:
        `MIL_weights.csv` of the release.
    """

    names: tuple[str, ...]
    weights: NDArray[np.float32]

    def to_csv(self) -> bytes:
        """As `sections.csv` holds it; float32 values come back to the bit."""
        out = io.StringIO()
        writer = csv.writer(out, lineterminator="\n")
        writer.writerow(["Section", *VIEWS])
        for name, row in zip(self.names, self.weights, strict=True):
            writer.writerow([name, *(str(value) for value in row)])
        return out.getvalue().encode()

    @classmethod
    def from_csv(cls, data: bytes, file: str = "sections.csv") -> SectionWeights:
        """Read a table whose first column names the section and whose others are the 11 views.

        Parameters
        ----------
        data
            CSV, UTF-8, with a header; the views' columns may stand in any order.
        file
            Its name, for errors.

        Raises
        ------
        BundleError
            On a missing or unknown view, a section named twice, or a value that is no weight.

        Examples
        --------
        >>> text = "Section," + ",".join(VIEWS) + "\\nAorta," + ",".join(["0.5"] * 11)
        >>> SectionWeights.from_csv(text.encode()).names
        ('Aorta',)
        """
        lines = [line for line in csv.reader(io.StringIO(data.decode("utf-8-sig"))) if line]
        if len(lines) < 2:
            raise BundleError(f"{file}: no sections in it; copy it from the release again")
        header = lines[0]
        missing = [view for view in VIEWS if view not in header[1:]]
        unknown = [view for view in header[1:] if view not in VIEWS]
        if missing or unknown or len(header) != len(VIEWS) + 1:
            raise BundleError(
                f"{file}: columns must be the section and the 11 views; "
                f"missing {missing}, unknown {unknown}: copy it from the release again"
            )
        names = tuple(line[0] for line in lines[1:])
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise BundleError(f"{file}: {twice[0]!r} stands in it twice; keep one row of each section")
        return cls(names, _weights(lines, [header.index(view) for view in VIEWS], file))


def _weights(lines: list[list[str]], columns: list[int], file: str) -> NDArray[np.float32]:
    """float32 (sections, 11) of the table's text, checked cell by cell."""
    weights = np.zeros((len(lines) - 1, len(columns)), np.float32)
    for row, line in enumerate(lines[1:]):
        if len(line) != len(lines[0]):
            raise BundleError(f"{file}: {line[0]!r} has {len(line)} cells, the header {len(lines[0])}")
        for column, cell in enumerate(columns):
            try:
                value = float(line[cell])
            except ValueError:
                value = float("nan")
            if not (0 <= value < float("inf")):
                raise BundleError(
                    f"{file}: {line[cell]!r} for {line[0]!r} in {VIEWS[column]} is no weight (a number >= 0)"
                )
            weights[row, column] = value
    weights.setflags(write=False)
    return weights
