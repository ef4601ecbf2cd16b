"""A saved Trajectory comes back bit for bit; damaged and hostile files are refused with a reason."""

import json
import os
import struct
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from learners import Net, line_learner, net_learner
from safetensors import safe_open
from safetensors.torch import save_file

from fastsgd import Samples, Trajectory
from fastsgd.trajectory.recording import Recording
from fastsgd.trajectory.storage import SAMPLES, VERSION


def same_side(a, b): return len(a) == len(b) and all(same_tensor(x, y) for x, y in zip(a, b))
def same_batch(a, b): return all(same_side(x, y) for x, y in zip(a, b))
def same_tensor(a, b): return a.dtype == b.dtype and a.shape == b.shape and torch.equal(a.nan_to_num(), b.nan_to_num())


def same(a, b):
    "All that a file holds, bit for bit"
    for name in ('steps', 'losses', 'lrs'): assert same_tensor(getattr(a, name), getattr(b, name)), name
    for kind in ('params', 'buffers'):
        x, y = getattr(a, kind), getattr(b, kind)
        assert list(x) == list(y) and all(same_tensor(x[n], y[n]) for n in x), kind
    assert same_side(a.valid,
                     b.valid) and a.aliases == b.aliases and a.persistent == b.persistent and a.label == b.label
    assert a.marks == b.marks and all(type(mark) is tuple for mark in b.marks)
    assert a.drawn_from == b.drawn_from
    assert (a.data is None) == (b.data is None) and (a.data is None or same_batch(a.data, b.data))
    assert len(a.ragged) == len(b.ragged) and all(map(same_batch, a.ragged, b.ragged))
    assert list(a.batches) == list(b.batches) and all(same_batch(a.batches[s], b.batches[s]) for s in a.batches)
    assert a.n_steps == b.n_steps and len(a) == len(b) and a.as_recorded == b.as_recorded
    for name in ('grad_norms', 'update_norms'):
        x, y = getattr(a, name), getattr(b, name)
        assert list(x) == list(y) and all(same_tensor(x[n], y[n]) for n in x), name
    for name in ('epochs', 'breaks', 'shown'): assert same_tensor(getattr(a, name), getattr(b, name)), name
    assert list(a.metrics) == list(b.metrics) and all(same_side(a.metrics[n], b.metrics[n]) for n in a.metrics)
    assert (a.samples is None) == (b.samples is None)
    if a.samples is None: return
    for name in SAMPLES: assert same_nest(getattr(a.samples, name), getattr(b.samples, name)), name


def same_nest(a, b):
    if isinstance(a, torch.Tensor): return same_tensor(a, b)
    if isinstance(a, dict): return list(a) == list(b) and all(same_nest(a[k], b[k]) for k in a)
    if isinstance(a, (list, tuple)): return len(a) == len(b) and all(map(same_nest, a, b))
    return a == b and type(a) is type(b)


@pytest.fixture(scope='module')
def traj():
    learn = net_learner()
    learn.fit(2)
    traj = learn.record_params.trajectory
    traj.label = 'Adam, <b>bold</b> "quoted"\n\x00 ✓'
    return traj


@pytest.fixture
def saved(traj, tmp_path): return traj.save(tmp_path / 'fit.safetensors')


def test_round_trip_is_exact(traj, saved):
    loaded = Trajectory.load(saved)
    same(traj, loaded)
    assert repr(loaded) == repr(traj)
    x = torch.randn(4, 3)
    assert torch.equal(Trajectory.load(saved, Net()).predict(slice(None), x), traj.predict(slice(None), x))
    assert loaded.params['fixed'].untyped_storage().nbytes() == 16 # constant: kept once, in the file too
    for part in (loaded.thin(3), loaded.take([0, 5])): same(part, Trajectory.load(part.save(saved)))


def test_saving_again_what_was_loaded_gives_the_same_bytes(saved, tmp_path):
    again = Trajectory.load(saved).save(tmp_path / 'again.safetensors')
    assert again.read_bytes() == saved.read_bytes()


tensors = st.sampled_from([torch.float32, torch.float64, torch.float16, torch.bfloat16, torch.int64, torch.bool,
                           torch.complex64])
