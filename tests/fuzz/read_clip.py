"""Coverage-guided fuzzing of reading: python tests/fuzz/read_clip.py FOLDER [libFuzzer's options].

Begins with small sound files of every format, and changes them towards code that was not reached yet. Ends
at the first crash, hang, memory beyond libFuzzer's limit, or error that is no `VideoError`; the file that did
it is left in FOLDER. `make fuzz SECONDS=600` runs it and tells how many files were read.
"""

from __future__ import annotations

import os
import sys
from collections import Counter
from dataclasses import asdict
from pathlib import Path

import atheris

with atheris.instrument_imports(include=["echoprime", "pydicom"]):
    from echoprime.reading import Limits, read_file
    from echoprime.reading.header import WANTED

from tests.damage.good_files import MARKER, good_files

LIMITS = Limits(bytes=1 << 22, pixels=1 << 20, frames=200)
"""Small, so that a minute reads many files; what is larger is refused by the same lines of code."""

LARGEST = 40_000
"""Bytes of a file: headers and a frame or two."""

OPTIONS = (
    f"-max_len={LARGEST}",
    "-timeout=5",
    "-rss_limit_mb=1500",
    "-len_control=0",
    "-print_final_stats=1",
)

WORDS = (
    *(f"1.2.840.10008.1.2{ending}" for ending in ("", ".1", ".2", ".1.99", ".5", ".4.50", ".4.57", ".4.70")),
    *(f"1.2.840.10008.1.2.4.{number}" for number in (80, 90, 91, 100, 102, 107, 201)),
    *("MONOCHROME1", "MONOCHROME2", "PALETTE COLOR", "RGB", "YBR_FULL_422", "YBR_PARTIAL_420", "YBR_RCT"),
    *("moov", "mdat", "trak", "stsd", "stsz", "stco", "avc1", "hvc1", "RIFF", "AVI ", "LIST", "movi", "idx1"),
)
MARKERS = (
    b"\xfe\xff\x00\xe0", b"\xfe\xff\x0d\xe0", b"\xfe\xff\xdd\xe0", b"\xe0\x7f\x10\x00", b"\xff\xff\xff\xff",
    b"\xff\xd8\xff", b"\xff\xd9", b"\xff\xc0", b"\xff\xc3", b"\xff\xf7", b"\xff\xda", b"\xff\xdd",
    b"\xff\x4f\xff\x51", b"\xff\x90", b"\x1a\x45\xdf\xa3", b"\x18\x53\x80\x67", b"\x00\x00\x01\xb3",
)  # fmt: skip

caught: Counter[str] = Counter()


def read(data: bytes) -> None:
    """One file: its facts and outcome are what a table can hold, and say nothing of a patient."""
    reading = read_file(data, limits=LIMITS)
    for value in asdict(reading.facts).values():
        assert not isinstance(value, int) or 0 <= value < 1 << 31, "a number that no column holds"
    if reading.error is None:
        assert reading.require_clip().frames.shape == (16, 224, 224, 3)
        return
    message = reading.error.message
    assert MARKER not in message, "a word of the header in a message"
    assert "\n" not in message, "a message of several lines"
    if message.startswith("damaged: "):  # a library's own error; each is worth a look
        caught[message] += 1
        if caught[message] == 1:
            sys.stderr.write(message + "\n")


def write_corpus(folder: Path) -> Path:
    """The files to begin with, and beside them the dictionary, whose place is returned."""
    corpus = folder / "corpus"
    corpus.mkdir(parents=True, exist_ok=True)
    for name, data in good_files(2).items():
        if len(data) <= LARGEST:
            (corpus / name).write_bytes(data)
    tags = [
        (tag >> 16).to_bytes(2, "little") + (tag & 0xFFFF).to_bytes(2, "little") for tag in map(int, WANTED)
    ]
    words = [*tags, *MARKERS, *(word.encode() for word in WORDS)]
    dictionary = folder / "dictionary"
    escaped = ("".join(f"\\x{byte:02x}" for byte in word) for word in words)
    dictionary.write_text("".join(f'"{word}"\n' for word in escaped))
    return dictionary


def main(arguments: list[str]) -> None:
    """Fuzz until libFuzzer's options or a finding end it."""
    folder = Path(arguments[1])
    dictionary = write_corpus(folder)
    os.chdir(folder)  # findings are written to the current folder
    options = [*OPTIONS, f"-dict={dictionary.name}", *arguments[2:]]
    atheris.Setup([arguments[0], *options, "corpus"], read)
    atheris.Fuzz()


if __name__ == "__main__":
    main(sys.argv)
