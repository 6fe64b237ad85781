"""The command line as a person meets it; words and exit codes in this process, work in one of its own."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from echoprime.bundle import Bundle
from pipelines.cli import main
from tests.tiny import small_loop, write_tiny_bundle

COMMAND = [str(Path(sys.executable).parent / "echoprime")]


def run(*words: object, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*COMMAND, *map(str, words)], cwd=cwd, capture_output=True, text=True, timeout=300, check=False
    )


Refused = Callable[..., str]


@pytest.fixture
def refused(capsys: pytest.CaptureFixture[str]) -> Refused:
    """A command that is a mistake; what comes back is the one line that it is answered with.

    What it does not expect would be raised here, and not printed.
    """

    def answer(*words: object) -> str:
        capsys.readouterr()
        assert main([str(word) for word in words]) == 2
        said = capsys.readouterr().err
        assert said.count("\n") == 1, said
        return said

    return answer


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A bundle, an archive of one study, an empty folder and a folder of other things."""
    folder = tmp_path_factory.mktemp("cli")
    write_tiny_bundle(folder / "bundle")
    write_tiny_bundle(folder / "light", weights=False)
    (folder / "archive" / "s").mkdir(parents=True)
    (folder / "archive" / "s" / "1.dcm").write_bytes(small_loop(1))
    (folder / "empty").mkdir()
    (folder / "notes").mkdir()
    (folder / "notes" / "readme.txt").write_text("no loops here")
    (folder / "names.csv").write_text("Smith^John,1950,x\nDoe^Jane,1960,y\n")
    (folder / "views.csv").write_text("path,view\ns/1.dcm,PLAX\n")
    (folder / "elsewhere.csv").write_text("path,view\n/data/s/1.dcm,A4C\n")
    broken = write_tiny_bundle(folder / "broken").location.local_path / "encoder.safetensors"
    broken.write_bytes(broken.read_bytes()[:1000])
    assert main(["manifest", str(folder / "archive"), str(folder / "m.parquet")]) == 0
    return folder


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("run --archive {}/gone --bundle {}/bundle --output {}/o", "archive"),
        ("run --archive {}/empty --bundle {}/bundle --output {}/o", "empty"),
        ("run --archive {}/notes --bundle {}/bundle --output {}/o", "notes"),
        ("run --archive {}/archive --bundle {}/gone --output {}/o", "echoprime bundle import"),
        ("run --archive {}/archive --bundle {}/light --output {}/o", "no weights"),
        ("run --archive {}/archive --bundle {}/bundle", "--output"),
        ("run --archive {}/archive --bundle {}/bundle --output {}/o --limit 0", "--limit 0"),
        ("run --archive {}/archive --bundle {}/bundle --output {}/o --limit many", "--limit"),
        ("run --archive {}/archive --bundle {}/bundle --output {}/o --language xx", "language 'xx'"),
        ("run --archive {}/archive --bundle {}/bundle --output {}/o --k 0", "--k 0"),
        ("run --archive {}/archive --bundle {}/bundle --output {}/o --pairing both", "--pairing"),
        ("run --archive {}/archive --bundle {}/bundle --output {}/o --studies {}/gone.csv", "gone.csv"),
        ("run --archive {}/archive --bundle {}/bundle --output {}/o --study-from {}/gone.csv", "gone.csv"),
        ("run --archive {}/archive --bundle {}/bundle --output {}/o --device tpu", "--device"),
        ("run --archive {}/archive --bundle {}/bundle --output {}/o --precision fp8", "--precision"),
        ("run --archive {}/archive --bundle {}/bundle --output {}/o --mode quick", "--mode"),
        ("run --archive {}/archive --bundle {}/bundle --output ftp://x/y", "ftp://"),
        ("run --archive {}/archive --bundel {}/bundle --output {}/o", "--bundel"),
        (
            "encode --manifest {}/m.parquet --bundle {}/bundle --output {}/o --watch-seconds 0",
            "--watch-seconds",
        ),
        ("plan --bundle {}/bundle --output {}/o", "give --archive"),
        ("plan --archive {}/gone --bundle {}/bundle --output {}/o", "archive"),
        ("plan --manifest {}/gone --bundle {}/bundle --output {}/o", "manifest"),
        ("plan --archive {}/archive --bundle {}/light --output {}/o", "no weights"),
        ("plan --archive {}/archive --bundle {}/bundle --output {}/o --sample 0", "--sample 0"),
        (
            "plan --archive {}/archive --bundle {}/bundle --output {}/o --price-per-hour free",
            "--price-per-hour",
        ),
        ("plan --archive {}/archive --bundle {}/bundle --output {}/names.csv", "--output"),
        ("plan --archive {}/archive --bundle {}/bundle --output s3:///o", "s3://"),
        ("encode --manifest {}/gone --bundle {}/bundle --output {}/o", "manifest"),
        ("encode --manifest {}/notes/readme.txt --bundle {}/bundle --output {}/o", "manifest"),
        ("interpret --bundle {}/bundle --output {}/o2", "there is no table"),
        ("interpret --bundle {}/bundle --output {}/o2 --name a/b", "--name"),
        (
            "interpret --bundle {}/bundle --output {}/o2 --study-kinds transthoracic,tte",
            "--study-kinds tte: no kind of study; there are transthoracic",
        ),
        ("interpret --bundle {}/bundle --output {}/o2 --study-kinds ,", "--study-kinds is empty"),
        ("interpret --bundle {}/bundle --output {}/o2 --views {}/gone.csv", "gone.csv"),
        ("interpret --bundle {}/bundle --output {}/o2 --views {}/names.csv", "no column path or view"),
        ("interpret --bundle {}/bundle --output {}/o2 --views {}/views.csv", "('PLAX') is none"),
        (
            "interpret --bundle {}/bundle --output {}/o2 --views {}/views.csv --view-names {}/names.csv",
            "columns view, echoprime_view",
        ),
        ("interpret --bundle {}/bundle --output {}/o2 --view-names {}/names.csv", "give both"),
        ("run --archive {}/archive --bundle {}/bundle --output {}/o --study-kinds tee", "--study-kinds tee"),
        ("run --archive {}/archive --bundle {}/bundle --output {}/o --views {}/views.csv", "--view-names"),
        (
            "run --archive {}/archive --bundle {}/bundle --output {}/o5 --views {}/elsewhere.csv",
            "none of its rows is of one of the 1 listed videos",
        ),
        ("status {}/o3", "no table"),
        ("failures {}/o3", "no table"),
        ("export {}/o3 {}/plain", "no table"),
        ("compact {}/o3", "no table"),
        ("withdraw {}/o3 --study Smith^John", "no table"),
        ("withdraw {}/o3", "give one of --patient, --patients, --study and --studies"),
        ("withdraw {}/o3 --patients {}/gone.csv", "gone.csv"),
        ("withdraw {}/o3 --patients {}/names.csv", "patient_id"),
        ("view {}/o3", "give one of --study, --studies and --run"),
        ("view {}/o3 --study Smith^John", "no table"),
        ("view {}/o3 --run latest", "has no run"),
        ("bundle check {}/gone", "echoprime bundle import"),
        ("bundle import {}/empty {}/b2", "assets"),
        ("bundle import {}/gone {}/bundle", "holds a bundle already"),
        ("bundle fetch {}/bundle", "holds a bundle already"),
        ("bundle fetch {}/b2 --release {}/r2 --mirror {}/gone", "nothing is there"),
        ("bundle fetch {}/b2 --release {}/r2 --mirror {}/empty", "MIL_weights.csv: not in the mirror"),
        ("statsu {}/o", "statsu"),
        ("encode --config {}/gone.toml", "gone.toml"),
        ("status {}/o --config {}/gone.toml", "gone.toml"),
        ("run --archive {} --bundle {}/bundle --output {}/o", "lies in the archive"),
        ("run --archive {}/archive --bundle {}/bundle --output {}/archive/o", "lies in the archive"),
        ("run --archive {}/archive --bundle {}/bundle --output {}/m.parquet", "--output"),
        ("run --archive {}/archive --bundle {}/bundle --output /proc/x", "--output"),
        ("run --archive {}/archive --bundle {}/broken --output {}/o", "encoder.safetensors"),
        (
            "run --archive {}/archive --bundle {}/bundle --output {}/o --decode-seconds nan",
            "--decode-seconds",
        ),
        ("run --archive {}/archive --bundle {}/bundle --output {}/o --max-pixels 0", "--max-pixels 0"),
        ("run --archive {}/archive --bundle {}/bundle --output {}/o --max-frames -1", "--max-frames -1"),
        ("run --archive {}/archive --bundle {}/bundle --output {}/o --max-bytes 1e9", "--max-bytes"),
        ("run --archive {}/archive --bundle {}/bundle --output {}/o --decode-memory 0", "--decode-memory 0"),
        ("run --archive {}/archive --bundle {}/bundle --output {}/o --decode-memory 1000000", "536870912"),
        ("run --archive {}/archive --bundle {}/bundle --output {}/o --again too_long", "--again too_long"),
        ("run --archive {}/archive --bundle {}/bundle --output {}/o --study-from dcm", "--study-from"),
        ("run --archive {}/archive --bundle {}/bundle --output {}/o --studies {}/names.csv", "names.csv"),
        ("manifest {}/archive {}/m2 --study-from echonet-dynamic", "looked for FileList.csv"),
        ("manifest {}/archive {}/m2 --study-from {}/names.csv", "no column path or study_id"),
        ("manifest {}/archive {}/m2 --study-from {}/names.csv --columns file=x", "write NAME=COLUMN"),
        ("manifest {}/archive {}/m2 --study-from {}/names.csv --columns path=file", "no column file"),
        ("manifest {}/archive {}/m2 --columns path=file", "for a list of your own"),
        ("run --archive {}/archive --bundle {}/bundle --output {}/o --columns path", "write NAME=COLUMN"),
        ("manifest dicomweb+http://127.0.0.1:1/rs {}/m2", "cannot be reached"),
        (
            "run --archive {}/archive --bundle {}/bundle --output {}/o --study-dates 20240101-",
            "--study-dates: searches a dicomweb:// archive",
        ),
        ("bundle check {}/m.parquet", "echoprime bundle import"),
        ("run --archive {}/archive --bundle {}/bundle --output {}/o --ray-address x:y", "give HOST:PORT"),
        ("submit --address http://127.0.0.1:9", "after --"),
        ("submit -- run --archive s3://a --bundle s3://b --output s3://c", "--address"),
        ("submit --address http://127.0.0.1:9 -- demo", "not sent"),
        ("submit --address http://127.0.0.1:9 -- run --archive {}/archive --bundle {}/bundle", "--output"),
        ("submit --address http://127.0.0.1:9 -- status {}/o", "--shared"),
        ("submit --address http://127.0.0.1:9 --shared -- status {}/o", "no Ray Jobs API"),
        ("submit --address head:8265 --shared -- status {}/o", "http://head:8265"),
        (
            "submit --address http://127.0.0.1:9 --pass-environment NOT_SET_HERE -- status s3://a/o",
            "NOT_SET_HERE",
        ),
        ("jobs list --address http://127.0.0.1:9", "no Ray Jobs API"),
        ("jobs logs a-job --address 127.0.0.1", "http://head:8265"),
        ("jobs stop a-job --address ftp://127.0.0.1", "http://head:8265"),
        ("interpret --bundle {}/bundle --output {}/o2 --candidates {}/empty", "no summary.json there"),
        ("interpret --bundle {}/bundle --output {}/o2 --thresholds {}/gone.csv", "gone.csv"),
        ("interpret --bundle {}/bundle --output {}/o2 --thresholds {}/names.csv", "phenotype, threshold"),
        ("run --archive {}/archive --bundle {}/bundle --output {}/o --candidates {}/gone", "summary.json"),
        ("candidates build --bundle {}/gone --encodings {}/o --reports {}/names.csv {}/c", "bundle import"),
        ("candidates build --bundle {}/bundle --encodings {}/o3 --reports {}/names.csv {}/c", "no table"),
        ("candidates build --bundle {}/bundle --reports {}/names.csv {}/c", "--encodings"),
        ("compare {}/o3/interpretations/a {}/o3/interpretations/b", "no table"),
        ("compare {}/o3/interpretations/a", "SECOND"),
        ("interpret --bundle {}/bundle --output {}/o2 --calibration {}/gone.json", "gone.json"),
        (
            "run --archive {}/archive --bundle {}/bundle --output {}/o --calibration {}/names.csv",
            "no calibration",
        ),
        ("calibrate {}/o3 {}/gone.csv {}/c.json", "gone.csv"),
        ("calibrate {}/o3 {}/names.csv", "CALIBRATION"),
    ],
)
def test_a_mistake_is_one_line(place: Path, words: str, said: str, refused: Refused) -> None:
    line = refused(*words.replace("{}", str(place)).split())
    assert said in line
    assert "Smith" not in line


