"""One S3 file system a process, with the options that boto users expect, and plain words for what fails.

Read from the environment: `AWS_ACCESS_KEY_ID`, `AWS_SECRET_ACCESS_KEY`, `AWS_SESSION_TOKEN`, `AWS_PROFILE`,
`AWS_REGION` or `AWS_DEFAULT_REGION`, `AWS_ENDPOINT_URL` or `AWS_ENDPOINT_URL_S3`, everything else that boto
reads (roles, instance profiles, ~/.aws, `AWS_CA_BUNDLE`, `HTTPS_PROXY`, `NO_PROXY`), and
`ECHOPRIME_S3_ANONYMOUS=1` for public buckets.
"""

from __future__ import annotations

import functools
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

OUTAGE_SECONDS = 120.0
"""A store that answers nobody is waited for so long, in mid-run: a gateway that restarts takes less."""

OUTAGE_WAITS = (*(5.0,) * 24, 0.0)
"""The same while a job goes on, where the bucket was there before."""

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
    "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS",
    "ECHOPRIME_S3_ANONYMOUS",
    *(name for lower in ("http_proxy", "https_proxy", "no_proxy") for name in (lower, lower.upper())),
)
"""What a client is made of: another value asks for another client."""

_NO_ANSWER = {
    "ConnectTimeoutError",
    "ConnectionClosedError",
    "EndpointConnectionError",
    "HTTPClientError",
    "ProxyConnectionError",
    "ReadTimeoutError",
}
_MAY_PASS = {"ConnectionClosedError", "HTTPClientError", "ReadTimeoutError", "ResponseParserError"}
"""Not an endpoint where nothing listens, or a certificate: those are told at once."""

_reached: set[tuple[str | None, str]] = set()
"""Endpoint and bucket that have answered this process: where they do not any more, that is an outage."""

_filesystems: dict[tuple[object, ...], Any] = {}
_lock = threading.Lock()


def anonymous() -> bool:
    """Whether requests go unsigned: `ECHOPRIME_S3_ANONYMOUS` is 1, true or yes."""
    return os.environ.get("ECHOPRIME_S3_ANONYMOUS", "").lower() in {"1", "true", "yes"}


def endpoint() -> str | None:
    """URL of the S3 endpoint, as boto finds it; None is Amazon's own in the region."""
    return _settings()[0]


def region() -> str:
    """Region of the requests; us-east-1 where nothing says another."""
    return _settings()[1]


def _settings() -> tuple[str | None, str]:
    """Endpoint and region. A broken or missing profile is told by the first request, in boto's words."""
    try:
        return _found(_environment())
    except Exception:
        region = os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION") or "us-east-1"
        return os.environ.get("AWS_ENDPOINT_URL_S3") or os.environ.get("AWS_ENDPOINT_URL"), region


def _environment() -> tuple[str | None, ...]:
    return tuple(os.environ.get(name) for name in _ENVIRONMENT)


@functools.lru_cache(8)
def _found(environment: tuple[str | None, ...]) -> tuple[str | None, str]:
    """Kept, because every read asks, and boto reads ~/.aws for 5 ms.

    Clients are made for it: profiles, their `services` sections and what comes first are boto's to know.
    """
    import botocore.session  # type: ignore[import-untyped]  # botocore ships no types
    from botocore.config import Config  # type: ignore[import-untyped]  # botocore ships no types

    session = botocore.session.Session()
    region = str(os.environ.get("AWS_REGION") or session.get_config_variable("region") or "us-east-1")
    configured, amazons = (
        str(session.create_client("s3", region_name=region, config=config).meta.endpoint_url)
        for config in (Config(), Config(ignore_configured_endpoint_urls=True))
    )
    return None if configured == amazons else configured, region


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


def filesystem() -> Any:  # noqa: ANN401  # fsspec has no types
    """The process's s3fs file system: made once, safe in threads, made anew after a spawn.

    Listings are never cached (another process may be writing), and files are read exactly where they are
    asked for: s3fs's read-ahead of 50 MB would fetch a whole table for one small column.
    """
    # the environment, so that a changed profile takes effect; the pid, so that no socket is ever shared
    key = (os.getpid(), *_environment())
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
    _trust_own_authority()
    # the checksum makes the store refuse a part or a commit that was bent on its way there
    options = {
        "aws_conditional_put": "etag",
        "aws_checksum_algorithm": "sha256",
        "AWS_REGION": region(),
    }
    url = endpoint()
    if url:
        options["AWS_ENDPOINT_URL"] = url
        if not encrypted():
            options["AWS_ALLOW_HTTP"] = "true"
    if anonymous():
        options["AWS_SKIP_SIGNATURE"] = "true"
    elif "AWS_ACCESS_KEY_ID" not in os.environ:
        options.update(_session_credentials())
    return options


def _trust_own_authority() -> None:
    """Let deltalake's TLS know the authorities of `AWS_CA_BUNDLE`: it looks at `SSL_CERT_FILE` alone."""
    import botocore.session

    try:
        bundle = botocore.session.Session().get_config_variable("ca_bundle")
    except Exception:  # an unknown profile: the first request says so
        return
    if bundle:
        os.environ.setdefault("SSL_CERT_FILE", str(bundle))


def _session_credentials() -> dict[str, str]:
    """What boto's own chain (profile, role, instance) gives now; asked anew at each open: they expire."""
    import botocore.session

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
    known = (endpoint(), bucket) in _reached
    waits = (*REACHING_WAITS[:-1], *OUTAGE_WAITS) if known else REACHING_WAITS
    ends, said = time.monotonic() + (OUTAGE_SECONDS if known else REACHING_SECONDS), None
    for wait in waits:
        said, passing, silent = _ask_for_a_name(bucket, key, where)
        if said is None:
            _reached.add((endpoint(), bucket))
        if not (passing or (known and silent)) or time.monotonic() > ends:
            break
        time.sleep(wait)
    return said


def unanswered(error: BaseException) -> bool:
    """Whether an error of botocore's says that nobody answered, by its type."""
    return type(error).__name__ in _NO_ANSWER


def _ask_for_a_name(bucket: str, key: str, where: str) -> tuple[str | None, bool, bool]:
    """What is wrong, or None; whether it may pass; whether nobody answered."""
    import botocore.session
    from botocore import UNSIGNED
    from botocore.config import Config
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
        # keys that may list what is below a prefix may often not ask for its own name
        client.list_objects_v2(Bucket=bucket, Prefix=f"{key}/" if key else "", MaxKeys=1)
    except ClientError as error:
        code = str(error.response.get("Error", {}).get("Code", ""))
        status = int(error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))
        return _in_words(code, bucket, where), status >= 500, False
    except (BotoCoreError, ValueError) as error:
        kind = type(error).__name__
        return _connection_in_words(kind, str(error), where), kind in _MAY_PASS, unanswered(error)
    return None, False, False


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
    if kind == "SSLError":
        return f"{where} has a certificate that is not trusted; name its authority by AWS_CA_BUNDLE"
    if kind in _NO_ANSWER:
        return f"{where} cannot be reached; check AWS_ENDPOINT_URL and the network"
    return f"{where}: {kind}: {' '.join(without_password(detail).split())[:200]}"
