"""Studies' neighbours to rows of the interpretations table: the one implementation, for library and job."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from echoprime.bundle import Bundle
from echoprime.errors import BundleError, EchoPrimeError, SettingError
from echoprime.interpretation.calibrated import calls_calibrated
from echoprime.interpretation.clip_values import ClipByClip, ClipValues, StudyClips
from echoprime.interpretation.evidence import sections_column
from echoprime.interpretation.influence import Influence, LeaveOneOut
from echoprime.interpretation.neighbour_phrases import NeighbourPhrases
from echoprime.interpretation.phenotype_evidence import phenotypes_column
from echoprime.interpretation.phenotypes import plan, values
from echoprime.interpretation.report import joined, section_texts
from echoprime.interpretation.sentences import sentences
from echoprime.interpretation.severity import PhraseGrades, severity_column
from echoprime.interpretation.severity.contradictions import Told, contradictions_column
from echoprime.interpretation.variants import Search, VariantValues, of_studies
from echoprime.retrieval import Candidates, CandidateSet, ShardHits, StudyQueries, study_queries
from echoprime.tables.schema import interpretations


class Interpreter:
    """Asks for the neighbours of studies, and puts the answers into values and words.

    Parameters
    ----------
    bundle
        Section weights, phenotypes, lexicon.
    k
        Neighbours that a phenotype is averaged over.
    pairing
        `section`, or `position` as the original code has it (`echoprime.interpretation.PAIRINGS`).
    language
        One of the bundle's.
    candidates
        The candidates that are searched; None = the bundle's.

    Raises
    ------
    SettingError
        On another pairing, or k below 1.
    BundleError
        When the bundle lacks the language, or its parts do not fit each other.

    Examples
    --------
    For one study or many, in one process or many::

        interpreter = Interpreter(bundle)
        asked = interpreter.queries(embeddings, views)
        hits = merge([shard.search(**interpreter.search_arguments(asked)) for shard in shards])
        table = interpreter.interpret(asked, hits)
    """

    def __init__(
        self,
        bundle: Bundle,
        *,
        k: int = 50,
        pairing: str = "section",
        language: str = "en",
        candidates: Candidates | None = None,
    ) -> None:
        if k < 1:
            raise SettingError(f"k is {k}; it must be at least 1")
        self.bundle = bundle
        self.k = k
        self.pairing = pairing
        self.lexicon = bundle.lexicon(language)
        names = bundle.sections.names
        self.bits = _section_numbers(bundle, names)
        searched = candidates or CandidateSet.open(bundle)
        self.origins = searched.origins
        self.plan = plan(bundle.phenotypes, names, searched.labels, pairing)

    @cached_property
    def grades(self) -> PhraseGrades | None:
        """What the lexicon's phrases say; only `interpret` asks: thousands take seconds to read."""
        return PhraseGrades.of_bundle(self.bundle)

    @cached_property
    def _variants(self) -> VariantValues:
        return VariantValues(self.bundle.sections.weights, self.plan, self.k)

    @property
    def schema(self) -> pa.Schema:
        """Columns of `interpret`: the interpretations table without ids, counts and stamps."""
        names = [each.name for each in self.bundle.phenotypes]
        called = [each.name for each in self.bundle.phenotypes if each.threshold is not None]
        kept = {*names, *(f"{name}_call" for name in called)}
        kept |= {"calls_calibrated", "report", "phenotypes", "sections"}
        kept |= {"severity", "contradictions", "notice"}
        return pa.schema([field for field in interpretations(names, called) if field.name in kept])

    def queries(
        self, embeddings: Sequence[NDArray[np.float32]], views: Sequence[NDArray[np.integer]]
    ) -> StudyQueries:
        """Queries of the assessable sections of studies.

        Parameters
        ----------
        embeddings
            For each study float32 (videos, 512), in the order of the videos' paths.
        views
            For each study int (videos,): positions in `echoprime.bundle.VIEWS`, or
            `echoprime.retrieval.NO_VIEW`.
        """
        return study_queries(embeddings, views, self.bundle.sections.weights)

    def search_arguments(
        self,
        queries: StudyQueries,
        exclude_study: Sequence[str] | None = None,
        exclude_patient: Sequence[str] | None = None,
    ) -> dict[str, Any]:
        """What `Shard.search` is called with: vectors, section numbers, k, label columns, exclusions.

        Parameters
        ----------
        queries
            From `queries`.
        exclude_study, exclude_patient
            For each study, what is left out of its neighbours; "" = nothing.
        """
        studies = queries.study.tolist()
        return {
            "queries": queries.vectors,
            "section_bits": self.bits[queries.section],
            "k": self.k,
            "columns": self.plan.columns[queries.section],
            "exclude_study": of_studies(exclude_study, studies),
            "exclude_patient": of_studies(exclude_patient, studies),
            "near_left_out": True,
        }

    def influence(
        self,
        embeddings: Sequence[NDArray[np.float32]],
        views: Sequence[NDArray[np.integer]],
        search: Search,
        exclude_study: Sequence[str] | None = None,
        exclude_patient: Sequence[str] | None = None,
    ) -> Influence:
        """What the values would be without each video, and without each view: many times the search.

        Parameters
        ----------
        embeddings, views
            As for `queries`.
        search
            `Shard.search`, or what asks several shards and merges their answers.
        exclude_study, exclude_patient
            As for `search_arguments`.
        """
        ask = LeaveOneOut(self._variants)
        return ask(embeddings, views, search, exclude_study, exclude_patient)

    def clip_values(
        self,
        embeddings: Sequence[NDArray[np.float32]],
        clips: Sequence[StudyClips],
        views: Sequence[NDArray[np.integer]],
        search: Search,
        exclude_study: Sequence[str] | None = None,
        exclude_patient: Sequence[str] | None = None,
    ) -> ClipValues:
        """What the values would be by the first clip of each video alone, by the second, and so on.

        Parameters
        ----------
        embeddings
            As for `queries`: each video's mean over its clips.
        clips
            Of each study; a study whose videos have one each is not searched for.
        views
            As for `queries`.
        search
            `Shard.search`, or what asks several shards and merges their answers.
        exclude_study, exclude_patient
            As for `search_arguments`.
        """
        ask = ClipByClip(self._variants)
        return ask(embeddings, clips, views, search, exclude_study, exclude_patient)

    def interpret(
        self,
        queries: StudyQueries,
        hits: ShardHits,
        *,
        own_similarities: NDArray[np.float64] | None = None,
        influence: Influence | None = None,
        clips: ClipValues | None = None,
    ) -> pa.Table:
        """Values, calls, report and evidence of every study.

        Parameters
        ----------
        queries
            From `queries`.
        hits
            The merged answers to them.
        own_similarities
            Of the candidates that were searched, float64 (n,) ascending: what
            `echoprime.retrieval.own_similarities` says. None = no percentiles.
        influence
            Of the same studies; None = it was not asked for.
        clips
            Of the same studies, from `clip_values`; None = a video has one clip.

        Returns
        -------
        pyarrow.Table
            One row a study, in the order of the studies; columns as in `schema`.

        Raises
        ------
        EchoPrimeError
            When the hits do not answer these queries.
        """
        position = self._position(queries, hits)
        phrases = NeighbourPhrases.of(hits)
        said = sentences(self.lexicon, hits, phrases)
        texts = section_texts(self.lexicon, self.bits, said, position)
        names = self.bundle.sections.names
        found = values(self.plan, hits.labels, position)
        columns = self._phenotypes(found)
        columns["phenotypes"] = phenotypes_column(
            queries,
            hits,
            position,
            found,
            phenotypes=self.bundle.phenotypes,
            plan=self.plan,
            sections=names,
            views=self.bundle.views,
            origins=self.origins,
            own_similarities=own_similarities,
            influence=influence,
            clips=clips,
        )
        calibrated = calls_calibrated(self.bundle.phenotypes)
        columns["calls_calibrated"] = pa.array([calibrated] * queries.studies, pa.bool_())
        columns["report"] = joined(texts, len(names))
        members = [[self.bundle.phenotypes[number].name for number in row] for row in self.plan.members]
        cell = queries.study * len(names) + queries.section
        told = said.column(phrases, cell, queries.studies * len(names))
        columns["sections"] = sections_column(
            queries, hits, names, members, texts, told, said.describing, self.origins
        )
        columns["severity"] = severity_column(self.grades, phrases, self.bits, position)
        columns["contradictions"] = contradictions_column(
            self.grades, Told(said, phrases, queries, names), self.bundle.phenotypes, found
        )
        columns["notice"] = pa.array([self.bundle.notice] * queries.studies, pa.string())
        return pa.Table.from_arrays([columns[name] for name in self.schema.names], schema=self.schema)

    def phenotype_values(self, queries: StudyQueries, hits: ShardHits) -> NDArray[np.float64]:
        """Of `interpret` the phenotypes alone: float64 (studies, phenotypes); NaN = unknown.

        Raises
        ------
        EchoPrimeError
            When the hits do not answer these queries.
        """
        return values(self.plan, hits.labels, self._position(queries, hits))

    def reports(self, queries: StudyQueries, hits: ShardHits) -> Any:  # noqa: ANN401  # pyarrow has no types
        """Of `interpret` the report alone: pyarrow string (studies,).

        Raises
        ------
        EchoPrimeError
            When the hits do not answer these queries.
        """
        position = self._position(queries, hits)
        said = sentences(self.lexicon, hits, NeighbourPhrases.of(hits))
        return joined(section_texts(self.lexicon, self.bits, said, position), len(self.bundle.sections.names))

    def candidates_left_out(self, queries: StudyQueries, hits: ShardHits) -> NDArray[np.int32]:
        """int32 (studies,): candidates of each study's own or its patient; 0 where nothing was searched."""
        counts = np.zeros(queries.studies, np.int32)
        # All sections of a study leave out the same candidates.
        counts[queries.study] = hits.left_out
        return counts

    def _position(self, queries: StudyQueries, hits: ShardHits) -> NDArray[np.int64]:
        """int64 (studies, sections): query of each study's section; -1 = not assessable."""
        wanted = (len(queries), self.k, self.plan.columns.shape[1])
        if hits.labels.shape != wanted:
            raise EchoPrimeError(
                f"interpret: labels {hits.labels.shape}, must be {wanted}; "
                "search with this interpreter's arguments"
            )
        position = np.full(queries.assessable.shape, -1, np.int64)
        position[queries.study, queries.section] = np.arange(len(queries))
        return position

    def _phenotypes(self, found: NDArray[np.float64]) -> dict[str, Any]:
        columns: dict[str, Any] = {}
        for number, each in enumerate(self.bundle.phenotypes):
            value = np.ascontiguousarray(found[:, number])
            unknown = np.isnan(value)
            columns[each.name] = pa.array(value, pa.float64(), mask=unknown)
            if each.threshold is not None:
                # NaN compares false; the mask makes it null.
                columns[f"{each.name}_call"] = pa.array(value >= each.threshold, pa.bool_(), mask=unknown)
        return columns


def _section_numbers(bundle: Bundle, names: Sequence[str]) -> NDArray[np.int64]:
    """Numbers of the weights' sections in the lexicon: by the language whose names they are.

    A translation keeps the numbers but not the names.
    """
    for language in bundle.languages:
        known = bundle.lexicon(language).sections
        if set(names) <= set(known):
            return np.array([known.index(name) for name in names], np.int64)
    raise BundleError("lexicon: no language has the sections of sections.csv; import the release again")
