"""Mutated files: refused with a reason, or trajectories like any other. `tests/fuzz_load.py` tries many more."""

from fuzz_load import fuzz


def test_500_mutations(count):
    outcomes, unclear = fuzz(500, seed=7)
    assert not unclear, unclear
    assert outcomes['refused'] > 100 and outcomes['loaded'] > 100
    count('mutated files refused', outcomes['refused'])
    count('uses of mutated files that loaded', outcomes['uses'])
