"""What boto users set up is honoured by reads, by listings and by tables alike."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pyarrow as pa
import pytest

from echoprime.archive import Listing
from echoprime.errors import UserError
from echoprime.storage import Location, read_object
from echoprime.tables import StudyTable
from tests.faults.proxy import FaultProxy
from tests.s3_server import S3Server

pytestmark = pytest.mark.s3

SCHEMA = pa.schema(
    [
        pa.field("study_id", pa.string()),
        pa.field("study_key", pa.string()),
        pa.field("written_at", pa.timestamp("us", tz="UTC")),
    ]
)


def use(place: Location) -> None:
    """Write, list and read an object; make a table, append to it, and read it."""
    use_objects(place)
    table = StudyTable.open(place / "table", SCHEMA, identity={})
    table.append(pa.table({"study_id": ["s"], "study_key": ["k"]}))
    assert StudyTable.existing(place / "table").newest()["study_id"].to_pylist() == ["s"]


def use_objects(place: Location) -> None:
    """Write, list and read an object."""
    (place / "archive/a.dcm").write_bytes(b"loop")
    (entry,) = Listing(place / "archive")
    assert read_object(place / "archive", entry.path, size=entry.size, token=entry.token) == b"loop"


@pytest.fixture
def bare(s3_location: Location, monkeypatch: pytest.MonkeyPatch) -> Iterator[pytest.MonkeyPatch]:
    """A bucket, and an environment that says nothing of it."""
    with monkeypatch.context() as patch:
        for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_ENDPOINT_URL", "AWS_REGION"):
            patch.delenv(name)
        yield patch


def test_a_profile_says_keys_region_and_endpoint(
    s3_location: Location, s3_server: S3Server, bare: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "config").write_text(
        f"[profile hospital]\nregion = eu-central-1\nendpoint_url = {s3_server.endpoint}\n"
    )
    (tmp_path / "credentials").write_text(
        f"[hospital]\naws_access_key_id = {s3_server.key}\naws_secret_access_key = {s3_server.secret}\n"
    )
    bare.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    bare.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "credentials"))
    bare.setenv("AWS_PROFILE", "hospital")
    bare.delenv("AWS_DEFAULT_REGION")
    use(s3_location)


def test_the_endpoint_of_s3_alone_comes_first(
    s3_location: Location, s3_server: S3Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", s3_server.endpoint)
    use(s3_location)


def test_a_bundle_of_certificates(
    s3_location: Location, s3_server: S3Server, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """A hospital's own authority: AWS_CA_BUNDLE names it. Tables know only the authorities of the public."""
    authority, server = own_authority(tmp_path)
    with FaultProxy(s3_server.endpoint, server) as proxy:
        monkeypatch.setenv("AWS_ENDPOINT_URL", proxy.endpoint)
        with pytest.raises(UserError, match="cannot be reached"):
            s3_location.require_reachable("archive")
        monkeypatch.setenv("AWS_CA_BUNDLE", str(authority))
        use_objects(s3_location)


def own_authority(folder: Path) -> tuple[Path, Path]:
    """An authority's certificate, and a file with key and certificate of localhost, valid for a day."""
    x509 = pytest.importorskip("cryptography.x509")
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    keys = {name: ec.generate_private_key(ec.SECP256R1()) for name in ("authority", "localhost")}
    now = datetime.now(UTC)

    def certificate(name: str) -> bytes:
        subject, issuer = (
            x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, each)]) for each in (name, "authority")
        )
        made = x509.CertificateBuilder(
            issuer, subject, keys[name].public_key(), x509.random_serial_number(),
            now - timedelta(minutes=5), now + timedelta(days=1),
        )  # fmt: skip
        made = made.add_extension(x509.BasicConstraints(ca=name == "authority", path_length=None), True)
        made = made.add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), False)
        signed = made.sign(keys["authority"], hashes.SHA256())
        return signed.public_bytes(serialization.Encoding.PEM)

    authority, server = folder / "authority.pem", folder / "localhost.pem"
    authority.write_bytes(certificate("authority"))
    key = keys["localhost"].private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    server.write_bytes(key + certificate("localhost"))
    return authority, server
