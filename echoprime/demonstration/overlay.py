"""What a scanner writes around the picture: depth ticks, the ECG, and here the words that it is drawn."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from echoprime.demonstration.heart import electrocardiogram
from echoprime.demonstration.speckle import DEPTH, Screen

Frame = NDArray[np.uint8]
GREEN, GREY, DIM = (90, 210, 120), (150, 150, 150), (95, 95, 95)


def draw_ticks(frame: Frame, screen: Screen) -> None:
    """Depth in cm along the right border: a tick each centimetre, a longer one each five."""
    edge = screen.columns - 12
    for depth in range(int(DEPTH) + 1):
        _, row = screen.pixel(0.0, float(depth))
        length = 7 if depth % 5 == 0 else 3
        frame[row, edge - length : edge] = GREY if depth % 5 == 0 else DIM


def draw_words(frame: Frame) -> None:
    """Says in the picture itself that nobody was examined."""
    cv2.putText(frame, "DRAWN PHANTOM", (6, 13), cv2.FONT_HERSHEY_SIMPLEX, 0.3, DIM, 1, cv2.LINE_8)


def trace(screen: Screen, beat: int, frames: int) -> NDArray[np.int32]:
    """The ECG of a whole loop as points (column, row): once across the screen, R at every `beat` frames."""
    columns = np.arange(8, screen.columns - 20)
    bottom = screen.rows - 9
    height = screen.rows * 0.06
    phases = (columns - 8) / (screen.columns - 28) * frames / beat
    values = [electrocardiogram(float(phase)) for phase in phases]
    rows = [round(bottom - height * value) for value in values]
    return np.stack([columns, np.array(rows)], axis=1).astype(np.int32)


def draw_trace(frame: Frame, points: NDArray[np.int32], index: int, frames: int) -> None:
    """The ECG up to now bright, the rest dim, a dot where the loop is."""
    now = 1 + round((len(points) - 2) * index / max(frames - 1, 1))
    cv2.polylines(frame, [points], False, (30, 70, 40), 1, cv2.LINE_8)
    cv2.polylines(frame, [points[: now + 1]], False, GREEN, 1, cv2.LINE_8)
    column, row = (int(value) for value in points[now])
    frame[row - 1 : row + 2, column - 1 : column + 2] = (210, 255, 220)
