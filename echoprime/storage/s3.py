"""One S3 file system a process, with the options that boto users expect, and plain words for what fails.

Read from the environment: `AWS_ACCESS_KEY_ID`, `AWS_SECRET_ACCESS_KEY`, `AWS_SESSION_TOKEN`, `AWS_PROFILE`,
`AWS_REGION` or `AWS_DEFAULT_REGION`, `AWS_ENDPOINT_URL` or `AWS_ENDPOINT_URL_S3`, everything else that boto
reads (roles, instance profiles, ~/.aws, AWS_CA_BUNDLE), and `ECHOPRIME_S3_ANONYMOUS=1` for public buckets.
"""

from __future__ import annotations

import os
import re
import threading
import time
from typing import Any

CONNECTIONS = 24
"""Sockets per process: one for each read ahead and some to spare, few enough for hundreds of processes."""

REACHING_WAITS = (0.2, 0.4, 0.8, 0.0)
"""Seconds after each try to reach a bucket before a job starts, each with botocore's own second one."""

REACHING_SECONDS = 5.0
"""A try that ends later than this is the last: a silent endpoint is told in ten seconds, not in a minute."""

_ENVIRONMENT = (
    "AWS_ACCESS_KEY_ID",
    "AWS_SECRET_ACCESS_KEY",
    "AWS_SESSION_TOKEN",
    "AWS_PROFILE",
    "AWS_REGION",
    "AWS_DEFAULT_REGION",
    "AWS_ENDPOINT_URL",
    "AWS_ENDPOINT_URL_S3",
    "AWS_CONFIG_FILE",
    "AWS_SHARED_CREDENTIALS_FILE",
    "AWS_CA_BUNDLE",
    "ECHOPRIME_S3_ANONYMOUS",
)
_NO_ANSWER = {
    "ConnectTimeoutError",
    "ConnectionClosedError",
    "EndpointConnectionError",
    "HTTPClientError",
    "ProxyConnectionError",
    "ReadTimeoutError",
    "SSLError",
}
_MAY_PASS = {"ConnectionClosedError", "HTTPClientError", "ReadTimeoutError", "ResponseParserError"}
"""Not an endpoint where nothing listens, or a certificate: those are told at once."""

_filesystems: dict[tuple[object, ...], Any] = {}
_lock = threading.Lock()


def anonymous() -> bool:
    """Whether requests go unsigned: `ECHOPRIME_S3_ANONYMOUS` is 1, true or yes."""
    return os.environ.get("ECHOPRIME_S3_ANONYMOUS", "").lower() in {"1", "true", "yes"}


def _profile_setting(name: str) -> str | None:
    """A key of the boto profile in use (~/.aws/config); None without one."""
    import botocore.session  # type: ignore[import-untyped]  # botocore ships no types

    try:
        value = botocore.session.Session().get_scoped_config().get(name)
    except Exception:  # a broken or missing profile is reported by the first request, in boto's words
        return None
    return value if isinstance(value, str) else None


def endpoint() -> str | None:
    """URL of the S3 endpoint; None is Amazon's own."""
    return (
        os.environ.get("AWS_ENDPOINT_URL_S3")
        or os.environ.get("AWS_ENDPOINT_URL")
        or _profile_setting("endpoint_url")
    )


def encrypted() -> bool:
    """Whether the link to the endpoint is TLS: a byte that is flipped on it breaks it."""
    return not (endpoint() or "").lower().startswith("http://")


def without_password(text: str) -> str:
    """A URL, or words with URLs in them, without the user and password that a URL may name.

    Examples
    --------
    >>> without_password('no answer from "http://user:secret@store:9000/b"')
    'no answer from "http://store:9000/b"'
    >>> without_password("https://s3.example.org")
    'https://s3.example.org'
    """
    return re.sub(r"""(\w+://)?[^\s"'<>]*@""", r"\1", text)


def region() -> str:
    """Region of the requests; us-east-1 where nothing says another."""
    return (
        os.environ.get("AWS_REGION")
        or os.environ.get("AWS_DEFAULT_REGION")
        or _profile_setting("region")
        or "us-east-1"
    )


def filesystem() -> Any:  # noqa: ANN401  # fsspec has no types
    """The process's s3fs file system: made once, safe in threads, made anew after a spawn.

    Listings are never cached (another process may be writing), and files are read exactly where they are
    asked for: s3fs's read-ahead of 50 MB would fetch a whole table for one small column.
    """
    # the environment, so that a changed profile takes effect; the pid, so that no socket is ever shared
    key = (os.getpid(), *(os.environ.get(name) for name in _ENVIRONMENT))
    with _lock:
        found = _filesystems.get(key)
        if found is None:
            import s3fs

            found = s3fs.S3FileSystem(
                anon=anonymous(),
                endpoint_url=endpoint(),
                client_kwargs={"region_name": region()},
                config_kwargs={
                    "retries": {"max_attempts": 5, "mode": "standard"},
                    "max_pool_connections": CONNECTIONS,
                    "connect_timeout": 10,
                    "read_timeout": 60,
                },
                use_listings_cache=False,
                default_cache_type="none",
                skip_instance_cache=True,
            )
            # connected here, under the lock: two threads' first requests would otherwise make two sessions
            found.connect()
            _filesystems[key] = found
        return found


