"""Record a fastai fit once, then look at it in as many ways as you like."""

__version__ = '0.1.0'
