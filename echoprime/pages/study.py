"""The page of one study: its videos, its report, its phenotypes and what each of them rests on."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from echoprime.bundle import VIEWS
from echoprime.bundle.phenotypes import OWN, PUBLISHED
from echoprime.pages.display import Shown
from echoprime.pages.influence import influence_rows
from echoprime.pages.moving import as_webm, as_webp
from echoprime.pages.page import data_uri, render_page, words
from echoprime.pages.phenotypes import phenotype_rows, sections_behind, spreads, uncalibrated
from echoprime.pages.severity import contradiction_lines, sentence_rows, severity_rows
from echoprime.tables import INCOMPLETE, UNKNOWN, VANISHED, VANISHED_INCOMPLETE, interpreted_kinds

RUNNERS_UP = 2
"""Views named after the most probable one."""
NO_VIEW = "none of the views"
"""What is said of a video whose view no section uses."""
TRAINED_ON = "transthoracic"
KEY_SHOWN = 12
"""Characters of a study's key in its title: enough to tell a million studies apart."""


@dataclass(frozen=True, kw_only=True)
class StudyVideo:
    """One encoded video as the page shows it.

    Attributes
    ----------
    number
        From 1, in the order of the paths of all of the study's videos.
    view, probability
        Its most probable view, 0..1.
    runners_up
        The next views with their probabilities.
    counts_as
        The view that counted in the interpretation, where a table of the user's says another.
    share
        Its part of what the assessable sections rest on, mean over them, 0..1; None = not interpreted.
    why_not
        Why there is no picture; "" where there is one.
    clip, poster
        Addresses that hold the clip and its first frame; "" where there is no picture.
    detail
        Frames and size, in words.
    path
        Below the archive's root; "" where identifiers stay out.
    """

    number: int
    view: str
    probability: float
    runners_up: tuple[tuple[str, float], ...]
    counts_as: str
    share: float | None
    why_not: str
    clip: str
    poster: str
    detail: str
    path: str


def study_page(
    encoding: Mapping[str, Any],
    interpretation: Mapping[str, Any] | None,
    pictures: Sequence[Shown],
    *,
    identity: Mapping[str, Any],
    name: str = "default",
    notice: str = "",
    identifiers: bool = False,
    deidentified: bool = False,
) -> str:
    """Write the page of one study.

    Parameters
    ----------
    encoding
        Its row of the encodings table; embeddings are not needed.
    interpretation
        Its row of an interpretations table, None where it has none.
    pictures
        What may be shown of each encoded video, in the order of their paths.
    identity
        Of the interpretations table: thresholds, k, pairing, language.
    name
        The interpretation's.
    notice
        Said above everything where the interpretation has none of its own.
    identifiers
        Whether the study's and patient's identifiers, the date and the paths stand on the page.
    deidentified
        As the pictures were made with; the page says what was done to them.

    Returns
    -------
    HTML, one file.

    Raises
    ------
    ValueError
        There are not as many pictures as encoded videos.
    """
    sections = [] if interpretation is None else interpretation["sections"]
    # shares of another encoding's videos would stand at the wrong videos
    current = None if interpretation is None or is_stale(encoding, interpretation) else interpretation
    weighed = [] if current is None else sections
    videos = _videos(encoding, current, pictures, identifiers)
    rows = [] if interpretation is None else phenotype_rows(interpretation)
    return render_page(
        "study.html.j2",
        title=f"Study {encoding['study_key'][:KEY_SHOWN]}",
        notice=notice if interpretation is None else interpretation["notice"],
        warnings=_warnings(encoding, interpretation, name, interpreted_kinds(identity)),
        facts=_facts(encoding, interpretation, identifiers),
        videos=videos,
        others=[
            {**video, "number": number, "path": video["path"] if identifiers else ""}
            for number, video in enumerate(encoding["videos"], start=1)
            if video["outcome"] != "encoded"
        ],
        sections=[_section(section) for section in sections],
        severity=[] if interpretation is None else severity_rows(interpretation),
        contradictions=[] if interpretation is None else contradiction_lines(interpretation),
        phenotypes=rows,
        several_clips=any(row["by_clip"] for row in rows),
        behind=sections_behind(rows),
        stacked=any(row["origin"] for row in rows),
        guarded=any(row["left_out"] for row in rows),
        influence=influence_rows(current, [video.number for video in videos], _counted_as(videos))
        if current is not None and identity.get("influence")
        else [],
        spreads=[] if interpretation is None else spreads(interpretation),
        shares=_shares(weighed),
        made_with=_made_with(encoding, interpretation, identity, name),
        identifiers=identifiers,
        kept=deidentified,
        calibrated=any(row["by_calibration"] for row in rows),
        calls_calibrated=interpretation is not None and interpretation["calls_calibrated"],
    )