def delta_options() -> dict[str, str]:
    """`storage_options` for deltalake: the same endpoint, region and credentials as `filesystem`."""
    # the checksum makes the store refuse a part or a commit that was bent on its way there
    options = {
        "aws_conditional_put": "etag",
        "aws_checksum_algorithm": "sha256",
        "AWS_REGION": region(),
    }
    url = endpoint()
    if url:
        options["AWS_ENDPOINT_URL"] = url
        if url.startswith("http://"):
            options["AWS_ALLOW_HTTP"] = "true"
    if anonymous():
        options["AWS_SKIP_SIGNATURE"] = "true"
    elif "AWS_ACCESS_KEY_ID" not in os.environ:
        options.update(_session_credentials())
    return options


def _session_credentials() -> dict[str, str]:
    """What boto's own chain (profile, role, instance) gives now; asked anew at each open: they expire."""
    import botocore.session  # type: ignore[import-untyped,unused-ignore]  # botocore ships no types

    try:
        credentials = botocore.session.Session().get_credentials()
    except Exception:  # an unknown profile: the first request says so
        return {}
    if credentials is None:
        return {}
    frozen = credentials.get_frozen_credentials()
    found = {"AWS_ACCESS_KEY_ID": frozen.access_key, "AWS_SECRET_ACCESS_KEY": frozen.secret_key}
    if frozen.token:
        found["AWS_SESSION_TOKEN"] = frozen.token
    return found


def why_unreachable(bucket: str, key: str) -> str | None:
    """Ask the bucket for one name, for seconds; None, or what is wrong and what cures it.

    Parameters
    ----------
    bucket, key
        Bucket, and the prefix below it ("" for all of it).
    """
    where = without_password(endpoint() or "Amazon S3")
    ends, said = time.monotonic() + REACHING_SECONDS, None
    for wait in REACHING_WAITS:
        said, passing = _ask_for_a_name(bucket, key, where)
        if not passing or time.monotonic() > ends:
            break
        time.sleep(wait)
    return said


def _ask_for_a_name(bucket: str, key: str, where: str) -> tuple[str | None, bool]:
    """What is wrong, or None, and whether it may pass."""
    import botocore.session
    from botocore import UNSIGNED
    from botocore.config import Config  # type: ignore[import-untyped]  # botocore ships no types
    from botocore.exceptions import (  # type: ignore[import-untyped]  # botocore ships no types
        BotoCoreError,
        ClientError,
    )

    try:
        client = botocore.session.Session().create_client(
            "s3",
            region_name=region(),
            endpoint_url=endpoint(),
            config=Config(
                connect_timeout=5,
                read_timeout=20,
                retries={"max_attempts": 2, "mode": "standard"},
                signature_version=UNSIGNED if anonymous() else None,
            ),
        )
        client.list_objects_v2(Bucket=bucket, Prefix=key, MaxKeys=1)
    except ClientError as error:
        code = str(error.response.get("Error", {}).get("Code", ""))
        status = int(error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))
        return _in_words(code, bucket, where), status >= 500
    except (BotoCoreError, ValueError) as error:
        kind = type(error).__name__
        return _connection_in_words(kind, str(error), where), kind in _MAY_PASS
    return None, False


def _in_words(code: str, bucket: str, where: str) -> str:
    if code in {"NoSuchBucket", "404"}:
        return f"{where} has no bucket {bucket!r}; create it or correct its name"
    if code in {"InvalidAccessKeyId", "SignatureDoesNotMatch", "InvalidToken", "ExpiredToken"}:
        return f"{where} refuses the keys ({code}); correct AWS_ACCESS_KEY_ID and its secret, or AWS_PROFILE"
    if code == "RequestTimeTooSkewed":
        return (
            f"this machine's clock and that of {where} differ by more than 15 minutes; set them right (NTP)"
        )
    if code in {"AccessDenied", "403"}:
        return f"{where} denies these keys access to bucket {bucket!r}; use keys that may list and read it"
    return f"{where} answers {code!r}; check bucket {bucket!r}, AWS_REGION and AWS_ENDPOINT_URL"


def _connection_in_words(kind: str, detail: str, where: str) -> str:
    if kind in {"NoCredentialsError", "PartialCredentialsError", "ProfileNotFound"}:
        return (
            f"no usable credentials for {where} ({kind}); set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, "
            "or AWS_PROFILE, or ECHOPRIME_S3_ANONYMOUS=1 for a public bucket"
        )
    if kind in _NO_ANSWER:
        return f"{where} cannot be reached; check AWS_ENDPOINT_URL and the network"
    return f"{where}: {kind}: {' '.join(without_password(detail).split())[:200]}"
