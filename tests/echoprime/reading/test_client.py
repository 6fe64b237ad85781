"""The child process: what it reads, how it dies, and that the next read works."""

import os
import signal
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

import imagecodecs
import numpy as np
import pytest
from pydicom.uid import DeflatedExplicitVRLittleEndian, JPEG2000Lossless, JPEGBaseline8Bit

from echoprime.errors import EchoPrimeError, Reason, SkippedVideo, UnreadableVideo
from echoprime.reading import ClipReader, Limits, read_clip
from echoprime.reading.limits import LEAST_MEMORY
from echoprime.reading.wire import length_of


@pytest.fixture(scope="module")
def reader():
    with ClipReader() as reader:
        yield reader


@pytest.fixture(scope="module")
def slow(make):
    """A sound object that takes many seconds: one JPEG 2000 frame after the other."""
    frames = np.random.default_rng(0).integers(0, 256, (2, 500, 500), np.uint8)
    streams = [imagecodecs.jpeg2k_encode(frame, codecformat="J2K", reversible=True) for frame in frames]
    return make.dicom(
        frames, "MONOCHROME2", syntax=JPEG2000Lossless, pixels=streams * 200, NumberOfFrames=400
    )


LARGE_FRAMES = 160


@pytest.fixture(scope="module")
def large(make):
    """A sound object that takes a second."""
    frames = np.random.default_rng(0).integers(0, 256, (2, 300, 300), np.uint8)
    streams = [imagecodecs.jpeg2k_encode(frame, codecformat="J2K", reversible=True) for frame in frames]
    return make.dicom(
        frames,
        "MONOCHROME2",
        syntax=JPEG2000Lossless,
        pixels=streams * (LARGE_FRAMES // 2),
        NumberOfFrames=LARGE_FRAMES,
    )


def alive(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def wait_for_end(pid, seconds=10):
    end = time.monotonic() + seconds
    while alive(pid) and time.monotonic() < end:
        time.sleep(0.02)
    return not alive(pid)


def wait_for_work(pid, reading):
    """Until a child decodes: it has started (its standard output is silenced then) and is on a core."""
    while not reading.done():
        with suppress(OSError):
            fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
            if Path(f"/proc/{pid}/fd/1").samefile(os.devnull) and fields[0] == "R":
                return True
        time.sleep(0.001)
    return False


def test_clip_is_that_of_this_process(make, reader):
    data = make.jpeg_dicom()
    clip, own = reader.read(data).clip, read_clip(data)
    assert np.array_equal(clip.frames, own.frames)
    assert (clip.used, clip.frames_in_file, clip.format) == (own.used, own.frames_in_file, own.format)
    clip.frames[0] = 0  # it is the caller's


def test_reasons_come_through_and_the_child_stays(make, reader):
    skipped = reader.read(make.dicom(make.loop(count=1), "RGB")).error
    assert isinstance(skipped, SkippedVideo)
    assert (skipped.reason, skipped.message) == (Reason.STILL, "one frame")
    pid = reader.pid
    unreadable = reader.read(b"no video").error
    assert isinstance(unreadable, UnreadableVideo)
    assert unreadable.reason is Reason.UNKNOWN_FORMAT
    assert reader.pid == pid


def test_files_larger_than_a_pipe(make, reader):
    frames = make.loop(count=40, rows=300, columns=400)
    assert reader.read(make.dicom(frames, "RGB")).clip.frames_in_file == 40


def test_no_child_before_the_first_read_and_none_after_close(make):
    with ClipReader() as reader:
        assert reader.pid is None
        reader.read(make.jpeg_dicom())
        pid = reader.pid
        assert alive(pid)
    assert reader.pid is None
    assert not alive(pid)


@pytest.mark.parametrize("end", [signal.SIGKILL, signal.SIGTERM])
def test_child_that_is_killed_while_it_decodes(make, reader, large, end):
    """A machine short of memory kills whom it likes: the file is read again, by another child."""
    reader.read(make.jpeg_dicom())
    pid = reader.pid
    with ThreadPoolExecutor(1) as threads:
        reading = threads.submit(reader.read, large)
        assert wait_for_work(pid, reading)
        os.kill(pid, end)
        assert reading.result().clip.frames_in_file == LARGE_FRAMES
    assert reader.pid != pid


def test_child_that_is_killed_each_time_takes_its_file_with_it(make, reader, large):
    reader.read(make.jpeg_dicom())
    killed = []
    with ThreadPoolExecutor(1) as threads:
        reading = threads.submit(reader.read, large)
        while not reading.done():
            pid = reader.pid
            if pid is not None and pid not in killed and wait_for_work(pid, reading):
                killed.append(pid)
                os.kill(pid, signal.SIGKILL)
        died = reading.result().error
    assert len(killed) == 3
    assert (died.reason, died.outcome) == (Reason.DECODER_DIED, "failed")
    assert died.message == "the decoding process ended by SIGKILL, 3 times"
    assert reader.read(make.jpeg_dicom()).clip.used == 4


def test_child_that_is_killed_while_it_starts_is_replaced(make):
    with ClipReader() as reader, ThreadPoolExecutor(1) as threads:
        reading = threads.submit(reader.read, make.jpeg_dicom())
        while reader.pid is None:
            time.sleep(0.001)
        os.kill(reader.pid, signal.SIGKILL)
        assert reading.result().require_clip().used == 4


def test_child_that_crashes_is_not_asked_again(make, reader, large):
    reader.read(make.jpeg_dicom())
    pid = reader.pid
    with ThreadPoolExecutor(1) as threads:
        reading = threads.submit(reader.read, large)
        assert wait_for_work(pid, reading)
        os.kill(pid, signal.SIGSEGV)
        died = reading.result().error
    assert (died.reason, died.message) == (Reason.DECODER_DIED, "the decoding process ended by SIGSEGV")


def test_child_that_dies_while_idle_is_replaced(make, reader):
    reader.read(make.jpeg_dicom())
    os.kill(reader.pid, signal.SIGSEGV)
    assert wait_for_end(reader.pid)
    assert reader.read(make.jpeg_dicom()).clip.used == 4


def test_time_limit(make, slow):
    with ClipReader(Limits(seconds=1.0)) as reader:
        reader.read(make.jpeg_dicom())
        pid, start = reader.pid, time.monotonic()
        late = reader.read(slow).error
        assert late.reason is Reason.DECODER_TIMEOUT
        assert late.message == "decoding took longer than 1 seconds"
        assert time.monotonic() - start < 3
        assert not alive(pid)
        assert reader.read(make.jpeg_dicom()).clip.used == 4


def test_alarm_ends_a_child_whose_parent_does_not(slow):
    """The kernel's alarm stands behind the parent's limit: an orphan cannot see that its input has ended."""
    child = subprocess.Popen(
        [
            sys.executable,
            "-m",
            "echoprime.reading.child",
            '{"seconds": -4}',  # and 5 of grace
            "exact",
            "1",
        ],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    child.stdin.write(length_of(slow) + slow)
    child.stdin.flush()
    assert child.wait(timeout=20) == -signal.SIGALRM
    child.stdin.close()
    child.stdout.close()


def test_memory_limit(make):
    frames = np.zeros((2, 4000, 4000), np.uint8)
    frames[1, 1000:3000, 1000:3000] = 9
    data = make.dicom(frames, "MONOCHROME2")
    with ClipReader(Limits(memory=500 << 20)) as reader:
        large = reader.read(data).error
        assert large.reason in (Reason.TOO_LARGE, Reason.NOT_DECODABLE, Reason.DECODER_DIED)
        assert reader.read(make.jpeg_dicom()).clip.used == 4


def test_file_over_the_limit_is_not_sent(make):
    reader = ClipReader(Limits(bytes=1000))
    large = reader.read(make.jpeg_dicom()).error
    assert large.reason is Reason.TOO_LARGE
    assert reader.pid is None


def test_interrupt_leaves_no_half_message(make, reader, slow):
    # A shell starts what it puts into the background with SIGINT ignored, and Python keeps it so.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        reader.read(make.jpeg_dicom())
        here = threading.main_thread().ident
        threading.Timer(0.3, signal.pthread_kill, (here, signal.SIGINT)).start()
        with pytest.raises(KeyboardInterrupt):
            reader.read(slow)
        assert reader.read(make.jpeg_dicom()).clip.used == 4
    finally:
        signal.signal(signal.SIGINT, before)


@pytest.mark.parametrize("end", [signal.SIGTERM, signal.SIGKILL])
def test_child_ends_with_its_parent(end):
    program = (
        "import time\n"
        "from echoprime.reading import ClipReader\n"
        "reader = ClipReader()\n"
        "reader.read(b'')\n"
        "print(reader.pid, flush=True)\n"
        "time.sleep(60)\n"
    )
    parent = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, cwd=Path.cwd())
    child = int(parent.stdout.readline())
    assert alive(child)
    parent.send_signal(end)
    parent.wait()
    parent.stdout.close()
    assert wait_for_end(child)


def test_child_imports_neither_torch_nor_ray():
    program = "import sys, echoprime.reading.child; print([n for n in ('torch', 'ray') if n in sys.modules])"
    found = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"


def test_memory_does_not_grow_with_the_number_of_frames(make):
    """200 frames take what 10 do, within what the file itself grows."""
    random = np.random.default_rng(0)
    pictures = np.zeros((2, 400, 500, 3), np.uint8)
    pictures[:, 100:300, 100:400] = random.integers(0, 60, (2, 200, 300, 3))

    def peak(count):
        streams = [
            imagecodecs.jpeg8_encode(picture, colorspace="RGB", outcolorspace="YCBCR") for picture in pictures
        ]
        pixels = [streams[index % 2] for index in range(count)]
        data = make.jpeg_dicom(pictures, pixels=pixels, NumberOfFrames=count)
        with ClipReader() as reader:
            reader.read(data)
            status = Path(f"/proc/{reader.pid}/status").read_text()
        return int(status.partition("VmHWM:")[2].split()[0]) - len(data) // 1024

    assert peak(200) - peak(40) < 200 * 600 * 3  # in KiB: less than a tenth of what 160 frames would take


@pytest.mark.slow
@pytest.mark.parametrize("family", ["MONOCHROME2", "JPEG 2000", "JPEG", "H.264", "deflated"])
def test_memory_limit_holds_for_codecs_that_map_memory_themselves(make, family):
    """OpenJPEG, libjpeg, FFmpeg and zlib ask the kernel as NumPy does: all are within the address space."""
    data = large_file(make, family)
    with ClipReader(Limits(memory=LEAST_MEMORY, bytes=2 << 30, pixels=1 << 28)) as reader:
        reading = reader.read(data)
        assert reading.error is not None
        assert reading.error.reason in (Reason.TOO_LARGE, Reason.NOT_DECODABLE, Reason.DECODER_DIED)
        if reader.pid is not None:
            assert peak_of(reader.pid) < LEAST_MEMORY
        assert reader.read(make.jpeg_dicom()).require_clip().used == 4


def large_file(make, family):
    """Frames of 10,000 x 10,000, or a deflated gigabyte, in few bytes."""
    if family == "deflated":
        return make.dicom(
            np.zeros((2, 10_000, 20_000), np.uint8), "MONOCHROME2", syntax=DeflatedExplicitVRLittleEndian
        )
    if family == "H.264":
        return make.video(np.zeros((2, 7000, 7000, 3), np.uint8), "libx264", "mp4")
    frames = np.zeros((2, 10_000, 10_000), np.uint8)
    if family == "MONOCHROME2":
        return make.dicom(frames, "MONOCHROME2")
    encode = imagecodecs.jpeg8_encode if family == "JPEG" else imagecodecs.jpeg2k_encode
    syntax = JPEGBaseline8Bit if family == "JPEG" else JPEG2000Lossless
    return make.dicom(frames, "MONOCHROME2", syntax=syntax, pixels=[encode(frames[0])] * 2)


def peak_of(pid):
    status = Path(f"/proc/{pid}/status").read_text()
    return int(status.partition("VmHWM:")[2].split()[0]) << 10


def test_child_that_cannot_start_is_an_error_of_the_installation(make, monkeypatch):
    with ClipReader() as reader:
        reader.read(make.jpeg_dicom())
        os.kill(reader.pid, signal.SIGKILL)
        assert wait_for_end(reader.pid)
        with monkeypatch.context() as patch:
            patch.setattr(sys, "executable", "/bin/false")
            with pytest.raises(
                EchoPrimeError, match=r"does not start \(with exit status 1\); run /bin/false"
            ):
                reader.read(make.jpeg_dicom())
            patch.setattr(sys, "executable", "/nowhere/python")
            with pytest.raises(EchoPrimeError, match=r"does not start \(No such file or directory\)"):
                reader.read(make.jpeg_dicom())
        assert reader.read(make.jpeg_dicom()).require_clip().used == 4


def test_threads_that_share_a_reader_get_their_own_clips(make):
    files = [make.jpeg_dicom(make.loop(count=count)) for count in (2, 4, 6, 8)] + [b"no video"]
    want = [len(range(0, count, 2)) for count in (2, 4, 6, 8)] + [None]

    def used(data):
        clip = reader.read(data).clip
        return clip.used if clip else None

    with ClipReader() as reader, ThreadPoolExecutor(4) as threads:
        assert list(threads.map(used, files * 6)) == want * 6