def _videos(
    encoding: Mapping[str, Any],
    interpretation: Mapping[str, Any] | None,
    pictures: Sequence[Shown],
    identifiers: bool,
) -> list[StudyVideo]:
    sections = [] if interpretation is None else interpretation["sections"]
    assessable = [section["shares"] for section in sections if section["assessable"]]
    used = [] if interpretation is None else interpretation["views"]
    numbered = [
        (number, video)
        for number, video in enumerate(encoding["videos"], start=1)
        if video["outcome"] == "encoded"
    ]
    if len(numbered) != len(pictures):
        raise ValueError(f"{len(pictures)} pictures for {len(numbered)} encoded videos")
    found = []
    for (number, video), picture in zip(numbered, pictures, strict=True):
        place = video["embedding"]
        ranked = sorted(zip(encoding["view_probabilities"][place], VIEWS, strict=True), reverse=True)
        there = not picture.why_not
        frame_time = video.get("frame_time")
        found.append(
            StudyVideo(
                number=number,
                view=video["view"],
                probability=ranked[0][0],
                runners_up=tuple((view, value) for value, view in ranked[1 : 1 + RUNNERS_UP]),
                counts_as=(used[place] or NO_VIEW) if used and used[place] != video["view"] else "",
                share=sum(row[place] for row in assessable) / len(assessable) if assessable else None,
                why_not=picture.why_not,
                clip=data_uri(as_webm(picture.frames, frame_time), "video/webm") if there else "",
                poster=data_uri(as_webp(picture.frames[0]), "image/webp") if there else "",
                detail=_detail(video),
                path=video["path"] if identifiers else "",
            )
        )
    return found


def _counted_as(videos: Sequence[StudyVideo]) -> list[str]:
    return [video.counts_as or video.view for video in videos]


def _detail(video: Mapping[str, Any]) -> str:
    """Frames, size and pace of a video, as far as its row knows them."""
    parts = [f"{video['frames']} frames"] if video["frames"] else []
    if video.get("rows") and video.get("columns"):
        parts.append(f"{video['columns']} \N{MULTIPLICATION SIGN} {video['rows']}")
    if video.get("frame_time"):
        parts.append(f"{1000 / video['frame_time']:.0f} a second")
    return ", ".join(parts)


def _warnings(
    encoding: Mapping[str, Any], interpretation: Mapping[str, Any] | None, name: str, kinds: Sequence[str]
) -> list[str]:
    """What a reader must know before reading on; one sentence each."""
    said = []
    kind = encoding["study_kind"]
    if kind not in (TRAINED_ON, UNKNOWN):
        said.append(f"This is no {TRAINED_ON} study (kind: {kind}), and the networks know no other.")
    if encoding["status"] in (INCOMPLETE, VANISHED_INCOMPLETE):
        said.append("Incomplete: a video could not be read for a passing reason. Run the encode job again.")
    if encoding["status"] in (VANISHED, VANISHED_INCOMPLETE):
        said.append("The archive no longer has this study; what is shown is what was computed while it had.")
    failed = Counter(video["reason"] for video in encoding["videos"] if video["outcome"] == "failed")
    if failed:
        reasons = ", ".join(f"{count} {reason.replace('_', ' ')}" for reason, count in sorted(failed.items()))
        said.append(f"{failed.total()} of {len(encoding['videos'])} videos failed: {reasons}.")
    if not any(video["outcome"] == "encoded" for video in encoding["videos"]):
        said.append("No video of this study was encoded: there is nothing to interpret.")
    cure = "Run the interpret job." if kind in kinds else "Its kind is left out there (--study-kinds)."
    if interpretation is None:
        said.append(f"Not interpreted under the name {name!r}: views only. {cure}")
        return said
    if is_stale(encoding, interpretation):
        said.append(
            "Out of date: the study was encoded again after it was interpreted. Report and phenotypes belong "
            f"to the earlier encoding, so shares are left out. {cure}"
        )
    missing = [section["section"] for section in interpretation["sections"] if not section["assessable"]]
    if missing:
        said.append(f"Not assessable, because no video shows a view that counts: {', '.join(missing)}.")
    far = {row["section"]: None for row in phenotype_rows(interpretation) if row["far"]}
    if far:
        said.append(
            f"Unlike the candidates: {', '.join(far)}. 99 of 100 candidates have a nearer neighbour than "
            "this study has there, so its values rest on studies unlike it."
        )
    if not interpretation["calls_calibrated"]:
        said += _uncalibrated(interpretation)
    return said


