"""What can be known to fail before a job is sent: its places, its bundle, and what the nodes have."""

from __future__ import annotations

import importlib.metadata
import json
import shlex
import time
from dataclasses import dataclass
from typing import Any

from echoprime.bundle import open_bundle
from echoprime.errors import BundleError, SettingError, UserError
from echoprime.storage import Location
from pipelines.candidate_sets.opening import is_stack, stacked_places
from pipelines.checks import require_positive
from pipelines.choices import study_kinds
from pipelines.settings import EncodeSettings, InterpretationChoices, RunAllSettings
from pipelines.submission.package import DISTRIBUTION
from pipelines.submission.words import SentCommand

READ = frozenset({
    "archive", "bundle", "calibration", "candidates", "cohort", "encoder", "encodings", "first", "labels",
    "manifest", "reference", "release", "reports", "second", "studies", "study_from", "thresholds",
    "tokenizer", "view_names", "views",
})  # fmt: skip
"""Places that must be there before the job; the others it makes."""

MADE = frozenset({
    ("bundle fetch", "bundle"), ("bundle import", "bundle"), ("calibrate", "calibration"),
    ("candidates build", "candidates"), ("candidates import", "candidates"), ("manifest", "manifest"),
})  # fmt: skip
"""Those of `READ` that a command makes."""

PROBE_COMMAND = "look at the nodes"
"""What the cluster's list of jobs calls it."""

PROBE_SECONDS = 120.0
"""A head that has not started a process in this time starts no job either."""

PROBE = (
    "import json, sys, importlib.metadata as m, importlib.util as u; "
    "found = {d.metadata['Name'].lower().replace('_', '-'): d.version for d in m.distributions()}; "
    f"u.find_spec('pipelines') or found.pop({DISTRIBUTION!r}, None); "
    "print(json.dumps({'python': sys.version.split()[0], **found}))"
)
"""Asks the nodes' Python for every package that it has; this one only if its code is there too."""


def check_places(command: SentCommand, *, shared: bool) -> list[str]:
    """Refuse places that the job cannot use; say which cannot be looked at from here.

    Parameters
    ----------
    command
        What is to be sent.
    shared
        Local folders lie at the same path on every node.

    Returns
    -------
    list of str
        Warnings, a line each: places that this machine does not see.

    Raises
    ------
    SettingError
        A local folder that is not said to be shared, or nothing lies where the job would read.
    BundleError
        The bundle is damaged or cannot do what is asked.
    """
    warnings = []
    for name, place in command.places.items():
        flag = f"--{name.replace('_', '-')} {place}"
        if place.is_local and not shared:
            raise SettingError(
                f"{flag}: a folder of this machine, which the nodes do not see; give s3://..., or say "
                "--shared where every node has it at this path"
            )
        try:
            place.require_reachable(flag, SettingError)
            there = place.exists()
        except UserError as error:
            warnings.append(f"not checked from here: {error}")
            continue
        if name not in READ or (command.name, name) in MADE:
            continue
        if not there and place.is_local:
            warnings.append(f"not checked from here: {flag} is not on this machine")
        elif not there:
            raise SettingError(f"{flag}: nothing is there; correct the path")
        elif name == "bundle":
            _check_bundle(place, command)
        elif name == "candidates" and is_stack(place):
            _check_stack(place, flag, shared=shared)
    return warnings


def _check_stack(place: Location, flag: str, *, shared: bool) -> None:
    """Of a stack the sets must be seen by the nodes, too."""
    for name, each in stacked_places(place).items():
        if each.is_local and not shared:
            raise SettingError(
                f"{flag}: its set {name!r} is {each}, a folder of this machine, which the nodes do not see; "
                "stack sets in s3://..., or say --shared where every node has it at this path"
            )


def _check_bundle(place: Location, command: SentCommand) -> None:
    """The jobs' own checks, here instead of minutes later there; nothing large is read."""
    from pipelines.encode import check_encoding

    bundle = open_bundle(place)
    for options in command.options:
        if isinstance(options, (EncodeSettings, RunAllSettings)):
            check_encoding(options, bundle)
        if isinstance(options, InterpretationChoices):
            require_positive(k=options.k, shards=options.shards)
            study_kinds(options.study_kinds)
            if options.candidates is None:
                bundle.require_candidates()
            if options.language not in bundle.languages:
                raise BundleError(
                    f"language {options.language!r}: bundle {bundle.name!r} has {', '.join(bundle.languages)}"
                )


@dataclass(frozen=True)
class NodePackages:
    """Versions of the nodes' Python and of every distribution that it has, names in lower case."""

    versions: dict[str, str]

    def require(self, *, image: bool) -> None:
        """Refuse nodes that cannot run this package.

        Parameters
        ----------
        image
            The nodes must have this package themselves, in this version.

        Raises
        ------
        SettingError
            Naming every package that is missing or of another version, and the cure.
        """
        wrong = self.wrong()
        here = importlib.metadata.version(DISTRIBUTION)
        there = self.versions.get(DISTRIBUTION)
        if image and there != here:
            wrong.append(f"{DISTRIBUTION} {there or 'missing'}, here {here}")
        if wrong:
            cure = "leave out --image, or use" if image and len(wrong) == 1 and there != here else "use"
            raise SettingError(
                f"the cluster's Python cannot run this version: {', '.join(wrong)}; {cure} nodes made with "
                "cluster/Dockerfile or constraints.txt"
            )

    def wrong(self) -> list[str]:
        """Requirements that the nodes do not meet, in words."""
        from packaging.requirements import Requirement
        from packaging.specifiers import SpecifierSet

        about = importlib.metadata.metadata(DISTRIBUTION)
        python = self.versions.get("python", "")
        wrong = []
        if not SpecifierSet(about["Requires-Python"] or "").contains(python):
            wrong.append(f"Python {python}, wanted {about['Requires-Python']}")
        for text in importlib.metadata.requires(DISTRIBUTION) or []:
            requirement = Requirement(text)
            if requirement.marker and not requirement.marker.evaluate({"extra": ""}):
                continue
            found = self.versions.get(requirement.name.lower().replace("_", "-"))
            if found is None or not requirement.specifier.contains(found, prereleases=True):
                wrong.append(f"{requirement.name} {found or 'missing'}, wanted {requirement.specifier}")
        return wrong


def ask_nodes(client: Any, python: str, submission_id: str) -> NodePackages:  # noqa: ANN401  # Ray's client
    """Run a line of Python on the head and read what packages it has.

    Raises
    ------
    SettingError
        The head starts no process, or `python` is not the nodes' Python.
    """
    client.submit_job(
        entrypoint=shlex.join([python, "-c", PROBE]),
        submission_id=submission_id,
        metadata={"echoprime_command": PROBE_COMMAND},
    )
    ends = time.monotonic() + PROBE_SECONDS
    while not client.get_job_status(submission_id).is_terminal():
        if time.monotonic() > ends:
            client.stop_job(submission_id)
            raise SettingError(
                f"the cluster has not started a process in {PROBE_SECONDS:.0f} s; see its dashboard"
            )
        time.sleep(0.3)
    # The job is not deleted: its supervisor, still ending, would put it back as a failed one.
    log = client.get_job_logs(submission_id)
    lines = [line for line in log.splitlines() if line.startswith('{"python"')]
    if not lines:
        raise SettingError(
            f"--python {python}: does not run on the cluster's head; give the interpreter of its Ray"
        )
    return NodePackages(json.loads(lines[-1]))
