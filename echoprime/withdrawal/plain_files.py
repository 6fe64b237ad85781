"""Rows taken out of Parquet, CSV and JSON-lines files; all others stay as they are."""

from __future__ import annotations

import csv
import io
import json
import tempfile
from contextlib import suppress
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from echoprime.archive.chunks import FACTS
from echoprime.archive.manifest_file import STUDIES
from echoprime.interpretation.plain_candidates import METADATA
from echoprime.storage import Location
from echoprime.withdrawal.traces import NAMING, Traces


def take_out(place: Location, traces: Traces, *, dry_run: bool = False) -> int:
    """Take the rows of somebody out of a file, by its ending.

    Parameters
    ----------
    place
        `.parquet`, `.csv` or `.jsonl`. Rows are theirs by `study_id`, `study_key`, `patient_id` or `path`;
        lines of JSON by what they say.
    traces
        Who.
    dry_run
        Count alone.

    Returns
    -------
    int
        Rows that were taken out; 0 of a file that is not what its name says: the search looks at it.
    """
    with suppress(pa.ArrowInvalid, csv.Error):
        return _taken_out(place, traces, dry_run)
    return 0


def _taken_out(place: Location, traces: Traces, dry_run: bool) -> int:
    if place.name.endswith(".parquet"):
        return _from_parquet(place, traces, dry_run)
    text = place.read_bytes().decode("utf-8", "surrogateescape")
    lines = _lines(text)
    kept = _csv_kept(lines, traces) if place.name.endswith(".csv") else _json_kept(lines, traces)
    if kept is None or len("".join(kept)) == len(text):
        return 0
    if not dry_run:
        place.write_bytes("".join(kept).encode("utf-8", "surrogateescape"))
    return len(lines) - sum(part.count("\n") or 1 for part in kept)


def _lines(text: str) -> list[str]:
    """Lines with their ends. Not `splitlines`: for that U+2028 or a form feed within a value ends a line."""
    return list(io.StringIO(text, newline=""))


def _json_kept(lines: list[str], traces: Traces) -> list[str]:
    return [line for line in lines if not traces.in_text(line, paths=True)]


def _csv_kept(lines: list[str], traces: Traces) -> list[str] | None:
    """The lines of the rows that stay, as they were written; None = no column names anybody."""
    head = lines[0] if lines else ""
    delimiter = max(",;\t", key=head.count)
    reader = csv.reader(lines, delimiter=delimiter)
    header = [name.strip().lstrip("\ufeff").casefold() for name in next(reader, [])]
    naming = [(place, name) for place, name in enumerate(header) if name in NAMING]
    if not naming:
        return None
    kept, begin = lines[: reader.line_num], reader.line_num
    for row in reader:
        if not any(place < len(row) and traces.is_one(name, row[place]) for place, name in naming):
            kept += lines[begin : reader.line_num]
        begin = reader.line_num
    return kept


def _from_parquet(place: Location, traces: Traces, dry_run: bool) -> int:
    removed = 0
    with tempfile.TemporaryDirectory(prefix="echoprime-withdraw-") as folder:
        target = Path(folder) / "rows.parquet"
        with pq.ParquetFile(place.path, filesystem=place.arrow_filesystem) as file:
            naming = [name for name in file.schema_arrow.names if name in NAMING]
            if not naming or not (removed := _count(file, naming, traces)) or dry_run:
                return removed
            _rewrite(file, naming, traces, target)
        place.put_file(target)
    return removed


def _count(file: pq.ParquetFile, naming: list[str], traces: Traces) -> int:
    groups = (
        file.read_row_group(group, columns=naming, use_threads=False) for group in range(file.num_row_groups)
    )
    return sum(int(pc.sum(_theirs(rows, naming, traces)).as_py() or 0) for rows in groups)


def _rewrite(file: pq.ParquetFile, naming: list[str], traces: Traces, target: Path) -> None:
    """A row group stays one: a plan's are the chunks of its run."""
    schema = file.schema_arrow
    # of the footer: what a writer added last is not in the schema's own
    facts = {key: value for key, value in (file.metadata.metadata or {}).items() if key != b"ARROW:schema"}
    studies: set[str] = set()
    counts = {"studies": 0, "videos": 0, "bytes": 0}
    left = 0
    with pq.ParquetWriter(target, schema.remove_metadata(), compression="zstd") as writer:
        for group in range(file.num_row_groups):
            rows = file.read_row_group(group, use_threads=False)
            rows = rows.filter(pc.invert(_theirs(rows, naming, traces))).replace_schema_metadata(None)
            left += rows.num_rows
            if rows.num_rows:
                writer.write_table(rows, row_group_size=rows.num_rows)
            if STUDIES in facts:
                studies.update(rows["study_id"].to_pylist())
                _add(counts, rows)
        counts["studies"] = len(studies)
        recounted = {
            f"echoprime.{name}": str(counts[name])
            for name in FACTS
            if name in counts and f"echoprime.{name}".encode() in facts
        }
        if METADATA in facts:
            facts[METADATA] = _with_withdrawn(facts[METADATA], file.metadata.num_rows - left)
        kept = {key.decode(): value.decode() for key, value in facts.items()}
        writer.add_key_value_metadata({**kept, **recounted})


def _with_withdrawn(facts: bytes, rows: int) -> bytes:
    """An exported set's file says how many of its rows went, so that the rest is not taken for a part."""
    try:
        said = json.loads(facts)
        return json.dumps({**said, "withdrawn": said.get("withdrawn", 0) + rows}, sort_keys=True).encode()
    except (ValueError, TypeError, AttributeError):
        return facts


def _add(counts: dict[str, int], rows: pa.Table) -> None:
    if "videos" in rows.schema.names:
        videos = pc.list_flatten(rows["videos"])
        counts["videos"] += len(videos)
        counts["bytes"] += pc.sum(pc.struct_field(videos, "size")).as_py() or 0


def _theirs(rows: pa.Table, naming: list[str], traces: Traces) -> pa.ChunkedArray:
    found = pa.chunked_array([pa.repeat(False, rows.num_rows)])
    for name in naming:
        found = pc.or_(found, pc.fill_null(traces.in_column(name, rows[name]), False))
    return found
