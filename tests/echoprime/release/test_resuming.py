"""Imports that are killed, interrupted or run twice: gone on with, and never taken for whole."""

import shutil
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import torch

from echoprime.bundle import Lexicon, open_bundle
from echoprime.bundle.workspace import workspace
from echoprime.errors import BundleError
from echoprime.networks import seeded_state
from echoprime.release import import_release, reports, room
from echoprime.release import importing as importing_module
from echoprime.release.verifying import Written, verify_candidates
from echoprime.retrieval import CandidateSet, CandidateWriter
from tests.echoprime.release.small import write_small_release
from tests.echoprime.retrieval.drawn import Drawn

FILES = 6


@pytest.fixture
def release(tmp_path):
    return write_small_release(tmp_path / "release")


@pytest.fixture(autouse=True)
def few_rows_at_once(monkeypatch):
    """Sixteen reports at once, so that a small release comes in several blocks."""
    monkeypatch.setattr(reports, "ROWS_AT_ONCE", 16)


def parts_of(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.rglob("*") if path.is_file())


class Stopped(KeyboardInterrupt):
    pass


def stop_at(step, count=1):
    """A listener that interrupts at the count-th call of a step."""
    seen = []

    def told(name, done, total):
        seen.append(name)
        if seen.count(step) == count:
            raise Stopped

    return told


@pytest.mark.parametrize("step", ["candidates", "verified", "hashing"])
def test_an_interrupted_import_is_gone_on_with(release, tmp_path, step):
    whole = import_release(release, tmp_path / "whole", shard_files=FILES, name="x")
    with pytest.raises(Stopped):
        import_release(release, tmp_path / "bundle", shard_files=FILES, name="x", told=stop_at(step))
    assert not (tmp_path / "bundle").exists()
    (left,) = tmp_path.glob(".bundle.importing-*")
    assert "bundle.json" not in parts_of(left)
    again = import_release(release, tmp_path / "bundle", shard_files=FILES, name="x")
    assert again.hash == whole.hash
    assert sorted(path.name for path in tmp_path.iterdir()) == ["bundle", "release", "whole"]
    assert parts_of(tmp_path / "bundle") == parts_of(tmp_path / "whole")


def test_finished_pairs_are_kept_and_half_written_ones_are_not(release, tmp_path):
    names = ("tavr",)
    rng = np.random.default_rng(0)
    rows = rng.standard_normal((10, 8)).astype(np.float32)

    def write(place, first, last, **more):
        writer = CandidateWriter(
            place, rows=10, labels=names, embedding_space="", files=4, dimension=8, **more
        )
        assert writer.written == first
        here = slice(first, last)
        number = last - first
        writer.append(rows[here], [str(n) for n in range(first, last)], np.zeros((number, 1)), [[]] * number)
        return writer

    write(tmp_path / "whole", 0, 10).close()
    write(tmp_path / "set", 0, 8)  # two files of three rows, and two rows of the third
    half = tmp_path / "set" / "studies-00002-of-00004.arrow"
    assert not half.exists()
    half.write_bytes(b"ARROW1")  # as a disk that lost power may leave it
    stamp = (tmp_path / "set" / "embeddings-00000-of-00004.npy").stat().st_mtime_ns
    write(tmp_path / "set", 6, 10, resume=True).close()
    assert (tmp_path / "set" / "embeddings-00000-of-00004.npy").stat().st_mtime_ns == stamp
    for path in (tmp_path / "whole").iterdir():
        assert (tmp_path / "set" / path.name).read_bytes() == path.read_bytes()
    assert parts_of(tmp_path / "set") == parts_of(tmp_path / "whole")


def test_another_release_does_not_go_on_with_what_is_left(release, tmp_path):
    with pytest.raises(Stopped):
        import_release(release, tmp_path / "bundle", shard_files=FILES, told=stop_at("candidates"))
    left = next(tmp_path.glob(".bundle.importing-*"))
    studies = release / "model_data" / "candidates_data" / "candidate_studies.csv"
    studies.write_text(studies.read_text().replace("\n1", "\n2"))
    import_release(release, tmp_path / "bundle", shard_files=FILES)
    assert not left.exists()
    shard = CandidateSet.open(open_bundle(tmp_path / "bundle")).parts()
    assert all(name.startswith("2") for part in shard for name in part.table["study"].to_pylist())


def test_another_language_or_untrained_weights_do_not_go_on_with_what_is_left(release, tmp_path):
    shutil.copyfile(release / "assets" / "all_phr.json", tmp_path / "it.json")
    for more in ({"lexicons": {"it": tmp_path / "it.json"}}, {"trained": False}, {}):
        with pytest.raises(Stopped):
            import_release(release, tmp_path / "bundle", told=stop_at("hashing"), **more)
        # only the last one's is left: others' are removed
        (left,) = tmp_path.glob(".bundle.importing-*")
        (left / "mark").write_text("")
        assert not (left / "lexicon").exists()
    assert "mark" in import_release(release, tmp_path / "bundle").files


