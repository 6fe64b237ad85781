"""Drawn loops: the same each time, what they show is what was asked for, and they can be read."""

import hashlib

import numpy as np
import pytest

from echoprime.bundle import VIEWS
from echoprime.demonstration.anatomy import VIEWS as GREY_VIEWS
from echoprime.demonstration.chambers import BLOOD, Moment
from echoprime.demonstration.heart import END_SYSTOLE, Heart, contraction, draw_heart, mitral_opening
from echoprime.demonstration.phantom import DOPPLER, DRAWN_VIEWS, draw_loop, pictured_volume
from echoprime.demonstration.shapes import Scene


def test_every_view_of_the_classifier_is_drawn():
    assert sorted(VIEWS) == list(DRAWN_VIEWS)


@pytest.mark.parametrize("view", ["A4C", "Apical_Doppler", "SSN"])
def test_the_same_seed_gives_the_same_bytes(view):
    first, again = draw_loop(view, 55, seed=3, frames=3), draw_loop(view, 55, seed=3, frames=3)
    assert hashlib.sha256(first.tobytes()).digest() == hashlib.sha256(again.tobytes()).digest()
    assert not np.array_equal(first, draw_loop(view, 55, seed=4, frames=3))
    assert not np.array_equal(first, draw_loop(view, 55, seed=3, frames=3, take=1))


def test_a_loop_is_a_sector_on_black_that_moves():
    loop = draw_loop("A4C", 60, seed=1, frames=12)
    assert loop.shape == (12, 300, 400, 3)
    assert loop.dtype == np.uint8
    corners = loop[:, [0, 0, -1], [0, -1, -1]]
    assert not corners.any()
    sector = loop[:, 40:240, 100:300, 0]
    assert 25 < sector.mean() < 120
    changed = (sector[0] != sector[-1]).mean()
    assert changed > 0.3


def test_grey_loops_have_no_colour_and_doppler_loops_do():
    def colourful(loop):
        sector = loop[:, 20:260, :350].astype(int)
        return int((sector.max(axis=-1) - sector.min(axis=-1) > 60).sum())

    filling = 15  # early diastole, when blood streams in
    assert colourful(draw_loop("A4C", 60, seed=1, frames=filling + 1)[filling:]) == 0
    assert colourful(draw_loop("Apical_Doppler", 60, seed=1, frames=filling + 1)[filling:]) > 500
    assert colourful(draw_loop("A2C", 60, seed=1, frames=filling + 1, colour_doppler=True)[filling:]) > 500


def test_a_leak_is_seen_with_colour_in_systole():
    def blue(heart_seed):
        frame = draw_loop("Apical_Doppler", 60, seed=heart_seed, frames=8)[7].astype(int)
        return int((frame[140:260, :350, 2] - frame[140:260, :350, 0] > 60).sum())

    leaking = next(seed for seed in range(100) if draw_heart(60, seed).mitral_leak)
    tight = next(seed for seed in range(100) if not any(draw_heart(60, seed).labels.values()))
    assert blue(leaking) > blue(tight) + 100


@pytest.mark.parametrize("view", [view for view in DRAWN_VIEWS if view != "SSN"])
@pytest.mark.parametrize("fraction", [20, 45, 70])
def test_pictured_volumes_give_the_drawn_ejection_fraction(view, fraction):
    heart = draw_heart(fraction, seed=7)
    volumes = [pictured_volume(view, heart, frame / heart.beat) for frame in range(heart.beat)]
    pictured = 100 * (1 - min(volumes) / max(volumes))
    assert pictured == pytest.approx(fraction, abs=2)


@pytest.mark.parametrize("view", ["A4C", "A2C", "Parasternal_Long", "Subcostal"])
def test_the_painted_cavity_has_the_pictured_area(view):
    """What is painted, counted on a fine grid without valves' muscle, shrinks as the outline says."""
    fraction, plane = 60, GREY_VIEWS[view]
    heart = Heart(ejection_fraction=fraction)
    axis, step = plane.axis(heart), 0.05
    across, down = np.meshgrid(np.arange(-9, 9, step), np.arange(0, 17, step))
    u, v = axis.local(across, down)
    areas = []
    for phase in (0.0, END_SYSTOLE):
        now, scene = Moment(heart=heart, phase=phase), Scene(across, down, np.full(across.shape, -30.0))
        plane.paint(scene, axis, now)
        # below the apex and above the leaflets, so that atrium and valve do not count
        inside = (v > 0) & (v < 0.6 * now.length) & (np.abs(u) < now.radius + 0.4 * now.wall)
        areas.append((inside & (scene.echo < (BLOOD - 26) / 2)).sum() * step**2)
        areas[-1] *= areas[-1] / now.length
    assert 100 * (1 - areas[1] / areas[0]) == pytest.approx(fraction, abs=2)


def test_an_arch_shows_no_ventricle():
    assert pictured_volume("SSN", Heart(ejection_fraction=60), 0.0) is None


def test_the_beat_is_continuous_and_valves_take_turns():
    phases = np.linspace(0, 1, 400)
    levels = np.array([contraction(float(phase)) for phase in phases])
    assert np.abs(np.diff(levels)).max() < 0.03
    assert levels.argmax() == pytest.approx(END_SYSTOLE * 400, abs=20)
    assert max(mitral_opening(float(phase)) for phase in phases[phases < END_SYSTOLE]) == 0


def test_findings_are_rare_and_do_not_depend_on_the_ejection_fraction():
    found = [draw_heart(50, seed).labels for seed in range(300)]
    assert 0.02 < np.mean([list(labels.values()) for labels in found]) < 0.12
    assert draw_heart(20, 40).labels == draw_heart(70, 40).labels


def test_doppler_views_are_known_views():
    assert set(DOPPLER.values()) <= set(GREY_VIEWS)
