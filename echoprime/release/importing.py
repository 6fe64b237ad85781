"""The official release's folder to a bundle, in one call."""

from __future__ import annotations

from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path

from echoprime.bundle import Bundle, Lexicon, write_bundle
from echoprime.bundle.writing import ENCODER_FILE, VIEW_CLASSIFIER_FILE, require_free
from echoprime.errors import BundleError
from echoprime.networks import VideoEncoder, ViewClassifier, record_selfcheck, state_sha256
from echoprime.networks.selfcheck import SELFCHECK_FILE
from echoprime.networks.text_encoder import ARCHITECTURE as TEXT_ARCHITECTURE
from echoprime.reading import PREPROCESSING, Clip, read_clip
from echoprime.release.assets import read_label_sources, read_lexicon, read_phenotypes, read_sections
from echoprime.release.candidates import write_release_candidates
from echoprime.release.room import require_room
from echoprime.release.steps import Told, untold
from echoprime.release.text import text_sources, write_text_encoder
from echoprime.release.weights import read_weights, save_weights
from echoprime.retrieval.writing import FORMAT
from echoprime.storage import JSON, canonical_hash
from echoprime.storage.local_files import write_whole

NOTICE = (
    "Research only, not a medical device. Report sentences and the numbers in them are the most similar "
    "candidate reports': other patients' words."
)
"""What is said beside every output of an imported release."""

UNSTATED = "unstated"
"""Embedding space of a release without encoder weights for which no name was given."""

ENCODER_WEIGHTS = ("echo_prime_encoder.pt",)
VIEW_WEIGHTS = ("view_classifier.pt", "view_classifier.ckpt")


def import_release(
    release_dir: str | Path,
    bundle_dir: str | Path,
    *,
    name: str | None = None,
    embedding_space: str | None = None,
    trained: bool = True,
    notice: str = NOTICE,
    lexicons: Mapping[str, str | Path] | None = None,
    tokenizer: str | Path | None = None,
    architectures: tuple[str, str] = ("mvit_v2_s", "convnext_base"),
    shard_files: int | None = None,
    overwrite: bool = False,
    told: Told = untold,
) -> Bundle:
    """Read the official release's layout and write a bundle of it.

    Nothing in the release is run: pickles may hold plain data only, `.pt` files tensors only. What is written
    is read back and compared. A call that was killed is gone on with by the next one of the same arguments,
    from the first unfinished file.

    Parameters
    ----------
    release_dir
        Holds `assets/` and `model_data/`; `model_data/weights/` may be missing: the bundle then interprets
        but does not encode.
    bundle_dir
        Where the bundle shall be; must not hold one yet.
    name
        Of the bundle; None = the release folder's name.
    embedding_space
        What its candidates can be compared with; None = `sha256:` and the encoder weights' hash, or
        "unstated" where there are none.
    trained
        False for random weights: every output then says so.
    notice
        Said beside every number.
    lexicons
        Further languages: two letters -> a file like `all_phr.json` with the same ids.
    tokenizer
        Folder of the text encoder's tokenizer; None = the release's `tokenizer/`. Without one the bundle has
        no text encoder.
    architectures
        Of the encoder and the view classifier.
    shard_files
        Pairs of files to spread the candidates over; None = one for each 160,000 rows.
    overwrite
        Replace a bundle that is there already.
    told
        Hears of what is done.

    Raises
    ------
    BundleError
        One line naming the file, what is wrong with it, and the cure.
    """
    require_free(Path(bundle_dir), overwrite=overwrite)
    release = Path(release_dir)
    assets, data = release / "assets", release / "model_data"
    for folder in (assets, data / "candidates_data"):
        if not folder.is_dir():
            raise BundleError(
                f"{release}: no folder {folder.relative_to(release)} in it; see the README, "
                '"First use", for what a release folder holds'
            )
    sections = read_sections(assets)
    label_sources = read_label_sources(assets)
    phenotypes = read_phenotypes(assets, sections, label_sources)
    words = [read_lexicon(assets / "all_phr.json", "en")]
    words += [read_lexicon(Path(path), language) for language, path in (lexicons or {}).items()]
    encoder, view_classifier = _weight_files(data / "weights")
    text = text_sources(release, None if tokenizer is None else Path(tokenizer))
    space = embedding_space or _space(encoder)
    sources = sorted(path for folder in (assets, data) for path in folder.rglob("*") if path.is_file())

    def files(directory: Path) -> int:
        there = sum(path.stat().st_size for path in directory.rglob("*") if path.is_file())
        # a bundle is never larger than its release: pickled reports and labels become less
        needed = sum(path.stat().st_size for path in sources) - there
        require_room(directory, max(0, needed), "the bundle")
        if encoder is not None and view_classifier is not None:
            told("weights", 0, 0)
            _write_weights(encoder, view_classifier, architectures, directory)
        if text is not None:
            told("weights", 0, 0)
            write_text_encoder(text, directory)
        rows = write_release_candidates(
            data / "candidates_data",
            directory / "candidates",
            phenotypes=phenotypes,
            lexicon=words[0],
            embedding_space=space,
            shard_files=shard_files,
            told=told,
        )
        told("hashing", 0, 0)
        return rows

    written: list[JSON] = [[each.language, sha256(each.to_json()).hexdigest()] for each in words]
    stamps: list[JSON] = [[str(path.relative_to(release)), *_stamp(path)] for path in sources]
    return write_bundle(
        bundle_dir,
        name=name or release.resolve().name,
        trained=trained,
        notice=notice,
        embedding_space=space,
        sections=sections,
        phenotypes=phenotypes,
        lexicons=words,
        label_sources=label_sources,
        preprocessing=PREPROCESSING,
        files=files,
        encoder=architectures[0] if encoder else None,
        view_classifier=architectures[1] if view_classifier else None,
        text_encoder=TEXT_ARCHITECTURE if text else None,
        origins=_origins(words, encoder, view_classifier) | (text.origins if text else {}),
        overwrite=overwrite,
        identity=canonical_hash(
            [
                stamps,
                written,
                text.identity if text else None,
                trained,
                space,
                list(architectures),
                shard_files,
                FORMAT,
            ]
        ),
    )


