"""EchoPrime: all of it for one study, in a notebook, with the method names of the published system."""

from __future__ import annotations

import logging
import math
from collections import Counter
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import torch
from numpy.typing import NDArray
from torch import Tensor

from echoprime.bundle import VIEWS, Bundle, open_bundle
from echoprime.clip_tensors import CLIP_SHAPE, Clips, stored_frames
from echoprime.errors import ArchiveError, EchoPrimeError, VideoError
from echoprime.interpretation import Interpreter
from echoprime.networks import (
    SelfCheck,
    VideoEncoder,
    ViewClassifier,
    arithmetic_for,
    load_encoder,
    load_view_classifier,
    select_device,
    selfcheck,
)
from echoprime.reading import Mode, read_clip
from echoprime.reading.clip import require_mode
from echoprime.reading.formats import Format, tell_format
from echoprime.retrieval import (
    CandidateSet,
    Shard,
    ShardHits,
    StudyQueries,
    drawn_rows,
    kept_similarities,
    own_similarities,
)
from echoprime.storage import Location

log = logging.getLogger(__name__)


def load(
    bundle: str | Path | Location | Bundle,
    *,
    device: str = "auto",
    precision: str = "float32",
    mode: Mode = "exact",
    language: str = "en",
) -> EchoPrime:
    """Open a bundle for use in a notebook.

    Parameters
    ----------
    bundle
        Folder or `s3://` prefix, or one that is open.
    device
        `auto`, `cpu` or `cuda`: where the networks run.
    precision
        `float32`, or `bf16`: faster, where the device has it; embeddings keep a cosine above 0.9998.
    mode
        `exact`, or `fast`: how `process_dicoms` reads, see `echoprime.reading.read_file`.
    language
        Of the reports; one of the bundle's.

    Raises
    ------
    BundleError
        When it is missing, damaged, or has no such language.
    SettingError
        When there is no such device or mode, or the device does not have the precision.
    """
    opened = bundle if isinstance(bundle, Bundle) else open_bundle(bundle)
    return EchoPrime(opened, device=device, precision=precision, mode=mode, language=language)


