"""200 fits with animations leave a process as it was."""

import gc
import os
import threading
import warnings
from pathlib import Path

import matplotlib
import torch
from learners import line_learner, outcome, random_state, seed_all
from matplotlib import pyplot, text

from fastsgd import AnimateFitCallback, LossView


def surroundings():
    return {'random state': random_state(), 'rcParams': dict(matplotlib.rcParams), 'backend': matplotlib.get_backend(),
            'figures': pyplot.get_fignums(), 'warnings': list(warnings.filters), 'threads': threading.enumerate(),
            'files': sorted(os.listdir('/proc/self/fd')) if os.path.exists('/proc/self/fd') else None,
            'folder': os.getcwd(),
            'default type': torch.get_default_dtype(), 'gradients': torch.is_grad_enabled(),
            'torch threads': torch.get_num_threads(), 'hooks': len(torch.nn.modules.module._global_forward_hooks)}


def resident(): return int(Path('/proc/self/statm').read_text().split()[1]) * os.sysconf('SC_PAGE_SIZE')


def fit_and_draw(learn):
    learn.fit(1, lr=0.01)
    animation = learn.animate_fit.animation
    for i in (0, 4): animation._func(i)


def new(): return line_learner(views=(LossView(),))


def test_200_fits_with_animations_leave_everything_as_it_was(count):
    fit_and_draw(new()) # imports, caches
    pyplot.figure()
    try:
        seed_all()
        before, memory = surroundings(), []
        for k in range(200):
            fit_and_draw(new())
            if k in (60, 130, 199):
                remembered = getattr(text, '_get_text_metrics_with_cache_impl', None)
                if remembered: remembered.cache_clear() # 4,096 texts, by matplotlib before 3.11
                gc.collect()
                memory.append((len(gc.get_objects()), resident()))
        after = surroundings()
    finally: pyplot.close('all')
    for what, value in before.items(): assert after[what] == value, what
    # 70 fits more hold no more objects, and no more memory beyond noise
    (_, _), (objects, size), (objects_after, size_after) = memory
    assert objects_after - objects < 70 and size_after - size < 2**22, memory
    count('fits with animations that left nothing behind', 200)


def test_a_learner_goes_with_its_record():
    import weakref
    learn = new()
    fit_and_draw(learn)
    gone = [weakref.ref(o) for o in (learn.record_params.trajectory, learn.animate_fit.animation, learn.record_params)]
    del learn
    gc.collect()
    assert [ref() for ref in gone] == [None] * 3


def test_a_second_fit_keeps_no_second_copy():
    learn = new()
    learn.fit(50, lr=0.01)
    size = learn.record_params.recording.stored_bytes
    learn.fit(50, lr=0.01)
    assert learn.record_params.recording.stored_bytes <= 2 * size


def test_hooks_of_a_model_stay_as_they_are():
    learn = new()
    seen = []
    handle = learn.model.register_forward_hook(lambda *_: seen.append(1))
    fit_and_draw(learn)
    assert len(learn.model._forward_hooks) == 1 and not learn.model._backward_hooks and len(seen) >= 4
    handle.remove()


def test_adding_and_removing_us_leaves_a_plain_learner():
    learn = line_learner()
    plain = line_learner()
    learn.add_cb(AnimateFitCallback())
    for one in (learn, plain):
        seed_all()
        one.fit(1)
    learn.remove_cbs([learn.animate_fit, learn.record_params])
    for one in (learn, plain):
        seed_all()
        one.fit(1)
    assert outcome(learn) == outcome(plain)
