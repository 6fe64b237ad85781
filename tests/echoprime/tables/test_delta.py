"""Study tables: the newest row counts, nothing is lost, and a table of other settings is refused."""

from __future__ import annotations

import json
import multiprocessing
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import deltalake
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from echoprime.errors import TableError
from echoprime.storage import Location, canonical_hash
from echoprime.tables import (
    ENCODINGS,
    INTERPRETATIONS_VERSION,
    SCHEMA_VERSION,
    StudyTable,
    interpretations,
    newest_rows,
    table_exists,
)
from echoprime.tables.files import read_rows
from echoprime.tables.opening import WRITER_PROPERTIES, in_one_line

IDENTITY = {"encoding_id": "ab", "precision": "fp32", "weights": {"encoder": "11", "views": "22"}}


def encodings(
    studies: dict[str, str], videos: int = 1, status: str = "complete", run_id: str = "run"
) -> pa.Table:
    """Rows as the job makes them: `studies` maps study_id to study_key."""
    rows = [
        {
            "study_id": study,
            "study_key": key,
            "study_kind": "unknown",
            "status": status,
            "videos": [{"path": f"{study}/{n}", "size": n, "outcome": "encoded"} for n in range(videos)],
            "embeddings": [[float(n)] * 512 for n in range(videos)],
            "view_probabilities": [[1 / 11] * 11 for _ in range(videos)],
            "encoding_id": "ab",
            "run_id": run_id,
        }
        for study, key in studies.items()
    ]
    return pa.Table.from_pylist(
        rows, schema=pa.schema([field for field in ENCODINGS if field.name != "written_at"])
    )


def content(table: StudyTable) -> dict[str, str]:
    return dict(zip(*table.newest(["study_id", "study_key"]).to_pydict().values(), strict=True))


def test_the_newest_row_of_a_study_counts(place: Location) -> None:
    table = StudyTable.open(place / "encodings", ENCODINGS, identity=IDENTITY)
    assert table.newest().schema.equals(ENCODINGS)
    assert table.newest().num_rows == 0
    table.append(encodings({"b": "1", "a": "1", "c": "1"}))
    table.append(encodings({"a": "2"}, videos=3))
    assert content(table) == {"a": "2", "b": "1", "c": "1"}
    assert table.keys().num_rows == 4
    newest = table.newest()
    assert newest.schema.equals(ENCODINGS)
    assert newest["study_id"].to_pylist() == ["a", "b", "c"]
    assert newest["embeddings"][0].as_py() == [[float(n)] * 512 for n in range(3)]
    assert newest["videos"][0].as_py()[2]["path"] == "a/2"
    assert table.newest(["study_key"]).to_pydict() == {"study_key": ["2", "1", "1"]}

    assert table.drop_superseded() == 1
    assert table.drop_superseded() == 0
    assert table.keys().num_rows == 3
    assert content(table) == {"a": "2", "b": "1", "c": "1"}
    assert table.newest().schema.equals(ENCODINGS)


def test_content_that_comes_back_is_the_newest(place: Location) -> None:
    """The same key twice: neither `newest` nor the merge may take one for the other."""
    table = StudyTable.open(place / "encodings", ENCODINGS, identity=IDENTITY)
    for key, status in (("1", "incomplete"), ("2", "complete"), ("1", "complete")):
        table.append(encodings({"a": key}, status=status))
    assert table.newest(["study_key", "status"]).to_pylist() == [{"study_key": "1", "status": "complete"}]
    assert table.drop_superseded() == 2
    assert table.newest(["study_key", "status"]).to_pylist() == [{"study_key": "1", "status": "complete"}]


def test_keys_address_rows(tmp_path) -> None:
    table = StudyTable.open(Location.parse(tmp_path / "a b/t"), ENCODINGS, identity=IDENTITY)
    table.append(encodings({f"s{n:04d}": f"{n}" for n in range(600)}))
    table.append(encodings({f"t{n:04d}": f"{n}" for n in range(10)}))
    keys = table.keys()
    assert keys.schema.names[-3:] == ["file", "row_group", "row_in_group"]
    assert keys["row_in_group"].to_numpy().max() < 256
    for row in keys.take([0, 255, 256, 599, 600, 609]).to_pylist():
        with pq.ParquetFile(row["file"], filesystem=table.location.arrow_filesystem) as file:
            group = file.read_row_group(row["row_group"], columns=["study_id"])
        assert group["study_id"][row["row_in_group"]].as_py() == row["study_id"]


