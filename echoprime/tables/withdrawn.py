"""Who was withdrawn from an output: salted hashes, so that the list itself names no one.

A hash says of an id that somebody has already whether it is on the list. Ids that can be guessed, such as
short numbers, can be tried one after the other by whoever has the file: keep it as you keep the tables.
"""

from __future__ import annotations

import hashlib
import json
import secrets
from collections.abc import Iterable
from dataclasses import dataclass, replace

from echoprime.errors import TableError
from echoprime.storage import Location

FILE = "withdrawn.json"
FORMAT = 1


@dataclass(frozen=True)
class Withdrawn:
    """Studies and patients that no run may bring back; see `read`.

    Attributes
    ----------
    salt
        32 hexadecimal digits, drawn once for an output.
    studies, patients
        Salted hashes of their ids.

    Examples
    --------
    >>> listed = Withdrawn("00" * 16).adding(studies=["s1"], patients=["p1"])
    >>> listed.names("s1"), listed.names("s2"), listed.names("s2", "p1")
    (True, False, True)
    >>> listed.lifting(studies=["s1"]).names("s1")
    False
    """

    salt: str
    studies: frozenset[str] = frozenset()
    patients: frozenset[str] = frozenset()

    @classmethod
    def read(cls, output: Location) -> Withdrawn:
        """The list of an output; an empty one where nobody was withdrawn.

        Raises
        ------
        TableError
            The list is damaged: without it somebody may come back unasked.
        """
        try:
            content = json.loads((output / FILE).read_bytes())
            if content["format"] != FORMAT:
                raise ValueError
            return cls(content["salt"], frozenset(content["studies"]), frozenset(content["patients"]))
        except FileNotFoundError:
            return cls(secrets.token_hex(16))
        except (ValueError, KeyError, TypeError):
            raise TableError(
                f"{output / FILE} is damaged: who was withdrawn is not known; bring it back from a copy"
            ) from None

    def write(self, output: Location) -> None:
        """Keep the list in an output, whole or not at all."""
        content = {
            "format": FORMAT,
            "salt": self.salt,
            "studies": sorted(self.studies),
            "patients": sorted(self.patients),
        }
        (output / FILE).write_bytes(json.dumps(content, indent=1).encode())

    def __bool__(self) -> bool:
        return bool(self.studies or self.patients)

    def names(self, study_id: str, patient_id: str | None = None) -> bool:
        """Whether a study is on the list, by itself or by its patient."""
        if self.studies and self._hash("study", study_id) in self.studies:
            return True
        return bool(self.patients and patient_id) and self._hash("patient", str(patient_id)) in self.patients

    def adding(self, studies: Iterable[str] = (), patients: Iterable[str] = ()) -> Withdrawn:
        """The list with these too."""
        return replace(
            self,
            studies=self.studies | self._hashes("study", studies),
            patients=self.patients | self._hashes("patient", patients),
        )

    def lifting(self, studies: Iterable[str] = (), patients: Iterable[str] = ()) -> Withdrawn:
        """The list without these."""
        return replace(
            self,
            studies=self.studies - self._hashes("study", studies),
            patients=self.patients - self._hashes("patient", patients),
        )

    def _hashes(self, what: str, ids: Iterable[str]) -> frozenset[str]:
        return frozenset(self._hash(what, each) for each in ids)

    def _hash(self, what: str, identifier: str) -> str:
        # surrogatepass: names of folders that are not UTF-8 are ids too
        text = f"{what}:{identifier}".encode("utf-8", "surrogatepass")
        return hashlib.blake2b(text, digest_size=16, key=bytes.fromhex(self.salt)).hexdigest()
