"""The parameter groups of an optimiser: their names, and what it is told for each."""

import math
import os


def _groups(opt):
    groups = getattr(opt, 'hypers', ())
    return getattr(groups, 'items', groups) # fastai's L does each look-up in Python


def rate_of(opt) -> float:
    "The learning rate of the last group"
    return (_groups(opt) or opt.param_groups)[-1]['lr']


def hypers_of(opt) -> dict | None:
    """Learning rate, NaN while frozen, momentum, and 'sqr_mom' of Adam and its kin, of each group.

    None where one rate tells all.
    """
    groups = _groups(opt)
    if not groups or len(groups) == 1 and not (groups[0].get('mom') or 'sqr_mom' in groups[0]): return None
    frozen = frozen_groups(opt)
    res = {'lr': [math.nan if k < frozen else float(group['lr']) for k, group in enumerate(groups)]}
    for name in ('mom', 'sqr_mom'):
        if all(name in group for group in groups): res[name] = [float(group[name]) for group in groups]
    return res


def frozen_groups(opt) -> int:
    "How many of its groups the optimiser leaves alone, as `freeze` has it"
    return getattr(opt, 'frozen_idx', 0)


def trained(model) -> set:
    "Names of the parameters that are trained"
    return {name for name, p in model.named_parameters() if p.requires_grad}


def holds(opt, model) -> bool:
    "Does the optimiser step on the model's own parameters? Copies in another precision have other gradients."
    held = {id(p) for params in getattr(opt, 'param_lists', ()) for p in params}
    return all(id(p) in held for p in model.parameters() if p.requires_grad)


def names_of(opt, model) -> list:
    "What to call each group: the module that holds its parameters, or the first and the last one of several"
    known = {id(p): name for name, p in model.named_parameters()}
    res = []
    for k, params in enumerate(getattr(opt, 'param_lists', ())):
        names = [known[id(p)] for p in params if id(p) in known]
        # as far as whole names of modules agree
        inside = os.path.commonpath([n.replace('.', '/') for n in names]).replace('/', '.') if names else ''
        ends = [n.rpartition('.')[0] or n for n in (names[:1] + names[-1:])]
        res.append(f'group {k + 1}' + (f': {inside}' if inside else f': {ends[0]} to {ends[1]}' if ends else ''))
    return res