def test_stamps_rise_whatever_the_clock_says(tmp_path, monkeypatch: pytest.MonkeyPatch) -> None:
    from echoprime.tables import delta

    location = Location.parse(tmp_path / "t")
    StudyTable.open(location, ENCODINGS, identity=IDENTITY).append(encodings({"a": "1"}))

    class Backwards(datetime):
        @classmethod
        def now(cls, tz=None):
            return datetime.now(UTC) - timedelta(days=1)

    monkeypatch.setattr(delta, "datetime", Backwards)
    for key in ("2", "3"):
        StudyTable.open(location, ENCODINGS, identity=IDENTITY).append(encodings({"a": key}))
    table = StudyTable.open(location, ENCODINGS, identity=IDENTITY)
    table.append(encodings({"a": "4"}))
    table.append(encodings({"a": "5"}))
    assert content(table) == {"a": "5"}
    stamps = table.keys()["written_at"].to_pylist()
    assert len(set(stamps)) == 5


def test_another_identity_is_refused_and_named(place: Location) -> None:
    location = place / "encodings"
    StudyTable.open(location, ENCODINGS, identity=IDENTITY)
    again = StudyTable.open(location, ENCODINGS, identity=json.loads(json.dumps(IDENTITY)))
    assert again.identity == IDENTITY
    other = {"encoding_id": "cd", "precision": "bf16", "weights": {"encoder": "11", "views": "33"}}
    with pytest.raises(TableError) as caught:
        StudyTable.open(location, ENCODINGS, identity=other)
    said = str(caught.value)
    assert 'precision is "fp32" there and "bf16" here' in said
    assert 'weights.views is "22" there and "33" here' in said
    assert "weights.encoder" not in said
    assert "another --output or --name" in said
    assert "\n" not in said


def test_what_is_not_there_is_refused_or_made(place: Location) -> None:
    location = place / "encodings"
    assert not table_exists(location)
    with pytest.raises(TableError, match="there is no table at"):
        StudyTable.open(location, ENCODINGS, identity=IDENTITY, create=False)
    with pytest.raises(TableError, match="there is no table at"):
        StudyTable.existing(location)
    assert not table_exists(location)
    StudyTable.open(location, ENCODINGS, identity=IDENTITY).append(encodings({"a": "1"}))
    assert table_exists(location)
    assert content(StudyTable.existing(location)) == {"a": "1"}
    assert StudyTable.existing(location).identity == IDENTITY


def test_tables_of_others_are_refused(tmp_path, monkeypatch: pytest.MonkeyPatch) -> None:
    foreign = tmp_path / "foreign"
    deltalake.write_deltalake(foreign, pa.table({"a": [1]}))
    with pytest.raises(TableError, match="was not written by echoprime"):
        StudyTable.open(Location.parse(foreign), ENCODINGS, identity=IDENTITY)
    ours = Location.parse(tmp_path / "ours")
    StudyTable.open(ours, ENCODINGS, identity=IDENTITY)
    with pytest.raises(TableError, match=r"has other columns"):
        StudyTable.open(ours, interpretations(["tavr"], []), identity=IDENTITY)
    monkeypatch.setattr("echoprime.tables.opening.schema_version", lambda columns: SCHEMA_VERSION + 1)
    expected = f"has schema version {SCHEMA_VERSION}, this software writes {SCHEMA_VERSION + 1}"
    with pytest.raises(TableError, match=expected):
        StudyTable.open(ours, ENCODINGS, identity=IDENTITY)
    (tmp_path / "damaged/_delta_log").mkdir(parents=True)
    (tmp_path / "damaged/_delta_log/00000000000000000000.json").write_text("{")
    with pytest.raises(TableError, match="cannot be opened") as caught:
        StudyTable.open(Location.parse(tmp_path / "damaged"), ENCODINGS, identity=IDENTITY)
    assert "\n" not in str(caught.value)


