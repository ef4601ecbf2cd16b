"""Scripts as pages have them: the browser tests run them; here is what may not be touched."""

import re

from fastsgd.player.write.html import asset
from fastsgd.player.write.shorten import shorten_script

SCRIPT = """
// A comment, "with" a text
function add(first, { kept, other = 1 }, more) {
  const total = first + -more, told = "first  (more) // stays", object = { total, kept, first: kept.first };
  let [one, two] = [object.told, -total]; // another
  for (const { told } of more) one += told !== two ? 1 : 2;
  const later = (early) => early++ + +total;
  const texts = [...more, 'it "is" one', "isn't total"];
  return { later, again: later(one), told };
}"""


def test_what_is_its_own_is_shortened_and_nothing_else():
    short = shorten_script(SCRIPT)
    assert '"first  (more) // stays"' in short and 'comment' not in short and 'another' not in short
    assert re.search(r'\{kept,other=1\}', short) and '.told' in short and 'again:' in short
    assert '{total,kept,first:' in short
    assert 'early' not in short and 'two' not in short and 'more' not in short.replace('(more)', '')
    assert re.search(r"""\[\.\.\.[a-z],'it "is" one',"isn't total"\]""", short)
    assert '\n' not in short and '  ' not in short.replace('first  (', '')


def test_our_scripts_keep_the_names_that_they_share():
    player, values = asset('player.js'), asset('values.js')
    assert '.update(' in player and '.keys()' in player and '{update,keys:' in values
    assert '{panels,numbers}' in values and 'data-fastsgd' in player