def _stamp(path: Path) -> tuple[int, int]:
    """What tells one state of a file from another without reading it."""
    found = path.stat()
    return found.st_size, found.st_mtime_ns


def _weight_files(folder: Path) -> tuple[Path | None, Path | None]:
    """Files of both networks, or none of either."""
    encoder, view_classifier = (
        next((folder / file for file in names if (folder / file).is_file()), None)
        for names in (ENCODER_WEIGHTS, VIEW_WEIGHTS)
    )
    if (encoder is None) != (view_classifier is None):
        lacking = ENCODER_WEIGHTS if encoder is None else VIEW_WEIGHTS
        raise BundleError(
            f"model_data/weights/{lacking[0]}: missing, though the other network's weights are there; "
            "download model_data.zip again, or take the folder away for a bundle without weights"
        )
    return encoder, view_classifier


def _space(encoder: Path | None) -> str:
    return UNSTATED if encoder is None else f"sha256:{state_sha256(read_weights(encoder))}"


def _write_weights(
    encoder: Path, view_classifier: Path, architectures: tuple[str, str], directory: Path
) -> None:
    """Write both networks' weights and the self-check that they pass on this machine; it comes last."""
    if (directory / SELFCHECK_FILE).is_file():
        return
    save_weights(read_weights(encoder), directory / ENCODER_FILE)
    save_weights(read_weights(view_classifier), directory / VIEW_CLASSIFIER_FILE)
    networks = (
        VideoEncoder(architectures[0], directory / ENCODER_FILE),
        ViewClassifier(architectures[1], directory / VIEW_CLASSIFIER_FILE),
    )
    write_whole(directory / SELFCHECK_FILE, record_selfcheck(*networks, sample_clip()))


def sample_clip() -> Clip:
    """The public apical four-chamber loop that comes with pydicom: a real clip without patient data."""
    from pydicom.data import get_testdata_file

    path = get_testdata_file("examples_ybr_color.dcm", download=False)
    if path is None:
        raise BundleError(
            "pydicom: its sample examples_ybr_color.dcm is not installed; install pydicom again"
        )
    return read_clip(Path(str(path)).read_bytes())


def _origins(words: list[Lexicon], encoder: Path | None, view_classifier: Path | None) -> dict[str, str]:
    origins = {
        "sections.csv": "assets/MIL_weights.csv",
        "phenotypes.csv": "assets/section_to_phenotypes.pkl, per_section.json, roc_thresholds.csv",
        "label_sources.json": "assets/per_section.json",
        SELFCHECK_FILE: "pydicom examples_ybr_color.dcm, computed at import in float32 on CPU",
    }
    origins |= {f"lexicon/{each.language}.json": f"lexicon {each.language}" for each in words}
    origins["lexicon/en.json"] = "assets/all_phr.json"
    for target, path in ((ENCODER_FILE, encoder), (VIEW_CLASSIFIER_FILE, view_classifier)):
        if path is not None:
            origins[target] = f"model_data/weights/{path.name}"
    return origins