def test_a_new_version_of_interpretations_leaves_encodings_readable(
    tmp_path, monkeypatch: pytest.MonkeyPatch
) -> None:
    encoded, interpreted = (Location.parse(tmp_path / name) for name in ("encodings", "interpretations"))
    columns = interpretations(["tavr"], [])
    StudyTable.open(encoded, ENCODINGS, identity=IDENTITY)
    StudyTable.open(interpreted, columns, identity=IDENTITY)
    monkeypatch.setattr("echoprime.tables.schema.INTERPRETATIONS_VERSION", INTERPRETATIONS_VERSION + 1)
    assert StudyTable.existing(encoded).identity == IDENTITY
    with pytest.raises(TableError, match=f"has schema version {INTERPRETATIONS_VERSION}"):
        StudyTable.open(interpreted, columns, identity=IDENTITY)


def test_what_deltalake_says_is_one_line_without_the_endpoint_s_password() -> None:
    """Of a port where nothing listens, by deltalake itself."""
    options = {
        "AWS_ENDPOINT_URL": "http://user:secret@127.0.0.1:9",
        "AWS_ALLOW_HTTP": "true",
        "AWS_ACCESS_KEY_ID": "key",
        "AWS_SECRET_ACCESS_KEY": "other",
        "AWS_REGION": "us-east-1",
        "max_retries": "0",
    }
    with pytest.raises(OSError, match="user:secret@") as caught:
        deltalake.DeltaTable("s3://bucket/table", storage_options=options)
    said = in_one_line(caught.value)
    assert "http://127.0.0.1:9/bucket/table" in said
    assert said.isprintable()


@pytest.mark.parametrize("name", ["a%20b", "a[b", "a\\b"])
def test_names_that_delta_mangles_are_refused(tmp_path, name: str) -> None:
    with pytest.raises(TableError, match="a table cannot lie at"):
        StudyTable.open(Location.parse(tmp_path / name), ENCODINGS, identity=IDENTITY)


@pytest.mark.parametrize("name", ["a b", "é", "a#b", "a?b", "a+b&c"])
def test_names_that_users_give(tmp_path, name: str) -> None:
    location = Location.parse(tmp_path / name)
    StudyTable.open(location, ENCODINGS, identity=IDENTITY).append(encodings({"a": "1"}))
    table = StudyTable.open(location, ENCODINGS, identity=IDENTITY)
    table.append(encodings({"a": "2"}))
    assert table.drop_superseded() == 1
    table.compact()
    assert content(table) == {"a": "2"}


def test_rows_that_do_not_fit_are_refused_at_once(tmp_path) -> None:
    table = StudyTable.open(Location.parse(tmp_path / "t"), ENCODINGS, identity=IDENTITY)
    with pytest.raises(ValueError, match="study_key"):
        table.append(encodings({"a": "1"}).drop_columns(["study_key"]))
    with pytest.raises(TableError, match="no column 'nothing'"):
        table.newest(["nothing"])
    assert table.versions == 1


def test_compaction_keeps_rows_and_undisturbed_readers(place: Location) -> None:
    table = StudyTable.open(place / "encodings", ENCODINGS, identity=IDENTITY)
    for number in range(12):
        table.append(encodings({f"s{number}": "1"}))
    before, reader = table.newest(), StudyTable.existing(place / "encodings")
    batches = reader.newest_batches(["study_id"])
    first = next(batches)
    assert table.file_count == 12
    table.compact()
    assert table.file_count == 1
    assert table.newest().equals(before)
    assert first.num_rows + sum(batch.num_rows for batch in batches) == 12
    assert table.vacuum() == 0
    assert table.vacuum(days=0) == 12
    assert table.newest().equals(before)


def test_row_groups_stay_small(tmp_path) -> None:
    """Whoever writes the file: an append, a merge, a compaction."""
    table = StudyTable.open(Location.parse(tmp_path / "t"), ENCODINGS, identity=IDENTITY)
    table.append(encodings({f"s{n:04d}": "1" for n in range(700)}))
    table.append(encodings({f"s{n:04d}": "2" for n in range(350)}))
    for change in (lambda: None, table.drop_superseded, table.compact):
        change()
        assert table.keys()["row_in_group"].to_numpy().max() <= 255
    assert table.newest(["study_key"])["study_key"].to_pylist() == ["2"] * 350 + ["1"] * 350


