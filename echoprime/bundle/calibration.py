"""A calibration as a file: what a cohort of one's own says of each phenotype, in place of nothing.

    calibration = Calibration.read("calibration.json")
    bundle = with_calibration(bundle, calibration)

It is JSON that a person can read. Its SHA-256 is that of its content in canonical JSON. It stands in the
file, so that one that was changed by hand is told: its figures would belong to other numbers.
"""

from __future__ import annotations

import hashlib
import json
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path
from typing import Any

from echoprime.bundle.bundle import Bundle
from echoprime.bundle.calibrated import Conformal, Isotonic, Platt
from echoprime.bundle.phenotypes import CALIBRATION, LIMITS, Phenotype
from echoprime.errors import SettingError
from echoprime.storage import Location, canonical_json

FORMAT = 1
"""Version of the file; another one is refused."""

_AGAIN = "calibrate again (echoprime calibrate)"


@dataclass(frozen=True, kw_only=True)
class Calibration:
    """What the file holds.

    Attributes
    ----------
    made_from
        The interpretation's id, what its values rest on, settings and counts; nothing of any one study.
    phenotypes
        Name -> kind, mapping or half width, threshold, counts and figures: plain JSON values.
    left
        Name -> why a phenotype is left as it is.
    """

    made_from: Mapping[str, Any]
    phenotypes: Mapping[str, Mapping[str, Any]]
    left: Mapping[str, str]

    @property
    def sha256(self) -> str:
        """Of its content in canonical JSON, 64 hexadecimal digits."""
        return hashlib.sha256(canonical_json(self._content())).hexdigest()

    def _content(self) -> dict[str, Any]:
        return {
            "format": FORMAT,
            "made_from": self.made_from,
            "phenotypes": self.phenotypes,
            "left_as_they_are": self.left,
        }

    def write(self, file: Location) -> None:
        """Write all of it or nothing.

        Raises
        ------
        OSError
            The place cannot be written to.
        """
        text = json.dumps({"sha256": self.sha256, **self._content()}, indent=1, allow_nan=False)
        # a knot a line
        text = re.sub(r"\[\s+([-+.\de]+),\s+([-+.\de]+)\s+\]", r"[\1, \2]", text)
        file.write_bytes(f"{text}\n".encode())

    @staticmethod
    def is_one(file: Location) -> bool:
        """Whether a calibration lies there, of whatever version and however damaged: it may be replaced."""
        try:
            content = json.loads(file.read_bytes())
        except (OSError, ValueError):
            return False
        return isinstance(content, dict) and content.keys() >= {"format", "sha256", "phenotypes"}

    @classmethod
    def read(cls, file: str | Path | Location) -> Calibration:
        """Read and check the file.

        Parameters
        ----------
        file
            Its place: a path or an `s3://` address.

        Raises
        ------
        SettingError
            It is missing, none, of another version, or was changed after it was written.
        """
        file = Location.parse(file)
        file.require_reachable("--calibration", SettingError, must_exist=True)
        try:
            content = json.loads(file.read_bytes())
            version, sha256 = content["format"], content["sha256"]
        except (OSError, ValueError, KeyError, TypeError):
            raise SettingError(f"--calibration {file}: is no calibration; {_AGAIN}") from None
        if version != FORMAT:
            raise SettingError(
                f"--calibration {file}: format {version!r}, this version reads {FORMAT}; {_AGAIN}"
            )
        try:
            found = cls(
                made_from=content["made_from"],
                phenotypes=content["phenotypes"],
                left=content["left_as_they_are"],
            )
            whole = found.sha256 == sha256
            for each in found.phenotypes.values():
                _mapping(each)
        except (ValueError, KeyError, TypeError, AttributeError):
            whole = False
        if not whole:
            raise SettingError(
                f"--calibration {file}: is damaged, or was changed after it was written: its SHA-256 is "
                f"another; {_AGAIN}"
            )
        return found


def with_calibration(bundle: Bundle, calibration: Calibration, source: str = "--calibration") -> Bundle:
    """The bundle with what a calibration says: probabilities, intervals, and thresholds where it has them.

    Parameters
    ----------
    bundle
        Whose phenotypes the calibration may name; thresholds of those that it does not name stay.
    calibration
        From `Calibration.read`.
    source
        What messages begin with: the flag and the file.

    Raises
    ------
    SettingError
        The calibration names a phenotype that the bundle does not have, or of another kind.
    """
    kinds = {each.name: (each.kind, each.unit) for each in bundle.phenotypes}
    unknown = sorted(set(calibration.phenotypes) - set(kinds))
    if unknown:
        raise SettingError(
            f"{source}: {', '.join(unknown)} is no phenotype of bundle {bundle.name!r}; there are "
            f"{', '.join(kinds)}"
        )
    for name, each in calibration.phenotypes.items():
        if (each["kind"], each["unit"]) != kinds[name]:
            raise SettingError(
                f"{source}: {name} is {_said(each['kind'], each['unit'])} there and {_said(*kinds[name])} in "
                f"bundle {bundle.name!r}; {_AGAIN}"
            )
    phenotypes = tuple(_calibrated(each, calibration.phenotypes.get(each.name)) for each in bundle.phenotypes)
    return replace(bundle, phenotypes=phenotypes, calibration=calibration.sha256)


def _said(kind: str, unit: str) -> str:
    return f"{kind} in {unit}" if unit else kind


def _calibrated(phenotype: Phenotype, said: Mapping[str, Any] | None) -> Phenotype:
    if said is None:
        return phenotype
    mapping, threshold = _mapping(said)
    if threshold is None:
        return replace(phenotype, calibrated=mapping)
    return replace(phenotype, calibrated=mapping, threshold=threshold, threshold_from=CALIBRATION)


def _mapping(said: Mapping[str, Any]) -> tuple[Isotonic | Platt | Conformal, float | None]:
    """What a phenotype's entry maps with, and its threshold; ValueError where these are no such numbers."""
    if said["kind"] == "continuous":
        width = _finite(said["half_width"])
        _, highest = LIMITS.get(said["unit"], (0.0, math.inf))
        return Conformal(width, highest), None
    chosen = said["threshold"]["value"]
    threshold = None if chosen is None else _finite(chosen)
    if said["method"] == "platt":
        return Platt(_finite(said["slope"]), _finite(said["intercept"])), threshold
    values, probabilities = zip(*((_finite(x), _finite(p)) for x, p in said["knots"]), strict=True)
    rising = all(a < b for a, b in pairwise(values)) and all(a <= b for a, b in pairwise(probabilities))
    if said["method"] != "isotonic" or not rising or not 0 <= probabilities[0] <= probabilities[-1] <= 1:
        raise ValueError
    return Isotonic(values, probabilities), threshold


def _finite(value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise ValueError
    return float(value)
