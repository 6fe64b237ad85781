"""A sentence's words taken one after the other: which grade belongs to which finding."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from echoprime.interpretation.severity.words import Token

REACH = 5
"""Words that may stand between a grade and its finding ("mild posteriorly directed eccentric jet of ...")."""

NONE, UNCLEAR = "none", "unclear"

ELSEWHERE = frozenset({"elsewhere"})


@dataclass
class Found:
    """A finding in a sentence: where, and how severe; grade None = not said (yet)."""

    anatomy: frozenset[str]
    finding: str
    grade: str | None = None
    explicit: bool = False


class Clauses:
    """Reads one sentence.

    Parameters
    ----------
    sentence
        As `wording` prepares it.
    anatomy
        What is spoken of before the sentence names anything.
    """

    def __init__(self, sentence: str, anatomy: str) -> None:
        self.found: list[Found] = []
        self._sentence = sentence
        self._subject = frozenset({anatomy})
        self._carried: dict[str, str] = {}  # the grade that waits for its finding; "" = of any
        self._carried_from = 0  # where it ended
        self._spent = False  # a finding or another thing has taken it
        self._waiting: list[Found] = []  # findings without a grade so far
        self._linked = False  # a verb or colon followed them
        self._settled: list[Found] = []  # got their grade from behind, by the token before
        self._joined = ""  # what joins the last finding to what comes; "" = nothing yet
        self._last: list[Found] = []  # findings of the last noun; none after an adjective or another thing
        self._latest: list[Found] = []  # findings of the last noun or adjective
        self._group: list[Found] = []  # findings of the last noun or adjective and those that share its grade
        self._placed: list[Found] = []  # findings whose place was named behind them
        self._before: list[Token] = []

    def take(self, token: Token, rest: Sequence[Token]) -> None:
        """The next token; `rest` are those behind it."""
        settled, self._settled = self._settled, []
        match token.kind:
            case "grade":
                self._grade(token, rest, settled)
            case "finding" | "state" | "statement":
                self._finding(token, rest)
            case "anatomy":
                self._anatomy(token)
            case "other":
                self._waiting, self._last, self._linked, self._joined = [], [], False, ""
                self._group = []
                self._spent, self._carried_from = True, token.end
            case "break":
                self._carried, self._waiting, self._last, self._placed = {}, [], [], []
                self._group = []
                self._linked, self._joined = False, ""
            case "link":
                self._linked = bool(self._waiting)
            case "join":
                self._settled = settled
                self._joined = f"{self._joined} {self._words(token.start, token.end)}".strip()
        self._before.append(token)

    def _grade(self, token: Token, rest: Sequence[Token], settled: list[Found]) -> None:
        grades = token.grades
        if self._in_brackets():
            return
        if self._chooses(token):
            # "moderate or severe", "mildly reduced to low normal"
            for each in settled:
                each.grade = UNCLEAR
            grades = {"": UNCLEAR, **dict.fromkeys(grades, UNCLEAR)}
        elif settled and self._adjacent(token) and self._before[-1].kind == "grade":
            # "is not severe", "size is mildly decreased"
            for each in settled:
                new = grades.get(each.finding, grades.get(""))
                if new is not None and (each.grade in (NONE, UNCLEAR) or new == UNCLEAR):
                    each.grade = UNCLEAR
            self._settled = settled
            return
        if self._denies(token, rest):
            # "severe stenosis is absent": mild stenosis may not be
            for each in self._group:
                each.grade = NONE if each.grade == NONE else UNCLEAR
            self._settled, self._waiting, self._carried, self._linked = self._group, [], {}, False
            return
        if self._waiting and (self._linked or self._ends_clause(token, rest)):
            for each in self._waiting:
                each.grade = grades.get(each.finding, grades.get("", each.grade))
            self._settled, self._waiting, self._carried, self._linked = self._waiting, [], {}, False
            return
        self._waiting = []
        denied = self._carried.get("") in (NONE, UNCLEAR) and not self._spent and not self._joined
        if denied:
            # "no evidence of severe", "no more than mild": what is denied or bounded is no grade
            grades = dict.fromkeys(grades, UNCLEAR)
        kept = {} if "" in grades or self._spent else self._carried
        self._carried, self._carried_from, self._spent = {**kept, **grades}, token.end, False
        self._joined = ""

    def _finding(self, token: Token, rest: Sequence[Token]) -> None:
        new = []
        shared = self._spent and bool(self._carried)
        for row in token.rows:
            stated = token.kind == "statement"
            own = frozenset(row.of) if row.of and not stated else None
            for name in row.of if stated else row.means:
                one = Found(own or self._subject, name, explicit=own is not None)
                carried = self._grade_for(one, token, rest)
                if stated:
                    one.grade = UNCLEAR if carried in (NONE, UNCLEAR) else row.means[0]
                else:
                    one.grade = carried
                new.append(one)
        self.found += new
        # A shared grade gives way to one of its own that comes behind: "... and regurgitation is mild".
        self._waiting += [one for one in new if one.grade is None or shared]
        if all(one.grade is None for one in new):
            self._carried = {}  # it was another's
        self._spent, self._carried_from = True, token.end
        self._group = [*self._group, *new] if shared and self._joined else new
        self._latest, self._last = new, new if token.kind == "finding" else []
        self._joined, self._linked, self._placed = "", False, []

    def _grade_for(self, one: Found, token: Token, rest: Sequence[Token]) -> str | None:
        """The grade that stands before it, if it is its own or shared with the finding before."""
        grade = self._carried.get(one.finding, self._carried.get(""))
        if grade is None or self._distance(token) > REACH:
            return None
        if not self._spent:
            return grade
        if not self._joined:
            return None
        if set(self._joined.split()) == {","}:
            # "no regurgitation, stenosis or prolapse", but not "no stenosis, regurgitation is mild"
            return grade if grade == NONE and self._or_follows(rest) else None
        if grade == NONE:
            return grade
        same = any(
            each.anatomy == one.anatomy or each.finding == one.finding
            for each in self._last
            if each.grade is not None
        )
        return grade if same and token.kind == "finding" else None

    def _anatomy(self, token: Token) -> None:
        names = frozenset(name for row in token.rows for name in row.means)
        before = self._before[-1] if self._before else None
        if before is not None and before.kind in ("finding", "state") and self._names_place(before, token):
            self._placed = [each for each in self._latest if not each.explicit]
            for each in self._placed:
                each.anatomy = names
        elif self._joins_places(token):
            names |= self._subject
            for each in self._placed:
                each.anatomy |= names
        else:
            self._placed = []
        self._subject = names - ELSEWHERE or ELSEWHERE
        if names == ELSEWHERE and token.start and not self._placed:
            self._group = []

    def _names_place(self, finding: Token, place: Token) -> bool:
        """Whether a place belongs to the finding before it: "dilated left atrium", "leak of the valve"."""
        between = self._words(finding.end, place.start)
        return between in ("of", "of the") or (finding.kind == "state" and between in ("", "the"))

    def _joins_places(self, token: Token) -> bool:
        """Whether it goes on naming places: "mitral and tricuspid", "mitral/tricuspid"."""
        kinds = [each.kind for each in self._before[-2:]]
        if kinds == ["anatomy", "join"]:
            return self._adjacent(token)
        return kinds[-1:] == ["anatomy"] and self._words(self._before[-1].end, token.start) == "/"

    def _chooses(self, token: Token) -> bool:
        """Whether it is the second of two grades to choose from; known ranges are one token."""
        others = [each for each in self._before if each.kind != "join"]
        if not others or others[-1].kind != "grade":
            return False
        between = self._words(others[-1].end, token.start)
        return re.fullmatch(r"(?:\w+ )?(?:to|or)", between) is not None

    def _denies(self, token: Token, rest: Sequence[Token]) -> bool:
        """Whether it denies what was graded before: behind a verb or at the clause's end, alone."""
        if token.grades.get("") != NONE or any(each.grade is None for each in self._waiting):
            return False
        if all(each.grade is None for each in self._group):
            return False
        for each in rest:
            if each.kind in ("break", "join"):
                break
            if each.kind in ("finding", "state", "statement", "other"):
                return False
        verb = self._before[-1].kind == "link" and self._adjacent(token)
        return verb or self._nothing_behind(token, rest)

    def _in_brackets(self) -> bool:
        """A second way to say the grade before: "mild (1+)"."""
        kinds = [each.kind for each in self._before[-2:]]
        return kinds == ["grade", "link"] and "(" in self._words(self._before[-1].start, self._before[-1].end)

    def _adjacent(self, token: Token) -> bool:
        return bool(self._before) and not self._words(self._before[-1].end, token.start)

    def _ends_clause(self, token: Token, rest: Sequence[Token]) -> bool:
        """Whether a grade stands right behind its finding, and nothing behind it: "regurgitation, mild."."""
        if not self._adjacent(token) or self._before[-1].kind not in ("finding", "join"):
            return False
        if self._before[-1].kind == "join" and self._joined != ",":
            return False
        return self._nothing_behind(token, rest)

    def _nothing_behind(self, token: Token, rest: Sequence[Token]) -> bool:
        after = self._words(token.end, rest[0].start if rest else len(self._sentence))
        return not re.sub(r"\W", "", after) and (not rest or rest[0].kind in ("break", "join", "link"))

    def _or_follows(self, rest: Sequence[Token]) -> bool:
        for token in rest:
            if token.kind == "break":
                return False
            if token.kind == "join" and "or" in self._words(token.start, token.end).split():
                return True
        return False

    def _distance(self, token: Token) -> int:
        """Words between the carried grade and a token, places left out."""
        between = self._words(self._carried_from, token.start).split()
        places = sum(
            len(self._words(each.start, each.end).split())
            for each in self._before
            if each.kind in ("anatomy", "join") and each.start >= self._carried_from
        )
        return len(between) - places

    def _words(self, start: int, end: int) -> str:
        return self._sentence[start:end].strip().lower()