def test_commits_name_their_run(tmp_path) -> None:
    table = StudyTable.open(Location.parse(tmp_path / "t"), ENCODINGS, identity=IDENTITY)
    table.append(encodings({"a": "1"}, run_id="20261124-083842-ab12cd"))
    (newest, _) = deltalake.DeltaTable(tmp_path / "t").history()
    assert newest["run_id"] == "20261124-083842-ab12cd"


@pytest.mark.parametrize("change", ["mark", "drop"])
def test_some_rows_are_read_after_a_merge(tmp_path, change: str) -> None:
    """Merges write `string_view`, in nested columns too; Arrow cannot take rows of it."""
    table = StudyTable.open(Location.parse(tmp_path / "t"), ENCODINGS, identity=IDENTITY)
    table.append(encodings({f"s{n}": "1" for n in range(6)}, videos=2))
    before = table.newest()
    if change == "mark":
        gone = newest_rows(table.keys()).select(["study_id", "written_at"]).slice(0, 1)
        assert table.mark(gone.append_column("status", pa.array(["vanished"]))) == 1
    else:
        table.append(encodings({"s0": "2"}))
        assert table.drop_superseded() == 1
    chosen = newest_rows(table.keys()).slice(2, 3)
    found = pa.concat_tables(
        rows.select(ENCODINGS.names).cast(ENCODINGS)
        for rows in read_rows(table.location, chosen, ENCODINGS.names)
    )
    assert found.sort_by("study_id").equals(before.slice(2, 3))
    # What a run that was killed before it dropped the rows that it had replaced leaves behind.
    table.append(encodings({"s5": "3"}))
    assert content(table)["s5"] == "3"


def test_embeddings_are_not_read_unless_asked_for(tmp_path, monkeypatch: pytest.MonkeyPatch) -> None:
    table = StudyTable.open(Location.parse(tmp_path / "t"), ENCODINGS, identity=IDENTITY)
    table.append(encodings({"a": "1"}))
    asked: list[str] = []
    original = pq.ParquetFile.read_row_group

    def read_row_group(self, group, columns=None, **options):
        asked.extend(columns)
        return original(self, group, columns=columns, **options)

    monkeypatch.setattr(pq.ParquetFile, "read_row_group", read_row_group)
    table.newest(["study_key", "videos"])
    assert sorted(asked) == ["study_id", "study_key", "videos"]


