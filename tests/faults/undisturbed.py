"""An archive and a bundle in a bucket, and what a run makes of them that nothing disturbs."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from echoprime.storage import Location
from echoprime.tables import StudyTable, table_exists
from tests.faults.job import Job
from tests.faults.table import Difference, difference
from tests.rows import all_rows
from tests.s3_server import S3Server
from tests.tiny import write_tiny_archive, write_tiny_bundle

TABLES = ("encodings", "interpretations/default")
STUDIES = 160
"""1 to 4 loops each: so many that a run is not over before it is disturbed several times."""


@dataclass(frozen=True)
class Undisturbed:
    """See `undisturbed`.

    Attributes
    ----------
    server, bucket
        Where all of it lies.
    folder
        For logs and caches; short, because Ray puts sockets below it.
    rows
        By table, of the run that nothing disturbed.
    """

    server: S3Server
    bucket: str
    folder: Path
    rows: dict[str, list[dict[str, Any]]]

    @property
    def place(self) -> Location:
        """The bucket."""
        return Location.parse(f"s3://{self.bucket}")

    def environment(self) -> dict[str, str]:
        """What a job of it takes, beside the server's."""
        return {"ECHOPRIME_CACHE": str(self.folder / "cache"), "RAY_TMPDIR": str(self.folder)}

    def job(self, output: str, *words: str, more: Mapping[str, str] | None = None) -> Job:
        """`echoprime run` into an output of that name, a study or two a commit.

        Parameters
        ----------
        output
            Name below the bucket.
        words
            More of the command.
        more
            Environment, beside `environment`.
        """
        places = {
            "archive": self.place / "archive",
            "bundle": self.place / "bundle",
            "output": self.place / output,
        }
        flags = [word for name, place in places.items() for word in (f"--{name}", str(place))]
        return Job(
            ["run", *flags, "--commit-studies", "1", *words],
            self.folder / f"{output}.log",
            {**self.environment(), **(more or {})},
        )

    def committed(self, output: str, table: str) -> int:
        """Studies in a table of an output."""
        place = self.place / output / table
        if not table_exists(place):
            return 0
        return len(set(StudyTable.existing(place).keys()["study_id"].to_pylist()))

    def commits(self, output: str, table: str) -> int:
        """Commits of a table of an output, the one that made it included; quicker told than its rows."""
        prefix = f"{output}/{table}/_delta_log/"
        found = self.server.client().list_objects_v2(Bucket=self.bucket, Prefix=prefix)
        return sum(each["Key"].endswith(".json") for each in found.get("Contents", []))

    def wait_for_commits(self, output: str, job: Job, more: int) -> None:
        """Until a run that goes on has added so many commits to the encodings, of a few studies each."""
        wanted = (self.commits(output, TABLES[0]) or 1) + more
        while self.commits(output, TABLES[0]) < wanted:
            job.require_running()
            time.sleep(0.02)

    def left(self, output: str, *tables: str) -> int:
        """Rows that tables of an output lack; of both, if none is named."""
        return sum(len(self.rows[table]) - self.committed(output, table) for table in tables or TABLES)

    def difference(self, output: str, *tables: str) -> Difference:
        """Of an output's tables together, superseded rows counted as doubled."""
        found = [
            difference(all_rows(self.place / output / table), self.rows[table]) for table in tables or TABLES
        ]
        return Difference(
            lost=sum(each.lost for each in found),
            doubled=sum(each.doubled for each in found),
            wrong=sum(each.wrong for each in found),
        )


@contextmanager
def undisturbed(server: S3Server, studies: int = STUDIES) -> Iterator[Undisturbed]:
    """Fill a bucket with so many studies, and run once."""
    # not pytest's folder: Ray puts sockets below it, whose paths may have 107 characters
    with tempfile.TemporaryDirectory(prefix="f-", ignore_cleanup_errors=True) as folder:
        yield _filled(server, Path(folder), studies)


def _filled(server: S3Server, folder: Path, studies: int) -> Undisturbed:
    write_tiny_bundle(folder / "bundle")
    write_tiny_archive(folder / "archive", studies=studies)
    bucket = server.make_bucket()
    upload(server, bucket, folder)
    found = Undisturbed(server, bucket, folder, {})
    with found.job("undisturbed") as job:
        assert job.wait() == 0, job.said()
    found.rows.update({table: all_rows(found.place / "undisturbed" / table) for table in TABLES})
    assert {table: len(rows) for table, rows in found.rows.items()} == dict.fromkeys(TABLES, studies)
    return found


def upload(server: S3Server, bucket: str, folder: Path) -> None:
    """Put a folder's files into a bucket, under the same names."""
    client = server.client()
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        client.put_object(Bucket=bucket, Key=path.relative_to(folder).as_posix(), Body=path.read_bytes())