names = st.text(min_size=1, max_size=12)


@given(data=st.data(), points=st.integers(1, 6), label=st.text(max_size=20))
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_round_trip_of_anything(tmp_path, data, points, label):
    shapes = st.lists(st.integers(0, 3), max_size=3)
    columns = [{n: torch.randint(0, 2, (points, *data.draw(shapes))).to(data.draw(tensors)) for n in part}
               for part in data.draw(st.lists(names, min_size=1, max_size=6,
                                              unique=True).map(lambda o: (o[:3], o[3:])))]
    steps = sorted(data.draw(st.lists(st.integers(0, 50), min_size=points, max_size=points, unique=True)))
    n = steps[-1] + data.draw(st.integers(0, 3))
    losses = torch.tensor(data.draw(st.lists(st.floats(width=32), min_size=n, max_size=n)))
    batches = {s: ((torch.rand(data.draw(st.integers(0, 3)), 2),),
                   (torch.rand(1),)) for s in range(data.draw(st.integers(0, 3)))}
    traj = Trajectory(columns[0], steps, losses, torch.rand(n), columns[1], label=label, batches=batches,
                      data=((torch.rand(3, 1), torch.arange(2)), ()) if data.draw(st.booleans()) else None)
    same(traj, Trajectory.load(traj.save(tmp_path / 'any.safetensors')))


def test_the_lesson_with_its_batches_and_a_thinned_record(tmp_path):
    learn = line_learner()
    learn.fit(30, lr=0.1)
    same(learn.record_params.trajectory, Trajectory.load(learn.record_params.trajectory.save(tmp_path / 'lesson')))
    model = torch.nn.Linear(3, 3)
    recording = Recording(model, max_bytes=1000)
    for _ in range(200):
        recording.point()
        with torch.no_grad(): model.weight += 1
        recording.step(torch.tensor(1.), 0.1)
    traj = recording.trajectory()
    assert len(traj) < 201
    same(traj, Trajectory.load(traj.save(tmp_path / 'thinned')))


SHOWN = { # kinds of inputs and of targets, with two items of each
    'image': [torch.zeros(4, 5, 3, dtype=torch.uint8), torch.full((3, 2), 255, dtype=torch.uint8)],
    'text': ['xxbos a film', '\x00 <b> ✓'], 'table': [{'age': '3'}, {'age': ''}],
    'pair': [{'user': 'a'}, {'user': 'b'}],
    'category': [0, 1], 'categories': [[0, 1], []], 'mask': [torch.ones(2, 3, dtype=torch.int64)] * 2,
    'points': [torch.rand(3, 2), torch.rand(1, 2)], 'value': [1.5, [1., float('inf')]], 'next word': ['the', 'end'],
    'none': [None, None], 'values': ['1, 2', 'float32 (3, 4)']}


@pytest.mark.parametrize('target', ['category', 'categories', 'mask', 'points', 'image', 'value', 'next word', 'none'])
@pytest.mark.parametrize('kind', ['image', 'text', 'table', 'pair', 'values'])
def test_samples_and_measures_come_back(traj, tmp_path, kind, target):
    xs = torch.rand(2, 4), {'mask': torch.ones(2, 1, dtype=torch.bool)}
    samples = Samples(xs, (torch.arange(2),), kind, target,
                      list(SHOWN[kind]), list(SHOWN[target]), ['cat', 'dog ✓'], 'softmax',
                      {'emb.weight': ('film', ['a', 'b', 'c'])}, 'why not', ([1., 2.], 0.5))
    whole = Trajectory(traj.params, traj.steps, traj.losses, traj.lrs, traj.buffers, samples=samples, epochs=[5, 10],
                       breaks=[7], marks=[(0, 'freeze'), (5, 'fit'), (5, 'unfreeze')],
                       metrics={'accuracy': (torch.tensor([5, 10]), torch.tensor([0.25, 1.]))})
    for t in (whole, whole.at([0, 3, 3, 9]), whole.thin(4)): same(t, Trajectory.load(t.save(tmp_path/'fit')))
    assert Trajectory.load(whole.save(tmp_path/'fit')).samples.inputs[1] is not None


