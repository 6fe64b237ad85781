"""Files that want to run something, or name something elsewhere: refused in one line, and nothing is run."""

from __future__ import annotations

import json
import os
import pickle
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch

from echoprime.archive import open_manifest, plan_studies
from echoprime.archive.manifest_file import ROOT, STUDIES, STUDY_FROM, VERSION
from echoprime.bundle import Bundle, open_bundle
from echoprime.errors import ArchiveError, BundleError, ReadError, Reason
from echoprime.networks.selfcheck import _read
from echoprime.release import load_pickle, read_weights
from echoprime.release.streaming import NotPlain, stream_pickle
from echoprime.retrieval import CandidateFiles, CandidateSet
from echoprime.storage import Location, read_object
from echoprime.tables import MANIFEST, SCHEMA_VERSION
from tests.tiny import write_tiny_bundle


class Harm:
    """Makes a folder when it is unpickled."""

    def __reduce__(self) -> tuple[Callable[[str], None], tuple[str]]:
        return os.mkdir, ("harm-was-done",)


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """An empty current folder, in which no harm is done; done on purpose, it would be seen."""
    monkeypatch.chdir(tmp_path)
    pickle.loads(pickle.dumps(Harm()))
    Path("harm-was-done").rmdir()
    yield tmp_path
    assert not Path("harm-was-done").exists()


def ray_objects(values: list[object]) -> pa.ExtensionArray:
    """As Ray Data keeps Python objects in Arrow: its `to_pylist` unpickles them."""
    from ray.data._internal.object_extensions.arrow import ArrowPythonObjectArray

    return ArrowPythonObjectArray.from_objects(values)


@pytest.mark.parametrize("modern", [True, False])
def test_weights(here: Path, modern: bool) -> None:
    for content in (Harm(), {"x": torch.zeros(2), "h": Harm()}, {"state_dict": {"model.x": Harm()}}):
        torch.save(content, here / "x.pt", _use_new_zipfile_serialization=modern)
        with pytest.raises(BundleError, match="holds more than tensors"):
            read_weights(here / "x.pt")


def test_plain_pickles(here: Path) -> None:
    """Also those that hide behind a name that is allowed, and by the streaming reader."""
    hostile = [
        pickle.dumps([Harm()]),
        b"cposix\nsystem\n(S'mkdir harm-was-done'\ntR.",
        b'cbuiltins\neval\n(S\'__import__("os").mkdir("harm-was-done")\'\ntR.',
        b"\x80\x04\x8c\x08builtins\x8c\x07getattr\x93.",
        b"\x80\x04\x8c\x05numpy\x8c\x0cload.__call__\x93.",
    ]
    for data in hostile:
        (here / "x.pkl").write_bytes(data)
        with pytest.raises(BundleError, match=r"x\.pkl"):
            load_pickle(here / "x.pkl")
        with pytest.raises((BundleError, NotPlain)):
            stream_pickle(here / "x.pkl", {})


def test_a_self_check(here: Path) -> None:
    objects = np.array([Harm()], object)
    np.savez(here / "selfcheck.npz", frames=objects, used=1, embedding=objects, logits=objects)
    with pytest.raises(BundleError, match="is damaged"):
        _read(here / "selfcheck.npz")


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    return write_tiny_bundle(tmp_path_factory.mktemp("hostile") / "bundle", weights=False)


def copied(bundle: Bundle, target: Path) -> Path:
    source = bundle.location.local_path
    for path in sorted(path for path in source.rglob("*") if path.is_file()):
        (target / path.relative_to(source)).parent.mkdir(parents=True, exist_ok=True)
        (target / path.relative_to(source)).write_bytes(path.read_bytes())
    return target


def test_candidates(bundle: Bundle, here: Path) -> None:
    folder = copied(bundle, here / "b") / "candidates"
    np.save(folder / "embeddings-00000-of-00002.npy", np.array([Harm()] * 60, object))
    with pytest.raises(BundleError, match="damaged"):
        CandidateSet.open(folder).shard()
    folder = copied(bundle, here / "c") / "candidates"
    file = folder / "studies-00000-of-00002.arrow"
    with file.open("rb") as stream:
        table = pa.ipc.open_file(stream).read_all()
    for column in ("study", "report"):
        hostile = table.set_column(
            table.schema.get_field_index(column), column, ray_objects([Harm()] * len(table))
        )
        with pa.OSFile(str(file), "wb") as sink, pa.ipc.new_file(sink, hostile.schema) as writer:
            writer.write_table(hostile)
        with pytest.raises(BundleError, match="more than plain values"):
            CandidateSet.open(folder).shard()


def write_manifest(place: Path, columns: dict[str, object]) -> Location:
    row = {"study_id": ["s"], "path": ["s/x.dcm"], "size": [1], "token": ["t"], **columns}
    arrays = [
        given if isinstance(given := row.get(field.name, [None]), pa.Array) else pa.array(given, field.type)
        for field in MANIFEST
    ]
    facts = {ROOT: str(place.parent), STUDY_FROM: "folder", VERSION: str(SCHEMA_VERSION), STUDIES: "1"}
    table = pa.table(arrays, names=MANIFEST.names)
    with pq.ParquetWriter(place, table.schema) as writer:
        writer.write_table(table)
        writer.add_key_value_metadata({key.decode(): value for key, value in facts.items()})
    return Location.parse(place)


def test_a_manifest_with_rays_objects(here: Path) -> None:
    hostile = write_manifest(here / "m.parquet", {"study_id": ray_objects([Harm()])})
    assert "ray.data" in sys.modules
    with pytest.raises(ArchiveError, match="not a manifest"):
        open_manifest(hostile)


@pytest.mark.parametrize("path", ["../secret.dcm", "/etc/hostname", "s/../../secret.dcm", "s/x\0.dcm", ".."])
def test_a_manifest_whose_paths_lead_out(here: Path, path: str) -> None:
    manifest = open_manifest(write_manifest(here / "m.parquet", {"path": [path]}))
    with pytest.raises(ArchiveError, match="leads out of the archive") as raised:
        next(plan_studies(manifest))
    assert path not in str(raised.value)


def test_what_leads_out_is_not_read(here: Path) -> None:
    (here / "secret.dcm").write_bytes(b"1")
    (here / "archive").mkdir()
    for path in ("../secret.dcm", str(here / "secret.dcm"), "../secret.zip!/x", "a.tar!/../../secret.dcm"):
        with pytest.raises(ReadError) as raised:
            read_object(Location.parse(here / "archive"), path, size=1, token="!tar:0")
        assert raised.value.reason is Reason.MISSING


@pytest.mark.parametrize("name", ["../outside.csv", "/etc/hostname", "lexicon/../../outside.csv"])
def test_a_bundle_that_names_files_elsewhere(bundle: Bundle, here: Path, name: str) -> None:
    (here / "outside.csv").write_text("x")
    folder = copied(bundle, here / "b")
    content = json.loads((folder / "bundle.json").read_text())
    content["files"][name] = content["files"]["sections.csv"]
    (folder / "bundle.json").write_text(json.dumps(content))
    with pytest.raises(BundleError, match="names a file that is not below it"):
        open_bundle(folder)


def test_a_candidate_set_that_names_files_elsewhere(here: Path) -> None:
    files = {"../../outside.arrow": {"size": 1, "sha256": "0"}}
    (here / "summary.json").write_text(json.dumps({"format": 1, "files": files}))
    with pytest.raises(BundleError, match="names a file that is not below it"):
        CandidateFiles.open(Location.parse(here))
