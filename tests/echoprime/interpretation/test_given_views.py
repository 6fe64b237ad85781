"""Views that a user has of his videos: read, refused in one line, and found for the videos they are of."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from echoprime.archive import open_manifest, write_manifest
from echoprime.bundle import VIEWS
from echoprime.errors import UserError
from echoprime.interpretation import GivenViews, match_views, read_given_views, require_listed
from echoprime.retrieval import NO_VIEW
from echoprime.storage import Location


@pytest.fixture
def scratch(tmp_path: Path) -> Path:
    (tmp_path / "scratch").mkdir()
    return tmp_path / "scratch"


def read(scratch: Path, table: str, names: str | None = None) -> GivenViews:
    place = scratch.parent / "views.csv"
    place.write_text(table)
    mapping = None
    if names is not None:
        mapping = scratch.parent / "names.csv"
        mapping.write_text(names)
    return read_given_views(
        Location.parse(place), None if mapping is None else Location.parse(mapping), VIEWS, scratch
    )


def studies(*videos: tuple[str, list[tuple[str, str]]]) -> list[pa.Table]:
    """Rows of the encodings, one batch a study: (study_id, [(path, outcome), ...])."""
    return [
        pa.table(
            {
                "study_id": [study],
                "videos": pa.array(
                    [[{"path": path, "outcome": outcome} for path, outcome in each]],
                    pa.list_(pa.struct([("path", pa.string()), ("outcome", pa.string())])),
                ),
            }
        )
        for study, each in videos
    ]


TWO = [
    ("s1", [("s1/a", "encoded"), ("s1/b", "failed"), ("s1/c", "encoded")]),
    ("s2", [("s2/a", "skipped")]),
    ("s3", [("s3/a", "encoded"), ("s3/b", "encoded")]),
]


def test_every_encoded_video_gets_its_row(scratch: Path) -> None:
    table = read(
        scratch,
        "view,path,by\nPLAX,s3/b,x\nA4C,s1/a,y\nA2C,s1/b,y\nnone of ours,s1/c,z\nA2C,elsewhere,z\n",
        "view,echoprime_view\nPLAX,Parasternal_Long\nnone of ours,\n",
    )
    found = match_views(table, studies(*TWO), scratch)
    a4c, plax = VIEWS.index("A4C"), VIEWS.index("Parasternal_Long")
    assert found.views.to_pylist() == [[a4c, NO_VIEW], [], [None, plax]]
    assert (found.given, found.not_given) == (3, 1)


def test_a_name_of_the_bundle_may_mean_another(scratch: Path) -> None:
    table = read(scratch, "path,view\ns1/a,A4C\n", "view,echoprime_view\nA4C,A5C\n")
    assert match_views(table, studies(*TWO), scratch).views[0][0].as_py() == VIEWS.index("A5C")


def test_the_most_probable_row_counts(scratch: Path) -> None:
    table = read(
        scratch,
        "path,view,probability\n"
        "s1/a,A2C,0.4\ns1/a,A4C,0.6\n"  # the larger
        "s1/c,SSN,0.5\ns1/c,A3C,0.5\n"  # equal: the first in the bundle's order
        "s3/a,A2C,\ns3/a,A5C,0\n"  # a known one before an unknown one
        "s3/b,A5C,\ns3/b,A5C,\n",
    )
    found = match_views(table, studies(*TWO), scratch)
    named = [[VIEWS[view] for view in each] for each in found.views.to_pylist()]
    assert named == [["A4C", "A3C"], [], ["A5C", "A5C"]]


def test_equal_paths_of_several_studies_are_told_apart(scratch: Path) -> None:
    asked = studies(("s1", [("a", "encoded")]), ("s2", [("a", "encoded")]), ("s3", [("a", "encoded")]))
    table = read(scratch, "path,study_id,view\na,s2,A4C\na,s1,A2C\n")
    found = match_views(table, asked, scratch)
    assert found.views.to_pylist() == [[VIEWS.index("A2C")], [VIEWS.index("A4C")], [None]]


def test_several_views_without_a_probability_are_refused(scratch: Path) -> None:
    table = read(scratch, "path,view\ns1/a,A2C\ns1/a,A4C\nother,A2C\nother,A4C\n")
    with pytest.raises(UserError, match=r"views\.csv: 1 videos have rows of several views"):
        match_views(table, studies(*TWO), scratch)


@settings(max_examples=20, deadline=None)
@given(
    rows=st.lists(
        st.tuples(
            st.integers(0, 5), st.integers(0, 10), st.one_of(st.none(), st.sampled_from([0.0, 0.5, 1.0]))
        ),
        min_size=1,
        max_size=20,
    )
)
def test_a_parquet_table_is_read_like_a_csv(
    tmp_path_factory: pytest.TempPathFactory, rows: list[tuple[int, int, float | None]]
) -> None:
    place = tmp_path_factory.mktemp("views")
    columns = {
        "path": [f"s/{video}" for video, _, _ in rows],
        "view": [VIEWS[view] for _, view, _ in rows],
        "probability": [probability for _, _, probability in rows],
    }
    table = pa.table(
        columns,
        schema=pa.schema([("path", pa.string()), ("view", pa.string()), ("probability", pa.float32())]),
    )
    table = table.set_column(1, "view", table["view"].dictionary_encode())
    pq.write_table(table, place / "v.parquet")
    asked = studies(("s", [(f"s/{number}", "encoded") for number in range(6)]))

    def found() -> Any:
        given_views = read_given_views(Location.parse(place / "v.parquet"), None, VIEWS, place)
        return match_views(given_views, asked, place).views.to_pylist()

    best: dict[int, tuple[float, int]] = {}
    unclear = set()
    for video, view, probability in rows:
        rank = (-1.0 if probability is None else probability, -view)
        best[video] = max(best.get(video, rank), rank)
    for video, (chance, _) in best.items():
        if chance < 0 and len({view for which, view, _ in rows if which == video}) > 1:
            unclear.add(video)
    if unclear:
        with pytest.raises(UserError, match=f"{len(unclear)} videos"):
            found()
    else:
        assert found() == [[-best[video][1] if video in best else None for video in range(6)]]


def test_a_missing_number_of_a_parquet_table_is_unknown(scratch: Path) -> None:
    """Writers put NaN where pandas has nothing; infinity and huge numbers are mistakes."""
    paths, views = ["s1/a", "s1/a"], ["A2C", "A4C"]
    place = scratch.parent / "views.parquet"
    pq.write_table(pa.table({"path": paths, "View": views, "probability": [float("nan"), 0.1]}), place)
    table = read_given_views(Location.parse(place), None, VIEWS, scratch)
    assert match_views(table, studies(*TWO), scratch).views[0][0].as_py() == VIEWS.index("A4C")
    for wrong in (float("inf"), 1e300, -1.0):
        pq.write_table(pa.table({"path": paths, "view": views, "probability": [wrong, 0.1]}), place)
        with pytest.raises(UserError, match="probability of 1 rows"):
            read_given_views(Location.parse(place), None, VIEWS, scratch)


@pytest.mark.parametrize(
    ("table", "said"),
    [
        ("path,looks_like\na,A4C\n", "no column view; looked for path, view, found path, looks_like; rename"),
        ("path,view\n", "has no row"),
        ("path,view\na,A4C\nb,\n,A4C\n", "2 rows without path or view"),
        ("path,view,study_id\na,A4C,s\nb,A4C,\n", "1 rows without path or view or study_id; fill"),
        (
            "path,view\na,AP4\nb,AP4\nc,PLAX\n",
            "view of 3 rows ('AP4', 'PLAX') is none of the bundle's; say what",
        ),
        ("path,view,probability\na,A4C,1.2\nb,A4C,likely\nc,A4C,nan\n", "probability of 3 rows is no number"),
        ("path,view\na,A4C,1\n", "row 2, the header being row 1, cannot be read"),
    ],
)
def test_a_mistake_is_one_line(scratch: Path, table: str, said: str) -> None:
    with pytest.raises(UserError) as caught:
        read(scratch, table)
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_column_of_something_else_is_not_shown(scratch: Path) -> None:
    rows = "".join(f"p{number},Smith^John{number}\n" for number in range(60))
    with pytest.raises(UserError) as caught:
        read(scratch, f"path,view\n{rows}")
    assert "Smith" not in str(caught.value)


@pytest.mark.parametrize(
    ("names", "said"),
    [
        ("name,view\nx,A4C\n", "looked for the columns view, echoprime_view"),
        ("view,echoprime_view\nx,APX\n", "'APX' is none of the bundle's views; there are A2C"),
        ("view,echoprime_view\nx,A4C\nx,A2C\n", "x stands in it twice"),
        ("view,echoprime_view\n,A4C\n", "a line has no view"),
    ],
)
def test_a_mistake_in_the_names_is_one_line(scratch: Path, names: str, said: str) -> None:
    with pytest.raises(UserError, match="--view-names") as caught:
        read(scratch, "path,view\na,x\n", names)
    assert said in str(caught.value)


def test_a_table_must_name_a_listed_video(scratch: Path) -> None:
    archive = scratch.parent / "archive"
    for name in ("s1/a.dcm", "s2/a.dcm"):
        (archive / name).parent.mkdir(parents=True)
        (archive / name).write_bytes(b"x")
    place = Location.parse(scratch.parent / "manifest.parquet")
    write_manifest(Location.parse(archive), place)
    manifest = open_manifest(place)
    require_listed(read(scratch, "path,view\nelsewhere,A4C\ns2/a.dcm,A4C\n"), manifest, scratch)
    require_listed(read(scratch, "path,study_id,view\ns2/a.dcm,s2,A4C\n"), manifest, scratch)
    for table in ("path,view\ns3/a.dcm,A4C\n", "path,study_id,view\ns2/a.dcm,s1,A4C\n"):
        with pytest.raises(UserError, match="none of its rows is of one of the 2 listed videos"):
            require_listed(read(scratch, table), manifest, scratch)


def test_the_identity_is_of_contents(scratch: Path) -> None:
    text, names = "path,view\na,x\n", "view,echoprime_view\nx,A4C\ny,\n"
    one = read(scratch, text, names).identity
    assert read(scratch, text, "view,echoprime_view\ny,\nx,A4C\n").identity == one
    assert read(scratch, text, "view,echoprime_view\nx,A2C\ny,\n").identity["names"] != one["names"]
    assert read(scratch, text + "b,y\n", names).identity["table"] != one["table"]
    assert read(scratch, "path,view\na,A4C\n").identity["names"] is None
