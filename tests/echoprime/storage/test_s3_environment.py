"""What boto users set up is honoured by reads, by listings and by tables alike."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pyarrow as pa
import pytest

from echoprime.archive import Listing
from echoprime.errors import UserError
from echoprime.storage import Location, read_object, s3
from echoprime.tables import StudyTable
from tests.connect_proxy import ConnectProxy
from tests.faults.fault import Fault
from tests.faults.proxy import FaultProxy
from tests.s3_server import LIMITED, PUBLIC, S3Server

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
    use_table(place)


def use_table(place: Location) -> None:
    """Make a table, append to it, and read it."""
    table = StudyTable.open(place / "table", SCHEMA, identity={})
    table.append(pa.table({"study_id": ["s"], "study_key": ["k"]}))
    assert StudyTable.existing(place / "table").newest()["study_id"].to_pylist() == ["s"]


def use_objects(place: Location) -> None:
    """Write, list and read an object."""
    (place / "archive/a.dcm").write_bytes(b"loop")
    read_archive(place)


def read_archive(place: Location) -> None:
    """List and read that object."""
    (entry,) = Listing(place / "archive")
    assert read_object(place / "archive", entry.path, size=entry.size, token=entry.token) == b"loop"


@pytest.fixture(autouse=True)
def _authorities_of_the_public(monkeypatch: pytest.MonkeyPatch) -> None:
    """At first, and after a test that has set others."""
    monkeypatch.setenv("SSL_CERT_FILE", "")
    monkeypatch.delenv("SSL_CERT_FILE")


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


def test_a_profile_says_the_endpoint_of_each_service(
    s3_location: Location, s3_server: S3Server, bare: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """boto's `services`: reads, what is believed of them, and tables know the same endpoint."""
    (tmp_path / "config").write_text(
        f"[profile lab]\nservices = lab\nregion = eu-central-1\nendpoint_url = http://127.0.0.1:9\n"
        f"[services lab]\ns3 =\n  endpoint_url = {s3_server.endpoint}\n"
    )
    bare.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    bare.setenv("AWS_PROFILE", "lab")
    bare.setenv("AWS_ACCESS_KEY_ID", s3_server.key)
    bare.setenv("AWS_SECRET_ACCESS_KEY", s3_server.secret)
    bare.delenv("AWS_DEFAULT_REGION")
    assert (s3.endpoint(), s3.region(), s3.encrypted()) == (s3_server.endpoint, "eu-central-1", False)
    use(s3_location)
    bare.setenv("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS", "true")
    assert (s3.endpoint(), s3.encrypted()) == (None, True)


def test_a_program_gives_the_keys(
    s3_location: Location, s3_server: S3Server, bare: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """credential_process, as hospitals' sign-on tools have it."""
    keys = {"Version": 1, "AccessKeyId": s3_server.key, "SecretAccessKey": s3_server.secret}
    keys["Expiration"] = (datetime.now(UTC) + timedelta(hours=1)).isoformat()
    (tmp_path / "keys.py").write_text(f"print({json.dumps(keys)!r})")
    (tmp_path / "config").write_text(
        f"[profile hospital]\ncredential_process = {sys.executable} {tmp_path / 'keys.py'}\n"
        f"region = us-east-1\nendpoint_url = {s3_server.endpoint}\n"
    )
    bare.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    bare.setenv("AWS_PROFILE", "hospital")
    use(s3_location)


def test_a_public_bucket_is_read_without_keys(
    s3_location: Location, s3_server: S3Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = Location.parse(f"s3://{s3_server.make_bucket(PUBLIC)}/pre fix")
    use(place)
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    monkeypatch.setenv("ECHOPRIME_S3_ANONYMOUS", "1")
    read_archive(place)
    assert StudyTable.existing(place / "table").newest()["study_id"].to_pylist() == ["s"]
    with pytest.raises(UserError, match=r"denies .* access to bucket"):
        s3_location.require_reachable("archive")


def test_keys_that_may_use_a_prefix_alone(s3_server: S3Server, monkeypatch: pytest.MonkeyPatch) -> None:
    """As policies of shared buckets are: not even the prefix's own name may be asked for."""
    bucket = Location.parse(f"s3://{s3_server.make_bucket(LIMITED)}")
    (bucket / "2023/a.dcm").write_bytes(b"loop")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", s3_server.guest)
    use(bucket / "2024")
    (bucket / "2024").require_reachable("archive", must_exist=True)
    assert (bucket / "2024").exists()
    assert not (bucket / "2024/none").exists()
    with pytest.raises(UserError, match=r"denies .* access|may not") as error:
        (bucket / "2023").require_reachable("archive", must_exist=True)
    assert "\n" not in str(error.value)


def test_a_proxy_is_asked_by_reads_and_by_tables(
    s3_location: Location, s3_server: S3Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    (s3_location / "archive/a.dcm").write_bytes(b"loop")
    with FaultProxy(s3_server.endpoint) as proxy:
        monkeypatch.setenv("http_proxy", proxy.endpoint)
        for used in (read_archive, use_table):
            # nothing is late: it is counted
            with proxy.injecting(Fault("latency", amount=0.0)):
                used(s3_location)
            assert proxy.counts["GET"] > 1
        monkeypatch.setenv("no_proxy", "127.0.0.1")
        with proxy.injecting(Fault("latency", amount=0.0)):
            use(s3_location)
        assert not proxy.counts


def test_tunnels_of_a_proxy_to_an_endpoint_of_an_own_authority(
    s3_location: Location, s3_server: S3Server, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    authority, server = own_authority(tmp_path)
    with FaultProxy(s3_server.endpoint, server) as store, ConnectProxy() as proxy:
        monkeypatch.setenv("AWS_ENDPOINT_URL", store.endpoint)
        monkeypatch.setenv("AWS_CA_BUNDLE", str(authority))
        monkeypatch.setenv("https_proxy", proxy.address)
        use_objects(s3_location)
        objects = proxy.tunnels
        assert objects > 0
        use_table(s3_location)
        assert proxy.tunnels > objects


def test_the_endpoint_of_s3_alone_comes_first(
    s3_location: Location, s3_server: S3Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", s3_server.endpoint)
    use(s3_location)


def test_a_bundle_of_certificates(
    s3_location: Location, s3_server: S3Server, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """A hospital's own authority: AWS_CA_BUNDLE names it, for tables too."""
    authority, server = own_authority(tmp_path)
    with FaultProxy(s3_server.endpoint, server) as proxy:
        monkeypatch.setenv("AWS_ENDPOINT_URL", proxy.endpoint)
        with pytest.raises(UserError, match="is not trusted; name its authority by AWS_CA_BUNDLE"):
            s3_location.require_reachable("archive")
        monkeypatch.setenv("AWS_CA_BUNDLE", str(authority))
        use(s3_location)


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
