"""One file over HTTP: whole and right whatever the connection does, or one line that says why not."""

import io
import itertools
import tempfile
from pathlib import Path

import pytest
import requests
import tenacity
from hypothesis import given, settings
from hypothesis import strategies as st

from echoprime.errors import BundleError
from echoprime.release import downloading
from echoprime.release.downloading import Download
from tests.echoprime.release.web import web

DATA = bytes(range(256)) * 1600
"""400 KB: several pieces."""


@pytest.fixture(autouse=True)
def hasty(monkeypatch):
    monkeypatch.setattr(downloading, "WAIT", tenacity.wait_none())
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setattr(downloading, "TIMEOUT", (5.0, 0.5))
    monkeypatch.setattr(downloading, "PIECE", 10_000)


def fetch(server, folder, **more):
    told = []
    with requests.Session() as session:
        Download(
            session, f"{server.address}/f", folder / "f.bin", told=lambda *each: told.append(each), **more
        ).run()
    return told


def whole(folder, data=DATA):
    assert [path.name for path in folder.iterdir()] == ["f.bin"]
    return (folder / "f.bin").read_bytes() == data


def refused(server, folder, match, **more):
    with pytest.raises(BundleError, match=match) as caught:
        fetch(server, folder, **more)
    assert "\n" not in str(caught.value)
    assert not (folder / "f.bin").exists()


def test_it_comes_and_tells_how_far_it_is(tmp_path):
    with web(files={"f": DATA}) as server:
        told = fetch(server, tmp_path)
    assert whole(tmp_path)
    assert told[-1] == ("f.bin", len(DATA), len(DATA))
    assert [done for _, done, _ in told] == sorted(done for _, done, _ in told)


def test_a_broken_connection_is_gone_on_with(tmp_path):
    with web(files={"f": DATA}, breaks={"f": [100_000, 50_000]}) as server:
        fetch(server, tmp_path)
    assert whole(tmp_path)
    starts = [int(wanted.split("=")[1][:-1]) if wanted else 0 for _, wanted in server.asked]
    assert starts == [0, 100_000, 150_000]


def test_the_next_command_goes_on_too(tmp_path):
    with web(files={"f": DATA}, breaks={"f": [100_000, *[0] * 20]}) as server:
        refused(
            server, tmp_path, r"f.bin: the connection broke .*times in a row; check the network and run the"
        )
        server.breaks.clear()
        server.asked.clear()
        fetch(server, tmp_path)
    assert whole(tmp_path)
    assert server.asked == [("f", "bytes=100000-")]


def test_a_server_without_ranges_sends_all_of_it_again(tmp_path):
    with web(files={"f": DATA}, breaks={"f": [300_000]}, ranges=False) as server:
        fetch(server, tmp_path)
    assert whole(tmp_path)


def test_a_server_without_etags_is_asked_for_all_of_it_again(tmp_path):
    with web(files={"f": DATA}, breaks={"f": [300_000]}, etags=False) as server:
        fetch(server, tmp_path)
    assert whole(tmp_path)
    assert [wanted for _, wanted in server.asked] == [None, None]


@pytest.mark.parametrize("if_range", [True, False])
@pytest.mark.parametrize("longer", [0, 70_000, -70_000])
def test_a_file_that_changes_meanwhile_is_never_put_together_of_two(tmp_path, if_range, longer):
    other = bytes(reversed(DATA)) + b"x" * max(0, longer)
    other = other[: len(DATA) + longer]
    with web(files={"f": DATA}, breaks={"f": [200_000]}, swaps={"f": other}, if_range=if_range) as server:
        fetch(server, tmp_path)
    assert whole(tmp_path, other)


def test_a_file_that_became_shorter_than_what_is_there(tmp_path):
    with web(files={"f": DATA}, breaks={"f": [200_000]}, swaps={"f": DATA[:1000]}, if_range=False) as server:
        fetch(server, tmp_path)
    assert whole(tmp_path, DATA[:1000])


def test_a_truncated_file_is_told(tmp_path):
    with web(files={"f": DATA}, breaks={"f": [50_000] * 50}, ranges=False) as server:
        refused(server, tmp_path, r"the connection broke.*6 times in a row")


def test_a_slow_server_is_waited_for(tmp_path):
    with web(files={"f": DATA[:30_000]}, seconds=0.02) as server:
        fetch(server, tmp_path)
    assert whole(tmp_path, DATA[:30_000])


def test_a_server_that_falls_silent_is_asked_again(tmp_path, monkeypatch):
    monkeypatch.setattr(downloading, "TIMEOUT", (5.0, 0.2))
    with web(files={"f": DATA[:2000]}, seconds=1.0) as server:
        refused(server, tmp_path, r"f.bin: the connection broke|does not answer")
    assert len(server.asked) >= downloading.FRUITLESS