_ORIGINS = {
    PUBLISHED: "published thresholds on values of another data set",
    OWN: "thresholds of your own table (--thresholds)",
}


def _uncalibrated(interpretation: Mapping[str, Any]) -> list[str]:
    """Which calls rest on no calibration, by where their thresholds come from; all are not named."""
    called = sum(each["threshold"] is not None for each in interpretation["phenotypes"])
    said = []
    for origin, names in uncalibrated(interpretation).items():
        which = f" of {', '.join(words(name) for name in names)}" if len(names) < called else ""
        said.append(f"Calls{which} are uncalibrated: {_ORIGINS[origin]}.")
    return said


def is_stale(encoding: Mapping[str, Any], interpretation: Mapping[str, Any]) -> bool:
    """Whether an interpretation belongs to an earlier encoding of its study."""
    return (interpretation["study_key"], interpretation["encoded_at"]) != (
        encoding["study_key"],
        encoding["written_at"],
    )


def _facts(
    encoding: Mapping[str, Any], interpretation: Mapping[str, Any] | None, identifiers: bool
) -> list[tuple[str, str]]:
    outcomes = Counter(video["outcome"] for video in encoding["videos"])
    facts = [("Kind", encoding["study_kind"]), ("Videos", str(len(encoding["videos"])))]
    facts += [(word.capitalize(), str(outcomes[word])) for word in ("encoded", "skipped", "failed")]
    if interpretation is not None:
        assessable = sum(section["assessable"] for section in interpretation["sections"])
        facts.append(("Sections assessable", f"{assessable} of {len(interpretation['sections'])}"))
    if identifiers:
        facts.append(("Study", encoding["study_id"]))
        if encoding["patient_id"]:
            facts.append(("Patient", encoding["patient_id"]))
        if encoding["acquired_at"]:
            facts.append(("Acquired", f"{encoding['acquired_at']:%Y-%m-%d %H:%M} UTC"))
    return facts


def _section(section: Mapping[str, Any]) -> dict[str, Any]:
    """A section's text without its own name before it, and its sentences."""
    title = section["section"]
    text = section["report"].replace("[SEP]", "").strip().removeprefix(f"{title}:").strip()
    return {**section, "text": text, "said": sentence_rows(section)}


def _shares(sections: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Per assessable section: its videos' shares."""
    return [
        {"section": section["section"], "shares": section["shares"]}
        for section in sections
        if section["assessable"]
    ]


def _made_with(
    encoding: Mapping[str, Any],
    interpretation: Mapping[str, Any] | None,
    identity: Mapping[str, Any],
    name: str,
) -> list[tuple[str, str]]:
    """Where the numbers come from."""
    rows = [
        ("Study key", encoding["study_key"]),
        ("Encoded", f"{encoding['written_at']:%Y-%m-%d %H:%M} UTC, run {encoding['run_id']}"),
        ("Encoding", encoding["encoding_id"]),
    ]
    if interpretation is None:
        return rows
    rows += [
        ("Interpreted", f"{interpretation['written_at']:%Y-%m-%d %H:%M} UTC, run {interpretation['run_id']}"),
        ("Interpretation", f"{name}, {interpretation['interpretation_id']}"),
    ]
    if identity.get("views") is not None:
        given, encoded = interpretation["views_given"], len(interpretation["views"])
        rows.append(("Views", f"{given} of {encoded} from a table, the others the classifier's"))
    if identity.get("calibration") is not None:
        rows.append(("Calibration", str(identity["calibration"])))
    known = [word for word in ("k", "pairing", "language") if word in identity]
    return rows + [(word.capitalize(), str(identity[word])) for word in known]
