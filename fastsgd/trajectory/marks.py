"""`Marks`: the steps at which a further fit begins, or other parameters are trained from then on."""

KINDS = ('fit', 'freeze', 'unfreeze')


class Marks:
    "`(step, kind)` in the order in which it happened; `trained` are the names of what is trained at present"
    def __init__(self): self.all, self.trained = [], None

    def begin(self,
        step: int, # Steps that were taken by now
        trained: set, # Names of the parameters that are trained
        frozen: bool, # Does the optimiser leave some of its groups alone?
    ):
        "A fit begins; only the first one may begin without a mark"
        if step: self._add(step, 'fit')
        elif frozen: self._add(step, 'freeze')
        self.train(step, trained)

    def train(self, step, trained):
        "From now on these parameters are trained"
        before, self.trained = self.trained, trained
        if before is not None and before != trained: self._add(step, 'unfreeze' if trained - before else 'freeze')

    def _add(self, *mark):
        if mark not in self.all: self.all.append(mark) # a fit may have been interrupted before its first step
