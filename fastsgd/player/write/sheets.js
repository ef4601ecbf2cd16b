// Writes SVG with images that stand in sheets, several one below the other: see images.py.
function (sheets) {
  const places = [];
  sheets.forEach(([, numbers], s) => numbers.forEach((k, n) => { places[k] = [s, n, numbers.length]; }));

  // The sheet in the image's place, moved up and cut. In a sheet the first and the last row of each image come twice.
  function cut(found, k, look, own) {
    const [s, n, length] = places[k], edge = length > 1 ? 1 : 0, step = Number(own) + 2 * edge, above = n * step + edge;
    const below = step * length - above - own, whole = "data-sheet='" + s + "'" + look + "height='" + step * length + "'";
    return edge ? whole + " y='" + -above + "' clip-path='inset(" + above + "px -9px " + below + "px)'" : whole;
  }

  return function (node, text) {
    node.innerHTML = text.replace(/href="!([0-9]+)"(.*?)height="([0-9]+)"/g, cut);
    // not in the text, which is read anew for each frame
    for (const one of node.querySelectorAll("[data-sheet]")) one.setAttribute("href", sheets[one.dataset.sheet][0]);
  };
}
