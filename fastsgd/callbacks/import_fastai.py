"""Import fastai without the one warning that torch gives for fastai's own `torch.jit.script`."""

import warnings

import fastai.imports  # sets filters of its own, which are to stay

MESSAGE = r'`torch\.jit\.script` is (deprecated|not supported)'

with warnings.catch_warnings():
    warnings.filterwarnings('ignore', MESSAGE, FutureWarning, r'torch\.jit\.')
    import fastai.layers  # noqa: F401