def test_what_a_busy_server_says_is_tried_again(tmp_path):
    with web(files={"f": DATA}, status={"f": [503, 429, 500]}) as server:
        fetch(server, tmp_path)
    assert whole(tmp_path)


@pytest.mark.parametrize("status", [401, 403, 404, 451])
def test_what_a_server_refuses_is_told_at_once(tmp_path, status):
    with web(files={"f": DATA}, status={"f": [status] * 9}) as server:
        refused(server, tmp_path, rf"f.bin: the server answers {status}; check --mirror")
    assert len(server.asked) == 1


def test_another_size_than_was_recorded_is_told_before_it_comes(tmp_path):
    with web(files={"f": DATA}) as server:
        refused(server, tmp_path, r"has 409,600 bytes, 409,601 were recorded", size=len(DATA) + 1)
        fetch(server, tmp_path, size=len(DATA))


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b"\n <!DOCTYPE html><p>Log in", "a web page came in its place"),
        (b"version https://git-lfs.github.com/spec/v1\noid", "a Git LFS pointer"),
    ],
)
def test_what_stands_in_for_the_file_is_told(tmp_path, body, said):
    with web(files={"f": body}) as server:
        refused(server, tmp_path, said)


def test_an_answer_without_an_end_is_refused(tmp_path):
    with web(files={"f": DATA}, lengths=False) as server:
        refused(server, tmp_path, "does not say how long it is")


def test_nobody_answers(tmp_path):
    with web(files={}) as server:
        address = server.address
    with requests.Session() as session, pytest.raises(BundleError, match="the server does not answer"):
        Download(session, f"{address}/f", tmp_path / "f.bin").run()


def test_https_is_not_left(tmp_path):
    """A redirect to plain http is refused; the session plays the server that would lead there."""

    class Led(requests.Session):
        def get(self, url, **options):
            return super().get(url.replace("https:", "http:"), **options)

    with web(files={"f": DATA}) as server, Led() as session:
        url = server.address.replace("http:", "https:") + "/f"
        with pytest.raises(BundleError, match="leads from https to http"):
            Download(session, url, tmp_path / "f.bin").run()


class Chain(requests.adapters.BaseAdapter):
    """A server whose every address leads to the next."""

    def __init__(self, *addresses):
        super().__init__()
        self.leads = dict(itertools.pairwise(addresses))
        self.asked = []

    def send(self, request, **_):
        self.asked.append(request.url)
        answer = requests.Response()
        answer.request, answer.url = request, request.url
        answer.raw = io.BytesIO(DATA)
        answer.status_code = 302 if request.url in self.leads else 200
        length = len(DATA) if answer.status_code == 200 else 0
        answer.headers = requests.structures.CaseInsensitiveDict({"Content-Length": str(length)})
        if answer.status_code == 302:
            answer.headers["Location"] = self.leads[request.url]
        return answer

    def close(self):
        pass


@pytest.mark.parametrize("first", ["https://a.example/f", "HTTPS://a.example/f"])
@pytest.mark.parametrize("middle", ["http://b.example/f", "//b.example/f", "https://b.example/f"])
def test_every_answer_of_a_chain_is_https(tmp_path, first, middle):
    plain = middle.startswith("http:")
    second = middle if plain else "https://b.example/f"
    chain = Chain("https://a.example/f", second, "https://c.example/f")
    chain.leads["https://a.example/f"] = middle
    with requests.Session() as session:
        for scheme in ("https://", "http://"):
            session.mount(scheme, chain)
        download = Download(session, first, tmp_path / "f.bin")
        if plain:
            with pytest.raises(BundleError, match="leads from https to http"):
                download.run()
            assert chain.asked == ["https://a.example/f"]  # nothing was asked for in the clear
        else:
            download.run()
            assert whole(tmp_path)


@pytest.fixture(scope="module")
def server():
    """One for all examples: ending one takes half a second."""
    with web(files={"f": DATA}) as found:
        yield found


@settings(max_examples=40)
@given(
    breaks=st.lists(st.integers(0, len(DATA)), max_size=4),
    ranges=st.booleans(),
    if_range=st.booleans(),
    etags=st.booleans(),
)
def test_whatever_breaks_it_is_whole(server, breaks, ranges, if_range, etags):
    server.breaks["f"] = list(breaks)
    server.ranges, server.if_range, server.etags = ranges, if_range, etags
    with tempfile.TemporaryDirectory() as folder:
        fetch(server, Path(folder))
        assert whole(Path(folder))
