"`SamplesView` says what the model of each point predicts: numbers in the picture against the model asked by hand"

import copy

import looked_at
import numpy as np
import pytest
import torch
from fits import axes, classes, line, pixels
from torch import nn
from torch.nn import functional as F

from fastsgd.trajectory.samples import Samples
from fastsgd.views import SamplesView
from fastsgd.views.animate import animate
from fastsgd.views.asked import Asked
from fastsgd.views.samples import of_each_class


def texts(ax): return [t.get_text() for t in ax.texts if t.get_text()]


def answers(ax): return [t for t in texts(ax) if t[0] in '✓✗']


def by_hand(t, i, samples=None):
    "What the model answers at point `i`, with its own buffers, in evaluation mode"
    model = copy.deepcopy(t.model).eval()
    model.load_state_dict(t.state(i))
    with torch.no_grad(): return model(*(samples or t.samples).xs)


@pytest.mark.parametrize('kind', looked_at.KINDS)
def test_each_kind_is_drawn_frame_by_frame(kind):
    t, ax, view = looked_at.KINDS[kind](), axes(), SamplesView()
    update = view.draw(t, ax)
    children, last = set(ax.get_children()), update(len(t) - 1)
    shown = {i: (update(i), pixels(ax))[1] for i in (len(t) - 1, 0, len(t) // 2)}
    for i in (len(t) // 2, len(t) - 1):
        assert [id(a) for a in update(i)] == [id(a) for a in last], 'artists are updated, not made anew'
        assert np.array_equal(pixels(ax), shown[i])
    assert not np.array_equal(shown[0], shown[len(t) - 1]), 'the model learned, and nothing is seen of it'
    for a in last: a.set_visible(False)
    still = pixels(ax)
    update(0)
    assert np.array_equal(pixels(ax), still) and set(ax.get_children()) == children


@pytest.mark.parametrize('i', [0, 3, -1])
def test_class_and_probability_are_the_models(i):
    t, ax = looked_at.pictures(), axes_of_size(4, 5)
    SamplesView(sort=False).plot(t, ax, i)
    p = by_hand(t, i).softmax(1)
    names = t.samples.classes
    wanted = [f'{"✓" if best == true else "✗"} {names[best]} {share:.0%}'
              for best, share, true in zip(p.argmax(1).tolist(), p.amax(1).tolist(), t.samples.targets)]
    shown = answers(ax)
    assert len(shown) == 12
    for is_, should in zip(shown, wanted): assert should.startswith(is_.rstrip('…')), (is_, should)
    wide = SamplesView(n=3, sort=False).plot(t, axes_of_size(8, 4), i)
    assert answers(wide) == wanted[:3]


def axes_of_size(width, height):
    ax = axes()
    ax.figure.set_size_inches(width, height)
    return ax


def test_right_and_wrong_differ_by_edge_and_sign_too():
    ax = axes_of_size(8, 5)
    t = looked_at.pictures()
    SamplesView(sort=False).plot(t, ax, 0)
    right = by_hand(t, 0).argmax(1).tolist()
    frames = [p for p in ax.patches if not p.get_fill()]
    assert len(frames) == 12 and 0 < sum(a == b for a, b in zip(right, t.samples.targets)) < 12
    for frame, says, true in zip(frames, right, t.samples.targets):
        assert (frame.get_linestyle() in ('-', 'solid')) == (says == true)


@pytest.mark.parametrize('end, loss_func, outputs', [
    ((), F.cross_entropy, 2), ((nn.LogSoftmax(1),), F.nll_loss, 2), ((), F.binary_cross_entropy_with_logits, 1),
    ((nn.Sigmoid(),), F.binary_cross_entropy, 1)])
def test_probabilities_are_what_the_loss_takes_them_for(end, loss_func, outputs):
    t = looked_at.pictures(outputs=outputs, loss_func=loss_func, end=end)
    out = by_hand(t, 5)
    p = {F.cross_entropy: out.softmax(-1), F.nll_loss: out.exp(), F.binary_cross_entropy: out}.get(loss_func,
                                                                                                   out.sigmoid())
    p = torch.cat([1 - p, p], 1) if outputs == 1 else p
    torch.testing.assert_close(Asked(t, t.samples)(5), p)


def test_what_changes_most_comes_first():
    t = looked_at.pictures()
    asked = Asked(t, t.samples)
    outs = torch.stack([asked(i) for i in range(len(t))])
    change = (outs[1:] - outs[:-1]).abs().mean(2).sum(0)
    assert asked.by_change() == change.argsort(descending=True, stable=True).tolist()


def test_each_class_is_among_the_items():
    t = looked_at.pictures(n_items=36)
    order = Asked(t, t.samples).by_change()
    rare = order[-1] # which changes least
    t.samples.targets = [int(k == rare) for k in range(36)]
    assert of_each_class(order, t.samples, 12) == [*order[:11], rare], 'in the order of change'
    assert of_each_class(order, t.samples, 1) == order[:1]
    assert t.samples.label(1) in texts(SamplesView().plot(t, axes_of_size(8, 5)))


@pytest.mark.parametrize('kind', ['pictures', 'labels', 'masks', 'points', 'autoencoder'])
@pytest.mark.parametrize('size', [(4, 3), (4, 5), (6, 5)])
def test_pictures_can_be_seen_and_nothing_lies_over_them(kind, size):
    t, ax = looked_at.KINDS[kind](), axes_of_size(*size)
    SamplesView().plot(t, ax)
    pictures = [image.get_window_extent() for image in ax.images]
    assert pictures and min(box.height for box in pictures) >= 0.3 * ax.figure.dpi
    renderer = ax.figure.canvas.get_renderer()
    written = [text.get_window_extent(renderer) for text in ax.texts if text.get_text()]
    for a in pictures:
        for b in written: assert min(a.x1, b.x1) - max(a.x0, b.x0) < 1 or min(a.y1, b.y1) - max(a.y0, b.y0) < 1


def test_colours_of_masks_name_what_is_there():
    t, ax = looked_at.masks(), axes_of_size(8, 6)
    t.samples.classes = [f'class {k}' for k in range(32)]
    t.samples.targets = [torch.where(m == 2, 31, m) for m in t.samples.targets]
    SamplesView().plot(t, ax, 0)
    assert [text for text in texts(ax) if 'class' in text] == ['class 0', 'class 1', 'class 31']
    t.samples.targets = [torch.randint(32, m.shape) for m in t.samples.targets]
    ax = SamplesView().plot(t, axes_of_size(4, 5), 0)
    assert 1 < len([text for text in texts(ax) if 'class' in text]) < 32 and '…' in texts(ax), 'in two lines'


@pytest.mark.parametrize('itself', [True, False])
def test_an_image_is_shown_beside_its_target_and_its_input(itself):
    t, ax = looked_at.autoencoder(), axes_of_size(8, 6)
    if not itself: t.samples.inputs = [255 - image for image in t.samples.inputs]
    SamplesView(n=2, sort=False).plot(t, ax, 4)
    wanted = 'target and what the model makes of it'
    assert texts(ax)[0] == (wanted if itself else f'input, {wanted}')
    shown = [image.get_array() for image in ax.images]
    assert len(shown) == (4 if itself else 6)
    assert np.array_equal(shown[-2], t.samples.targets[1])
    for image in SamplesView().plot(t, axes_of_size(6, 5)).images:
        assert image.get_window_extent().height >= 0.75 * ax.figure.dpi, 'fewer, but large'
    if not itself: assert np.array_equal(shown[-3], t.samples.inputs[1])
    made = t.samples.pictures(by_hand(t, 4))[1].numpy()
    assert abs(shown[-1].astype(int) - made).max() <= 2, 'in fewer shades'


def test_lines_lead_from_true_to_predicted_points():
    t, ax = looked_at.points(), axes_of_size(8, 6)
    SamplesView(n=1, sort=False).plot(t, ax, 3)
    ring, cross, gap = (next(one.get_xydata() for one in ax.lines if one.get_marker() == m) for m in ('o', 'x', 'None'))
    np.testing.assert_allclose(gap[:2], [ring[0], cross[0]])


def test_one_order_and_one_place_for_all_frames():
    t, ax = looked_at.pictures(), axes()
    update = SamplesView().draw(t, ax)
    images = lambda: [(im.get_extent(), im.get_array().tobytes()) for im in ax.images]
    before = images()
    for i in (0, 8, 4):
        update(i)
        assert images() == before


def test_pictures_that_do_not_change_are_stored_once():
    t = looked_at.pictures(n=19)
    few, many = (len(animate(t.thin(n), SamplesView()).to_jshtml()) for n in (2, 20))
    page = animate(t, SamplesView()).to_jshtml()
    assert page.count('data:image/') == 1 + 1 # all in one sheet, and the still one, for where no script runs
    assert f',{[*range(12)]}]]'.replace(' ', '') in page
    assert many < few + 18 * 12 * 600


def test_36_pictures_in_20_frames_stay_below_2_mb():
    gen = torch.Generator().manual_seed(0)
    t = looked_at.pictures(n_items=36, n=19)
    t.samples.inputs = [torch.randint(0, 256, (128, 128, 3), generator=gen, dtype=torch.uint8) for _ in range(36)]
    assert len(animate(t, SamplesView(n=36)).to_jshtml()) < 2e6, 'noise, which no format packs'


def test_names_are_drawn_letter_by_letter():
    t = looked_at.pictures(classes=('$x^2$', r'\frac $'))
    ax = axes_of_size(8, 5)
    SamplesView(n=2).plot(t, ax)
    ax.figure.canvas.draw()
    assert any('$x^2$' in text for text in texts(ax)) and not any(t.get_parse_math() for t in ax.texts)


def test_mask_counts_pixels():
    t, ax = looked_at.masks(), axes_of_size(8, 6)
    SamplesView(sort=False).plot(t, ax, -1)
    right = [float((p == m).float().mean()) for p, m in zip(by_hand(t, -1).argmax(1), t.samples.targets)]
    assert [text for text in texts(ax) if 'pixels' in text] == [f'{share:.0%} of pixels right' for share in right]


def test_points_are_measured_in_pixels():
    t, ax = looked_at.points(), axes_of_size(8, 6)
    SamplesView(sort=False).plot(t, ax, 3)
    says = (by_hand(t, 3) + 1) * 8
    far = [float((p - m).norm()) for p, m in zip(says, t.samples.targets)]
    assert [text for text in texts(ax) if 'off by' in text] == [f'off by {d:.1f} pixels' for d in far]


def test_next_words_are_the_likeliest():
    t, ax = looked_at.next_words(), axes_of_size(8, 6)
    SamplesView().plot(t, ax, 4)
    p = by_hand(t, 4)[0][:, -1].softmax(-1)
    top = p[0].topk(3)
    words = [t.samples.classes[k] for k in top.indices]
    shown = [text.removeprefix('✓ ') for text in texts(ax)]
    for word, share in zip(words, top.values): assert f'{word} {share:.0%}' in shown


def test_numbers_of_a_table():
    t, ax = looked_at.rows(n=5), axes_of_size(8, 6)
    SamplesView(n=4, sort=False).plot(t, ax, 2)
    shown = texts(ax)
    for says, true in zip(by_hand(t, 2).flatten()[:4].tolist(), t.samples.targets):
        assert f'{says:.3g}' in shown and f'true {true:.3g}' in shown


def test_long_rows_have_more_lines():
    t, seen = looked_at.rows(), []
    for columns, height in ((3, 6), (30, 6), (30, 3)):
        t.samples.inputs = [{f'column {k}': '1.234' for k in range(columns)} for _ in t.samples.inputs]
        ax = SamplesView().plot(t, axes_of_size(6, height))
        rows = [text for text in texts(ax) if text.startswith('column')]
        seen.append((len(rows), rows[0].count('\n') + 1))
    (many, two), (fewer, lines), (few, less) = seen
    assert many > fewer >= 5 and lines == 5 and two == 2, 'fewer rows, more of each'
    assert few >= 4 and less < 5, 'but some rows'


def test_a_fit_that_was_thinned_shows_the_points_that_are_left():
    t = looked_at.pictures(n=20)
    thin = t.thin(5)
    torch.testing.assert_close(Asked(thin, t.samples).raw(2), by_hand(t, 10))


def test_what_is_not_finite_is_said():
    t = looked_at.pictures()
    bad = {n: p.clone() for n, p in t.params.items()}
    bad['5.weight'][-1] = torch.nan
    broken = looked_at.Trajectory(bad, losses=t.losses, lrs=t.lrs, buffers=t.buffers, model=t.model,
                                  loss_func=t.loss_func,
                                  samples=t.samples)
    ax = SamplesView(n=2).plot(broken, axes_of_size(8, 4), -1)
    assert answers(ax) == ['✗ not finite'] * 2
    for kind in looked_at.KINDS:
        t = looked_at.KINDS[kind]()
        params = {n: torch.full_like(p, torch.nan) if p.is_floating_point() else p for n, p in t.params.items()}
        lost = looked_at.Trajectory(params, losses=t.losses, lrs=t.lrs, buffers=t.buffers, model=t.model,
                                    loss_func=t.loss_func, samples=t.samples)
        SamplesView().plot(lost, axes()).figure.canvas.draw()


def test_several_fits_side_by_side():
    fits = [looked_at.pictures(n=n) for n in (3, 8)]
    fits[0].label, fits[1].label = 'short', 'long'
    ax = SamplesView(n=4).plot(fits, axes_of_size(8, 4))
    assert [part.get_title() for part in ax.child_axes] == ['short', 'long']
    assert all(len(answers(part)) == 4 for part in ax.child_axes)


def test_without_samples_the_recorded_data_is_shown():
    ax = SamplesView().plot(classes(), axes())
    assert answers(ax)
    SamplesView().plot(line(), axes())
    t = classes()
    t.data = None
    with pytest.raises(ValueError, match=r'neither samples nor data: .*RecordParamsCallback\(samples=36\)'):
        SamplesView().plot(t, axes())


def test_settings_that_do_not_fit():
    with pytest.raises(ValueError, match='n=0: expected a whole number of at least 1'): SamplesView(n=0)
    with pytest.raises(TypeError, match='samples is of type int: expected Samples'): SamplesView(samples=3)


def test_samples_of_ones_own():
    t = looked_at.pictures()
    ax = SamplesView(samples=t.samples.take([3, 5]), sort=False).plot(t, axes_of_size(8, 4), 2)
    best = by_hand(t, 2)[[3, 5]].argmax(1).tolist()
    assert [a.split()[1] for a in answers(ax)] == [t.samples.classes[b] for b in best]
    assert isinstance(t.samples, Samples)