def test_a_lost_answer_does_not_write_twice(tmp_path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The commit stands, the answer is lost: the retry must see it."""
    table = StudyTable.open(Location.parse(tmp_path / "t"), ENCODINGS, identity=IDENTITY)
    original, calls = deltalake.write_deltalake, []

    def write_then_fail(*arguments, **options):
        original(*arguments, **options)
        calls.append(1)
        raise OSError("connection reset")

    monkeypatch.setattr(deltalake, "write_deltalake", write_then_fail)
    table.append(encodings({"a": "1"}))
    assert len(calls) == 1
    monkeypatch.undo()
    table.append(encodings({"b": "1"}))
    assert table.keys()["study_id"].to_pylist().count("a") == 1
    assert table.keys().num_rows == 2


def _append(location: Location, name: str, count: int, ready, go) -> None:
    table = StudyTable.open(location, ENCODINGS, identity=IDENTITY)
    ready.release()
    go.wait()
    for number in range(count):
        table.append(encodings({f"{name}-{number}": "1", "shared": f"{name}{number}"}))


def test_two_processes_append_and_a_third_deletes_and_compacts(place: Location) -> None:
    location = place / "encodings"
    table = StudyTable.open(location, ENCODINGS, identity=IDENTITY)
    spawn = multiprocessing.get_context("spawn")
    ready, go = spawn.Semaphore(0), spawn.Event()
    writers = [spawn.Process(target=_append, args=(location, name, 8, ready, go)) for name in "ab"]
    for writer in writers:
        writer.start()
    for _ in writers:
        assert ready.acquire(timeout=60)
    go.set()
    while any(writer.is_alive() for writer in writers):
        table.compact()
        table.drop_superseded()
    for writer in writers:
        writer.join()
        assert writer.exitcode == 0
    table.drop_superseded()
    studies = table.keys()["study_id"].to_pylist()
    assert sorted(studies) == sorted(
        ["shared", *(f"{name}-{number}" for name in "ab" for number in range(8))]
    )


def test_threads_open_a_new_table_at_once(tmp_path) -> None:
    location = Location.parse(tmp_path / "t")
    with ThreadPoolExecutor(4) as pool:
        tables = list(pool.map(lambda _: StudyTable.open(location, ENCODINGS, identity=IDENTITY), range(4)))
    for number, table in enumerate(tables):
        table.append(encodings({f"s{number}": "1"}))
    assert len(content(tables[0])) == 4


@given(
    st.lists(st.tuples(st.sampled_from("abc"), st.integers(0, 4)), max_size=20),
)
def test_newest_rows_against_a_dict(rows: list[tuple[str, int]]) -> None:
    stamps = {}
    for study, stamp in rows:
        stamps[study] = max(stamp, stamps.get(study, 0))
    table = pa.table(
        {
            "study_id": pa.array([study for study, _ in rows], pa.string()),
            "written_at": pa.array([stamp for _, stamp in rows], pa.int64()),
        }
    )
    found = newest_rows(table)
    assert found["study_id"].to_pylist() == sorted(stamps)
    assert dict(zip(*found.to_pydict().values(), strict=True)) == stamps


@settings(max_examples=10, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(st.dictionaries(st.sampled_from("abcdef"), st.text("xyz", min_size=1, max_size=2)), max_size=6)
)
def test_appends_act_like_a_dict(tmp_path_factory, commits: list[dict[str, str]]) -> None:
    table = StudyTable.open(Location.parse(tmp_path_factory.mktemp("t") / "t"), ENCODINGS, identity=IDENTITY)
    expected: dict[str, str] = {}
    for commit in commits:
        table.append(encodings(commit))
        expected |= commit
    assert content(table) == expected
    removed = table.drop_superseded()
    assert removed == sum(map(len, commits)) - len(expected)
    assert content(table) == expected
    assert table.keys().num_rows == len(expected)


def many_small_files(table: StudyTable, begin: int, rows: int) -> None:
    """Rows in files of 1,024, in one commit; the wide columns are empty, since they are not read."""
    numbers = range(begin, begin + rows)
    columns = {
        "study_id": [f"study-{n:08d}" for n in numbers],
        "study_key": [canonical_hash(n) for n in numbers],
        "study_kind": ["unknown"] * rows,
        "status": ["complete"] * rows,
        "encoding_id": ["ab"] * rows,
        "run_id": ["run"] * rows,
        "written_at": [begin] * rows,
    }
    lists = ("videos", "embeddings", "view_probabilities")
    arrays = [
        pa.array(columns.get(field.name, [[] if field.name in lists else None] * rows), field.type)
        for field in ENCODINGS
    ]
    deltalake.write_deltalake(
        table.location.path,
        pa.Table.from_arrays(arrays, schema=ENCODINGS),
        mode="append",
        target_file_size=1,
        writer_properties=WRITER_PROPERTIES,
    )


@pytest.mark.slow
def test_keys_of_a_million_rows_in_many_files(tmp_path, capsys: pytest.CaptureFixture[str]) -> None:
    location = Location.parse(tmp_path / "t")
    for begin in range(0, 1_000_000, 100_000):
        many_small_files(StudyTable.open(location, ENCODINGS, identity=IDENTITY), begin, 100_000)
    marks = [time.perf_counter()]
    table = StudyTable.existing(location)
    files = table.file_count
    marks.append(time.perf_counter())
    keys = table.keys()
    marks.append(time.perf_counter())
    assert newest_rows(keys).num_rows == 1_000_000
    marks.append(time.perf_counter())
    table.compact()
    marks.append(time.perf_counter())
    assert table.keys().num_rows == 1_000_000
    marks.append(time.perf_counter())
    opened, read, newest, compacted, again = np.diff(marks)
    with capsys.disabled():
        print(  # noqa: T201  # the figure is what this test is for
            f"\n1,000,000 keys in {files} files: open {opened:.1f} s, read {read:.1f} s, "
            f"newest {newest:.1f} s; "
            f"compaction {compacted:.1f} s, then in {table.file_count} files read {again:.1f} s"
        )
    assert files > 900
    assert read < 60
