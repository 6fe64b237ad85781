"""Make the demonstration's assets again: `python -m echoprime.demonstration.make_assets`.

Two hundred drawn hearts of known ejection fraction become the candidates, each a small drawn study: the unit
mean of the unit embeddings of three loops (A4C, A2C, Parasternal_Short). One loop alone would not do: an
untrained encoder tells views apart before it tells ejection fractions apart, so a study of several views is
compared with studies of several views. The view classifier's last layer is a multinomial logistic regression
on first frames of all eleven drawn views (`views.py`). Both are then tried on the drawn archive, whose hearts
are others, by the rule that every study goes through: weighted section query, 50 nearest, their mean.

The figures are of a drawn world: hearts are alike in size, all of one material with the same speckle, and
rarely have a finding. They show that reading, encoding and retrieval work, and nothing about people.

Takes half an hour on two cores; interrupted, it goes on where it was. Another version of torch draws other
seeded weights and needs other assets.
"""

from __future__ import annotations

import argparse
import csv
import io
import json
import os
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from echoprime.assets import asset
from echoprime.bundle import VIEWS
from echoprime.demonstration import seeded
from echoprime.demonstration.archive import drawn_loops
from echoprime.demonstration.assets import (
    CANDIDATE_COLUMNS,
    CANDIDATE_EMBEDDINGS,
    CANDIDATES,
    SEEDS,
    VIEW_HEAD,
    read_section_weights,
)
from echoprime.demonstration.encoding import EMBED, LOOK, Loop, compute, show_progress
from echoprime.demonstration.heart import draw_heart
from echoprime.demonstration.phantom import REVISION
from echoprime.demonstration.views import fit_view_head
from echoprime.networks import softmax, state_sha256
from echoprime.retrieval import section_queries

HEARTS, LOWEST, HIGHEST = 200, 12.0, 78.0
"""Candidates, and their ejection fractions in %, evenly spaced."""
CANDIDATE_VIEWS = ("A4C", "A2C", "Parasternal_Short")
FIRST_CANDIDATE, FIRST_FRAME = 1000, 5000
"""Seeds of the candidates' hearts and of the view classifier's; the archive's are below 100."""
TRAINING_FRAMES, HELD_OUT_FRAMES = 20, 6
"""First frames of each view that the view classifier is fitted on and tried on."""
K = 50


def candidate_fractions() -> list[float]:
    """Ejection fractions of the candidates in %, in an order that tells nothing.

    Examples
    --------
    >>> fractions = candidate_fractions()
    >>> len(fractions), min(fractions), max(fractions)
    (200, 12.0, 78.0)
    """
    grid = [round(float(value), 1) for value in np.linspace(LOWEST, HIGHEST, HEARTS)]
    return [grid[index] for index in np.random.Generator(np.random.PCG64(22)).permutation(HEARTS)]


def candidate_loops() -> list[Loop]:
    """Three loops of each candidate."""
    return [
        Loop(want=EMBED, view=view, ejection_fraction=fraction, seed=FIRST_CANDIDATE + order)
        for order, fraction in enumerate(candidate_fractions())
        for view in CANDIDATE_VIEWS
    ]


def frame_loops() -> list[Loop]:
    """Short loops of every view, of which the first frame is looked at; the last ones are held out."""
    return [
        Loop(
            want=LOOK,
            view=view,
            ejection_fraction=20.0 + order * 2,
            seed=FIRST_FRAME + order,
            take=order % 4,
            frames=8,
        )
        for order in range(TRAINING_FRAMES + HELD_OUT_FRAMES)
        for view in VIEWS
    ]


def main() -> None:
    """Draw, encode, fit, try, write."""
    parser = argparse.ArgumentParser(
        prog="python -m echoprime.demonstration.make_assets", description=__doc__
    )
    parser.add_argument(
        "--workers", type=int, default=os.cpu_count() or 1, help="processes of one thread each"
    )
    kept = Path(tempfile.gettempdir()) / "echoprime-demonstration-loops"
    parser.add_argument("--keep", type=Path, default=kept, help="where results stay if it is interrupted")
    settings = parser.parse_args()
    folder = asset("demonstration")
    frames, candidates, archive = frame_loops(), candidate_loops(), drawn_loops()
    features = _run(frames, settings.keep, settings.workers, "frames of views")
    head, views_report = _fit_views(features, [VIEWS.index(loop.view) for loop in frames])
    seen = _run(
        [loop for loop in archive if loop.want == LOOK], settings.keep, settings.workers, "archive, views"
    )
    embeddings = _run(candidates, settings.keep, settings.workers, "candidates")
    asked = _run([loop for loop in archive if loop.want == EMBED], settings.keep, settings.workers, "archive")
    rows = _candidate_rows(embeddings)
    report = {**views_report, **_try_archive(archive, asked, seen @ head[0].T + head[1], rows)}
    folder.mkdir(parents=True, exist_ok=True)
    np.save(folder / CANDIDATE_EMBEDDINGS, rows)
    (folder / CANDIDATES).write_text(_candidate_table(), encoding="utf-8")
    np.savez(folder / VIEW_HEAD, weight=head[0], bias=head[1])
    (folder / SEEDS).write_text(json.dumps(_seeds(report), indent=1) + "\n", encoding="utf-8")
    sys.stdout.write(json.dumps(report, indent=1) + "\n")