def test_what_a_killed_import_left_half_written_is_no_part_of_the_bundle(release, tmp_path):
    with pytest.raises(Stopped):
        import_release(release, tmp_path / "bundle", told=stop_at("hashing"))
    (left,) = tmp_path.glob(".bundle.importing-*")
    (left / "candidates" / ".candidates.json.99999999.0123abcd").write_bytes(b"half")
    (left / ".DS_Store").write_bytes(b"a folder's view")
    bundle = import_release(release, tmp_path / "bundle")
    assert not [name for name in bundle.files if name.rpartition("/")[2].startswith(".")]
    assert not [path for path in (tmp_path / "bundle").rglob("*") if path.name.startswith(".")]


def test_a_killed_process_is_gone_on_with(release, tmp_path):
    source = (
        "import sys, time\n"
        "from echoprime.release import import_release\n"
        "def told(step, *_): step == 'verified' and time.sleep(60)\n"
        "import_release(sys.argv[1], sys.argv[2], shard_files=6, told=told)"
    )
    root = Path(__file__).parents[3]
    with subprocess.Popen(
        [sys.executable, "-c", source, str(release), str(tmp_path / "bundle")], cwd=root
    ) as process:
        until = time.monotonic() + 120
        while not list(tmp_path.glob(".bundle.importing-*/candidates/candidates.json")):
            assert process.poll() is None
            assert time.monotonic() < until
            time.sleep(0.05)
        with pytest.raises(BundleError, match="another import writes it at this moment"):
            import_release(release, tmp_path / "bundle", shard_files=FILES)
        process.kill()
    bundle = import_release(release, tmp_path / "bundle", shard_files=FILES)
    assert bundle.check_files() > 2 * FILES


def test_a_place_in_use_is_told_before_anything_is_read(release, tmp_path):
    import_release(release, tmp_path / "bundle")
    (release / "assets" / "all_phr.json").unlink()
    with pytest.raises(BundleError, match="holds a bundle already"):
        import_release(release, tmp_path / "bundle")


def test_a_disk_without_room_is_told(release, tmp_path, monkeypatch):
    monkeypatch.setattr(room, "SPARE", 1 << 60)
    with pytest.raises(BundleError, match=r"GB are free there, the bundle needs .* GB; make room"):
        import_release(release, tmp_path / "bundle")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["release"]


def test_workspaces_of_no_identity_never_stay(tmp_path):
    def work():
        with workspace(tmp_path / "target") as place:
            (place / "file").write_text("x")
            raise Stopped

    with pytest.raises(Stopped):
        work()
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("wrong", ["embeddings", "studies", "labels of second", "phrases", "rows"])
def test_what_reads_back_otherwise_is_told(tmp_path, wrong):
    drawn = Drawn(tmp_path / "set", 20, 3, seed=0)
    lexicon = small_lexicon()
    rewritten = np.arange(20)
    writer = CandidateWriter(
        tmp_path / "numbered", rows=20, labels=("first", "second"), embedding_space="", files=3, dimension=32
    )
    labels = drawn.labels[:, :2]
    writer.append(drawn.embeddings, [str(each) for each in rewritten], labels, drawn.reports)
    writer.close()
    embeddings, phrases = drawn.embeddings.copy(), sum(map(len, drawn.reports))
    good = Written(rewritten, labels, lambda a, b: embeddings[a:b], lexicon, phrases)
    verify_candidates(tmp_path / "numbered", good)
    said = wrong
    if wrong == "embeddings":
        embeddings[13, 5] = -embeddings[13, 5]
    elif wrong == "studies":
        good.studies = rewritten[::-1].copy()
    elif wrong == "phrases":
        good.lexicon = small_lexicon(phrases=1)
    elif wrong == "rows":
        good.phrases += 1
        said = "phrases read back"
    else:
        good.labels = labels.copy()
        good.labels[3, 1] = 7
    with pytest.raises(BundleError, match=said) as caught:
        verify_candidates(tmp_path / "numbered", good)
    assert "\n" not in str(caught.value)


def small_lexicon(phrases=20):
    return Lexicon.from_phrases({f"S{n}": {"G": [f"{n} {m}." for m in range(phrases)]} for n in range(4)})


def test_weights_that_are_written_are_not_written_again(release, tmp_path, monkeypatch):
    folder = release / "model_data" / "weights"
    folder.mkdir()
    torch.save(seeded_state("mvit_two_blocks", 0), folder / "echo_prime_encoder.pt")
    torch.save(seeded_state("convnext_two_blocks", 1), folder / "view_classifier.pt")
    kind = ("mvit_two_blocks", "convnext_two_blocks")
    with pytest.raises(Stopped):
        import_release(
            release, tmp_path / "bundle", architectures=kind, trained=False, told=stop_at("candidates")
        )
    monkeypatch.setattr(importing_module, "save_weights", lambda *_: pytest.fail("written twice"))
    assert import_release(release, tmp_path / "bundle", architectures=kind, trained=False).encodes
