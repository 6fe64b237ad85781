"""How bytes become a clip is this software's, and a bundle whose weights expect other clips is refused."""

from __future__ import annotations

from dataclasses import replace

import pytest

from echoprime.bundle import Bundle
from echoprime.errors import BundleError
from echoprime.reading import PREPROCESSING
from pipelines.encode import check_encoding, encoding_identity
from pipelines.settings import EncodeSettings


def settings(bundle: Bundle) -> EncodeSettings:
    return EncodeSettings(manifest="m", bundle=str(bundle.location), output="o")


def test_a_bundle_of_an_earlier_revision_makes_this_revisions_clips(bundle: Bundle) -> None:
    earlier = replace(bundle, preprocessing={**PREPROCESSING, "revision": 0})
    check_encoding(settings(earlier), earlier)
    assert encoding_identity(earlier, settings(earlier))["preprocessing"] == PREPROCESSING
    assert encoding_identity(earlier, settings(earlier)) == encoding_identity(bundle, settings(bundle))


def test_a_bundle_for_other_clips_is_refused(bundle: Bundle) -> None:
    other = replace(bundle, preprocessing={**PREPROCESSING, "side": 112})
    with pytest.raises(BundleError, match="side is 112 there and 224 here"):
        check_encoding(settings(other), other)
