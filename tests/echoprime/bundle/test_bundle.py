"""A bundle is written whole or not at all, opened cheaply, and told when it is not what it says."""

import json
import pickle
from pathlib import Path

import numpy as np
import pytest

from echoprime.bundle import VIEWS, Lexicon, Phenotype, SectionWeights, open_bundle, write_bundle
from echoprime.bundle.cache import file_sha256, local_file
from echoprime.errors import BundleError
from echoprime.storage import Location

ENGLISH = Lexicon.from_phrases(
    {"Aorta": {"Size": ["Normal.", "<numerical> cm."]}, "IVC": {"Size": ["Full."]}}
)
ITALIAN = Lexicon.from_phrases(
    {"Aorta": {"Taglia": ["Normale.", "<numerical> cm."]}, "VCI": {"Taglia": ["Piena."]}},
    "it",
    {"not_recorded": "non registrato"},
)


def write(directory, **change):
    def files(folder: Path) -> int:
        (folder / "candidates").mkdir()
        (folder / "candidates" / "candidates.json").write_text("{}")
        return 7

    parts = {
        "name": "small",
        "trained": False,
        "notice": "drawn",
        "embedding_space": "drawn",
        "sections": SectionWeights(("IVC", "Aorta"), np.full((2, 11), 0.1, np.float32)),
        "phenotypes": [Phenotype("dilated_ivc", "IVC", "binary", definition='a, "b"', threshold=0.32)],
        "lexicons": [ENGLISH, ITALIAN],
        "label_sources": {"dilated_ivc": {"section": "IVC", "mode": "binary", "label_sources": ["Full"]}},
        "preprocessing": {"revision": 1},
        "files": files,
        "origins": {"candidates/candidates.json": "drawn here"},
    }
    return write_bundle(directory, **{**parts, **change})


def test_what_is_written_comes_back(tmp_path):
    bundle = write(tmp_path / "b")
    assert (bundle.name, bundle.trained, bundle.notice, bundle.embedding_space) == (
        "small",
        False,
        "drawn",
        "drawn",
    )
    assert bundle.views == VIEWS
    assert bundle.sections.names == ("IVC", "Aorta")
    np.testing.assert_array_equal(bundle.sections.weights, np.full((2, 11), 0.1, np.float32))
    assert bundle.phenotypes == (
        Phenotype("dilated_ivc", "IVC", "binary", definition='a, "b"', threshold=0.32),
    )
    assert bundle.languages == ("en", "it")
    assert bundle.lexicon() == ENGLISH
    assert bundle.lexicon("it") == ITALIAN
    assert bundle.label_sources()["dilated_ivc"]["label_sources"] == ["Full"]
    assert bundle.candidates_rows == 7
    assert not bundle.encodes
    assert bundle.files["candidates/candidates.json"].origin == "drawn here"
    assert bundle.check_files() == 6
    assert [path.name for path in tmp_path.iterdir()] == ["b"]


def test_bundle_travels_by_pickle(tmp_path):
    bundle = write(tmp_path / "b")
    there = pickle.loads(pickle.dumps(bundle))
    assert there.hash == bundle.hash
    assert there.file("sections.csv").read_bytes() == (tmp_path / "b" / "sections.csv").read_bytes()


def test_failure_while_writing_leaves_nothing(tmp_path):
    def files(folder: Path) -> int:
        (folder / "half").write_text("half")
        raise BundleError("half")

    with pytest.raises(BundleError, match="half"):
        write(tmp_path / "b", files=files)
    assert list(tmp_path.iterdir()) == []


def test_bundle_that_is_there_is_replaced_only_when_asked(tmp_path):
    write(tmp_path / "b")
    with pytest.raises(BundleError, match="holds a bundle already"):
        write(tmp_path / "b", name="other")
    assert open_bundle(tmp_path / "b").name == "small"
    assert write(tmp_path / "b", name="other", overwrite=True).name == "other"
    assert [path.name for path in tmp_path.iterdir()] == ["b"]


def test_what_is_no_bundle_is_never_replaced(tmp_path):
    (tmp_path / "thesis.txt").write_text("ten years")
    with pytest.raises(BundleError, match="no bundle; name another folder"):
        write(tmp_path, overwrite=True)
    assert (tmp_path / "thesis.txt").read_text() == "ten years"
    with pytest.raises(BundleError, match="a file is in the way"):
        write(tmp_path / "thesis.txt", overwrite=True)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"lexicons": []}, "needs one language"),
        ({"lexicons": [ITALIAN]}, "'IVC' has weights, but the lexicon does not know it"),
        ({"phenotypes": [Phenotype("tavr", "Aortic Valve", "binary")]}, "'Aortic Valve' of 'tavr'"),
        ({"lexicons": [ENGLISH, Lexicon.from_phrases({"Aorta": {}}, "it")]}, r"it.json: 1 sections"),
        (
            {"lexicons": [ENGLISH, Lexicon.from_phrases({"A": {"S": ["x"]}, "I": {"S": ["y"]}}, "it")]},
            "1 phrases for 'Aorta'",
        ),
        ({"encoder": "mvit_v2_s"}, "was not written"),
    ],
)
def test_parts_that_do_not_fit_are_refused(tmp_path, change, message):
    with pytest.raises(BundleError, match=message):
        write(tmp_path / "b", **change)


