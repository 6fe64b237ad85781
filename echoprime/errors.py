"""What can go wrong, in the words of the field: reason codes, and the few exceptions that carry them.

Every message names the value and the cure, and never a patient: no identifier, name, date or path of one.
"""

from __future__ import annotations

import os
from enum import StrEnum


class Reason(StrEnum):
    """Why a video was not encoded; the one documented list (README, "Outcomes")."""

    STILL = "still"
    """One frame only. Skipped."""
    STATIC = "static"
    """Several frames, nothing moves between the first and the last. Skipped."""
    SPECTRAL = "spectral"
    """A spectral Doppler strip takes the larger part of the picture. Skipped."""
    M_MODE = "m_mode"
    """An M-mode strip takes the larger part of the picture. Skipped."""
    VOLUME = "volume"
    """Three-dimensional data, not a loop of pictures. Skipped."""
    SECONDARY_CAPTURE = "secondary_capture"
    """A screen's or document's picture (DICOM Secondary Capture), not a scanner's loop. Skipped."""
    OTHER_MODALITY = "other_modality"
    """A loop of another kind of imaging, such as angiography or CT. Skipped."""
    DUPLICATE = "duplicate"
    """The same object as another video of the study, which is encoded. Skipped."""
    UNKNOWN_FORMAT = "unknown_format"
    """Neither DICOM nor a video container, by content. Failed, permanent."""
    EMPTY = "empty"
    """An object of no bytes. Failed, permanent."""
    NO_PIXELS = "no_pixels"
    """A DICOM object without pixel data. Failed, permanent."""
    UNSUPPORTED = "unsupported"
    """A transfer syntax, photometric interpretation or codec that is not read. Failed, permanent."""
    NOT_DECODABLE = "not_decodable"
    """Damaged: header or codestream cannot be decoded. Failed, permanent."""
    TOO_LARGE = "too_large"
    """More bytes, pixels or frames than the limits allow. Failed, permanent."""
    DECODER_DIED = "decoder_died"
    """The decoding process ended by a crash. Failed, permanent."""
    DECODER_TIMEOUT = "decoder_timeout"
    """Decoding took longer than its limit and was ended. Failed, permanent."""
    MISSING = "missing"
    """Listed in the manifest, no longer there. Failed, transient."""
    CHANGED = "changed"
    """Size or token differ from the manifest's. Failed, transient."""
    SHORT_READ = "short_read"
    """Fewer bytes arrived than the object has. Failed, transient."""
    THROTTLED = "throttled"
    """The store kept asking to slow down. Failed, transient."""
    READ_ERROR = "read_error"
    """The store refused, reset or timed out, after all retries. Failed, transient."""


SKIPPED = frozenset(
    {
        Reason.STILL,
        Reason.STATIC,
        Reason.SPECTRAL,
        Reason.M_MODE,
        Reason.VOLUME,
        Reason.SECONDARY_CAPTURE,
        Reason.OTHER_MODALITY,
        Reason.DUPLICATE,
    }
)
"""Reasons of videos that are sound but not meant for the networks."""

TRANSIENT = frozenset(
    {Reason.MISSING, Reason.CHANGED, Reason.SHORT_READ, Reason.THROTTLED, Reason.READ_ERROR}
)
"""Reasons that may be gone at the next run: a study that has one is incomplete and is planned again."""


def os_reason(error: OSError) -> str:
    """Why the system refused, in its words alone: Arrow names the file too, which may be a patient's.

    Examples
    --------
    >>> import errno
    >>> os_reason(FileNotFoundError(errno.ENOENT, "No such file or directory", "/archive/Doe/1.dcm"))
    'No such file or directory'
    >>> os_reason(OSError("the store does not answer"))
    'the store does not answer'
    """
    return os.strerror(error.errno) if error.errno else str(error)


class EchoPrimeError(Exception):
    """Base of every error that this package raises on purpose.

    Parameters
    ----------
    message
        One line: the value, what is wrong with it, and the cure.
    """


class VideoError(EchoPrimeError):
    """One video cannot become a clip; the job goes on and records it.

    Parameters
    ----------
    reason
        Its code, see `Reason`.
    message
        One line of detail. Never a path, a name or a date.
    """

    def __init__(self, reason: Reason, message: str) -> None:
        super().__init__(message)
        self.reason = reason
        self.message = message

    def __reduce__(self) -> tuple[type[VideoError], tuple[Reason, str]]:
        return type(self), (self.reason, self.message)

    @property
    def outcome(self) -> str:
        """`skipped` or `failed`."""
        return "skipped" if self.reason in SKIPPED else "failed"

    @property
    def transient(self) -> bool:
        """Whether another run may succeed."""
        return self.reason in TRANSIENT


class SkippedVideo(VideoError):  # noqa: N818  # not an error of anyone's
    """A sound video that is not meant for the networks: a still, a static loop."""


class UnreadableVideo(VideoError):  # noqa: N818  # named for the video, as its sibling
    """A video that cannot be decoded, now or later."""


class ReadError(VideoError):
    """A video whose bytes did not arrive; another run may succeed."""

    @property
    def lasts(self) -> bool:
        """Whether asking again would be answered the same way: it is gone, or another one now."""
        return self.reason in (Reason.MISSING, Reason.CHANGED)

    @property
    def of_the_store(self) -> bool:
        """Whether all objects are as badly off as this one, so that waiting long costs nothing."""
        return self.reason is Reason.THROTTLED


class UnansweredError(ReadError):
    """Nobody answered: a gateway that restarts, a link that is down."""

    @property
    def of_the_store(self) -> bool:
        """It is."""
        return True


class DeniedError(ReadError):
    """The keys may not read it, however often it is asked for."""

    @property
    def lasts(self) -> bool:
        """It does."""
        return True


class WriteError(EchoPrimeError):
    """Rows cannot be committed: the disk is full, the keys have expired, the store is away.

    What was committed before stays readable.
    """


class StalledError(EchoPrimeError):
    """A job that nothing came out of for too long, also after what hung was started anew."""


class UserError(EchoPrimeError):
    """A mistake of the user's: the command line prints its one line and exits with 2."""


class SettingError(UserError):
    """A setting has a value that cannot work."""


class ArchiveError(UserError):
    """An archive or manifest is missing, empty, or not what it should be."""


class BundleError(UserError):
    """A release or bundle is missing, damaged, or does not fit what is asked of it."""


class MissingPackageError(BundleError):
    """A bundle has something that needs a package that is not installed here."""


class CohortError(UserError):
    """A cohort's table is missing, or is not what it should be."""


class TableError(UserError):
    """A table belongs to other settings, another version, or another run that is still writing."""
