(() => {
  'use strict';
  const given = JSON.parse(document.getElementById('data').textContent);
  const $ = id => document.getElementById(id);
  const bytes = text => Uint8Array.from(atob(text), c => c.charCodeAt(0)).buffer;
  const numbers = text => Array.from(given.double ? new Float64Array(bytes(text)) : new Float32Array(bytes(text)));
  const x = numbers(given.x), y = numbers(given.y), n = y.length, orders = new Uint16Array(bytes(given.orders));
  const NAMES = ['lr', 'momentum', 'bs', 'slope', 'intercept', 'steps'];
  const SVG = 'http://www.w3.org/2000/svg';

  // The lesson's SGD, in double precision as `explore` has it: mean squared error of a * x + b, fastai's momentum.
  function run({lr, momentum, bs, slope, intercept, steps}) {
    const a = [slope], b = [intercept], loss = [];
    let va = 0, vb = 0, p = slope, q = intercept, epoch = 0, at = 0;
    for (let s = 0; s < steps; s++) {
      if (at >= n) { at = 0; epoch++; }
      const end = Math.min(at + bs, n), m = end - at;
      let sum = 0, da = 0, db = 0;
      for (let k = at; k < end; k++) {
        const i = bs < n ? orders[epoch * n + k] : k;
        const r = p * x[i] + q - y[i];
        sum += r * r; da += r * x[i]; db += r;
      }
      loss.push(sum / m);
      da *= 2 / m; db *= 2 / m;
      if (momentum) { va = momentum * va + da; vb = momentum * vb + db; } else { va = da; vb = db; }
      p -= lr * va; q -= lr * vb;
      a.push(p); b.push(q);
      at = end;
    }
    return {a, b, loss};
  }

  // Mean squared error over all points is a quadratic form around the least-squares line.
  const mean = f => x.reduce((t, v, i) => t + f(v, y[i]), 0) / n;
  const mx = mean(v => v), mxx = mean(v => v * v), my = mean((v, w) => w), mxy = mean((v, w) => v * w);
  const det = mxx - mx * mx || 1e-300, best = [(mxy - mx * my) / det, (mxx * my - mx * mxy) / det];
  const lossAt = (p, q) => mean((v, w) => (p * v + q - w) ** 2), least = lossAt(...best);

  // -- panels: each draws what stays once, and what moves at each change
  const round = v => Math.abs(v) < 1e6 ? +v.toFixed(2) : 0;
  const make = (name, at, parent) => {
    const el = document.createElementNS(SVG, name);
    for (const k in at) el.setAttribute(k, at[k]);
    if (parent) parent.appendChild(el);
    return el;
  };
  const W = 320, H = 260, L = 46, R = 10, T = 12, B = 40;
  const say = v => Math.abs(v) >= 1e5 || v && Math.abs(v) < 1e-3 ? v.toExponential(1) : String(+v.toPrecision(4));

  class Panel {
    constructor(id, xlabel, ylabel) {
      this.svg = $(id);
      this.svg.setAttribute('viewBox', `0 0 ${W} ${H}`);
      this.axes = make('g', {'class': 'axes'}, this.svg);
      this.frame = make('rect', {x: L, y: T, width: W - L - R, height: H - T - B, 'class': 'frame'}, this.svg);
      const clip = make('clipPath', {id: id + '-clip'}, this.svg);
      make('rect', {x: L, y: T, width: W - L - R, height: H - T - B}, clip);
      this.still = make('g', {'clip-path': `url(#${id}-clip)`}, this.svg);
      this.moving = make('g', {'clip-path': `url(#${id}-clip)`}, this.svg);
      make('text', {x: (W + L - R) / 2, y: H - 6, 'text-anchor': 'middle'}, this.svg).textContent = xlabel;
      make('text', {x: 12, y: (H + T - B) / 2, 'text-anchor': 'middle',
                    transform: `rotate(-90 12 ${(H + T - B) / 2})`}, this.svg).textContent = ylabel;
    }
    limits(x0, x1, y0, y1, log) {
      const key = [x0, x1, y0, y1].join();
      this.X = v => round(L + (v - x0) / (x1 - x0) * (W - L - R));
      this.Y = v => round(H - B - (v - y0) / (y1 - y0) * (H - T - B));
      if (key === this.key) return false;
      this.key = key;
      this.axes.textContent = '';
      for (const v of ticks(x0, x1)) {
        make('path', {d: `M${this.X(v)} ${H - B}v4`}, this.axes);
        make('text', {x: this.X(v), y: H - B + 16, 'text-anchor': 'middle'}, this.axes).textContent = say(v);
      }
      for (const v of log ? decades(y0, y1) : ticks(y0, y1)) {
        make('path', {d: `M${L} ${this.Y(v)}h-4`}, this.axes);
        make('text', {x: L - 7, y: this.Y(v) + 4, 'text-anchor': 'end'}, this.axes).textContent = say(log ? 10 ** v : v);
      }
      return true;
    }
    line(xs, ys) {
      let d = '';
      xs.forEach((v, k) => { if (isFinite(v) && isFinite(ys[k])) d += `${d ? 'L' : 'M'}${this.X(v)} ${this.Y(ys[k])}`; });
      return d;
    }
  }
  function ticks(low, high) {
    const rough = (high - low) / 4 || 1, power = 10 ** Math.floor(Math.log10(rough));
    const step = [1, 2, 5, 10].find(s => s * power >= rough) * power, res = [];
    for (let v = Math.ceil(low / step); v * step <= high * (1 + 1e-12); v++) res.push(+(v * step).toPrecision(12));
    return res;
  }
  function decades(low, high) {
    const all = high - low < 2 ? [0, Math.log10(2), Math.log10(5)] : [0], res = [];
    for (let d = Math.floor(low); d <= high; d += Math.max(1, Math.ceil((high - low) / 6)))
      for (const part of all) if (d + part >= low && d + part <= high) res.push(d + part);
    return res;
  }

  const fit = new Panel('fit', 'x', 'y'), plane = new Panel('plane', 'slope', 'intercept');
  const losses = new Panel('loss', 'step', 'loss of the batch');
  const span = (vs, pad = 0.08) => {
    const low = Math.min(...vs), high = Math.max(...vs), d = (high - low || 1) * pad;
    return [low - d, high + d];
  };
  fit.limits(...span(x), ...span(y, 0.25));
  x.forEach((v, i) => make('circle', {cx: fit.X(v), cy: fit.Y(y[i]), r: 2.5, 'class': 'point'}, fit.still));

  // one for the present fit, one for each that was kept; told apart by dashes and markers too
  const LOOKS = [['now', ''], ['kept1', '6 3'], ['kept2', '2 3'], ['kept3', '8 3 2 3']];
  class Drawn {
    constructor(look) {
      const [name, dash] = LOOKS[look], at = {'class': `line ${name}`, 'stroke-dasharray': dash};
      this.fit = make('path', at, fit.moving);
      this.path = make('path', at, plane.moving);
      this.loss = make('path', at, losses.moving);
      this.dot = make('circle', {r: 4.5, 'class': `dot ${name}`}, plane.moving);
      this.mark = make('circle', {r: 4.5, 'class': `dot ${name}`}, losses.moving);
    }
    show({a, b, loss}, k) {
      const [x0, x1] = span(x);
      this.fit.setAttribute('d', fit.line([x0, x1], [a[k] * x0 + b[k], a[k] * x1 + b[k]]));
      this.path.setAttribute('d', plane.line(a.slice(0, k + 1), b.slice(0, k + 1)));
      const logs = loss.slice(0, k).map(v => Math.log10(Math.max(v, 1e-12)));
      this.loss.setAttribute('d', losses.line(logs.map((_, i) => i), logs));
      place(this.dot, plane, a[k], b[k]);
      place(this.mark, losses, k - 1, logs[k - 1]);
    }
    remove() { for (const el of [this.fit, this.path, this.loss, this.dot, this.mark]) el.remove(); }
  }
  function place(dot, panel, u, v) {
    const seen = isFinite(u) && isFinite(v) && u !== undefined && v !== undefined;
    dot.setAttribute('visibility', seen ? 'visible' : 'hidden');
    if (seen) { dot.setAttribute('cx', panel.X(u)); dot.setAttribute('cy', panel.Y(v)); }
  }

  // -- state
  const now = {...given.start}, kept = [];
  const mine = new Drawn(0);
  const slider = Object.fromEntries(NAMES.map(name => [name, $(name)]));
  const position = {lr: Math.log10, bs: v => given.sizes.indexOf(v)};
  const value = {lr: v => +(10 ** v).toPrecision(6), bs: v => given.sizes[v]};
  let playing = 0, last = null, told = 0, written = 0;

  const failed = ({loss}) => {
    const k = loss.findIndex(v => !isFinite(v) || v > 100 * Math.max(loss[0], least, 1e-12));
    return k < 0 || loss.slice(k).some(v => v <= 100 * loss[0]) ? -1 : k;
  };
  function draw() {
    const fits = [...kept, {set: now, whole: last}];
    const starts = fits.map(f => [f.set.slope, f.set.intercept]);
    const reach = d => Math.max(1, ...starts.map(s => Math.abs(s[d] - best[d]))) * 1.35;
    const news = plane.limits(best[0] - reach(0), best[0] + reach(0), best[1] - reach(1), best[1] + reach(1));
    if (news) contours();
    const ends = fits.flatMap(f => f.whole.loss.filter(v => isFinite(v) && v < 1e6 * Math.max(f.whole.loss[0], 1)));
    const logs = ends.map(v => Math.log10(Math.max(v, 1e-12)));
    losses.limits(0, given.steps, ...(logs.length ? span([...logs, Math.log10(Math.max(least, 1e-12))], 0.06) : [0, 1]), true);
    kept.forEach(f => f.drawn.show(f.whole, Math.min(f.set.steps, now.steps)));
    mine.show(last, now.steps);
    rows(fits);
  }
  function contours() {
    plane.still.textContent = '';
    // eigenvectors of the matrix [[mxx, mx], [mx, 1]]
    const half = Math.hypot((mxx - 1) / 2, mx), mid = (mxx + 1) / 2, angle = Math.atan2(2 * mx, mxx - 1) / 2;
    const [flat, steep] = [Math.max(mid - half, 1e-9), mid + half];
    const sx = plane.X(1) - plane.X(0), sy = plane.Y(1) - plane.Y(0);
    const top = Math.max(...[-1, 1].flatMap(i => [-1, 1].map(j => {
      const [u, v] = [L + (W - L - R) * (i + 1) / 2, T + (H - T - B) * (j + 1) / 2];
      return lossAt(best[0] + (u - plane.X(best[0])) / sx, best[1] + (v - plane.Y(best[1])) / sy) - least;
    })));
    for (let k = 0; k < 10; k++) {
      const rise = top / 2 ** k;
      make('ellipse', {rx: Math.sqrt(rise / steep), ry: Math.sqrt(rise / flat), 'class': 'level', 'data-k': k,
        transform: `matrix(${sx} 0 0 ${sy} ${plane.X(best[0])} ${plane.Y(best[1])}) rotate(${angle * 180 / Math.PI})`}, plane.still);
    }
    make('path', {d: `M${plane.X(best[0]) - 5} ${plane.Y(best[1])}h10m-5 -5v10`, 'class': 'best'}, plane.still);
  }
  function rows(fits) {
    $('fits').textContent = '';
    fits.forEach(({set, whole}, i) => {
      const tr = $('fits').insertRow(), k = Math.min(set.steps, now.steps), bad = failed({loss: whole.loss.slice(0, k)});
      const name = i === fits.length - 1 ? 'this fit' : `kept ${i + 1}`;
      const cells = [name, say(set.lr), say(set.momentum), set.bs === n ? `all ${n}` : set.bs, `${say(set.slope)}, ${say(set.intercept)}`,
        k, say(whole.a[k]), say(whole.b[k]), k ? say(whole.loss[k - 1]) + (bad < 0 ? '' : ` (diverged at step ${bad})`) : '-'];
      cells.forEach((text, c) => {
        const cell = c ? tr.insertCell() : tr.appendChild(Object.assign(document.createElement('th'), {scope: 'row'}));
        if (!c) {
          const swatch = make('svg', {viewBox: '0 0 28 8', 'class': 'swatch', 'aria-hidden': 'true'}, cell);
          const look = LOOKS[i === fits.length - 1 ? 0 : i + 1];
          make('path', {d: 'M0 4h28', 'class': `line ${look[0]}`, 'stroke-dasharray': look[1]}, swatch);
          cell.append(` ${text}`);
        } else cell.textContent = text;
      });
    });
    clearTimeout(told);
    told = setTimeout(() => {
      const k = now.steps;
      $('told').textContent = k ? `After ${k} steps: slope ${say(last.a[k])}, intercept ${say(last.b[k])}, loss ${say(last.loss[k - 1])}.` : 'The first guess.';
    }, 500);
  }
  function read() {
    for (const name of NAMES) {
      slider[name].value = (position[name] || (v => v))(now[name]);
      const text = name === 'bs' && now.bs === n ? `all ${n}` : say(now[name]);
      $(name + '-out').textContent = text;
      slider[name].setAttribute('aria-valuetext', text);
    }
  }
  function update(all = true) {
    if (all) last = run({...now, steps: given.steps});
    read();
    draw();
    clearTimeout(written);
    written = setTimeout(write, 200);
  }
  function write() {
    clearTimeout(written);
    const address = '#' + NAMES.map(name => `${name}=${now[name]}`).join('&');
    try { history.replaceState(null, '', address); } catch { /* inside another page there is no address of its own */ }
  }
  function restore() {
    const said = new URLSearchParams(location.hash.slice(1));
    for (const name of NAMES) {
      const v = +said.get(name);
      if (!said.get(name) || !isFinite(v)) continue;
      const [low, high] = ['min', 'max'].map(end => +slider[name][end]);
      if (name === 'bs') { if (given.sizes.includes(v)) now.bs = v; }
      else if (name === 'lr') now.lr = Math.min(Math.max(v, 10 ** low), +(10 ** high).toPrecision(6));
      else now[name] = Math.min(Math.max(name === 'steps' ? Math.round(v) : v, low), high);
    }
    update();
  }

  for (const name of NAMES) slider[name].addEventListener('input', () => {
    now[name] = (value[name] || (v => v))(+slider[name].value);
    update(name !== 'steps');
  });
  $('keep').onclick = () => {
    if (kept.length === LOOKS.length - 1) kept.shift().drawn.remove();
    kept.forEach((f, i) => { f.drawn.remove(); f.drawn = new Drawn(i + 1); });
    kept.push({set: {...now}, whole: last, drawn: new Drawn(kept.length + 1)});
    draw();
  };
  $('forget').onclick = () => { kept.splice(0).forEach(f => f.drawn.remove()); draw(); };
  $('play').onclick = () => {
    if (playing) { cancelAnimationFrame(playing); playing = 0; $('play').textContent = 'Play'; return; }
    if (now.steps >= given.steps) now.steps = 0;
    const from = now.steps, began = performance.now(), ms = 4000;
    $('play').textContent = 'Pause';
    const frame = time => {
      now.steps = Math.min(given.steps, from + Math.round((time - began) / ms * given.steps));
      update(false);
      if (now.steps < given.steps) playing = requestAnimationFrame(frame);
      else { playing = 0; $('play').textContent = 'Play'; }
    };
    playing = requestAnimationFrame(frame);
  };
  $('copy').onclick = async () => {
    write();
    try { await navigator.clipboard.writeText(location.href); $('copy').textContent = 'Copied'; }
    catch { $('copy').textContent = 'Copy it from the address bar'; }
    setTimeout(() => { $('copy').textContent = 'Copy link'; }, 2000);
  };
  // Dark where the reader prefers that; in a frame, where the page around it says that it is.
  const look = dark => document.documentElement.classList.toggle('dark', dark);
  const preferred = matchMedia('(prefers-color-scheme: dark)');
  preferred.onchange = () => { if (parent === window) look(preferred.matches); };
  look(preferred.matches);
  addEventListener('message', message => { if (typeof message.data?.dark === 'boolean') look(message.data.dark); });
  addEventListener('hashchange', restore);
  window.fastsgd = {run, state: () => ({...now})};
  restore();
})();
