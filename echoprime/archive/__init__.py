"""What lies in an archive, which study it belongs to, and what of it is still to do."""

from __future__ import annotations

from echoprime.archive.chunks import PLAN, Plan, open_plan, read_chunk, write_plan
from echoprime.archive.dicomweb_listing import DicomwebListing, StudyFilter
from echoprime.archive.entries import Entry
from echoprime.archive.failed_studies import studies_with_reasons
from echoprime.archive.known import KnownStudies
from echoprime.archive.listing import Listing
from echoprime.archive.manifest import STUDY_SOURCES, ManifestSummary, write_manifest
from echoprime.archive.manifest_file import Manifest, open_manifest
from echoprime.archive.plan import PlannedStudy, Planning, plan_studies, study_key
from echoprime.archive.same_files import files_key, table_files
from echoprime.archive.sample import StratifiedSample
from echoprime.archive.selection import read_patients, read_studies
from echoprime.archive.study_facts import StudyFacts

__all__ = [
    "PLAN",
    "STUDY_SOURCES",
    "DicomwebListing",
    "Entry",
    "KnownStudies",
    "Listing",
    "Manifest",
    "ManifestSummary",
    "Plan",
    "PlannedStudy",
    "Planning",
    "StratifiedSample",
    "StudyFacts",
    "StudyFilter",
    "files_key",
    "open_manifest",
    "open_plan",
    "plan_studies",
    "read_chunk",
    "read_patients",
    "read_studies",
    "studies_with_reasons",
    "study_key",
    "table_files",
    "write_manifest",
    "write_plan",
]
