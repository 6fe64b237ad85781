"""Keys of a session that end in mid-run: renewed ones go on by themselves; without them one line says it."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from echoprime.bundle import Bundle
from echoprime.storage import Location
from echoprime.tables import commits
from pipelines.cli import main
from tests.faults.fault import Fault
from tests.faults.proxy import FaultProxy
from tests.faults.table import Difference, FaultTable, counted, difference
from tests.rows import rows
from tests.s3_server import S3Server
from tests.tiny import write_tiny_archive

pytestmark = [pytest.mark.ray, pytest.mark.s3, pytest.mark.slow]

STUDIES = 40


class Session(NamedTuple):
    """A bucket with an archive in it, and the file that a profile's `credential_process` shows."""

    bucket: Location
    keys: Path
    undisturbed: list[dict[str, Any]]

    def renew(self, key: str, secret: str) -> None:
        """Give out other keys, for ten minutes: botocore asks for new ones before each request then."""
        ends = datetime.now(UTC) + timedelta(minutes=10)
        fields = {"Version": 1, "AccessKeyId": key, "SecretAccessKey": secret, "Expiration": ends.isoformat()}
        scratch = self.keys.with_suffix(".new")
        scratch.write_text(json.dumps(fields))
        scratch.replace(self.keys)

    def job(self, bundle: Bundle, output: str) -> list[str]:
        return [
            *("encode", "--manifest", str(self.bucket / "manifest.parquet")),
            *("--bundle", str(bundle.location), "--output", str(self.bucket / output)),
            *("--readers", "1", "--encoders", "1", "--view-classifiers", "1", "--commit-studies", "1"),
        ]


@pytest.fixture(scope="module")
def session(
    s3_server: S3Server,
    proxy: FaultProxy,
    bundle: Bundle,
    tmp_path_factory: pytest.TempPathFactory,
    request: pytest.FixtureRequest,
) -> Iterator[Session]:
    """Ray is started here, so that its workers have the profile."""
    folder = tmp_path_factory.mktemp("session")
    write_tiny_archive(folder / "archive", studies=STUDIES)
    bucket = s3_server.make_bucket()
    client = s3_server.client()
    for path in sorted(path for path in (folder / "archive").rglob("*") if path.is_file()):
        client.put_object(Bucket=bucket, Key=path.relative_to(folder).as_posix(), Body=path.read_bytes())
    (folder / "config").write_text(
        f"[profile hospital]\nregion = us-east-1\ncredential_process = cat {folder / 'keys.json'}\n"
    )
    found = Session(Location.parse(f"s3://{bucket}"), folder / "keys.json", [])
    found.renew(s3_server.key, s3_server.secret)
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("AWS_ACCESS_KEY_ID")
        patch.delenv("AWS_SECRET_ACCESS_KEY")
        patch.setenv("AWS_PROFILE", "hospital")
        patch.setenv("AWS_CONFIG_FILE", str(folder / "config"))
        request.getfixturevalue("roomy_ray")
        assert main(["manifest", str(found.bucket / "archive"), str(found.bucket / "manifest.parquet")]) == 0
        assert main(found.job(bundle, "undisturbed")) == 0
        yield found._replace(undisturbed=rows(found.bucket / "undisturbed" / "encodings"))


def expire_in_mid_run(proxy: FaultProxy, session: Session, output: str, fault: Fault, renew: Any) -> Any:
    """A thread that lets keys expire once two studies are committed; it returns how many were left."""
    left: list[int] = []

    def expire() -> None:
        parts = session.bucket / output / "encodings"
        while sum(name.endswith(".parquet") for name in parts.names()) < 2:
            time.sleep(0.1)
        renew()
        proxy.inject(fault)
        left.append(STUDIES - len(rows(parts)) if fault.keys else -1)

    thread = threading.Thread(target=expire, daemon=True)
    thread.start()
    return thread, left


def test_renewed_keys_go_on(
    session: Session, bundle: Bundle, proxy: FaultProxy, s3_server: S3Server, fault_table: FaultTable
) -> None:
    """The readers ask for new keys in time, and so does the table, which was opened with the old ones."""
    started = time.monotonic()
    fault = Fault("expired_token", keys=f"Credential={s3_server.key}/")
    thread, left = expire_in_mid_run(
        proxy, session, "renewed", fault, lambda: session.renew(s3_server.member, s3_server.secret)
    )
    code = main(session.job(bundle, "renewed"))
    thread.join()
    counts = proxy.inject(None)
    found = difference(rows(session.bucket / "renewed" / "encodings"), session.undisturbed)
    fault_table.add("keys expire, renewed", *counted(counts), found=found, seconds=time.monotonic() - started)
    session.renew(s3_server.key, s3_server.secret)
    assert left[0] > 0
    assert sum(count for name, count in counts.items() if " " in name) > 0, "no old keys were used"
    assert (code, found) == (0, Difference(0, 0, 0))


def test_keys_that_are_not_renewed_end_the_job_in_a_line(
    session: Session,
    bundle: Bundle,
    proxy: FaultProxy,
    fault_table: FaultTable,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(commits, "COMMIT_ATTEMPTS", 3)
    started = time.monotonic()
    thread, _ = expire_in_mid_run(proxy, session, "expired", Fault("expired_token"), lambda: None)
    code = main(session.job(bundle, "expired"))
    thread.join()
    counts = proxy.inject(None)
    said = capfd.readouterr().err
    assert code == 1, said
    (line,) = [line for line in said.splitlines() if line.startswith("echoprime:")]
    assert "cannot be" in line  # written, or read: whichever came first
    assert "ExpiredToken" in line
    assert "run the same command again" in line
    assert "Traceback" not in said
    assert 1 < len(rows(session.bucket / "expired" / "encodings")) < STUDIES
    # the heartbeat could not be removed; its process is this one, which runs
    (session.bucket / "expired" / "runs" / "writing-encodings.json").remove()
    assert main(session.job(bundle, "expired")) == 0
    found = difference(rows(session.bucket / "expired" / "encodings"), session.undisturbed)
    fault_table.add("keys expire", *counted(counts), found=found, seconds=time.monotonic() - started)
    assert found == Difference(0, 0, 0)
