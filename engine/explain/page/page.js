"use strict";
(() => {
  const data = JSON.parse(document.getElementById("data").textContent);
  const {model, tokens} = data, L = model.layers, H = model.heads, T = tokens.length;
  const $ = id => document.getElementById(id);
  const svgNS = "http" + "://www.w3.org/2000/svg"; // a name, not an address
  const MEAN = 0, EACH = -1;

  // What is looked at: a word, a layer (0: before the first) and a head (0: the mean, -1: each).
  const state = {word: data.token, hover: null, layer: L, head: MEAN};
  const lenses = new Map(data.lens.map(l => [l.token, l]));

  // The shares: rows of [n, place, share, place, share ...], found by an index.
  const pours = (() => {
    const raw = atob(data.pours), bytes = new Uint8Array(raw.length);
    for (let i = 0; i < raw.length; i++) bytes[i] = raw.charCodeAt(i);
    const view = new DataView(bytes.buffer), start = new Uint32Array(L * (H + 1) * T);
    for (let row = 0, at = 0; row < start.length; row++) {
      start[row] = at;
      at += 2 + 4 * view.getUint16(at, true);
    }
    return (layer, head, word) => {
      let at = start[((layer - 1) * (H + 1) + head) * T + word];
      const n = view.getUint16(at, true), list = [];
      for (let i = 0; i < n; i++, at += 4) list.push({from: view.getUint16(at + 2, true), share: view.getUint16(at + 4, true) / 65535});
      return list;
    };
  })();

  const percent = x => x >= 0.0995 ? (100 * x).toFixed(0) + "%" : x >= 0.0005 ? (100 * x).toFixed(1) + "%" : x === 0 ? "0%" : "<0.1%";
  const visible = s => s.replace(/\n/g, "\u21B5").replace(/\t/g, "\u21E5").replace(/[\u0000-\u001F\u007F]/g, "\u25A1");
  const label = s => s === "" ? "\u2205" : visible(s).replace(/ /g, "\u00B7");
  const quote = s => "\u201C" + (visible(s).trim() || label(s)) + "\u201D";
  const name = i => quote(tokens[i].text);
  const wordHue = i => `hsl(${(i * 137.5 + 265) % 360} 62% var(--light))`;
  const headHue = h => `hsl(${((h - 1) * 360 / H + 20) % 360} 68% var(--light))`;
  // A word's label without its dots for a screen reader.
  const spelled = s => {
    if (s.trim() === "") return [make("span", {ariaHidden: "true", textContent: label(s)}), make("span", {className: "unseen", textContent: s.includes("\n") ? "new line" : "space"})];
    return label(s).split(/(\u00B7)/).map(part => part === "\u00B7" ? make("span", {ariaHidden: "true", textContent: part}) : part);
  };
  const shown = () => state.hover ?? state.word;
  const make = (tag, attributes = {}, ...children) => {
    const e = document.createElement(tag);
    for (const [k, v] of Object.entries(attributes)) k in e && k !== "role" ? e[k] = v : e.setAttribute(k, v);
    e.append(...children);
    return e;
  };
  const draw = (tag, attributes) => {
    const e = document.createElementNS(svgNS, tag);
    for (const [k, v] of Object.entries(attributes)) e.setAttribute(k, v);
    return e;
  };

  // The shelf.
  const bottles = tokens.map((t, i) => {
    const svg = draw("svg", {viewBox: "0 0 34 52", "aria-hidden": "true"});
    const shape = "M13 8 V18 C5 21 3 27 3 34 V44 Q3 49 8 49 H26 Q31 49 31 44 V34 C31 27 29 21 21 18 V8 Z";
    const clip = draw("clipPath", {id: "clip" + i});
    clip.append(draw("path", {d: shape}));
    const liquid = draw("rect", {class: "liquid", x: 2, width: 30, y: 50, height: 42, fill: wordHue(i), "clip-path": `url(#clip${i})`});
    svg.append(clip, liquid, draw("path", {class: "glass", d: shape}), draw("rect", {class: "cork", x: 12, y: 2, width: 10, height: 5, rx: 1.5}));
    const text = make("span", {className: "part"});
    const tag = make("span", {className: "tag"}, ...spelled(t.text));
    const word = make("div", {className: "word", role: "option", id: "word" + i, tabIndex: -1}, svg, tag, text);
    word.addEventListener("click", () => choose(i));
    word.addEventListener("pointerenter", e => { if (e.pointerType === "mouse") { state.hover = i; refresh(); } });
    word.addEventListener("focus", () => { if (state.hover !== null) { state.hover = null; refresh(); } });
    $("words").append(word);
    return {word, svg, liquid, text, part: -1, look: ""};
  });
  $("words").addEventListener("pointerleave", () => { state.hover = null; refresh(); });
  $("words").addEventListener("keydown", e => {
    const moves = {ArrowLeft: [state.word - 1, 0], ArrowRight: [state.word + 1, 0], Home: [0, 0], End: [T - 1, 0], ArrowUp: [state.word, 1], ArrowDown: [state.word, -1]};
    const m = moves[e.key];
    if (!m || e.ctrlKey || e.altKey || e.metaKey) return;
    e.preventDefault();
    state.hover = null;
    if (m[1]) setLayer(state.layer + m[1]);
    else { choose(Math.min(Math.max(m[0], 0), T - 1)); bottles[state.word].word.focus(); }
  });
  const choose = i => { state.word = i; refresh(); };
  const setLayer = l => { state.layer = Math.min(Math.max(l, 0), L); refresh(); };
  const setHead = h => { state.head = h; $("head").value = h; refresh(); };

  const slider = $("layer");
  slider.max = L;
  slider.addEventListener("input", () => setLayer(Number(slider.value)));
  $("back").addEventListener("click", () => setLayer(state.layer - 1));
  $("forth").addEventListener("click", () => setLayer(state.layer + 1));
  const heads = $("head");
  heads.append(make("option", {value: MEAN, textContent: "averaged"}));
  if (H > 1) heads.append(make("option", {value: EACH, textContent: "each in its colour"}));
  for (let h = 1; h <= H; h++) heads.append(make("option", {value: h, textContent: "head " + h}));
  heads.addEventListener("change", () => setHead(Number(heads.value)));

  const layerName = l => l === 0 ? "before the first" : `${l} of ${L}`;
  const which = () => state.head > 0 ? `in head ${state.head}` : "averaged over the heads";

  function showShelf() {
    const i = shown(), list = state.layer ? pours(state.layer, Math.max(state.head, 0), i) : [];
    const share = new Map(list.map(p => [p.from, p.share]));
    bottles.forEach((b, k) => {
      const part = state.layer && k <= i ? share.get(k) ?? 0 : 0;
      // A page may have 512 bottles: touch only what changed.
      if (b.part !== part) {
        b.part = part;
        b.liquid.setAttribute("y", 50 - 42 * part);
        b.text.replaceChildren(...part ? [make("span", {className: "unseen", textContent: " "}), percent(part), make("span", {className: "unseen", textContent: " taken"})] : []);
      }
      const look = [k > i, k === state.hover && k !== state.word, k === state.word].join();
      if (b.look !== look) {
        b.look = look;
        b.word.classList.toggle("later", k > i);
        b.word.classList.toggle("pointed", k === state.hover && k !== state.word);
        b.word.setAttribute("aria-selected", k === state.word);
        b.word.tabIndex = k === state.word ? 0 : -1;
      }
    });
    drawPours(i, list);
    $("readout").textContent = readout(i, list);
  }

  function drawPours(i, list) {
    const box = $("shelf").getBoundingClientRect(), svg = $("pours");
    const place = k => {
      const r = bottles[k].svg.getBoundingClientRect(), foot = bottles[k].word.getBoundingClientRect().bottom;
      return {x: r.left - box.left + r.width / 2, y: r.top - box.top + 2, foot: foot - box.top};
    };
    let all = list.map(p => ({...p, colour: state.head > 0 ? headHue(state.head) : wordHue(p.from), shift: 0}));
    if (state.head === EACH && state.layer) {
      all = [];
      for (let h = 1; h <= H; h++) for (const p of pours(state.layer, h, i)) all.push({...p, colour: headHue(h), shift: (h - (H + 1) / 2) * Math.min(3, 24 / H)});
    }
    const most = T > 64 ? 1 : state.head === EACH ? H : 1; // of each place
    all = all.filter(p => p.share >= (state.head === EACH ? 0.05 : 0.01)).sort((a, b) => b.share - a.share).slice(0, 40 * most);
    const end = place(i);
    svg.replaceChildren(...all.reverse().map(p => {
      const a = place(p.from), x = end.x + p.shift, above = a.foot < end.y;
      const b = {x: a.x + p.shift, y: above ? a.foot : a.y}, middle = (b.y + end.y) / 2;
      const lift = Math.min(18 + Math.abs(x - b.x) * 0.12, T > 64 ? 40 : 62);
      const d = p.from === i
        ? `M${b.x - 6} ${b.y} C${b.x - 18} ${b.y - 30} ${b.x + 18} ${b.y - 30} ${b.x + 6} ${b.y}`
        : above ? `M${b.x} ${b.y} C${b.x} ${middle} ${x} ${middle} ${x} ${end.y}`
        : `M${b.x} ${b.y} C${b.x} ${b.y - lift} ${x} ${end.y - lift} ${x} ${end.y}`;
      return draw("path", {d, stroke: p.colour, "stroke-width": Math.max(1, p.share * 14), "data-from": p.from, "data-share": p.share.toFixed(4)});
    }));
  }

  function readout(i, list) {
    const subject = name(i);
    if (!state.layer) return `Before the first layer no word has looked at another: ${subject} carries only itself and its place.`;
    const best = [...list].sort((a, b) => b.share - a.share).slice(0, 4).filter(p => p.share >= 0.005);
    const parts = best.map(p => `${percent(p.share)} from ${p.from === i ? "itself" : name(p.from)}`);
    const said = parts.length > 1 ? parts.slice(0, -1).join(", ") + " and " + parts.at(-1) : parts[0] ?? "a little of everything";
    const w = model.windows[state.layer - 1];
    return `In layer ${state.layer}, ${which()}, ${subject} took ${said}.` + (w && w <= i ? ` This layer sees ${w} words back.` : "");
  }

  function showGrid() {
    const i = shown(), grid = $("grid");
    if (!state.layer) { $("by-head").hidden = true; return; }
    $("by-head").hidden = false;
    const mean = pours(state.layer, MEAN, i).sort((a, b) => b.share - a.share).slice(0, 8).map(p => p.from).sort((a, b) => a - b);
    const head = make("tr", {}, make("th", {textContent: "taken from", scope: "col"}), ...mean.map(p => make("th", {scope: "col", textContent: `${p + 1} ${label(tokens[p].text)}`})));
    const rows = [];
    for (let h = 0; h <= H; h++) {
      const share = new Map(pours(state.layer, h, i).map(p => [p.from, p.share]));
      const button = make("button", {type: "button"});
      if (h) button.append(make("span", {className: "dot", style: `background:${headHue(h)}`}), "head " + h);
      else button.append("average");
      button.setAttribute("aria-pressed", state.head === h);
      button.addEventListener("click", () => setHead(h));
      rows.push(make("tr", {className: h ? "" : "mean"}, make("th", {scope: "row"}, button), ...mean.map(p => {
        const s = share.get(p) ?? 0;
        return make("td", {textContent: s ? percent(s) : data.whole ? "0%" : "\u2013", style: `background:rgba(var(--wash),${(0.5 * s).toFixed(3)})`});
      })));
    }
    const at = document.activeElement?.closest?.("#grid tr"), index = at ? [...grid.rows].indexOf(at) : -1;
    grid.replaceChildren(make("thead", {}, head), make("tbody", {}, ...rows));
    if (index > 0) grid.rows[index]?.querySelector("button")?.focus();
  }

  const fill = (list, candidates, came) => {
    const most = candidates[0].probability || 1;
    list.replaceChildren(...candidates.map(c => {
      const bar = make("span", {className: "bar", style: `width:${(100 * c.probability / most).toFixed(1)}%`});
      bar.setAttribute("aria-hidden", "true");
      return make("li", {className: c.id === came ? "came" : ""}, make("span", {className: "name", textContent: label(c.text)}),
        make("span", {className: "number", textContent: percent(c.probability)}), bar);
    }));
  };

  const stops = [];
  let ribbonOf = null;
  function buildRibbon(lens, answer) {
    stops.length = 0;
    $("ribbon").replaceChildren(...lens.guesses.map((g, l) => {
      const b = make("button", {type: "button", className: g.top[0].id === answer ? "final" : ""}, make("small", {textContent: l ? "layer " + l : "start"}),
        make("b", {textContent: label(g.top[0].text)}), make("small", {textContent: percent(g.top[0].probability)}));
      b.addEventListener("click", () => setLayer(l));
      stops.push(b);
      return make("li", {}, b);
    }));
  }

  function showLens() {
    const i = shown(), lens = lenses.get(i), have = Boolean(lens);
    $("ribbon-box").hidden = $("stop-title").hidden = !have;
    $("stop").hidden = !have || state.layer === L; // "What comes next" has it
    if (!have) {
      ribbonOf = null;
      $("settled").textContent = `For a text of this length the page holds the lens of ${name(data.token)} only.`;
      return;
    }
    const end = lens.guesses[L].top[0], g = lens.guesses[state.layer];
    if (ribbonOf !== i) { buildRibbon(lens, end.id); ribbonOf = i; }
    stops.forEach((b, l) => b.setAttribute("aria-pressed", l === state.layer));
    const box = $("ribbon-box"), at = stops[state.layer];
    const left = at.offsetLeft - box.offsetLeft;
    if (left < box.scrollLeft || left + at.offsetWidth > box.scrollLeft + box.clientWidth) box.scrollLeft = left - box.clientWidth / 2;
    $("settled").textContent = `After ${name(i)} the model says ${quote(end.text)}. ` + (lens.settled_after === 0 ? "That stood before the first layer and never changed."
      : lens.settled_after === L ? "It settled on that only in the last layer." : `It settled on that after layer ${lens.settled_after}.`);
    $("stop-title").textContent = (state.layer === 0 ? "Before the first layer it would say" : state.layer === L ? "After the last layer it says what comes next, below" : `After layer ${state.layer} it would say`)
      + (state.layer < L && g.top[0].id !== end.id ? ` (${quote(end.text)} is number ${g.answer_rank}, with ${percent(g.answer_probability)})` : "");
    fill($("stop"), g.top, end.id);
  }

  function showNext() {
    const i = shown(), lens = lenses.get(i), next = i + 1 < T ? tokens[i + 1] : null;
    const list = i === data.token ? data.candidates : lens ? lens.guesses[L].top : null;
    $("next-title").textContent = `What comes after ${name(i)}`;
    $("candidates").hidden = !list;
    $("next-note").hidden = !next;
    if (next) $("next-note").textContent = `In the text it is ${quote(next.text)}${list ? (list.some(c => c.id === next.id) ? ", underlined here." : ", which is not among these.") : "."}`;
    if (list) fill($("candidates"), list, next?.id);
  }

  function refresh() {
    slider.value = state.layer;
    slider.setAttribute("aria-valuetext", "layer " + layerName(state.layer));
    $("layer-out").textContent = layerName(state.layer);
    $("back").disabled = state.layer === 0;
    $("forth").disabled = state.layer === L;
    showShelf();
    showGrid();
    showLens();
    showNext();
  }

  if (!data.whole) {
    $("cutoff").hidden = false;
    $("cutoff").textContent = `In so long a text, shares below 0.1% and those after a word's ${data.keep} greatest are left out.`;
  }
  document.body.classList.toggle("many", T > 40);
  document.body.classList.toggle("long", T > 40);
  if (T > 40) document.querySelector("h1").tabIndex = 0; // it scrolls
  $("app").hidden = false;
  refresh();
  new ResizeObserver(() => showShelf()).observe($("shelf"));
})();