def test_no_bundle_there(tmp_path):
    with pytest.raises(BundleError, match=r"no bundle.json there; make a bundle with"):
        open_bundle(tmp_path)


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"format": 1}', '{"format": 1, "files": 3}'])
def test_damaged_bundle_json(tmp_path, text):
    write(tmp_path / "b")
    (tmp_path / "b" / "bundle.json").write_text(text)
    with pytest.raises(BundleError, match=r"import the release again"):
        open_bundle(tmp_path / "b")


def test_other_format_version(tmp_path):
    write(tmp_path / "b")
    path = tmp_path / "b" / "bundle.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "format": 2}))
    with pytest.raises(BundleError, match="bundle format 2, this version reads 1"):
        open_bundle(tmp_path / "b")


def test_changed_files_are_found(tmp_path):
    bundle = write(tmp_path / "b")
    (tmp_path / "b" / "label_sources.json").write_bytes(
        (tmp_path / "b" / "label_sources.json").read_bytes().replace(b"Full", b"Null")
    )
    with pytest.raises(BundleError, match=r"label_sources.json: SHA-256 differs"):
        bundle.check_files()
    (tmp_path / "b" / "label_sources.json").unlink()
    with pytest.raises(BundleError, match=r"label_sources.json: named in bundle.json, but not there"):
        bundle.file("label_sources.json")
    (tmp_path / "b" / "sections.csv").write_text("Section\n")
    with pytest.raises(BundleError, match=r"sections.csv differs"):
        open_bundle(tmp_path / "b")
    with pytest.raises(BundleError, match="not in bundle 'small'"):
        bundle.file("encoder.safetensors")


def test_language_that_it_lacks(tmp_path):
    with pytest.raises(BundleError, match="language 'fr': bundle 'small' has en, it"):
        write(tmp_path / "b").lexicon("fr")


def test_identities_name_what_they_depend_on(tmp_path):
    one, two = write(tmp_path / "1"), write(tmp_path / "2")
    assert one.interpretation_identity(50, "section", "en") == two.interpretation_identity(
        50, "section", "en"
    )
    other = write(
        tmp_path / "3", phenotypes=[Phenotype("dilated_ivc", "IVC", "binary", threshold=0.4)]
    ).interpretation_identity(50, "section", "en")
    base = one.interpretation_identity(50, "section", "en")
    assert {name for name in base if base[name] != other[name]} == {"thresholds"}
    changed = one.interpretation_identity(20, "position", "it")
    assert {name for name in base if base[name] != changed[name]} == {"k", "pairing", "language", "lexicon"}
    assert json.loads(json.dumps([base, one.encoding_identity()])) == [base, one.encoding_identity()]
    assert one.encoding_identity()["encoder"] is None


@pytest.mark.s3
def test_bundle_in_a_bucket_is_copied_once_and_verified(tmp_path, s3_location, monkeypatch):
    monkeypatch.setenv("ECHOPRIME_CACHE", str(tmp_path / "cache"))
    local = write(tmp_path / "b")
    for name in [*local.files, "bundle.json"]:
        (s3_location / name).write_bytes((tmp_path / "b" / name).read_bytes())
    bundle = open_bundle(s3_location)
    assert not (tmp_path / "cache").exists()
    path = bundle.file("candidates/candidates.json")
    assert path.is_relative_to(tmp_path / "cache" / bundle.hash)
    written = path.stat().st_mtime_ns
    (s3_location / "candidates/candidates.json").remove()
    assert bundle.file("candidates/candidates.json").stat().st_mtime_ns == written
    assert bundle.check_files() == 6
    with pytest.raises(BundleError, match=r"no bundle.json there"):
        open_bundle(s3_location / "elsewhere")


@pytest.mark.s3
def test_damaged_copy_in_a_bucket_never_reaches_the_cache(tmp_path, s3_location):
    (s3_location / "file").write_bytes(b"other")
    cache = tmp_path / "cache"
    right = tmp_path / "right"
    right.write_bytes(b"right")
    with pytest.raises(BundleError, match="SHA-256 differs"):
        local_file(s3_location, "file", 5, file_sha256(right), cache)
    assert list(cache.iterdir()) == []
    with pytest.raises(BundleError, match="but not there"):
        local_file(s3_location, "gone", 5, file_sha256(right), cache)


def test_size_of_a_local_file_is_compared(tmp_path):
    (tmp_path / "file").write_bytes(b"12345")
    place = Location.parse(tmp_path)
    assert local_file(place, "file", 5, "", tmp_path / "cache") == tmp_path / "file"
    with pytest.raises(BundleError, match=r"5 bytes, bundle.json says 1,000"):
        local_file(place, "file", 1000, "", tmp_path / "cache")
