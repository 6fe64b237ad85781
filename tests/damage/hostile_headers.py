"""Headers that lie, lack or exaggerate; the pixel data are sound."""

from __future__ import annotations

import io
import warnings
from collections.abc import Callable, Iterator

import pydicom
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence

from tests.damage.damaged import Damaged, Expected
from tests.damage.flips_and_cuts import HEADER, family
from tests.damage.good_files import COLUMNS, MARKER, ROWS, good_files

NATIVE = ("grey", "implicit", "big-endian", "rgb")
_SAME, _REFUSED, _HONEST, _ANY = Expected.SAME, Expected.REFUSED, Expected.HONEST, Expected.ANY

SIZES = (
    (65535, 65535),
    (0, COLUMNS),
    (ROWS, 0),
    (ROWS + 1, COLUMNS + 1),
    (65535, 1),
    (1, 1),
    (ROWS // 2, COLUMNS),
    (ROWS, COLUMNS - 2),
)
"""Rows and columns that are not those of the frames; of compressed frames the streams know better."""

FRAMES = (0, -1, 1, 5, 7, 3000, 2**31 - 1)

NUMBERS: tuple[tuple[str, int | None], ...] = (
    ("BitsAllocated", 1),
    ("BitsAllocated", 16),
    ("BitsAllocated", 32),
    ("BitsAllocated", 0),
    ("BitsAllocated", None),
    ("BitsStored", 16),
    ("BitsStored", 0),
    ("BitsStored", 1),
    ("HighBit", 255),
    ("PixelRepresentation", 1),
    ("PixelRepresentation", 7),
    ("SamplesPerPixel", 0),
    ("SamplesPerPixel", 2),
    ("SamplesPerPixel", 4),
    ("SamplesPerPixel", 65535),
    ("SamplesPerPixel", None),
    ("PlanarConfiguration", 1),
    ("PlanarConfiguration", 9),
    ("Rows", None),
    ("Columns", None),
)

PHOTOMETRIC = ("XYZ", "", "PALETTE COLOR", "MONOCHROME1", "RGB", "YBR_FULL", "YBR_FULL_422", "CMYK", "\xe6")

TELLING_COLOUR = ("jpeg", "jpeg-lossless", "j2k", "htj2k", "h264", "mpeg2")
"""Good files whose stream itself tells its colours."""

SYNTAXES = (
    "1.2.840.10008.1.2",
    "1.2.840.10008.1.2.1",
    "1.2.840.10008.1.2.2",
    "1.2.840.10008.1.2.1.99",
    "1.2.840.10008.1.2.4.50",
    "1.2.840.10008.1.2.4.90",
    "1.2.840.10008.1.2.4.102",
    "1.2.840.10008.1.2.5",
    "1.2.3.4.5",
    "",
)

HARMLESS: dict[str, Callable[[Dataset], None]] = {
    "frame time 0": lambda made: setattr(made, "FrameTime", "0"),
    "frame time -33": lambda made: setattr(made, "FrameTime", "-33"),
    "frame time 1e30": lambda made: setattr(made, "FrameTime", "1e30"),
    "charset unknown": lambda made: setattr(made, "SpecificCharacterSet", "KLINGON"),
    "charset iso 2022": lambda made: (
        setattr(made, "SpecificCharacterSet", ["", "ISO 2022 IR 87"]),
        setattr(made, "PatientName", f"Yamada^{MARKER}=\u5c71\u7530^\u592a\u90ce"),
    )[0],
    "uid path": lambda made: setattr(made, "StudyInstanceUID", "../../etc/passwd"),
    "uid long": lambda made: setattr(made, "StudyInstanceUID", "1." + "2" * 198),
    "id of lines": lambda made: setattr(made, "PatientID", f'{MARKER},"b\n=cmd()'),
    "id of markup": lambda made: setattr(made, "PatientID", f"<script>{MARKER}</script>"),
    "no study uid": lambda made: delattr(made, "StudyInstanceUID"),
    "no instance uid": lambda made: delattr(made, "SOPInstanceUID"),
    "no class uid": lambda made: delattr(made, "SOPClassUID"),
    "no modality": lambda made: delattr(made, "Modality"),
    "regions empty": lambda made: setattr(made, "SequenceOfUltrasoundRegions", Sequence([])),
    "region outside": lambda made: _region(made, RegionLocationMinX0=5000, RegionLocationMaxX1=9000),
    "region inverted": lambda made: _region(made, RegionLocationMinX0=80, RegionLocationMaxX1=10),
    "region without size": lambda made: _region(made, PhysicalDeltaX=0.0, PhysicalDeltaY=0.0),
    "private text": lambda made: _private(made, 0x200D, MARKER.encode() * 4),
    "private megabyte": lambda made: _private(made, 0x0013, b"\x5a" * (1 << 20)),
    "text everywhere": lambda made: _texts(made),
}
"""Name -> change of an object that is still a sound loop."""


def hostile_headers() -> Iterator[Damaged]:
    """Every DICOM object with every lie."""
    for sound in (name for name in good_files() if name.endswith(".dcm")):
        yield from _sizes(sound)
        yield from _numbers(sound)
        for word in PHOTOMETRIC:
            told = family(sound) in TELLING_COLOUR
            expected = _HONEST if told else _ANY
            expected = _REFUSED if word in ("XYZ", "CMYK") and expected is _ANY else expected
            yield _changed(sound, f"photometric {word}", expected, PhotometricInterpretation=word)
        for syntax in SYNTAXES:
            yield _lie_of_syntax(sound, syntax)
        yield from _not_loops(sound)
    for sound in ("grey.dcm", "jpeg.dcm"):
        for name, change in HARMLESS.items():
            yield Damaged(name, _edited(good_files()[sound], change), _SAME, sound)


def _sizes(sound: str) -> Iterator[Damaged]:
    stream_knows = family(sound) not in (*NATIVE, "deflated", "rle")
    for rows, columns in SIZES:
        expected = _HONEST if stream_knows else _REFUSED
        yield _changed(sound, f"size {rows} x {columns}", expected, Rows=rows, Columns=columns)
    # None or a lower number is believed where every frame is a stream of its own.
    frames_are_told = _ANY if stream_knows or family(sound) == "rle" else _HONEST
    for frames in FRAMES:
        expected = _REFUSED if frames > 6 else frames_are_told
        yield _changed(sound, f"frames {frames}", expected, NumberOfFrames=frames)
    data, element = good_files()[sound], b"\x28\x00\x08\x00IS"
    before, found, after = data.partition(element)
    for text in (b"abc ", b"6\\7 ", b"1e9 ", b"-6", b"", b"6.5 ") if found else ():
        length = len(text).to_bytes(2, "little")
        yield Damaged(
            f"frames {text!r}", before + element + length + text + after[4:], frames_are_told, sound
        )


def _numbers(sound: str) -> Iterator[Damaged]:
    stream_knows = family(sound) not in (*NATIVE, "deflated", "rle")
    for name, value in NUMBERS:
        lawful = name in ("BitsStored", "HighBit", "PixelRepresentation", "PlanarConfiguration")
        expected = _ANY if lawful or stream_knows else _HONEST
        yield _changed(sound, f"{name} {value}", expected, **{name: value})


def _lie_of_syntax(sound: str, syntax: str) -> Damaged:
    """By the bytes of the file's meta information, so that the rest stays as it was written."""
    data = good_files()[sound]
    true = str(pydicom.dcmread(io.BytesIO(data)).file_meta.TransferSyntaxUID)
    length = len(true) + len(true) % 2
    where = data.index(b"\x02\x00\x10\x00UI") + 8
    said = syntax.encode()[:length].ljust(length, b"\0")
    return Damaged(f"syntax {syntax}", data[:where] + said + data[where + length :], _HONEST, sound)


def _not_loops(sound: str) -> Iterator[Damaged]:
    """Reports, documents, and objects without pixels."""
    data = good_files()[sound]

    def without_pixels(made: Dataset) -> None:
        del made.PixelData

    def report(made: Dataset) -> None:
        del made.PixelData
        made.SOPClassUID = made.file_meta.MediaStorageSOPClassUID = "1.2.840.10008.5.1.4.1.1.88.33"
        made.Modality, made.ValueType, made.ContentSequence = "SR", "CONTAINER", Sequence([])

    def document(made: Dataset) -> None:
        report(made)
        made.EncapsulatedDocument = b"%PDF-1.4 " + MARKER.encode()

    yield Damaged("without pixels", _edited(data, without_pixels), _REFUSED, sound)
    yield Damaged("report", _edited(data, report), _REFUSED, sound)
    yield Damaged("document", _edited(data, document), _REFUSED, sound)


def _changed(sound: str, name: str, expected: Expected, **elements: object) -> Damaged:
    """A value of None takes the element away."""

    def change(made: Dataset) -> None:
        for element, value in elements.items():
            if value is not None:
                setattr(made, element, value)
            elif element in made:
                delattr(made, element)

    return Damaged(name, _edited(good_files()[sound], change), expected, sound, HEADER)


def _edited(data: bytes, change: Callable[[Dataset], object]) -> bytes:
    file = io.BytesIO()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # pydicom is right, and that is the purpose
        made = pydicom.dcmread(io.BytesIO(data))
        change(made)
        made.save_as(file, enforce_file_format=False)
    return file.getvalue()


def _region(made: Dataset, **elements: object) -> None:
    region = Dataset()
    region.RegionSpatialFormat, region.RegionDataType, region.RegionFlags = 1, 1, 0
    region.RegionLocationMinX0, region.RegionLocationMinY0 = 0, 0
    region.RegionLocationMaxX1, region.RegionLocationMaxY1 = COLUMNS - 1, ROWS - 1
    for name, value in elements.items():
        setattr(region, name, value)
    made.SequenceOfUltrasoundRegions = Sequence([region])


def _texts(made: Dataset) -> None:
    for name in ("PatientAddress", "ReferringPhysicianName", "ImageComments", "OperatorsName"):
        setattr(made, name, f"{MARKER} {name}")


def _private(made: Dataset, group: int, value: bytes) -> None:
    made.add_new((group, 0x0010), "LO", "Drawn")
    made.add_new((group, 0x1001), "UN", value)
