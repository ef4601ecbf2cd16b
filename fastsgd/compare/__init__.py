"""Several ways to fit one model, compared."""

from .fits import Comparison, compare_fits

__all__ = ['Comparison', 'compare_fits']