def test_a_disk_without_room_is_refused(place: Path, tmp_path: Path) -> None:
    """Nine petabytes of rows fit nowhere."""
    from echoprime.errors import SettingError
    from echoprime.storage import Location
    from pipelines.checks import require_room

    with pytest.raises(SettingError, match=r"GB free and this job may need .* GB; make room"):
        require_room(Location.parse(tmp_path), 1 << 53)


@pytest.mark.parametrize(
    "command",
    ["", "bundle", "bundle import", "bundle check", "manifest", "plan", "encode", "interpret", "run",
     "status", "failures", "export", "compact", "withdraw", "view", "demo", "population",
     "candidates", "candidates build", "candidates info", "candidates search", "candidates import",
     "candidates export", "candidates stack", "bundle fetch", "compare"],
)  # fmt: skip
def test_help(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*command.split(), "--help"]) == 0
    said = capsys.readouterr().out
    assert "Usage: echoprime" in said
    if command not in ("", "bundle", "candidates"):
        assert f"echoprime {command}" in said.split("Examples:")[1]


def test_a_mistake_ends_the_process_with_two(place: Path) -> None:
    answer = run(
        "encode", "--manifest", place / "gone", "--bundle", place / "bundle", "--output", place / "o"
    )
    assert answer.returncode == 2
    assert answer.stderr.startswith("echoprime: ")
    assert answer.stderr.count("\n") == 1, answer.stderr


