"""A study's results on disk: every table as Parquet and CSV, what they were made with, and the page last."""

from __future__ import annotations

import io
import json
from importlib.metadata import version
from typing import Any

import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq

from echoprime.population.page import population_page
from echoprime.population.study import Population
from echoprime.storage import Location

PAGE = "population.html"
FACTS = "population.json"
PACKAGES = ("duckdb", "numpy", "pandas", "scipy", "statsmodels", "scikit-learn", "tableone", "matplotlib")


def write_population(result: Population, place: Location, *, interpretation: str) -> None:
    """Write OUT/populations/NAME; what an earlier study wrote there is replaced.

    The page goes first of the old files and comes last of the new ones: where it is, everything is.

    Parameters
    ----------
    result
        From `study_population`.
    place
        Folder or prefix.
    interpretation
        Name of the interpretation.
    """
    files: dict[str, bytes] = {}
    for name, table in result.tables.items():
        files[f"{name}.parquet"], files[f"{name}.csv"] = _parquet(table), _csv(table)
    files[FACTS] = json.dumps(facts(result, interpretation), indent=2, ensure_ascii=False).encode()
    page = population_page(result, interpretation=interpretation).encode()
    (place / PAGE).remove()
    for name, content in files.items():
        (place / name).write_bytes(content)
    (place / PAGE).write_bytes(page)


def facts(result: Population, interpretation: str) -> dict[str, Any]:
    """What the numbers were made with; no place and no name of a study or patient."""
    return {
        "interpretation": interpretation,
        "notice": "; ".join(result.phenotypes.notices),
        "calls_calibrated": result.phenotypes.calibrated,
        "cohort": {"file": result.cohort.source, "key": result.cohort.key, "rows": result.cohort.rows},
        "by": list(result.by),
        "known": result.known,
        "period": result.period,
        "least_count": result.least_count,
        "draws": result.bootstrap.draws,
        "seed": result.bootstrap.seed,
        "studies": len(result.analysed),
        "patients": result.analysed.patient_count,
        "seconds": {stage: round(seconds, 3) for stage, seconds in result.seconds.items()},
        "versions": {name: version(name) for name in PACKAGES},
    }


def _parquet(table: pa.Table) -> bytes:
    content = io.BytesIO()
    pq.write_table(table, content, compression="zstd")
    return content.getvalue()


def _csv(table: pa.Table) -> bytes:
    content = io.BytesIO()
    pyarrow.csv.write_csv(table, content)
    return content.getvalue()
