"""Numbers to neighbours: section queries, the candidate set on disk, and the search over its shards."""

from echoprime.retrieval.candidate_files import CandidateFiles
from echoprime.retrieval.candidates import CandidateSet
from echoprime.retrieval.filters import FilterName
from echoprime.retrieval.hits import ShardHits
from echoprime.retrieval.kept_similarities import kept_similarities
from echoprime.retrieval.merge import merge
from echoprime.retrieval.own_similarities import DrawnCandidates, drawn_rows, own_similarities
from echoprime.retrieval.rounds import AskShards, search_shards
from echoprime.retrieval.search import Shard
from echoprime.retrieval.searchable import Candidates, Origins
from echoprime.retrieval.sections import (
    NO_VIEW,
    SectionQueries,
    StudyQueries,
    section_queries,
    study_queries,
)
from echoprime.retrieval.stack import CandidateStack
from echoprime.retrieval.video_embedding import embeddings_of_turn, video_embeddings
from echoprime.retrieval.writing import CandidateWriter, write_candidates

__all__ = [
    "NO_VIEW",
    "AskShards",
    "CandidateFiles",
    "CandidateSet",
    "CandidateStack",
    "CandidateWriter",
    "Candidates",
    "DrawnCandidates",
    "FilterName",
    "Origins",
    "SectionQueries",
    "Shard",
    "ShardHits",
    "StudyQueries",
    "drawn_rows",
    "embeddings_of_turn",
    "kept_similarities",
    "merge",
    "own_similarities",
    "search_shards",
    "section_queries",
    "study_queries",
    "video_embeddings",
    "write_candidates",
]