def test_version() -> None:
    assert run("--version").stdout.startswith("echoprime 0.")


def test_settings_from_a_file_and_flags_over_them(place: Path, tmp_path: Path, refused: Refused) -> None:
    settings = tmp_path / "echoprime.toml"
    settings.write_text(
        f'bundle = "{place}/gone"\noutput = "{place}/o"\nmanifest = "{place}/m.parquet"\nk = 7\n'
    )
    assert f"{place}/gone" in refused("encode", "--config", settings)
    assert "no weights" in refused("encode", "--config", settings, "--bundle", place / "light")
    settings.write_text("bundel = 1\n")
    assert "no setting 'bundel'" in refused("encode", "--config", settings)
    settings.write_text(f'bundle = "{place}/bundle"\noutput = "{place}/o"\nstudy_kinds = ["stress", "tte"]\n')
    assert "--study-kinds tte" in refused("interpret", "--config", settings)
    assert "there is no table" in refused("interpret", "--config", settings, "--study-kinds", "stress,other")
    settings.write_text("bundle = \n")
    assert "not TOML" in refused("encode", "--config", settings)


@pytest.mark.ray
def test_a_second_run_finds_nothing_to_do_in_five_seconds(place: Path, bundle: Bundle) -> None:
    words = ["run", "--archive", place / "archive", "--bundle", place / "bundle", "--output", place / "out"]
    first = run(*words)
    assert first.returncode == 0, first.stderr
    assert "table:" in first.stdout
    started = time.monotonic()
    second = run(*words)
    assert time.monotonic() - started < 5
    assert second.returncode == 0
    assert "encode: nothing to do" in second.stdout
    assert "interpret: nothing to do" in second.stdout

    shown = run("status", place / "out").stdout
    assert "encodings: 1 studies" in shown
    assert "another encode: 0 studies" in shown
    assert "every video was encoded" in run("failures", place / "out").stdout
    assert run("export", place / "out", place / "plain").returncode == 0
    (report,) = (place / "plain" / "interpretations" / "default-reports").iterdir()
    assert report.read_text().startswith("untrained: for tests\n\nLeft Ventricle: ")
    assert run("compact", place / "out").returncode == 0
    # No path, and no name of a study's folder, in what a run says.
    assert "1.dcm" not in first.stdout + first.stderr


@pytest.mark.ray
@pytest.mark.slow
def test_names_are_shown_as_they_are(place: Path, tmp_path: Path, refused: Refused) -> None:
    """Brackets and colons in a path are no markup, and a wrong choice is told before anything is encoded."""
    folder = tmp_path / "archive" / "scans [old]" / "ward :100:"
    folder.mkdir(parents=True)
    (folder / "p[b]q.dcm").write_bytes(small_loop(3, frames=1))
    words = [
        "run",
        "--archive",
        tmp_path / "archive",
        "--bundle",
        place / "bundle",
        "--output",
        tmp_path / "out",
    ]
    assert run(*words).returncode == 0
    assert "scans [old]/ward :100:/p[b]q.dcm" in run("failures", tmp_path / "out", "--csv").stdout
    assert "[old]/ward :100:" in run("failures", tmp_path / "out").stdout
    (folder / "new.dcm").write_bytes(small_loop(4))
    assert "other settings: k" in refused(*words, "--k", "10")
    assert run("status", tmp_path / "out").stdout.count("skipped") == 1
