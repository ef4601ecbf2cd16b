"""What draw/ hands to write/: a figure over time as SVG texts, each place of it as what changed there."""

import hashlib
from dataclasses import dataclass, field

from .images import Images
from .spelling import Spelling


def common_prefix(a: str, b: str) -> int:
    "How many characters `a` and `b` begin with alike"
    low, high = 0, min(len(a), len(b))
    if a[:high] == b[:high]: return high
    while low + 1 < high: # a[:low] agrees, a[:high] does not: slices compare at C speed
        middle = (low + high) // 2
        if a[low:middle] == b[low:middle]: low = middle
        else: high = middle
    return low


def common_suffix(a: str, b: str, limit: int) -> int:
    "How many characters, at most `limit`, `a` and `b` end with alike"
    low, high = 0, limit + 1
    while low + 1 < high:
        middle = (low + high) // 2
        if a[len(a) - middle:len(a) - low] == b[len(b) - middle:len(b) - low]: low = middle
        else: high = middle
    return low


class ChangingText:
    """The text of one place, frame by frame, stored as what changed

    A text that comes again is stored once, any other as its difference from the one before: a line that gains a point a
    frame costs a point a frame. `frames[k]` is the frame from which on entry k holds. `entries[k]` is the number of an
    earlier entry with the same text, or `(prefix, suffix, middle)`: the first `prefix` characters of the text before,
    `middle`, and the last `suffix` characters of the text before.
    """
    def __init__(self):
        self.frames: list[int] = []
        self.entries: list[int | tuple[int, int, str]] = []
        self.last = '' # the newest text, whole
        self._seen = {} # digest of a text -> its entry

    def __len__(self): return len(self.entries)

    def append(self, frame: int, text: str):
        "From `frame` on, show `text`"
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

    def size(self):
        "About how many bytes it takes"
        return sum(14 if isinstance(entry, int) else 14 + len(entry[2]) for entry in self.entries)

    def texts(self):
        "Yield each `(frame, text)`, put together again"
        texts = []
        for frame, entry in zip(self.frames, self.entries):
            if isinstance(entry, int): text = texts[entry]
            else:
                prefix, suffix, middle = entry
                last = texts[-1] if texts else ''
                text = last[:prefix] + middle + last[len(last) - suffix:]
            texts.append(text)
            yield frame, text


@dataclass
class Drawing:
    "A figure over time; its `parts`, joined as they are at one frame, are the picture of this frame"
    width: float # of the picture, in points
    height: float
    dpi: float # the figure's own, for the size on the page
    n_frames: int = 0
    defs: str = '' # what parts refer to: glyphs, markers, clip paths; ids begin with @, to be made unique on a page
    parts: list[ChangingText] = field(default_factory=list) # in drawing order; one entry only where nothing changes
    spelling: Spelling = field(default_factory=Spelling) # of the lines of text in the parts
    images: Images = field(default_factory=Images) # which stand in the parts as `!` and a number
    values: dict | None = None # what lines, points and texts say, for the player's read-out
    still: bytes = b'' # the last frame as a small PNG, for where nothing moves

    def frame(self, i: int) -> str:
        "The inside of the picture at frame `i`"
        texts = [[text for frame, text in part.texts() if frame <= i][-1] for part in self.parts]
        return self.images.read(self.spelling.read(''.join(texts)))
