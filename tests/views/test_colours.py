"""Colours of many classes are told apart, with their markers by colour-blind readers and in grey too."""

from itertools import combinations

import looked_at
import numpy as np
import pytest
import torch
from matplotlib.colors import to_rgb

from fastsgd.views.forms import Mask
from fastsgd.views.style import COLORS, MARKERS, class_style

SEEN = { # Machado, Oliveira and Fernandes, 2009, at full severity, on linear light
    'normal': np.eye(3),
    'protan': [[0.152, 1.053, -0.205], [0.115, 0.786, 0.099], [-0.004, -0.048, 1.052]],
    'deutan': [[0.367, 0.861, -0.228], [0.280, 0.673, 0.047], [-0.012, 0.043, 0.969]],
    'tritan': [[1.256, -0.077, -0.179], [-0.078, 0.931, 0.148], [0.005, 0.691, 0.304]],
    'grey': [[0.2126, 0.7152, 0.0722]] * 3}
XYZ = np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]])


def lab(color, seen):
    c = np.array(to_rgb(color))
    linear = np.asarray(SEEN[seen]) @ np.where(c <= 0.04045, c / 12.92, ((c + 0.055) / 1.055)**2.4)
    x, y, z = np.cbrt(np.maximum(XYZ @ np.clip(linear, 0, 1) / [0.9505, 1, 1.089], 1e-4))
    return np.array([116 * y - 16, 500 * (x - y), 200 * (y - z)])


def closest(colors, seen, apart=1):
    places = [lab(c, seen) for c in colors]
    return min(np.linalg.norm(places[j] - places[k]) for j, k in combinations(range(len(places)), 2)
               if (k - j) % apart == 0)


@pytest.mark.parametrize('seen, alone, with_one_marker', [
    ('normal', 22, 22), ('protan', 15, 22), ('deutan', 15, 22), ('tritan', 15, 22), ('grey', 0, 12)])
def test_colours_are_told_apart(seen, alone, with_one_marker):
    assert closest(COLORS[:12], seen) > alone, 'regions and masks have a colour only'
    assert closest(COLORS, seen, len(MARKERS)) > with_one_marker


def test_sixty_classes_have_a_look_each():
    looks = [class_style(k) for k in range(60)]
    assert closest([look['color'] for look in looks], 'normal') > 6
    assert closest([look['color'] for look in looks], 'normal', len(MARKERS)) > 13


def test_each_class_of_a_mask_has_a_colour_of_its_own():
    samples = looked_at.masks().samples
    samples.targets = [torch.arange(64).clamp(max=44).reshape(8, 8)]
    assert len(set(Mask(samples, None, [0]).colour.values())) == 44
