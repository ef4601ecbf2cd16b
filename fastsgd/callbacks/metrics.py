"""What fastai's `Recorder` measures, handed to a recording by name as soon as it is there; no further forward pass."""


def measured_in_training(learn) -> dict:
    "Name -> value of what was measured over the training part of an epoch, as fastai's table has it"
    recorder = getattr(learn, 'recorder', None)
    return {} if recorder is None else _latest(recorder, 0, _n_train(recorder))


def measured_in_validation(learn) -> dict:
    "Name -> value of what was measured over the validation part of an epoch; its loss is the first one"
    recorder = getattr(learn, 'recorder', None)
    if recorder is None or not recorder.valid_metrics or getattr(recorder, 'cancel_valid', True): return {}
    return _latest(recorder, _n_train(recorder), 1 + len(recorder.metrics))


def _n_train(recorder): return 1 + (len(recorder.metrics) if recorder.train_metrics else 0)


def _latest(recorder, start, n):
    "The last `n` values in the Recorder's log, with the names that begin at `start`"
    log = _plain(getattr(recorder, 'log', ()))
    names, values = _plain(recorder.metric_names)[1 + start:1 + start + n], log[-n:] # the first name is the epoch's
    # an interrupted epoch has no values to match the names
    if len(log) <= n or len(names) != len(values): return {}
    return {name: float(v) for name, v in zip(names, values) if isinstance(v, (int, float))}


def _plain(rows): return getattr(rows, 'items', rows) # fastai's L does each slice in Python
