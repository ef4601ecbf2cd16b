"""What fastai's `Recorder` measures, handed to a recording by name as soon as it is there; no further forward pass."""


def measured_in_training(learn) -> dict:
    "Name -> value of what was measured over the training part of an epoch, as fastai's table has it"
    return _latest(learn, 0, _n_train)


def measured_in_validation(learn) -> dict:
    "Name -> value of what was measured over the validation part of an epoch"
    recorder = getattr(learn, 'recorder', None)
    if recorder is None or not recorder.valid_metrics or getattr(recorder, 'cancel_valid', True): return {}
    return _latest(learn, _n_train(recorder), lambda r: 1 + len(r.metrics))


def _n_train(recorder): return 1 + len(recorder.metrics) * bool(recorder.train_metrics)


def _latest(learn, start, count):
    "The last `count` values in the Recorder's log, with the names that begin at `start`"
    recorder = getattr(learn, 'recorder', None)
    log = getattr(recorder, 'log', None)
    if log is None: return {}
    n = count(recorder)
    names, values = list(recorder.metric_names)[1 + start:1 + start + n], list(log)[-n:] # the first name is the epoch's
    # an interrupted epoch has no values to match the names
    if len(log) <= n or len(names) != len(values): return {}
    return {name: float(v) for name, v in zip(names, values) if isinstance(v, (int, float))}
