"""A bundle with networks of two blocks, and an archive of small moving loops: the real parts, in seconds."""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from safetensors.torch import save_file

from echoprime.bundle import Bundle, Lexicon, Phenotype, SectionWeights, write_bundle
from echoprime.demonstration.bundle import LABEL_SOURCES
from echoprime.demonstration.dicom import loop_to_dicom
from echoprime.networks import VideoEncoder, ViewClassifier, record_selfcheck, seeded_state
from echoprime.reading import PREPROCESSING, read_clip
from echoprime.retrieval import write_candidates

ASSETS = Path(__file__).parents[1] / "assets"
ENCODER, CLASSIFIER = "mvit_two_blocks", "convnext_two_blocks"
NOTICE = "untrained: for tests"
CANDIDATES = 120
REPEATED = 30
"""Candidates 0 to 29 stand twice, so that scores tie exactly."""


def phenotypes() -> tuple[Phenotype, ...]:
    """The 21, with the published thresholds."""
    with (ASSETS / "thresholds.csv").open() as file:
        thresholds = {row["feature"]: float(row["threshold"]) for row in csv.DictReader(file)}
    with (ASSETS / "phenotypes.csv").open() as file:
        return tuple(Phenotype(**row, threshold=thresholds.get(row["name"])) for row in csv.DictReader(file))


def write_tiny_bundle(
    directory: Path,
    *,
    seed: int = 0,
    weights: bool = True,
    candidates: int = CANDIDATES,
    label_sources: Mapping[str, Mapping[str, Any]] = LABEL_SOURCES,
    languages: Sequence[str] = (),
    text: bool = False,
) -> Bundle:
    """So many candidates with random labels and reports; seeded, untrained networks of two blocks.

    Phrases and sections of further `languages` are the English ones spelt backwards. With `text` it has a
    seeded text encoder too.
    """
    lexicon = Lexicon.from_phrases(json.loads((ASSETS / "demonstration" / "lexicon.json").read_text()))
    encoder, classifier = seeded_state(ENCODER, seed), seeded_state(CLASSIFIER, seed + 1)

    def files(folder: Path) -> int:
        if weights:
            save_file(encoder, folder / "encoder.safetensors")
            save_file(classifier, folder / "view_classifier.safetensors")
            clip = read_clip(small_loop(99))
            recorded = record_selfcheck(
                VideoEncoder(ENCODER, encoder), ViewClassifier(CLASSIFIER, classifier), clip
            )
            (folder / "selfcheck.npz").write_bytes(recorded)
        if text:
            write_tiny_text_encoder(folder)
        return _write_candidates(folder / "candidates", lexicon, f"tiny-{seed}", candidates)

    return write_bundle(
        directory,
        name="tiny",
        trained=False,
        notice=NOTICE,
        embedding_space=f"tiny-{seed}",
        sections=SectionWeights.from_csv((ASSETS / "section_weights.csv").read_bytes()),
        phenotypes=phenotypes(),
        lexicons=[lexicon, *(_backwards(lexicon, language) for language in languages)],
        label_sources=label_sources,
        preprocessing=PREPROCESSING,
        files=files,
        encoder=ENCODER if weights else None,
        view_classifier=CLASSIFIER if weights else None,
        text_encoder="bert" if text else None,
    )


def _backwards(lexicon: Lexicon, language: str) -> Lexicon:
    """Every word backwards, gaps kept: no English source of a label is found in it."""

    def turned(text: str) -> str:
        words = (word if "<" in word else re.sub(r"[a-z]+", lambda run: run[0][::-1], word, flags=re.I)
                 for word in text.split(" "))  # fmt: skip
        return " ".join(words)

    return replace(
        lexicon,
        language=language,
        sections=tuple(map(turned, lexicon.sections)),
        phrases=tuple(tuple(map(turned, phrases)) for phrases in lexicon.phrases),
        texts={name: turned(text) for name, text in lexicon.texts.items()},
    )


def _write_candidates(directory: Path, lexicon: Lexicon, space: str, count: int) -> int:
    rng = np.random.default_rng(7)
    embeddings = rng.standard_normal((count, 512)).astype(np.float32)
    embeddings[count - REPEATED :] = embeddings[:REPEATED]
    embeddings /= np.linalg.norm(embeddings, axis=1, keepdims=True)
    labels = rng.integers(0, 2, (count, len(phenotypes()))).astype(np.float64)
    labels[rng.random(labels.shape) < 0.2] = np.nan
    reports = [
        [
            (section, int(rng.integers(len(phrases))), round(float(rng.uniform(20, 70)), 1))
            for section, phrases in enumerate(lexicon.phrases)
            if rng.random() < 0.7
        ]
        for _ in range(count)
    ]
    return write_candidates(
        directory,
        embeddings=embeddings,
        studies=[f"candidate-{row}" for row in range(count)],
        labels=labels,
        reports=reports,
        label_names=[each.name for each in phenotypes()],
        embedding_space=space,
        shard_files=2,
    )


def write_tiny_text_encoder(folder: Path) -> None:
    """Of tests/texts.py, as an import writes it."""
    # here, since the package that it is made with is an extra
    from echoprime.networks.tokens import tokenizer_json
    from echoprime.release.text import TEXT_WEIGHTS, TextSources, write_text_encoder
    from tests.texts import add_text_encoder, write_tokenizer

    with TemporaryDirectory() as scratch:
        release = Path(scratch)
        (release / "model_data").mkdir()
        add_text_encoder(release)
        tokenizer = tokenizer_json(write_tokenizer(release / "tokenizer"))
        write_text_encoder(TextSources(release / TEXT_WEIGHTS, tokenizer), folder)


def small_loop(seed: int, frames: int = 6) -> bytes:
    """A DICOM loop of a bright square that moves in a noisy sector, 96 x 128."""
    rng = np.random.default_rng(seed)
    loop = np.zeros((frames, 96, 128, 3), np.uint8)
    loop[:, 26:86, 24:104] = rng.integers(20, 120, (60, 80, 1))
    for number in range(frames):
        top, left = 30 + 2 * number, 30 + int(rng.integers(0, 40))
        loop[number, top : top + 30, left : left + 30] = 120 + rng.integers(0, 100)
    return loop_to_dicom(loop, study=f"tiny-{seed}")


def large_loop() -> bytes:
    """120 frames of 600 x 800, half a second of decoding: a bright square that moves in noise."""
    rng = np.random.default_rng(0)
    loop = np.zeros((120, 600, 800, 3), np.uint8)
    loop[:, 60:540, 80:720] = rng.integers(20, 120, (480, 640, 1))
    for number in range(len(loop)):
        loop[number, 100 + number : 300 + number, 200:500] = 200
    return loop_to_dicom(loop, study="large")


def write_tiny_archive(directory: Path, studies: int = 6) -> Path:
    """Studies of 1 to 4 loops in folders; in the first a still, in the second a damaged file."""
    for study in range(studies):
        folder = directory / f"study-{study}"
        folder.mkdir(parents=True)
        for number in range(1 + study % 4):
            (folder / f"{number}.dcm").write_bytes(small_loop(10 * study + number))
    (directory / "study-0" / "still.dcm").write_bytes(small_loop(5, frames=1))
    good = small_loop(6)
    (directory / "study-1" / "damaged.dcm").write_bytes(good[: len(good) // 2])
    return directory
