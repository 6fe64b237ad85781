"""What embeddings can be compared with each other: those of one encoder, and no others."""

from __future__ import annotations

from echoprime.errors import BundleError


def require_same_space(ours: str, space: str, theirs: str, other: str, cure: str) -> None:
    """Refuse to compare embeddings of two encoders.

    Parameters
    ----------
    ours, theirs
        Whose they are, each with its verb.
    space, other
        Embedding spaces.
    cure
        What to do about it.

    Raises
    ------
    BundleError
        Naming both embedding spaces.

    Examples
    --------
    >>> require_same_space("the encodings are", "a", "the candidates are", "b", "use the same encoder")
    Traceback (most recent call last):
    ...
    echoprime.errors.BundleError: the encodings are of the embedding space 'a', the candidates are of 'b': \
their similarities would mean nothing; use the same encoder
    """
    if space != other:
        raise BundleError(
            f"{ours} of the embedding space {space!r}, {theirs} of {other!r}: their similarities would mean "
            f"nothing; {cure}"
        )