def test_without_data_nothing_of_it_is_in_the_file(traj, saved):
    row, secret = torch.full((1, 3), 12345.678), 'a secret review'
    t = Trajectory(traj.params, traj.steps, traj.losses, traj.lrs, traj.buffers, data=((row,), (row,)),
                   batches={0: ((row,), (row,))}, samples=Samples((row,), (), 'text', inputs=[secret]))
    found = lambda: [row.numpy().tobytes() in saved.read_bytes(), secret.encode() in saved.read_bytes()]
    t.save(saved)
    assert found() == [True, True]
    t.save(saved, data=False)
    assert found() == [False, False]
    loaded = Trajectory.load(saved)
    assert loaded.data is None and loaded.samples is None and not loaded.batches
    assert torch.equal(loaded.flat, t.flat)
    with pytest.raises(ValueError, match="data='no': expected True or False"): t.save(saved, data='no')


def test_a_part_that_stood_still_at_first_is_kept_once(tmp_path):
    "As in `fine_tune`: the head learns, then everything does"
    model = torch.nn.Sequential(torch.nn.Linear(200, 200), torch.nn.Linear(200, 2))
    recording = Recording(model)
    def step(parts):
        recording.point()
        with torch.no_grad():
            for p in parts.parameters(): p.add_(1)
        recording.step(1., 0.1)
    for _ in range(20): step(model[1])
    for _ in range(3): step(model)
    traj = recording.trajectory()
    path = traj.save(tmp_path/'fit')
    assert path.stat().st_size < 5.5 * 4 * traj.n_params # of 24 points the first and four have all of the model
    loaded = Trajectory.load(path)
    same(traj, loaded)
    assert loaded.params.still('0.weight') == traj.params.still('0.weight') == 21
    for part in (traj.take([0, 3, 21, 23]), traj.take([0, 22]), traj.take([5]), traj.take([2, 4])):
        same(part, Trajectory.load(part.save(path)))


def test_no_load_mixes_two_files(tmp_path, count):
    "While two other processes save, each load is one of their fits, with its own label"
    script, path = Path(__file__).with_name('saves_in_turns.py'), tmp_path/'fit'
    savers = [subprocess.Popen([sys.executable, script, path, str(k)], stdin=subprocess.PIPE) for k in range(2)]
    loads, seen = 0, set()
    try:
        end = time.monotonic() + 120
        while loads < 400 or len(seen) < 4:
            assert time.monotonic() < end
            if not path.exists(): continue
            t = Trajectory.load(path)
            assert (t.params['a'] == float(t.label)).all() and (t.losses == float(t.label)).all()
            loads += 1
            seen.add(t.label)
    finally:
        for saver in savers:
            saver.stdin.close()
            assert saver.wait(30) == 0
    count('loads during saves of other processes', loads)


def test_no_pickle_anywhere(saved):
    code = (Path(sys.modules['fastsgd'].__file__).parent/'trajectory'/'storage.py').read_text()
    assert 'torch.load' not in code and 'torch.save' not in code and 'import pickle' not in code
    size = struct.unpack('<Q', saved.read_bytes()[:8])[0]
    assert json.loads(saved.read_bytes()[8:8 + size])['__metadata__'].keys() == {'fastsgd.trajectory'}


def test_the_file_may_go_once_it_is_loaded(traj, saved):
    loaded = Trajectory.load(saved)
    saved.write_bytes(b'\x00' * saved.stat().st_size)
    same(traj, loaded)


# -- what is refused

def refused(path, message, count=None):
    with pytest.raises(ValueError, match=message) as info: Trajectory.load(path)
    assert str(path) in str(info.value) and len(str(info.value)) < 600
    if count: count('attacked files refused')