class EchoPrime:
    """Clips to embeddings, views, phenotypes and a report, for one study at a time.

    What it computes is what the jobs compute: they call the same functions. Networks and candidates are
    loaded when first needed, so that a bundle without weights interprets.

    Parameters
    ----------
    bundle
        From `open_bundle`.
    device
        `auto`, `cpu` or `cuda`.
    precision
        `float32` or `bf16`.
    mode
        `exact` or `fast`.
    language
        Of the reports.
    """

    def __init__(
        self,
        bundle: Bundle,
        *,
        device: str = "auto",
        precision: str = "float32",
        mode: Mode = "exact",
        language: str = "en",
    ) -> None:
        self.bundle = bundle
        self.device = select_device(device)
        arithmetic_for(precision, torch.device(self.device))
        self.precision = precision
        require_mode(mode)
        self.mode = mode
        self.language = language
        self._interpreters: dict[tuple[int, str], Interpreter] = {}
        if bundle.has_candidates:
            self._interpreter(50, "section")

    @cached_property
    def encoder(self) -> VideoEncoder:
        """The video encoder; BundleError when the bundle has no weights."""
        return load_encoder(self.bundle, self.device, precision=self.precision)

    @cached_property
    def view_classifier(self) -> ViewClassifier:
        """The view classifier; BundleError when the bundle has no weights."""
        return load_view_classifier(self.bundle, self.device, precision=self.precision)

    @cached_property
    def candidates(self) -> CandidateSet:
        """The bundle's candidate set."""
        return CandidateSet.open(self.bundle)

    @cached_property
    def shard(self) -> Shard:
        """All candidates as one shard, memory-mapped."""
        return self.candidates.shard()

    @cached_property
    def own_similarities(self) -> NDArray[np.float64]:
        """float64 (n,): how near candidates lie to each other; searched for once on a machine."""

        def compute() -> NDArray[np.float64]:
            drawn = self.shard.drawn(drawn_rows(self.candidates.rows))
            return own_similarities([drawn], self.shard.search)

        return kept_similarities(self.candidates, compute)

    def check(self) -> SelfCheck:
        """Run the bundle's sample clip on this device and compare; BundleError when it differs."""
        return selfcheck.check(self.bundle, self.encoder, self.view_classifier)

    def process_dicoms(self, directory: str | Path) -> Tensor:
        """Clips of every DICOM loop below a folder.

        Parameters
        ----------
        directory
            Files are told apart by content, whatever they are called. What is no loop, or cannot be read,
            is left out; how many and why is logged.

        Returns
        -------
        Tensor
            float32 (N, 3, 16, 224, 224), normalised, sorted by path.

        Raises
        ------
        ArchiveError
            When there is no such folder.
        """
        return _process(Path(directory), dicom=True, mode=self.mode)

    def process_mp4s(self, directory: str | Path) -> Tensor:
        """Clips of every MP4, MOV, AVI or MKV video below a folder; see `process_dicoms`."""
        return _process(Path(directory), dicom=False, mode=self.mode)

    def embed_videos(self, clips: Clips) -> Tensor:
        """Embeddings.

        Parameters
        ----------
        clips
            float32 (N, 3, 16, 224, 224) as from `process_dicoms`, or a sequence of `Clip`: the same bits
            come out.

        Returns
        -------
        Tensor
            float32 (N, 512), not normalised.

        Raises
        ------
        BundleError
            When the bundle has no weights.
        """
        encoder = self.encoder
        stored = stored_frames(clips)
        if stored is None:
            assert isinstance(clips, Tensor)
            return torch.from_numpy(encoder.embed_normalised(clips))
        return torch.from_numpy(encoder.embed(*stored))

    def view_logits(self, clips: Clips) -> Tensor:
        """float32 (N, 11): the view classifier's outputs for each clip's first frame."""
        classifier = self.view_classifier
        stored = stored_frames(clips)
        if stored is None:
            assert isinstance(clips, Tensor)
            return torch.from_numpy(classifier.logits_normalised(clips[:, :, 0]))
        return torch.from_numpy(classifier.logits(stored[0][:, 0]))

    def get_views(self, clips: Clips) -> Tensor:
        """float32 (N, 11): 1 at each clip's most probable view, in the order of `echoprime.bundle.VIEWS`."""
        views = self.view_logits(clips).argmax(dim=1)
        return torch.nn.functional.one_hot(views, len(VIEWS)).to(torch.float32)

    def view_names(self, clips: Clips) -> list[str]:
        """Name of each clip's most probable view."""
        return [VIEWS[view] for view in self.view_logits(clips).argmax(dim=1).tolist()]

    def encode_study(self, clips: Clips) -> Tensor:
        """float32 (N, 523): embedding and one-hot view of each clip, side by side. One clip is enough."""
        return torch.cat([self.embed_videos(clips), self.get_views(clips)], dim=1)

    def predict_metrics(
        self, study: Tensor | NDArray[np.float32], k: int = 50, pairing: str = "section"
    ) -> dict[str, float | None]:
        """Phenotypes: the mean label of the k nearest candidates that have it.

        Parameters
        ----------
        study
            float32 (N, 523), as from `encode_study`.
        k
            Neighbours.
        pairing
            `section`: each phenotype by the query of its own section. `position`: as the original code
            pairs them.

        Returns
        -------
        dict[str, float | None]
            `ejection_fraction` in %, `pulmonary_artery_pressure_continuous` in mmHg, the others 0..1;
            None where the section is not assessable or no neighbour has the label.
        """
        interpreter = self._interpreter(k, pairing)
        (found,) = interpreter.phenotype_values(*self._asked(interpreter, *_parts(study))).tolist()
        return {
            each.name: None if math.isnan(value) else value
            for each, value in zip(self.bundle.phenotypes, found, strict=True)
        }

    def generate_report(self, study: Tensor | NDArray[np.float32]) -> str:
        """Report text: per section what the most similar candidate report that has it says, then [SEP]."""
        interpreter = self._interpreter()
        text: str = interpreter.reports(*self._asked(interpreter, *_parts(study)))[0].as_py()
        return text

    def interpret(
        self,
        study: Tensor | NDArray[np.float32],
        k: int = 50,
        pairing: str = "section",
        influence: bool = False,
    ) -> pa.Table:
        """One row with everything: values, calls, report, and the neighbours that they rest on.

        Parameters
        ----------
        study, k, pairing
            See `predict_metrics`.
        influence
            Values without each video and without each view, too.

        Returns
        -------
        pyarrow.Table
            Columns as in the interpretations table, without ids and stamps.
        """
        embeddings, views = _parts(study)
        interpreter = self._interpreter(k, pairing)
        asked = self._asked(interpreter, embeddings, views)
        without = interpreter.influence([embeddings], [views], self.shard.search) if influence else None
        return interpreter.interpret(*asked, own_similarities=self.own_similarities, influence=without)

    def _asked(
        self, interpreter: Interpreter, embeddings: NDArray[np.float32], views: NDArray[np.integer]
    ) -> tuple[StudyQueries, ShardHits]:
        """A study's queries and the answers to them."""
        queries = interpreter.queries([embeddings], [views])
        return queries, self.shard.search(**interpreter.search_arguments(queries))

    def _interpreter(self, k: int = 50, pairing: str = "section") -> Interpreter:
        if (k, pairing) not in self._interpreters:
            self._interpreters[k, pairing] = Interpreter(
                self.bundle, k=k, pairing=pairing, language=self.language
            )
        return self._interpreters[k, pairing]


def _process(directory: Path, *, dicom: bool, mode: Mode) -> Tensor:
    if not directory.is_dir():
        raise ArchiveError(f"{directory}: no such folder; name the folder of one study's files")
    clips, left_out = [], Counter[str]()
    for path in sorted(path for path in directory.rglob("*") if path.is_file()):
        data = path.read_bytes()
        try:
            if (tell_format(data) is Format.DICOM) is dicom:
                clips.append(read_clip(data, mode=mode).tensor())
        except VideoError as error:
            left_out[str(error.reason)] += 1
    if left_out:
        reasons = ", ".join(f"{count} {reason}" for reason, count in sorted(left_out.items()))
        log.warning("%d clips; left out: %s", len(clips), reasons)
    return torch.stack(clips) if clips else torch.zeros(0, *CLIP_SHAPE)


def _parts(study: Tensor | NDArray[np.float32]) -> tuple[NDArray[np.float32], NDArray[Any]]:
    """Embeddings (N, 512) and views (N,) of a study (N, 523)."""
    values = study.detach().cpu().numpy() if isinstance(study, Tensor) else np.asarray(study)
    if values.ndim != 2 or values.shape[1] != 512 + len(VIEWS):
        raise EchoPrimeError(f"study: shape {values.shape}, must be (N, 523) as from encode_study")
    return np.ascontiguousarray(values[:, :512], np.float32), values[:, 512:].argmax(axis=1)
