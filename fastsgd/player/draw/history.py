"""What one place of a picture shows over time, written down as what changed."""

import hashlib


def common_prefix(a, b):
    "How many characters `a` and `b` begin with alike."
    low, high = 0, min(len(a), len(b))
    if a[:high] == b[:high]: return high
    while low + 1 < high:                       # a[:low] agrees, a[:high] does not: slices compare at C speed
        middle = (low + high) // 2
        if a[low:middle] == b[low:middle]: low = middle
        else: high = middle
    return low


def common_suffix(a, b, limit):
    "How many characters, at most `limit`, `a` and `b` end with alike."
    low, high = 0, limit + 1
    while low + 1 < high:
        middle = (low + high) // 2
        if a[len(a) - middle:len(a) - low] == b[len(b) - middle:len(b) - low]: low = middle
        else: high = middle
    return low


class History:
    """The texts of one place, frame by frame. A text that repeats is stored once; any other as its difference from the
    one before: a line that gains a point per frame costs a point per frame.

    `frames[k]` is the frame from which on entry k holds; `entries[k]` is either the number of an earlier entry with the
    same text, or `(prefix, suffix, middle)`: the text is the first `prefix` characters of entry k - 1's text, `middle`,
    and the last `suffix` characters of entry k - 1's text.
    """
    def __init__(self):
        self.frames, self.entries, self.last = [], [], ''
        self._seen = {}

    def __len__(self): return len(self.entries)

    def append(self, frame, text):
        "From `frame` on, show `text`."
        if self.entries and text == self.last: return
        digest = hashlib.blake2b(text.encode(), digest_size=16).digest()
        if digest in self._seen: entry = self._seen[digest]
        else:
            self._seen[digest] = len(self.entries)
            prefix = common_prefix(self.last, text)
            suffix = common_suffix(self.last, text, min(len(self.last), len(text)) - prefix)
            entry = prefix, suffix, text[prefix:len(text) - suffix]
        self.frames.append(frame)
        self.entries.append(entry)
        self.last = text

    def texts(self):
        "Each `(frame, text)`, put together again."
        texts = []
        for frame, entry in zip(self.frames, self.entries):
            if isinstance(entry, int): text = texts[entry]
            else:
                prefix, suffix, middle = entry
                last = texts[-1] if texts else ''
                text = last[:prefix] + middle + last[len(last) - suffix:]
            texts.append(text)
            yield frame, text