def test_a_file_cut_off_anywhere_is_refused(saved, count):
    whole = saved.read_bytes()
    for n in sorted({0, 1, 7, 8, 9, *range(0, len(whole), max(len(whole) // 60, 1)), len(whole) - 1}):
        saved.write_bytes(whole[:n])
        refused(saved, 'damaged, or no file that Trajectory.save wrote', count)
    saved.write_bytes(whole + b'more')
    refused(saved, 'damaged', count)


@given(data=st.data())
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_flipped_byte_of_the_header_is_refused_or_harmless(traj, tmp_path, data):
    path = tmp_path / 'flipped.safetensors'
    whole = bytearray(traj.save(path).read_bytes())
    size = struct.unpack('<Q', whole[:8])[0]
    whole[data.draw(st.integers(0, size + 7))] = data.draw(st.integers(0, 255))
    path.write_bytes(whole)
    try: loaded = Trajectory.load(path)
    except ValueError as e: assert str(path) in str(e)
    else: assert len(loaded.losses) == len(loaded.lrs) and all(len(p) == len(loaded) for p in loaded.params.values())


@pytest.mark.parametrize('content',
                         [b'', b'x', b'GIF89a' + b'\x00' * 100, b'PK\x03\x04' + b'\x00' * 100, b'\x80\x04\x95' * 50,
                                     struct.pack('<Q', 2**63) + b'{}', struct.pack('<Q', 10**9) + b'{' * 1000,
                                     struct.pack('<Q', 99_000_000) + b'{"a":' * 1000, struct.pack('<Q', 2) + b'[]',
                                     struct.pack('<Q', 100_000) + b'[' * 100_000])
def test_foreign_files_are_refused(content, tmp_path, count):
    path = tmp_path / 'foreign'
    path.write_bytes(content)
    refused(path, 'damaged, or no file', count)


def test_tensors_that_are_no_trajectory_are_refused(tmp_path, count):
    for metadata in (None, {'format': 'pt'}):
        save_file({'w': torch.ones(2)}, tmp_path / 'weights.safetensors', metadata)
        refused(tmp_path / 'weights.safetensors', 'holds tensors, but no trajectory', count)


def rewritten(path, change=None, header=None, **meta):
    "The file with other tensors, other metadata"
    with safe_open(path, 'pt') as f: head, tensors = f.metadata(), {k: f.get_tensor(k).clone() for k in f.keys()}
    if change: change(tensors)
    head['fastsgd.trajectory'] = json.dumps({**json.loads(head['fastsgd.trajectory']),
                                             **meta}) if header is None else header
    save_file(tensors, path, head)
    return path


@pytest.mark.parametrize('version, message', [
    (VERSION + 1, 'newer fastsgd .*: load it with that version'), (10**30, 'newer'), ('', 'damaged'),
    ('2', 'damaged'),
    (-1, 'damaged'), (0, 'damaged'), (1.5, 'damaged'), (True, 'damaged'), (None, 'damaged'), ([2], 'damaged')])
def test_other_versions_are_refused(saved, version, message, count):
    refused(rewritten(saved, version=version), message, count)


def put(name, value): return lambda tensors: tensors.update({name: value})
def pop(name): return lambda tensors: tensors.pop(name)


@pytest.mark.parametrize('change', [
    put('steps', torch.arange(3)), put('steps', torch.arange(11.)), put('steps', torch.arange(11).reshape(11, 1)),
    put('steps', torch.arange(11).flip(0)), put('steps', torch.arange(11) - 5), put('steps', torch.arange(11) * 2**40),
    put('steps', torch.tensor([], dtype=torch.int64)), put('losses', torch.ones(3)), put('losses', torch.ones(10, 2)),
    put('losses', torch.ones(10, dtype=torch.int64)), put('lrs', torch.ones(11)), put('valid.steps', torch.arange(5)),
    put('valid.losses', torch.ones(2, 2)), put('params.head.bias', torch.ones(4, 1)),
    put('params.head.bias', torch.ones(())),
    put('extra', torch.ones(1)), put('../../etc/passwd', torch.ones(1)), pop('steps'), pop('lrs'),
    pop('params.head.bias'),
    pop('data.x.0'), pop('data.x.0.shape'), pop('batches.steps'), put('data.x.0.shape', torch.tensor([[2**40, 3]])),
    put('data.x.0.shape', torch.tensor([[-1, 3]])), put('data.x.0.shape', torch.tensor([40, 3])),
    put('data.x.0.shape', torch.tensor([[2**32, 2**32]])), put('batches.steps', torch.arange(3)),
    put('data.y.0', torch.ones(1, 1, 1)), put('data.x.0.shape', torch.zeros(10**9, 0, dtype=torch.int64)),
    put('data.x.0.shape', torch.zeros(0, 2, dtype=torch.int64)),
    # well-formed, and a trap for whoever uses it later
    lambda tensors: tensors.update({'losses': torch.ones(0), 'lrs': torch.ones(0), 'steps': torch.arange(11) * 2**31}),
    lambda tensors: tensors.update({'valid.steps': torch.tensor([11]), 'valid.losses': torch.ones(1)}),
    lambda tensors: tensors.update({'valid.steps': torch.tensor([-1]), 'valid.losses': torch.ones(1)}),
    put('epochs', torch.tensor([2**40])), put('breaks', torch.tensor([-3])), put('epochs', torch.ones(1)),
    put('shown', torch.arange(11) - 1), put('shown', torch.arange(3)), put('batches.steps', torch.tensor([2**62])),
    put('losses', torch.ones(10).to(torch.float8_e5m2)), put('lrs', torch.ones(10, dtype=torch.bool)),
    lambda tensors: tensors.update({'params.head.bias': tensors['params.head.bias'].to(torch.float8_e4m3fn)}),
])
def test_wrong_tensors_are_refused(saved, change, count):
    refused(rewritten(saved, change), 'is damaged', count)


@pytest.mark.parametrize('name', ['grad_norms', 'update_norms'])
@pytest.mark.parametrize('part, value', [
    ('at', torch.arange(3)), ('at', torch.arange(10).flip(0)), ('at', torch.arange(10) + 1),
    ('at', torch.arange(10) - 1), ('at', torch.arange(10.)), ('at', torch.arange(10) * 2**40),
    ('at', torch.zeros(10, dtype=torch.int64)),
    ('table', torch.ones(10, 1)), ('table', torch.ones(10)), ('table', torch.ones(9, 10)), ('table', None),
    ('table', torch.ones(10, 10, dtype=torch.int64))])
def test_wrong_norms_are_refused(saved, name, part, value, count):
    with safe_open(saved, 'pt') as f: meta = json.loads(f.metadata()['fastsgd.trajectory'])[name]['dict']
    key = meta[part]['tensor']
    refused(rewritten(saved, pop(key) if value is None else put(key, value)), 'is damaged', count)


@pytest.mark.parametrize('names', [['head.bias'], ['nobody'] * 10, 'head.bias', None, [1] * 10, [['head.bias']] * 10])
def test_norms_of_other_names_are_refused(saved, names, count):
    with safe_open(saved, 'pt') as f: meta = json.loads(f.metadata()['fastsgd.trajectory'])['grad_norms']
    meta['dict']['names'] = names
    refused(rewritten(saved, grad_norms=meta), 'is damaged', count)


@pytest.mark.parametrize('meta', [
    {'params': {}}, {'params': []}, {'params': {'nobody': 'varying'}}, {'params': {'head.bias': 'other'}},
    {'params': None},
    {'buffers': {'head.bias': 'varying'}}, {'aliases': {'x': 'nobody'}}, {'aliases': 3}, {'aliases': ['head.bias']},
    {'persistent': ['nobody']}, {'persistent': 1}, {'persistent': [[1]]}, {'label': 1}, {'label': ['x']},
    {'data': [-1, 1]},
    {'data': [10**12, 10**12]}, {'data': [1.5, 1]}, {'data': 'x'}, {'data': [1]}, {'batches': None},
    {'batches': [999, 1]},
    {'label': 'x' * 10**6}, {'params': {f'p{k}': 'varying' for k in range(20_000)}},
    {'params': {'head.bias': -1}},
    {'params': {'head.bias': 10**9}}, {'metrics': {'tensor': 'lrs'}}, {'metrics': {'dict': {'a': [1, 2]}}},
    {'metrics': [[[[]]]]}, {'samples': {'dict': {}}}, {'samples': {'tensor': 'steps'}}, {'samples': {'other': 1}},
    {'parts': {'dict': {'a': {'tensor': 'lrs'}}}}, {'parts': [1]}, {'parts': {'tensor': 'steps'}},
    {'marks': {}}, {'marks': [[11, 'fit']]}, {'marks': [[1, 'other']]}, {'marks': [[-1, 'fit']]},
    {'marks': [['fit', 1]]}, {'marks': [[1.5, 'fit']]}, {'marks': [1]}, {'marks': [[1, 'fit']] * 100},
    {'grad_norms': {'dict': {}}}, {'update_norms': {'tensor': 'lrs'}}, {'grad_norms': [1]},
    {'samples': {'dict': {'xs': []}}}, {'aliases': {f'a{k}': 'head.bias' for k in range(20_000)}},
])
def test_wrong_metadata_is_refused(saved, meta, count):
    refused(rewritten(saved, **meta), 'is damaged', count)


@pytest.mark.parametrize('text', ['', '{', '[]', 'null', '[' * 100_000, '{"label": NaN}', '1' * 10_000,
                                  '{"version": 2, "version": 1}'])
def test_broken_metadata_is_refused(saved, text, count):
    refused(rewritten(saved, header=text), 'is damaged', count)


def test_paths_that_can_not_be_read_are_refused(tmp_path, count):
    with pytest.raises(IsADirectoryError, match='is a folder'): Trajectory.load(tmp_path)
    with pytest.raises(FileNotFoundError, match='does not exist'): Trajectory.load(tmp_path / 'nothing')
    os.mkfifo(tmp_path / 'pipe')
    refused(tmp_path / 'pipe', 'not a plain file')
    count('bad inputs refused', 3)


def test_names_are_never_paths(tmp_path):
    name = '../../escape/../x'
    traj = Trajectory({name: torch.ones(2, 1)}, losses=[1.], lrs=[1.], label='/etc/passwd')
    (tmp_path / 'a').mkdir()
    same(traj, Trajectory.load(traj.save(tmp_path / 'a' / 'fit')))
    assert [p.name for p in tmp_path.rglob('*')] == ['a', 'fit']


def test_what_the_format_can_not_hold_is_refused_and_the_old_file_stays(saved, tmp_path, count):
    before = saved.read_bytes()
    mixed = {0: ((torch.ones(1),), ()), 1: ((torch.ones(1), torch.ones(1)), ())}
    types = {0: ((torch.ones(1),), ()), 1: ((torch.arange(1),), ())}
    ragged = {'data': ((torch.ones(1),), ()), 'ragged': [((torch.ones(1, 1),), ())]}
    for kwargs in ({'params': {'a': torch.ones(2, dtype=torch.complex128)}}, {'batches': mixed}, {'batches': types},
                   ragged):
        with pytest.raises(ValueError): Trajectory(**{'params': {'a': torch.ones(2)}, **kwargs}).save(saved)
        count('bad inputs refused')
    assert saved.read_bytes() == before and os.listdir(tmp_path) == ['fit.safetensors']


def test_an_interrupt_leaves_the_old_file_and_no_litter(traj, saved, tmp_path, monkeypatch):
    before = saved.read_bytes()
    def interrupted(tensors, path, header):
        Path(path).write_bytes(b'half')
        raise KeyboardInterrupt
    monkeypatch.setattr('fastsgd.trajectory.storage.save_file', interrupted)
    with pytest.raises(KeyboardInterrupt): traj.save(saved)
    assert saved.read_bytes() == before and os.listdir(tmp_path) == ['fit.safetensors']


def test_a_process_killed_while_saving_never_leaves_a_torn_file(tmp_path, count):
    script = Path(__file__).with_name('killed_saves.py')
    run = subprocess.run([sys.executable, script, tmp_path], capture_output=True, text=True, timeout=300)
    assert run.returncode == 0, run.stderr[-2000:]
    kills = json.loads(run.stdout)
    assert kills['trajectories'] + kills['animations'] >= 100
    # some were killed in the middle, and others got on before that
    assert kills['caught in the middle'] > 10 and kills['different files'] >= 3
    count('kills while saving a trajectory survived', kills['trajectories'])
    count('kills while saving an animation survived', kills['animations'])
