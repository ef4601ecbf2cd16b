// Tells what a panel holds at the frame that is shown, and copies it: see draw/values.py.
function (root, find, { panels, numbers }, changing, now) {
  const note = find("note"), ring = find("ring"), live = find("live"), picture = find("picture").firstElementChild;
  const { width, height } = picture.viewBox.baseVal;
  let pool = new Float32Array, pointer = 0, picked = -1, item = -1;   // with the keyboard: which panel, which item in it

  const at = (span, i) => span.length > 2 ? span[i] ?? span.at(-1) : span[0] + span[1] * i;
  const cut = (spans, i) => spans ? pool.subarray(at(spans[0], i), at(spans[0], i) + at(spans[1], i)) : [];
  for (const panel of panels) {
    panel.names = panel.names.map(changing);
    for (const one of panel.series) one.words = one.words && changing(one.words);
  }

  // `v` as a date, as its axis names it, or in the digits that tell it from its neighbours, or in so many.
  function say(v, names, digits) {
    if (names?.since) return new Date(Math.round(+names.since + v) * 1e3).toISOString().slice(0, 19).replace("T00:00:00", "");
    let p = 1;
    while (p < digits && Math.fround(v.toPrecision(p)) !== v) p++;
    return names?.[v] || Number(v.toPrecision(p));
  }

  // A panel at this frame: title, and its texts, points and boxes, with the middle and half the size of each.
  function read(panel) {
    const [i] = now(), [left, top, w, h, x0, x1, y0, y1] = cut(panel.box, i), items = [], inside = [];
    const ways = [[left, w, x0, x1], [top, h, y1, y0]], [title, x, y, z, ...names] = panel.names.map((name) => name(i));
    const named = names.map((text) => JSON.parse(text));
    for (const { name, words, step, cell, cols, unit = "", e, ...spans } of panel.series) {
      const [p, until, ...all] = [..."puxyzv"].map((key) => cut(spans[key], i)), edges = e?.map((one) => cut(one, i));
      const axes = [x, y, z, unit], text = words?.(i);
      const add = (called, point, k, v, last, spot) => items.push({
        last, spot,
        told: () => called + point + axes.flatMap((axis, d) => d in v ? axis + " = " + say(v[d], named[d], 5) : []).join(", "),
        row: () => [called, k, ...axes.map((_, d) => d in v ? say(v[d], named[d], 9) : ""), ...axes]
      });
      if (cell >= 0) inside[cell] = text;
      else if (text) add(text, "", 0, [], true, ways.map((_, d) => [p[d], p[d + 2] || 0]));
      all[cols ? 3 : 0].forEach((_, k, { length }) => {
        const at = cols ? [k % cols, k / cols | 0, k, k] : [k, k, k, k], v = [];
        all.forEach((a, d) => { if (a.length) v[d] = a[at[d]]; });
        if (v.every(isFinite) && !(v[0] > until[0])) add(inside[k] || name,
          (edges || length < 2 ? "" : ", point " + k * step) + ": ", k * step, v, k === length - 1,
          ways.map(([from, size, low, high], d) => {
            if (edges) return [0.5, -0.5].map((half) => edges[2 * d][at[d]] * half + edges[2 * d + 1][at[d]] / 2);
            const scaled = panel.log[d] ? Math.log : Number, start = scaled(low);
            return [p.length ? p[2 * k + d] : from + size * (scaled(v[d]) - start) / (scaled(high) - start), 0];
          }));
      });
    }
    return { title, items, holds: (place) => ways.every(([from, size], d) => Math.abs(2 * (place[d] - from) - size) < size + 2) };
  }

  // Show a text beside a place of the picture.
  function mark(text, place) {
    note.hidden = ring.hidden = !place;
    if (!place) return;
    const on = picture.getBoundingClientRect(), own = root.getBoundingClientRect();
    note.textContent = text;
    note.style.translate = place.map(([v], d) => {
      const side = ["left", "top"][d];
      for (const { style } of [note, ring]) style[side] = on[side] - own[side] + v * on.width / width + "px";
      return 2 * v > [width, height][d] ? "calc(-100% - 8px)" : "8px";
    }).join(" ");
  }

  // Show what was picked, or what the pointer is nearest to; say it if somebody `asked`.
  function update(asked) {
    const panel = panels[picked], { items, title } = panel ? read(panel) : {};
    let some = [], least = Infinity;
    if (panel) {
      item = Math.min(item, items.length - 1);
      some = item < 0 ? items.filter((one) => one.last) : [items[item]];
    } else for (const { holds, items } of pointer ? panels.map(read) : []) if (holds(pointer)) for (const one of items) {
      const far = Math.hypot(...one.spot.map(([v, half], d) => Math.max(Math.abs(v - pointer[d]) - half, 0))) + (one.spot[0][1] && 6);
      if (far <= least && holds(one.spot.map(([v]) => v))) [some, least] = [[one], far];
    }
    const told = some.map((one) => one.told()).join("\n");
    if (asked && panel) live.textContent = [now()[1], title, told].join("\n");
    mark(told, some.pop()?.spot);
  }

  function copy() {
    const rows = ["frame,panel,name,point,x,y,z,value,x is,y is,z is,value is".split(",")], area = document.createElement("textarea");
    panels.map(read).forEach(({ title, items }, n) => items.forEach((one) => rows.push([now()[1], title || n + 1, ...one.row()])));
    area.value = rows.map((row) => row.map((v) => "\"" + String(v).replaceAll("\"", "\"\"") + "\"").join(",") + "\n").join("");
    root.append(area);
    area.select();
    mark(live.textContent = document.execCommand("copy") ? "copied" : "copying is not allowed", [[0], [height]]);
    area.remove();
  }

  // Go to the next panel, or to a point of this one.
  const go = (panel, point) => {
    if (panel) [picked, item] = [(picked + panel) % panels.length, -1];
    else item = Math.max(item + point, 0);
    update(true);
  };
  const leave = (to) => { [pointer, picked] = [to, -1]; update(); };
  picture.onpointermove = picture.onpointerdown = (event) => {
    const on = picture.getBoundingClientRect();
    leave([event.clientX - on.left, event.clientY - on.top].map((v) => v * width / on.width));
  };
  picture.onpointerleave = (event) => event.pointerType === "mouse" && leave();
  find("values").onclick = () => go(1);
  find("copy").onclick = copy;
  (async () => {
    const bytes = new Blob([Uint8Array.from(atob(numbers), (c) => c.charCodeAt(0))]);
    pool = new Float32Array(await new Response(bytes.stream().pipeThrough(new DecompressionStream("deflate"))).arrayBuffer());
    root.dataset.values = "true";
    update();
  })();
  const more = { ArrowUp: () => go(0, -1), ArrowDown: () => go(0, 1), Escape: () => leave() };
  return { update, keys: () => ({ v: () => go(1), ...(note.hidden || more) }) };
}
