"""A lexicon: what the numbers of coded reports say in one language (`lexicon/<language>.json`)."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from echoprime.errors import BundleError

TEXTS = {
    "not_recorded": "not recorded",
    "not_assessable": "Not assessable from the views in this study.",
    "no_candidate": "No candidate report describes this section.",
}
"""What a report says where there is nothing to say; a lexicon may bring its own words."""


@dataclass(frozen=True)
class Lexicon:
    """Sections and phrase templates of one language.

    Attributes
    ----------
    language
        Two letters, `en`.
    sections
        Names in file order: a report's `section_id` is the position in it.
    phrases
        For each section its templates, groups flattened in file order: a `phrase_id` is the position.
    groups
        For each section the name of each template's group.
    texts
        Words for what is not there, see `TEXTS`.
    """

    language: str
    sections: tuple[str, ...]
    phrases: tuple[tuple[str, ...], ...]
    groups: tuple[tuple[str, ...], ...] = field(repr=False)
    texts: Mapping[str, str] = field(default_factory=lambda: dict(TEXTS))

    @classmethod
    def from_phrases(
        cls,
        phrases: Mapping[str, Mapping[str, list[str]]],
        language: str = "en",
        texts: Mapping[str, str] | None = None,
        file: str = "all_phr.json",
    ) -> Lexicon:
        """From the release's form: section -> group -> list of templates, order kept.

        Raises
        ------
        BundleError
            When it is not of that form, or has more than 32 sections (a candidate's mask has 32 bits).

        Examples
        --------
        >>> lexicon = Lexicon.from_phrases({"Aorta": {"Size": ["Normal."], "Window": ["Limited."]}})
        >>> lexicon.phrases[0]
        ('Normal.', 'Limited.')
        """
        if not isinstance(phrases, Mapping) or not 0 < len(phrases) <= 32:
            raise BundleError(f"{file}: must map 1 to 32 section names to groups of phrases")
        flat, names = [], []
        for section, groups in phrases.items():
            if not isinstance(groups, Mapping) or not all(
                isinstance(each, list) and all(isinstance(phrase, str) for phrase in each)
                for each in groups.values()
            ):
                raise BundleError(f"{file}: section {section!r} must map group names to lists of phrases")
            flat.append(tuple(phrase for group in groups.values() for phrase in group))
            names.append(tuple(name for name, group in groups.items() for _ in group))
        return cls(language, tuple(phrases), tuple(flat), tuple(names), {**TEXTS, **(texts or {})})

    def to_json(self) -> bytes:
        """As `lexicon/<language>.json` holds it."""
        sections: dict[str, dict[str, list[str]]] = {}
        for section, phrases, groups in zip(self.sections, self.phrases, self.groups, strict=True):
            here: dict[str, list[str]] = sections.setdefault(section, {})
            for phrase, group in zip(phrases, groups, strict=True):
                here.setdefault(group, []).append(phrase)
        content = {"language": self.language, "texts": dict(self.texts), "sections": sections}
        return json.dumps(content, ensure_ascii=False, indent=1).encode()

    @classmethod
    def from_json(cls, data: bytes, file: str = "lexicon/en.json") -> Lexicon:
        """Read `lexicon/<language>.json`; BundleError when it is not one."""
        try:
            content: Any = json.loads(data)
            return cls.from_phrases(content["sections"], content["language"], content.get("texts"), file)
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise BundleError(f"{file}: not a lexicon of this project; write the bundle again") from error

    def check_same_ids(self, other: Lexicon, file: str) -> None:
        """Refuse another language's lexicon whose numbers would mean something else.

        Raises
        ------
        BundleError
            Naming the first section whose number of phrases differs.
        """
        if len(self.sections) != len(other.sections):
            raise BundleError(
                f"{file}: {len(other.sections)} sections, the {self.language!r} lexicon has "
                f"{len(self.sections)}; a translation keeps every section and phrase in its place"
            )
        for name, mine, theirs in zip(self.sections, self.phrases, other.phrases, strict=True):
            if len(mine) != len(theirs):
                raise BundleError(
                    f"{file}: {len(theirs)} phrases for {name!r}, the {self.language!r} lexicon has "
                    f"{len(mine)}; a translation keeps every section and phrase in its place"
                )
