"""Parameters that are not plain numbers: truth values are drawn, complex ones refused before anything is."""

import pytest
import torch
from matplotlib.figure import Figure

from fastsgd import HistogramView, ParamsView, Trajectory


def of(values): return Trajectory({'w': values}, losses=[2., 1.], lrs=[1., 1.])


@pytest.mark.parametrize('view', [ParamsView(), HistogramView(), HistogramView('updates')])
def test_truth_values_are_drawn_and_complex_numbers_refused(view, count):
    ax = view.plot(of(torch.tensor([[True, False], [True, True], [False, True]])), Figure().subplots())
    ax.figure.canvas.draw()
    with pytest.raises(ValueError, match="parameter 'w' holds complex numbers: expected real ones"):
        view.plot(of(torch.ones(3, 2, dtype=torch.complex64)), Figure().subplots())
    count('bad inputs refused')


@pytest.mark.parametrize('dtype', [torch.float16, torch.bfloat16, torch.float64, torch.int8, torch.int64])
def test_numbers_of_any_precision_are_drawn_as_they_are(dtype):
    values = torch.tensor([[1, 2], [3, 0], [5, 4]]).to(dtype)
    ax = ParamsView().plot(of(values), Figure().subplots())
    drawn = sorted(line.get_ydata().tolist() for line in ax.lines if len(line.get_ydata()) == 3)
    assert drawn == [[1, 3, 5], [2, 0, 4]]
    HistogramView().plot(of(values), Figure().subplots()).figure.canvas.draw()
