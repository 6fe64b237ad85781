"""Where things lie: folders, S3 buckets and DICOMweb services through the same few functions."""

from __future__ import annotations

from echoprime.storage.fetching import UNTOLD
from echoprime.storage.hashing import JSON, canonical_hash, canonical_json
from echoprime.storage.inside import leads_out
from echoprime.storage.local_files import is_unfinished
from echoprime.storage.location import Location
from echoprime.storage.objects import read_beginning, read_object, read_range
from echoprime.storage.option_csv import read_option_csv
from echoprime.storage.packed_path import without_version
from echoprime.storage.space import free_bytes

__all__ = [
    "JSON",
    "UNTOLD",
    "Location",
    "canonical_hash",
    "canonical_json",
    "free_bytes",
    "is_unfinished",
    "leads_out",
    "read_beginning",
    "read_object",
    "read_option_csv",
    "read_range",
    "without_version",
]
