"""Read a large pickle of plain lists and dicts piece by piece, without ever holding all of it.

The candidates' reports are one pickled list of 1.23 million lists of tuples: loaded at once they take 3.4 GB,
the labels 2.5 GB more. A pickle is a program for a small stack machine; this is that machine for plain data,
which hands on the outermost containers' items as they come instead of collecting them. It runs no code of
the file's choosing: there is no instruction here that could.
"""

from __future__ import annotations

import mmap
import struct
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Protocol

from echoprime.errors import BundleError


class NotPlain(Exception):  # noqa: N818  # a turn in the road, not an error: the caller reads it in one piece
    """The pickle has something that is not streamed, such as numpy values or shared containers."""


class Collector(Protocol):
    """What stands in for a list or dict: gets its items as they come."""

    def extend(self, items: list[Any]) -> None:
        """Items of a list, or keys and values of a dict in turn."""
        ...


Makers = Mapping[tuple[int, type], Callable[[Any], Collector]]
"""(depth, list or dict) -> what makes its collector, called with the key that it will stand under."""


_ABSENT = object()

_FLOAT, _INT4 = struct.Struct(">d").unpack_from, struct.Struct("<i").unpack_from
_SIZE4, _SIZE8 = struct.Struct("<I").unpack_from, struct.Struct("<Q").unpack_from


def stream_pickle(path: Path, makers: Makers) -> Any:  # noqa: ANN401  # what the file holds
    """Run a pickle, with collectors in the place of its outer containers.

    Parameters
    ----------
    path
        A pickle of protocol 2 or later.
    makers
        Collectors of the outermost container (depth 0) and of those right in it (depth 1). What has none
        is collected as usual.

    Returns
    -------
    Any
        What the pickle holds: a collector, where its outermost container has one.

    Raises
    ------
    NotPlain
        When it holds more than lists, tuples, dicts, numbers and text, or one container in two places.
    BundleError
        When it is missing or damaged.
    """
    try:
        with path.open("rb") as stream, mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ) as data:
            return _Machine(data, makers).run()
    except FileNotFoundError as error:
        raise BundleError(
            f"{path.name}: missing from the release; copy it there from the official one"
        ) from error
    except (IndexError, struct.error, UnicodeDecodeError, ValueError, TypeError, AttributeError) as error:
        raise BundleError(
            f"{path.name}: damaged ({type(error).__name__}); copy it from the release again"
        ) from error


class _Machine:
    def __init__(self, data: Any, makers: Makers) -> None:  # noqa: ANN401  # mmap has no index types
        self.data = data
        self.makers = makers

    def _container(self, kind: type, stack: list[Any], marks: list[int]) -> Any:  # noqa: ANN401
        """A new container: a collector at the outer depths, else a plain one."""
        # Items stand above the last mark, or above the outermost container where it gets one item alone.
        depth = 0 if not stack else 1 if not marks or marks == [1] else 2
        make = self.makers.get((depth, kind))
        return make(stack[-1] if stack else None) if make else kind()

    def run(self) -> Any:  # noqa: ANN401  # one branch an instruction
        """One pass over the file; instructions by how often they come."""
        data = self.data
        stack: list[Any] = []
        marks: list[int] = []
        memo: dict[int, Any] = {}
        recent: dict[int, Any] = {}
        count = pos = 0
        push = stack.append
        while True:
            code = data[pos]
            pos += 1
            if code == 0x4B:  # BININT1
                push(data[pos])
                pos += 1
            elif code == 0x94:  # MEMOIZE
                top = stack[-1]
                # Text may be shared by far-off items; containers only by near ones.
                (memo if type(top) is str else recent)[count] = top
                count += 1
            elif code == 0x47:  # BINFLOAT
                push(_FLOAT(data, pos)[0])
                pos += 8
            elif code == 0x87:  # TUPLE3
                stack[-3:] = [(stack[-3], stack[-2], stack[-1])]
            elif code == 0x4D:  # BININT2
                push(data[pos] | data[pos + 1] << 8)
                pos += 2
            elif code == 0x4A:  # BININT
                push(_INT4(data, pos)[0])
                pos += 4
            elif code == 0x28:  # MARK
                marks.append(len(stack))
            elif code == 0x5D:  # EMPTY_LIST
                push(self._container(list, stack, marks))
            elif code == 0x7D:  # EMPTY_DICT
                push(self._container(dict, stack, marks))
            elif code in (0x65, 0x75):  # APPENDS, SETITEMS
                start = marks.pop()
                items = stack[start:]
                del stack[start:]
                self._add(stack[-1], items, code == 0x75)
                if not marks:
                    recent.clear()
            elif code in (0x61, 0x73):  # APPEND, SETITEM
                width = 1 if code == 0x61 else 2
                items = stack[-width:]
                del stack[-width:]
                self._add(stack[-1], items, code == 0x73)
            elif code in (0x8C, 0x58, 0x8D):  # SHORT_BINUNICODE, BINUNICODE, BINUNICODE8
                head = {0x8C: 1, 0x58: 4, 0x8D: 8}[code]
                size = data[pos] if head == 1 else (_SIZE4 if head == 4 else _SIZE8)(data, pos)[0]
                pos += head
                push(self._bytes(pos, size).decode("utf-8", "surrogatepass"))
                pos += size
            elif code in (0x68, 0x6A):  # BINGET, LONG_BINGET
                key = data[pos] if code == 0x68 else _SIZE4(data, pos)[0]
                pos += 1 if code == 0x68 else 4
                found = memo.get(key, recent.get(key, _ABSENT))
                if found is _ABSENT:
                    raise NotPlain
                push(found)
            elif code in (0x71, 0x72):  # BINPUT, LONG_BINPUT
                key = data[pos] if code == 0x71 else _SIZE4(data, pos)[0]
                pos += 1 if code == 0x71 else 4
                (memo if type(stack[-1]) is str else recent)[key] = stack[-1]
            elif code in (0x85, 0x86):  # TUPLE1, TUPLE2
                width = code - 0x84
                stack[-width:] = [tuple(stack[-width:])]
            elif code == 0x29:  # EMPTY_TUPLE
                push(())
            elif code == 0x74:  # TUPLE
                start = marks.pop()
                stack[start:] = [tuple(stack[start:])]
            elif code == 0x4E:  # NONE
                push(None)
            elif code in (0x88, 0x89):  # NEWTRUE, NEWFALSE
                push(code == 0x88)
            elif code == 0x8A:  # LONG1
                size = data[pos]
                push(int.from_bytes(self._bytes(pos + 1, size), "little", signed=True))
                pos += 1 + size
            elif code == 0x95:  # FRAME
                pos += 8
            elif code == 0x80:  # PROTO
                pos += 1
            elif code == 0x2E:  # STOP
                return stack.pop()
            else:
                raise NotPlain

    def _bytes(self, start: int, size: int) -> bytes:
        found: bytes = self.data[start : start + size]
        if len(found) != size:
            raise IndexError("the file ends early")
        return found

    @staticmethod
    def _add(container: Any, items: list[Any], pairs: bool) -> None:  # noqa: ANN401
        if isinstance(container, dict):
            container.update(zip(items[::2], items[1::2], strict=True))
        elif pairs and isinstance(container, list):
            raise TypeError("pairs into a list")
        else:
            container.extend(items)
