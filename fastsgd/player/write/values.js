// Tells what lines, points and texts of a panel hold at the frame that is shown, and copies them: see draw/values.py.
function (root, find, { panels, numbers }, changing, now) {
  const note = find("note"), ring = find("ring"), live = find("live"), picture = find("picture").firstElementChild;
  const pool = new Float32Array(Uint8Array.from(atob(numbers), (c) => c.charCodeAt(0)).buffer);
  const { width, height } = picture.viewBox.baseVal, none = -1;
  let pointer = 0, picked = none, item = none;   // where it is; with the keyboard: which panel, and which item in it

  const at = (span, i) => span.length > 2 ? span[i] ?? span.at(-1) : span[0] + span[1] * i;
  const cut = (spans, i) => spans ? pool.subarray(at(spans[0], i), at(spans[0], i) + at(spans[1], i)) : [];
  const share = (v, low, high, log) => log ? Math.log(v / low) / Math.log(high / low) : (v - low) / (high - low);
  for (const panel of panels) {
    panel.names = panel.names.map(changing);
    for (const one of panel.series) one.words = one.words && changing(one.words);
  }

  // `v` in the digits that tell it from its neighbours, or in so many.
  function short(v, digits) {
    let p = 1;
    while (p < digits && Math.fround(v.toPrecision(p)) !== v) p++;
    return Number(v.toPrecision(p));
  }

  // A panel at this frame: title, names of its axes, and its points and texts.
  function read(panel) {
    const [i] = now(), [left, top, w, h, x0, x1, y0, y1] = cut(panel.box, i), items = [];
    const [title, ...axes] = panel.names.map((name) => name(i));
    for (const { name, words, step, ...spans } of panel.series) {
      const [p, ...all] = ["p", "x", "y", "z"].map((key) => cut(spans[key], i)), text = words && words(i);
      if (text) items.push({ told: text, row: [text, 0, "", "", ""], last: true, x: p[0], y: p[1] });
      all[0].forEach((_, k) => {
        const v = all.filter((a) => a.length).map((a) => a[k]), point = all[0].length > 1 ? ", point " + k * step : "";
        if (v.every(isFinite)) items.push({
          told: name + point + ": " + v.map((w, d) => axes[d] + " = " + short(w, 5)).join(", "),
          row: [name, k * step, ...[0, 1, 2].map((d) => d in v ? short(v[d], 9) : "")],
          last: k === all[0].length - 1,
          x: p.length ? p[2 * k] : left + w * share(v[0], x0, x1, panel.log[0]),
          y: p.length ? p[2 * k + 1] : top + h * share(v[1], y1, y0, panel.log[1])
        });
      });
    }
    return { title, axes, items, holds: (x, y) => Math.abs(2 * (x - left) - w) < w + 2 && Math.abs(2 * (y - top) - h) < h + 2 };
  }

  // Show a text beside a place of the picture.
  function mark(text, place) {
    note.hidden = ring.hidden = !place;
    if (!place) return;
    const on = picture.getBoundingClientRect(), own = root.getBoundingClientRect(), scale = on.width / width;
    note.textContent = text;
    for (const { style } of [note, ring]) {
      style.left = on.left - own.left + place.x * scale + "px";
      style.top = on.top - own.top + place.y * scale + "px";
    }
    note.style.translate = [2 * place.x > width, 2 * place.y > height].map((far) => far ? "calc(-100% - 8px)" : "8px").join(" ");
  }

  // Show what was picked, or what the pointer is nearest to; say it if somebody `asked`.
  function update(asked) {
    let best, least = Infinity, told = "";
    if (picked !== none) {
      const { items, title } = read(panels[picked]);
      item = Math.min(item, items.length - 1);
      const some = item < 0 ? items.filter((one) => one.last) : [items[item]];
      told = some.map((one) => one.told).join("\n");
      best = some.pop();
      if (asked) live.textContent = [now()[1], title, told].join("\n");
    } else for (const { holds, items } of pointer ? panels.map(read) : []) if (holds(...pointer)) for (const one of items) {
      const far = Math.hypot(one.x - pointer[0], one.y - pointer[1]);
      if (far <= least && holds(one.x, one.y)) [best, least, told] = [one, far, one.told];
    }
    mark(told, best);
  }

  function copy() {
    const rows = ["frame,panel,name,point,x,y,z,x is,y is,z is".split(",")], area = document.createElement("textarea");
    panels.map(read).forEach(({ title, axes, items }, n) => items.forEach(({ row }) =>
      rows.push([now()[1], title || n + 1, ...row, ...axes])));
    area.value = rows.map((row) => row.map((v) => "\"" + String(v).replaceAll("\"", "\"\"") + "\"").join(",") + "\n").join("");
    const told = (done) => mark(live.textContent = done ? "copied" : "copying is not allowed", { x: 0, y: height });
    const by_hand = () => {
      root.append(area);
      area.select();
      told(document.execCommand("copy"));
      area.remove();
    };
    if (navigator.clipboard) navigator.clipboard.writeText(area.value).then(() => told(true), by_hand); else by_hand();
  }

  // Go to the next panel, or to a point of this one.
  const go = (panel, point) => {
    if (panel) [picked, item] = [(picked + panel) % panels.length, none];
    else item = Math.max(item + point, 0);
    update(true);
  };
  const leave = (to) => { [pointer, picked] = [to, none]; update(); };
  picture.onpointermove = picture.onpointerdown = (event) => {
    const on = picture.getBoundingClientRect();
    leave([event.clientX - on.left, event.clientY - on.top].map((v) => v * width / on.width));
  };
  picture.onpointerleave = (event) => event.pointerType === "mouse" && leave();
  find("values").onclick = () => go(1);
  find("copy").onclick = copy;
  const more = { ArrowUp: () => go(0, -1), ArrowDown: () => go(0, 1), Escape: () => leave() };
  return { update, keys: () => ({ v: () => go(1), ...(note.hidden || more) }) };
}