def _run(loops: Sequence[Loop], keep: Path, workers: int, words: str) -> NDArray[np.float32]:
    started, results = time.monotonic(), []
    for result in compute(loops, keep, workers):
        results.append(result)
        show_progress(len(results), len(loops), words, time.monotonic() - started)
    return np.stack(results)


def _fit_views(
    features: NDArray[np.float32], views: list[int]
) -> tuple[tuple[NDArray[np.float32], NDArray[np.float32]], dict[str, Any]]:
    """The layer, fitted on the first frames of each view, and how it does on the held-out ones."""
    labels, training = np.array(views), TRAINING_FRAMES * len(VIEWS)
    weight, bias = fit_view_head(features[:training], labels[:training], len(VIEWS))
    held_out = softmax(features[training:] @ weight.T + bias)
    right = held_out.argmax(axis=1) == labels[training:]
    return (weight, bias), {
        "view_frames_fitted": training,
        "view_frames_held_out": len(right),
        "view_frames_right": int(right.sum()),
        "view_probability_of_right_ones": round(float(held_out.max(axis=1)[right].mean()), 3),
    }


def _candidate_rows(embeddings: NDArray[np.float32]) -> NDArray[np.float32]:
    """Each candidate's three embeddings to one unit row: the unit mean of unit embeddings."""
    units = _unit(embeddings.astype(np.float64)).reshape(HEARTS, len(CANDIDATE_VIEWS), -1)
    return _unit(units.mean(axis=1)).astype(np.float32)


def _unit(rows: NDArray[np.float64]) -> NDArray[np.float64]:
    lengths: NDArray[np.float64] = rows / np.sqrt((rows * rows).sum(axis=-1, keepdims=True))
    return lengths


def _try_archive(
    loops: Sequence[Loop],
    embeddings: NDArray[np.float32],
    logits: NDArray[np.float32],
    rows: NDArray[np.float32],
) -> dict[str, Any]:
    """Views and ejection fractions of the drawn archive, estimated as any study's are."""
    encoded = [loop for loop in loops if loop.want == EMBED]
    views = logits.argmax(axis=1)
    right = sum(VIEWS[view] == loop.view for view, loop in zip(views, encoded, strict=True))
    weights, known = read_section_weights(), np.array(candidate_fractions())
    drawn, estimated = [], []
    for seed in dict.fromkeys(loop.seed for loop in encoded):
        of = [index for index, loop in enumerate(encoded) if loop.seed == seed]
        queries = section_queries(embeddings[of], views[of], weights.weights)
        scores = rows.astype(np.float64) @ queries.queries[weights.names.index("Left Ventricle")]
        estimated.append(float(known[np.argsort(-scores, kind="stable")[:K]].mean()))
        drawn.append(encoded[of[0]].ejection_fraction)
    truth, guess = np.array(drawn), np.array(estimated)
    return {
        "archive_loops": len(encoded),
        "archive_views_right": right,
        "archive_ejection_fraction_drawn": drawn,
        "archive_ejection_fraction_estimated": [round(value, 1) for value in estimated],
        "archive_correlation": round(float(np.corrcoef(truth, guess)[0, 1]), 3),
        "archive_mean_absolute_error": round(float(np.abs(truth - guess).mean()), 2),
        "archive_mean_absolute_error_of_guessing_the_mean": round(
            float(np.abs(truth - truth.mean()).mean()), 2
        ),
    }


def _candidate_table() -> str:
    text = io.StringIO()
    writer = csv.DictWriter(text, CANDIDATE_COLUMNS, lineterminator="\n")
    writer.writeheader()
    for order, fraction in enumerate(candidate_fractions()):
        seed = FIRST_CANDIDATE + order
        heart = draw_heart(fraction, seed)
        seen = {name: f"{value:g}" for name, value in heart.labels.items() if name in CANDIDATE_COLUMNS}
        writer.writerow(
            {
                "candidate": f"heart-{seed}",
                "seed": seed,
                "views": " ".join(CANDIDATE_VIEWS),
                "ejection_fraction": fraction,
                "length_cm": f"{heart.length:.1f}",
                "wall_mm": f"{heart.wall * 10:.1f}",
                "effusion_mm": f"{heart.effusion * 10:.1f}",
                **seen,
            }
        )
    return text.getvalue()


def _seeds(report: dict[str, Any]) -> dict[str, Any]:
    import torch
    import torchvision

    return {
        "torch": torch.__version__.partition("+")[0],
        "torchvision": torchvision.__version__.partition("+")[0],
        "drawing_revision": REVISION,
        "encoder": {
            "architecture": seeded.ENCODER,
            "seed": seeded.ENCODER_SEED,
            "sha256": state_sha256(seeded.seeded_encoder_state()),
        },
        "view_classifier": {
            "architecture": seeded.VIEW_CLASSIFIER,
            "seed": seeded.VIEW_CLASSIFIER_SEED,
            "layer_scale": seeded.LAYER_SCALE,
            "sha256_before_fit": state_sha256(seeded.seeded_view_state()),
        },
        "measured": report,
    }


if __name__ == "__main__":
    main()
