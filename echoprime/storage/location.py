"""One name for a folder or a bucket's prefix; everything that differs between them is behind it."""

from __future__ import annotations

import io
import os
import re
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Literal

from echoprime.errors import ReadError, SettingError, UserError
from echoprime.storage import local_files, s3, s3_files
from echoprime.storage.dicomweb_address import is_dicomweb, normalised
from echoprime.storage.patience import write
from echoprime.storage.s3_listing import is_there, list_objects

_SCHEME = re.compile(r"^([A-Za-z][A-Za-z0-9+.-]*)://")


@dataclass(frozen=True, slots=True)
class Location:
    """A folder, a file, an S3 prefix or object, or a DICOMweb service; opens nothing by itself.

    Parameters
    ----------
    uri
        Normalised: an absolute local path, or "s3://bucket/prefix" without a closing "/". Use `parse`.
        An archive can be "dicomweb://host:port/path" too. Use `parse_archive`.

    Examples
    --------
    >>> Location.parse("s3://hearts/2024/") / "manifest.parquet"
    Location(uri='s3://hearts/2024/manifest.parquet')
    >>> Location.parse("/data/out/../in").uri
    '/data/in'
    """

    uri: str

    @classmethod
    def parse(cls, text: str | Path | Location) -> Location:
        """Read what a user writes: a path (`~` and relative ones too), `file://` or `s3://`.

        Raises
        ------
        SettingError
            Empty, another scheme, or no bucket.
        """
        if isinstance(text, Location):
            return text
        given = str(text)
        if not given.strip():
            raise SettingError("a location is empty; give a folder or s3://bucket/prefix")
        scheme = _SCHEME.match(given)
        if scheme is None:
            return cls(os.path.abspath(os.path.expanduser(given)))  # noqa: PTH100,PTH111  # no links followed
        if scheme[1].lower() == "file":
            return cls(os.path.abspath(given[len(scheme[0]) :]))  # noqa: PTH100  # no links followed
        if is_dicomweb(given):
            raise SettingError(
                f"{scheme[0]} names an archive to read only; give a folder or s3://bucket/prefix"
            )
        if scheme[1].lower() != "s3":
            raise SettingError(f"{scheme[0]} is not supported; give a folder or s3://bucket/prefix")
        rest = given[len(scheme[0]) :].rstrip("/")
        if not rest.split("/", 1)[0]:
            raise SettingError(f"{given!r} names no bucket; give s3://bucket/prefix")
        return cls(f"s3://{rest}")

    @classmethod
    def parse_archive(cls, text: str | Path | Location) -> Location:
        """Read what a user writes for an archive: what `parse` takes, or a DICOMweb service.

        Raises
        ------
        SettingError
            As `parse`, or the service's address is none.

        Examples
        --------
        >>> Location.parse_archive("dicomweb://PACS:8443/rs/")
        Location(uri='dicomweb://pacs:8443/rs')
        """
        given = str(text)
        return cls(normalised(given)) if is_dicomweb(given) else cls.parse(text)

    def __str__(self) -> str:
        return self.uri

    def __truediv__(self, name: str) -> Location:
        """The location `name` (which may hold "/") below this one."""
        return Location(f"{self.uri.rstrip('/')}/{name.strip('/')}")

    @property
    def is_local(self) -> bool:
        """Whether it is on this machine's file system."""
        return not self.uri.startswith("s3://") and not self.is_dicomweb

    @property
    def is_dicomweb(self) -> bool:
        """Whether it is a DICOMweb service: an archive whose objects are read, and nothing is written."""
        return is_dicomweb(self.uri)

    @property
    def name(self) -> str:
        """Last part of the path; the bucket's name for a whole bucket."""
        return self.uri.rsplit("/", 1)[-1]

    @property
    def parent(self) -> Location:
        """The folder or prefix that it lies in; a bucket's is itself."""
        if not self.is_local and not self.key:
            return self
        return Location(self.uri.rpartition("/")[0] or "/")

    @property
    def path(self) -> str:
        """What `filesystem` calls it: the local path, or "bucket/key"."""
        return self.uri.removeprefix("s3://")

    @property
    def bucket(self) -> str:
        """Bucket of an S3 location."""
        return self.path.partition("/")[0]

    @property
    def key(self) -> str:
        """Key or prefix below the bucket; "" for a whole bucket."""
        return self.path.partition("/")[2]

    @property
    def local_path(self) -> Path:
        """The local path.

        Raises
        ------
        SettingError
            It is in a bucket.
        """
        if not self.is_local:
            raise SettingError(f"{self.uri} is in a bucket; a local folder is needed here")
        return Path(self.uri)

    @property
    def filesystem(self) -> Any:  # noqa: ANN401  # fsspec has no types
        """The fsspec file system that reads it, one a process; ask again in each process, never pickle it."""
        if self.is_local:
            import fsspec

            return fsspec.filesystem("file", auto_mkdir=True)
        self._require_files()
        return s3.filesystem()

    @property
    def arrow_filesystem(self) -> Any:  # noqa: ANN401  # pyarrow has no types
        """The same for pyarrow; buckets by checked reads: pyarrow's own hand on flipped bytes silently."""
        import pyarrow.fs

        return pyarrow.fs.LocalFileSystem() if self.is_local else s3_files.arrow_filesystem()

    @property
    def delta_options(self) -> dict[str, str]:
        """`storage_options` for deltalake; empty for a folder."""
        return {} if self.is_local else s3.delta_options()

    def _require_files(self) -> None:
        if self.is_dicomweb:
            raise SettingError(f"{self.uri} has no files; a folder or s3://bucket/prefix is needed here")

    def exists(self) -> bool:
        """Whether a file, a folder, or an object below it is there, or a service answers."""
        if self.is_dicomweb:
            return self._why_no_service() is None
        if self.is_local:
            return bool(self.filesystem.exists(self.path))
        try:
            return is_there(self.bucket, self.key)
        except ReadError as error:
            raise s3_files.os_error(error) from None

    def is_dir(self) -> bool:
        """Whether it is a folder, or a prefix with objects below it."""
        return bool(self.filesystem.isdir(self.path))

    def names(self) -> list[str]:
        """Names of what lies directly below, sorted; empty if there is nothing."""
        try:
            found = self.filesystem.ls(self.path, detail=False)
        except (FileNotFoundError, NotADirectoryError):
            return []
        paths = (str(path).rstrip("/") for path in found)
        return sorted({path.rsplit("/", 1)[-1] for path in paths if path != self.path})

    def files(self) -> list[str]:
        """Paths of all files or objects below, hidden ones too, relative to this place, sorted."""
        self._require_files()
        if self.is_local:
            found = self.filesystem.find(self.path)
            return sorted(str(path)[len(self.path) + 1 :] for path in found if str(path) != self.path)
        prefix = f"{self.key}/" if self.key else ""
        try:  # a key that ends in "/" is a folder's marker of a console
            keys = [item.key for item in list_objects(self.bucket, prefix) if item.key[-1:] != "/"]
        except ReadError as error:
            raise s3_files.os_error(error) from None
        return sorted(key[len(prefix) :] for key in keys)

    def open(self, mode: Literal["rb"] = "rb") -> IO[Any]:
        """Open the file or object to read it."""
        self._require_files()
        if self.is_local:
            return Path(self.uri).open(mode)
        return io.BufferedReader(s3_files.ObjectFile(self.path), s3_files.BUFFER)

    def writing(self) -> AbstractContextManager[IO[bytes]]:
        """Open to write all of it, or nothing where the block fails; makes the folders above it."""
        self._require_files()
        return local_files.writing(Path(self.uri)) if self.is_local else s3_files.writing(self.path)

    def read_bytes(self) -> bytes:
        """All of it.

        Raises
        ------
        FileNotFoundError
            It is not there.
        OSError
            It cannot be read.
        """
        self._require_files()
        if self.is_local:
            return Path(self.uri).read_bytes()
        try:
            return s3_files.read(self.bucket, self.key)
        except ReadError as error:
            raise s3_files.os_error(error) from None

    def write_bytes(self, data: bytes) -> None:
        """Write all of it or nothing: a reader sees the old bytes or the new ones."""
        if not self.is_local:
            write(self.filesystem.pipe_file, self.path, data)
            return
        local_files.write_whole(Path(self.uri), data)

    def put_file(self, source: Path) -> None:
        """Bring a finished local file here, whole or not at all.

        Parameters
        ----------
        source
            The file; it is consumed when it lies on the same disk as a local destination.
        """
        if not self.is_local:
            write(self.filesystem.put_file, str(source), self.path)
            return
        local_files.move_whole(source, Path(self.uri))

    def remove(self) -> None:
        """Remove one file or object; nothing happens if it is not there."""
        if self.is_local:
            Path(self.uri).unlink(missing_ok=True)
            return
        with suppress(FileNotFoundError):
            write(self.filesystem.rm_file, self.path)

    def require_reachable(
        self, what: str, error: type[UserError] = UserError, *, must_exist: bool = False
    ) -> None:
        """Refuse in one line a bucket that is missing, closed or unreachable, or a folder that is not there.

        Parameters
        ----------
        what
            What the user calls it: "archive", "output".
        error
            Raised: `ArchiveError`, `BundleError`, `TableError`.
        must_exist
            Whether there must be something at this place already.
        """
        if self.is_local:
            problem = local_files.why_unusable(Path(self.uri))
        elif self.is_dicomweb:
            problem = self._why_no_service()
        else:
            problem = s3.why_unreachable(self.bucket, self.key)
        if problem is not None:
            raise error(f"{what} {self.uri}: {problem}")
        if not must_exist or self.is_dicomweb:
            return
        try:
            there = self.exists()
        except OSError as refused:
            raise error(f"{what} {self.uri}: {refused}; correct its permissions") from None
        if not there:
            raise error(f"{what} {self.uri}: nothing is there; correct the path")

    def _why_no_service(self) -> str | None:
        from echoprime.storage import dicomweb_service

        return dicomweb_service.why_unreachable(self.uri)
