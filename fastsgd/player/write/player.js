// Plays what html.py wrote: swaps the contents of the parts of the picture that change from frame to frame.
(function (id, sheets, readOut) {
  "use strict";

  // All texts of one part, put together the first time they are shown. Entries are differences: see drawing.py.
  function history(entries) {
    const texts = [];
    return function (k) {
      while (texts.length <= k) {
        const entry = entries[texts.length], last = texts.length ? texts[texts.length - 1] : "";
        texts.push(typeof entry === "number" ? texts[entry]
          : last.slice(0, entry[0]) + entry[2] + last.slice(last.length - entry[1]));
      }
      return texts[k];
    };
  }

  // SVG as it stands on the page: lines of text are written in two characters a letter, see spelling.py.
  function reader(letters) {
    const code = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_";
    function line(found, codes) {
      let x = 0, uses = "";
      for (let k = 0; k < codes.length; k += 2) {
        const letter = letters[code.indexOf(codes[k]) * 64 + code.indexOf(codes[k + 1])];
        uses += "<use href='#@" + letter[0] + "' x='" + Number(x.toFixed(2)) + "'/>";
        x += letter[1];
      }
      return uses;
    }
    return (text) => text.replace(/<t>(.*?)<.t>/g, line).replaceAll("#@", "#" + id + "-");
  }

  // The last entry that holds at frame i, by halving: entry k holds from frame starts[k] on.
  function entryAt(starts, i) {
    let low = 0, high = starts.length;
    while (high - low > 1) {
      const middle = (low + high) >> 1;
      if (starts[middle] <= i) low = middle; else high = middle;
    }
    return low;
  }

  // The text of one place at each frame.
  function changing(part) {
    const text = history(part[1]);
    return (i) => text(entryAt(part[0], i));
  }

  // Make `old` like `fresh`, but touch only what differs: new letters, above all, take long to lay out.
  function renew(old, fresh) {
    const before = [...old.childNodes], after = [...fresh.childNodes];
    after.forEach((node, k) => {
      const one = before[k];
      if (!one) old.append(node);
      else if (one.isEqualNode(node)) return;
      else if (one.nodeName !== node.nodeName || node.nodeType !== 1) one.replaceWith(node);
      else {
        for (const { name } of [...one.attributes]) if (!node.hasAttribute(name)) one.removeAttribute(name);
        for (const { name, value } of node.attributes) if (one.getAttribute(name) !== value) one.setAttribute(name, value);
        renew(one, node);
      }
    });
    for (const node of before.slice(after.length)) node.remove();
  }

  // A player in a frame of its own, as in marimo, is dark or light as the page around it is, also when that changes.
  function follow(frame) {
    const take = () => document.documentElement.style.colorScheme = getComputedStyle(frame).colorScheme;
    const { documentElement, body } = frame.ownerDocument;
    for (const node of [documentElement, body]) new MutationObserver(take).observe(node, { attributes: true });
    take();
  }

  function start(root) {
    const written = (type) => root.querySelector("script[type='" + type + "']").textContent;
    const find = (name) => root.querySelector("[data-do=" + name + "]");
    const data = JSON.parse(written("application/json"));
    for (const child of [...root.children]) if (child.tagName !== "SCRIPT") child.remove();   // the still picture
    const read = reader(data.letters), shell = document.createElement("div");
    const put = sheets ? sheets(data.images) : (node, text) => { node.innerHTML = text; };
    put(shell, read(written("text/html")));
    root.prepend(...shell.childNodes);
    root.style.width = data.width + "px";
    root.style.setProperty("--fastsgd-legible", data.legible + "px");
    root.tabIndex = 0;
    root.setAttribute("role", "group");
    root.setAttribute("aria-label", "Animation player");
    if (window.frameElement && root.parentNode === document.body) follow(window.frameElement);
    root.dataset.lmSuppressShortcuts = "true";      // of JupyterLab, while the player has the focus
    const nodes = root.querySelectorAll("svg [data-part]");
    const parts = data.parts.map((part, k) => ({ node: nodes[k], starts: part[0], text: history(part[1]), shown: -1 }));
    const picture = find("picture"), slider = find("seek"), label = find("label"), speed = find("speed"), mode = find("mode");
    const last = data.frames - 1;
    const values = data.values && readOut(root, find, data.values, changing, () => [frame, called()]);
    const apart = document.implementation.createHTMLDocument("");     // which loads no image
    let told = 0, frame = 0, direction = 1, playing = false, seen = false, before = 0, waited = 0, timer = 0;

    function called() { return data.labels ? data.labels[frame] : "frame " + frame; }

    function show(i) {
      frame = Math.max(0, Math.min(last, i));
      for (const part of parts) {
        const k = entryAt(part.starts, frame);
        if (k === part.shown) continue;
        const fresh = apart.importNode(part.node);
        put(fresh, read(part.text(k)));
        renew(part.node, fresh);
        part.shown = k;
      }
      root.dataset.frame = frame;
      if (values) values.update();
      if (playing && performance.now() - told < 150) return;      // nobody reads 25 numbers a second
      told = performance.now();
      const name = called();
      slider.value = frame;
      slider.style.setProperty("--done", (last ? 100 * frame / last : 100) + "%");
      slider.setAttribute("aria-valuetext", name);
      label.textContent = name;
    }

    // The frame after frame i, in the direction that it runs.
    function after(i) {
      if (mode.value === "once") return Math.min(i + 1, last);
      if (mode.value === "loop") return (i + 1) % (last + 1);
      if (i >= last) direction = -1;
      if (i <= 0) direction = 1;
      return i + direction;
    }

    // Milliseconds that frame i is shown: the end is held.
    function lasts(i) { return data.interval + (i === last ? data.pause : 0); }

    // Go on, at the time of the next frame: nothing runs between two frames, nor out of sight.
    function tick() {
      clearTimeout(timer);
      const now = performance.now();
      if (!playing || !seen || document.hidden) return;
      waited += (now - before) * Number(speed.value);
      before = now;
      let next = frame;
      while (waited >= lasts(next)) {
        waited -= lasts(next);
        next = after(next);
        if (mode.value === "once" && next === last) break;
      }
      if (next !== frame) show(next);
      if (mode.value === "once" && frame === last) return pause();
      timer = setTimeout(tick, (lasts(frame) - waited) / Number(speed.value));
    }

    function resume() {
      before = performance.now();
      tick();
    }

    function play() {
      if (playing || last < 1) return;
      if (mode.value === "once" && frame === last) show(0);
      playing = true;
      waited = 0;
      mark();
      resume();
    }

    function pause() {
      playing = false;
      clearTimeout(timer);
      mark();
      show(frame);
    }

    function mark() {
      root.classList.toggle("fastsgd-playing", playing);
      const button = find("play");
      button.setAttribute("aria-label", playing ? "Pause" : "Play");
      button.title = playing ? "Pause (space)" : "Play (space)";
    }

    const actions = {
      play: () => playing ? pause() : play(),
      first: () => { pause(); show(0); },
      back: () => { pause(); show(frame - 1); },
      next: () => { pause(); show(frame + 1); },
      last: () => { pause(); show(last); }
    };
    const keys = { " ": "play", ArrowLeft: "back", ArrowRight: "next", Home: "first", End: "last" };

    for (const name of Object.keys(actions)) find(name).addEventListener("click", actions[name]);
    slider.max = last;
    slider.addEventListener("input", () => {
      const wanted = Number(slider.value);
      pause();
      show(wanted);
    });
    mode.addEventListener("change", () => { direction = 1; });
    speed.addEventListener("change", tick);
    root.addEventListener("keydown", (event) => {
      const on = event.target.tagName, name = keys[event.key];
      const tell = values && !(on === "INPUT" && /Arrow/.test(event.key)) && values.keys()[event.key];
      if (!name && !tell || event.ctrlKey || event.metaKey || event.altKey || on === "SELECT") return;
      if (on === "BUTTON" && event.key === " ") return;      // it presses that button
      if (event.target === picture && name && name !== "play") return;    // it scrolls
      event.preventDefault();
      event.stopPropagation();                               // a notebook has shortcuts of its own
      if (tell) return tell();
      actions[name]();
      if (values) values.update(!playing);
    });

    speed.value = "1";
    mode.value = data.mode;
    root.dataset.ready = "true";
    mark();
    show(0);
    if (data.autoplay && !matchMedia("(prefers-reduced-motion: reduce)").matches) play();
    new IntersectionObserver((records) => {
      seen = records[records.length - 1].isIntersecting;
      resume();
    }).observe(root);
    // where a part of the picture is out of sight, the keyboard must get there, also when the window becomes narrower
    new ResizeObserver(() => picture.tabIndex = picture.scrollWidth > picture.clientWidth ? 0 : -1).observe(picture);
    document.addEventListener("visibilitychange", resume);
  }

  // One and the same output may be on a page twice, in a second view of it, and in a shadow root. A notebook may also
  // run the script long before it puts the output on the page.
  const wanted = "[data-fastsgd='" + id + "']", below = { childList: true, subtree: true };
  const started = window.fastsgdStarted = window.fastsgdStarted || new WeakSet();

  // Start the players in `node`. Are there any?
  function look(node) {
    const all = [...node.querySelectorAll(wanted)];
    if (node.matches && node.matches(wanted)) all.push(node);
    const roots = all.filter((root) => !started.has(root));
    for (const root of roots) {
      started.add(root);
      start(root);
    }
    if (roots.length) observer.disconnect();
    return roots.length > 0 || [node, ...node.querySelectorAll("*")].some((host) => {
      if (!host.shadowRoot) return false;
      observer.observe(host.shadowRoot, below);
      return look(host.shadowRoot);
    });
  }
  const observer = new MutationObserver((records) => records.some((record) =>
    [...record.addedNodes].some((node) => node.nodeType === 1 && look(node))));
  observer.observe(document, below);
  look(document);
})
