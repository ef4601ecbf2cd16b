"""A script as the page has it: no comments, no space, and short names for what is its own."""

import re
from collections import Counter
from itertools import product
from string import ascii_lowercase

TEXT = r'"(?:\\.|[^"\\])*"|' r"'(?:\\.|[^'\\])*'"
COMMENT = re.compile(rf'(?m)({TEXT})|(?:^|(?<=\s))//.*$') # it would swallow all that follows in one line
INDENT = re.compile(r'\s*\n\s*')
SPACES = re.compile(rf'({TEXT})|\s*([{{}}()\[\];,=<>?&|*:]|[-+!](?==))\s*|\s*([-+/%])\s+(?![-+/])')
WORD = re.compile(rf'{TEXT}|(?<!\w)(?:(?<!\.)|(?<=\.\.\.))[a-zA-Z]\w*')
OWN = re.compile(r'\b(?:const|let) (\w+)|[,;([](\w+)=(?!=)|\(([\w,]+)\)=>|\(\[([\w,]+)\]|'
                 r'\b(?:const|let)\[([\w,.]+)\]|function ?(\w*)\(([^)]*)\)')
PROPERTY = re.compile(r'(?<!\.\.)\.(\w+)|(\w+):|\{([^{};()]*)\}|\{((?:\w+,)*\w+)(?=[,}])|,(\w+)(?=\})')


def shorten_script(text) -> str:
    "Shorten a script without templates, and without quotes in its regular expressions"
    text = INDENT.sub(' ', COMMENT.sub(r'\1', text)).strip()
    text = SPACES.sub(lambda found: found[1] or found[2] or found[3], text)
    bare = re.sub(TEXT, '""', text)
    own, others = ({name for groups in pattern.findall(bare) for name in re.findall(r'\w+', ' '.join(groups))}
                   for pattern in (OWN, PROPERTY))
    used = Counter(re.findall(r'\w+', text))
    new = (name for n in (1, 2) for letters in product(ascii_lowercase, repeat=n)
           if (name := ''.join(letters)) not in {*used, 'do', 'if', 'in', 'of'})
    long = sorted(name for name in own - others if len(name) > 2 and not name.isdigit())
    short = dict(zip(sorted(long, key=used.get, reverse=True), new))
    return WORD.sub(lambda found: short.get(found[0], found[0]), text)
