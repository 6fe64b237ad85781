"""Short coded reports of the candidates: 2 to 6 sections in the demonstration's words, numbers as drawn."""

from __future__ import annotations

from collections.abc import Mapping

from echoprime.bundle import Lexicon

Phrase = tuple[int, int, float | str]
"""(section_id, phrase_id, value): a phrase of the lexicon and what stands in its gap (NaN = nothing)."""

NOTHING = float("nan")


def write_report(row: Mapping[str, str], lexicon: Lexicon) -> list[Phrase]:
    """The report of one candidate.

    Parameters
    ----------
    row
        Its row of `candidates.csv`.
    lexicon
        The demonstration's.

    Returns
    -------
    Coded phrases, sections in the lexicon's order. What is usual in a heart is not always written down, as
    in real reports, so that the nearest candidate need not have every section.
    """
    fraction, order = float(row["ejection_fraction"]), int(row["seed"])
    written: list[tuple[str, str, float | str]] = [
        ("Left Ventricle", "Ejection fraction is <numerical> %.", fraction),
        ("Left Ventricle", pump_words(fraction), NOTHING),
    ]
    if order % 2:
        written.append(
            ("Left Ventricle", "Its long axis is <numerical> cm at end diastole.", float(row["length_cm"]))
        )
    few = fraction < 35
    moving = (
        "All segments of the wall move little, and alike." if few else "All segments of the wall move alike."
    )
    written.append(("Resting Segmental Wall Motion Analysis", moving, NOTHING))
    written += _right_ventricle(row, order)
    for turn, section in ((1, "Left Atrium"), (2, "Right Atrium")):
        if row[f"{section.lower().replace(' ', '_')}_dilation"] == "1":
            written.append((section, "It is dilated.", NOTHING))
        elif order % 3 == turn:
            written.append((section, "It is of normal size.", NOTHING))
    if order % 4 == 2:
        valve = "Two thin leaflets open in diastole and meet in systole."
        written.append(("Mitral Valve", valve, NOTHING))
    if row["pericardial_effusion"] == "1":
        fluid = "A rim of fluid of <numerical> mm is drawn around the heart."
        written.append(("Pericardium", fluid, float(row["effusion_mm"])))
    elif order % 3 == 0:
        written.append(("Pericardium", "No fluid is drawn around the heart.", NOTHING))
    return [_coded(section, phrase, value, lexicon) for section, phrase, value in written]


def pump_words(ejection_fraction: float) -> str:
    """What a left ventricle of this ejection fraction (%) is said to do; limits of assets/severity.

    Examples
    --------
    >>> pump_words(60), pump_words(35)
    ('Its systolic function is normal.', 'Its systolic function is moderately reduced.')
    """
    steps = ((70, "hyperdynamic"), (52, "normal"), (41, "mildly reduced"), (30, "moderately reduced"))
    word = next((word for least, word in steps if ejection_fraction >= least), "severely reduced")
    return f"Its systolic function is {word}."


def _right_ventricle(row: Mapping[str, str], order: int) -> list[tuple[str, str, float | str]]:
    large, weak = row["right_ventricle_dilation"] == "1", row["rv_systolic_function_depressed"] == "1"
    if not (large or weak or order % 2 == 0):
        return []
    size = "It is dilated." if large else "It is of normal size."
    work = f"Its systolic function is {'reduced' if weak else 'normal'}."
    return [("Right Ventricle", size, NOTHING), ("Right Ventricle", work, NOTHING)]


def _coded(section: str, phrase: str, value: float | str, lexicon: Lexicon) -> Phrase:
    number = lexicon.sections.index(section)
    return number, lexicon.phrases[number].index(phrase), value
