"""What the player's read-out tells of views that are pictures, compared with the model."""

import json
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from fits import classes
from looked_at import pictures

from fastsgd import ActivationsView, ConfusionView, HistogramView, LayersView, SamplesView, WeightsView, animate

sys.path.append(str(Path(__file__).parents[1]/'player'))

from read_out import copied, held, note, point_at, shown  # noqa: F401
from test_browser import opened  # noqa: F401

NAMES = tuple(f'a name that is long, number {k}' for k in range(4))


def values(traj, view):
    anim = animate(traj, view, max_frames=9)
    data = anim.to_jshtml().split('<script type="application/json">')[1].split('</script>')[0]
    return json.loads(data)['values']


def series(values):
    "Name -> how it is written, of all panels, and the number of its panel"
    return {one['name']: (k, one) for k, panel in enumerate(values['panels']) for one in panel['series']}


def names(panel, k): return json.loads(panel['names'][4 + k][1][-1][2])


def test_a_confusion_tells_true_and_predicted_class_and_how_many(shown):  # noqa: F811
    traj = pictures(24, outputs=4, classes=NAMES, n=8)
    anim = animate(traj, ConfusionView())
    page, truth = shown(anim.to_jshtml()), torch.tensor(traj.samples.targets)
    for i in (0, 8):
        page.locator('[data-do=seek]').fill(str(i))
        said = traj.predict(i, *traj.samples.xs).argmax(1)
        rows = {(row['y'], row['x']): row for row in copied(page) if row['value']}
        assert len(rows) == 16
        for true in range(4):
            many = int((truth == true).sum())
            for c in range(4):
                count, row = int(((truth == true) & (said == c)).sum()), rows[NAMES[true], NAMES[c]]
                assert np.float32(row['value']) == np.float32(count / max(many, 1))
                assert row['name'] == (str(count) if count else 'image')
        true, c = (int(v) for v in (truth[0], said[0]))
        point_at(page, anim, 0, c + 0.3, true - 0.3)
        name = rows[NAMES[true], NAMES[c]]['name']
        assert note(page).startswith(f'{name}: predicted = {NAMES[c]}, true = {NAMES[true]}, share')


def test_weights_are_told_pixel_by_pixel():
    traj = pictures(8, n=8)
    told, name = values(traj, WeightsView()), '0.weight'
    for i in (0, 5, 8):
        for n, weight in enumerate(traj.params.row(name, i)[:, 0].numpy()):
            column, row, value = held(told, 0, i, 'xyv')[f'{name}[{n}]']
            assert (column, row) == ([0, 1, 2], [0, 1, 2]) and np.array_equal(value, weight.ravel())
    assert told['panels'][0]['names'][1][1][0][2] == 'column'


def test_photographs_tell_their_sample_and_no_pixels():
    traj = pictures(6, n=3)
    told = series(values(traj, SamplesView()))
    k = next(iter(traj.samples.targets))
    said = [one['words'][1][0][2] for _, one in told.values() if 'words' in one]
    assert f'sample 0: {traj.samples.label(k)}' in said and not any('v' in one for _, one in told.values())


@pytest.mark.parametrize('view', [LayersView(), HistogramView(), ActivationsView()])
def test_columns_tell_their_steps_and_are_hidden_until_then(view):
    traj = classes(n=8)
    told = values(traj, view)
    (k, one), *_ = [found for found in series(told).values() if found[1].get('cols')]
    x, until = (held(told, k, 3, which)[one['name']][0] for which in 'xu')
    steps = names(told['panels'][k], 0)
    known = [int(steps[f'{v:g}']) for v in x]
    last = 7 if isinstance(view, LayersView) else 8 # a change belongs to the step that makes it
    assert known == list(range(last + 1))
    seen = [step for step, v in zip(known, x) if v <= until[0]]
    assert seen == list(range(3 if isinstance(view, LayersView) else 4))


def test_rows_tell_layer_and_bin():
    traj = classes(n=8)
    told = values(traj, LayersView())
    rows = names(told['panels'][0], 1)
    assert [rows[f'{r + 0.5:g}'] for r in range(4)] == ['0.weight', '0.bias', '2.weight', '2.bias']
    told = values(traj, HistogramView())
    for k, one in enumerate(told['panels'][0]['series']): one['name'] = k # 0: of the last parameter, at the bottom
    rows, (x, y, v) = names(told['panels'][0], 1), held(told, 0, 8, 'xyv')[0]
    table, weights = np.reshape(v, (len(y), len(x))), traj.params.row('2.bias', 8).numpy()
    for height, share in zip(y, np.nan_to_num(table[:, 8])):
        label, ends = rows[f'{height:.9g}' if f'{height:.9g}' in rows else repr(height)].rsplit(', ', 1)
        low, high = map(float, ends.split(' to '))
        assert label.startswith('2.bias') and share <= ((weights > low - 0.01) & (weights < high + 0.01)).mean() + 1e-6
    assert np.isclose(np.nansum(table[:, 8]), 1)
