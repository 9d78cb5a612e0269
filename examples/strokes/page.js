"use strict";

const facts = JSON.parse(document.getElementById("facts").textContent);
const COLOURS = ["#4c8dff", "#14b8a6", "#f59e0b", "#e0567a", "#8b6cf6", "#3fae49", "#c2913a", "#d65fb5", "#38a9d6", "#a0785a"];
const SUREST = 0.9995; // percentages above this are rounded to 100
const STEP_WIDTH = 6; // pixels of a step in the strips, while there is room
const element = (id) => document.getElementById(id);
const pad = element("pad"), shares = element("shares"), states = element("states"), moment = element("moment");
const bytesOf = (text) => Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));

// ---- The network: WebAssembly, whose only import is the exponential of its softmax ----

async function load() {
  const {instance: {exports: wasm}} = await WebAssembly.instantiate(bytesOf(facts.module), {math: {exp: Math.exp}});
  const x = new Float32Array(wasm.memory.buffer, wasm.input(), 3);
  const y = new Float32Array(wasm.memory.buffer, wasm.output(), facts.classes.length);
  const h = new Int16Array(wasm.memory.buffer, wasm.hidden(), facts.n_units);
  const state = new Uint8Array(wasm.memory.buffer, wasm.whole_state(), wasm.size_of_state());
  return {
    begin: wasm.begin,
    /* Takes a direction, or that the pen is lifted; returns what the network says and remembers then. */
    step(dx, dy, isLifted = false) {
      x.set([dx, dy, isLifted]);
      return {label: wasm.step(), probabilities: y.slice(), hidden: h.slice()};
    },
    state: () => state.slice(),
  };
}

// ---- Strokes: positions come in, and every `spacing` pixels the network takes a step ----

class Stroke {
  constructor(network) {
    this.network = network;
    this.steps = []; // with the position (x, y), and what the network said
    this.isDone = false;
    network.begin();
  }

  add(x, y) {
    this.last = {x, y};
    this.begin ??= this.last;
    this.pen ??= this.last;
    for (;;) {
      let dx = x - this.pen.x, dy = y - this.pen.y;
      const distance = Math.sqrt(dx * dx + dy * dy);
      if (distance < facts.spacing) return;
      dx /= distance, dy /= distance;
      this.pen = {x: this.pen.x + facts.spacing * dx, y: this.pen.y + facts.spacing * dy};
      this.steps.push({...this.pen, ...this.network.step(dx, dy)});
    }
  }

  /* The pen is lifted. */
  end() {
    if (this.steps.length) this.steps.push({...this.pen, ...this.network.step(0, 0, true)});
    this.isDone = true;
  }
}

let network, stroke = null, shown = null; // `shown`: number of the step to look at, null for the last
let playing = 0, isPlanned = false;

function start() {
  cancelAnimationFrame(playing);
  stroke = new Stroke(network);
  shown = null;
  element("result").textContent = "";
}

function finish() {
  stroke.end();
  const step = stroke.steps.at(-1);
  if (step) element("result").textContent = `${facts.classes[step.label]}, ${percent(step.probabilities[step.label])}`;
  else stroke = null; // a tap
  plan();
}

function clear() {
  cancelAnimationFrame(playing);
  stroke = shown = null;
  element("result").textContent = "";
  plan();
}

function where(event) {
  const box = pad.getBoundingClientRect();
  return [event.clientX - box.left, event.clientY - box.top];
}

pad.addEventListener("pointerdown", (event) => {
  if (!network || event.button || !event.isPrimary) return;
  start();
  stroke.pointer = event.pointerId;
  try { pad.setPointerCapture(event.pointerId); } catch { /* of a pointer that is no more */ }
  stroke.add(...where(event));
  plan();
});
pad.addEventListener("pointermove", (event) => {
  if (!stroke || stroke.isDone || stroke.pointer !== event.pointerId) return;
  const events = event.getCoalescedEvents?.() ?? [];
  for (const one of events.length ? events : [event]) stroke.add(...where(one));
  plan();
});
for (const name of ["pointerup", "pointercancel"]) {
  pad.addEventListener(name, (event) => {
    if (stroke && !stroke.isDone && stroke.pointer === event.pointerId) finish();
  });
}
element("clear").addEventListener("click", clear);
addEventListener("keydown", (event) => { if (event.key === "Escape") clear(); });
moment.addEventListener("input", () => { shown = moment.value - 1; plan(); });
for (const strip of [shares, states]) {
  strip.addEventListener("pointermove", (event) => {
    if (!stroke?.isDone) return;
    const at = Math.floor(event.offsetX / stepWidth(strip.clientWidth));
    shown = at < stroke.steps.length ? at : null;
    plan();
  });
  strip.addEventListener("pointerleave", () => { shown = null; plan(); });
}

// ---- Examples: differences of positions, one byte each ----

const examples = facts.examples.map((ofClass) => ofClass.map((text) => {
  const steps = new Int8Array(bytesOf(text).buffer), points = [[0, 0]];
  for (let k = 0; k < steps.length; k += 2) points.push([points.at(-1)[0] + steps[k], points.at(-1)[1] + steps[k + 1]]);
  return points;
}));
const plays = facts.classes.map(() => 0);

function extent(points) {
  const [x, y] = [0, 1].map((k) => points.map((point) => point[k]));
  const left = Math.min(...x), top = Math.min(...y);
  return {left, top, width: Math.max(...x) - left, height: Math.max(...y) - top};
}

function play(label) {
  const points = examples[label][plays[label]++ % examples[label].length], box = extent(points);
  const scale = Math.min(1, (pad.clientWidth - 40) / box.width, (pad.clientHeight - 90) / box.height);
  const x0 = (pad.clientWidth - scale * box.width) / 2 - scale * box.left;
  const y0 = (pad.clientHeight - 30 - scale * box.height) / 2 - scale * box.top;
  const isStill = matchMedia("(prefers-reduced-motion: reduce)").matches;
  start();
  let begin, next = 0;
  playing = requestAnimationFrame(function frame(now) {
    begin ??= now;
    const until = isStill ? points.length : Math.min(points.length, (now - begin) / 22);
    for (; next < until; next++) stroke.add(x0 + scale * points[next][0], y0 + scale * points[next][1]);
    if (next < points.length) playing = requestAnimationFrame(frame);
    else finish();
    plan();
  });
}

// ---- What is shown ----

const rows = facts.classes.map((name, label) => {
  const box = extent(examples[label][0]), margin = 0.08 * Math.max(box.width, box.height, 1);
  const row = document.createElement("li");
  row.style.setProperty("--colour", COLOURS[label]);
  const view = [box.left - margin, box.top - margin, box.width + 2 * margin, box.height + 2 * margin];
  row.innerHTML = `<button type="button"><svg viewBox="${view.join(" ")}" aria-hidden="true">
    <polyline vector-effect="non-scaling-stroke" points="${examples[label][0].join(" ")}"/></svg>
    <span class="name">${name}</span><span class="bar"><span></span></span><span class="percent"></span></button>`;
  row.querySelector("button").addEventListener("click", () => network && play(label));
  element("classes").append(row);
  return {row, bar: row.querySelector(".bar span"), percent: row.querySelector(".percent")};
});

const percent = (p) => p > SUREST ? "100 %" : `${(100 * p).toFixed(p > 0.995 ? 1 : 0)} %`;
const theme = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
const rgb = (colour) => [1, 3, 5].map((k) => parseInt(colour.slice(k, k + 2), 16));
const mix = (from, to, share) => from.map((value, k) => Math.round(value + share * (to[k] - value)));
const css = (colour) => `rgb(${colour.join(" ")})`;
const colours = COLOURS.map(rgb);
const stepWidth = (width) => Math.min(STEP_WIDTH, width / Math.max(stroke?.steps.length ?? 1, 1));

/* A canvas, cleared, of as many pixels as the screen has there; units are those of CSS. */
function cleared(canvas) {
  const ratio = devicePixelRatio, {clientWidth: width, clientHeight: height} = canvas, context = canvas.getContext("2d");
  if (canvas.width !== Math.round(width * ratio) || canvas.height !== Math.round(height * ratio)) {
    canvas.width = Math.round(width * ratio);
    canvas.height = Math.round(height * ratio);
  }
  context.setTransform(ratio, 0, 0, ratio, 0, 0);
  context.clearRect(0, 0, width, height);
  return {context, width, height};
}

function plan() {
  if (isPlanned) return;
  isPlanned = true;
  requestAnimationFrame(() => { isPlanned = false; draw(); });
}

function draw() {
  const steps = stroke?.steps ?? [], at = shown ?? steps.length - 1, step = steps[at];
  drawPad(steps, at);
  drawBars(step);
  drawShares(steps);
  drawStates(steps);
  for (const strip of [shares, states]) if (shown !== null) drawMarker(strip, at);
  moment.disabled = !stroke?.isDone || !step;
  moment.max = Math.max(steps.length, 1);
  moment.value = at + 1;
  moment.style.width = `${Math.max(100 * steps.length * stepWidth(states.clientWidth) / states.clientWidth, 4)}%`;
  element("when").textContent = step ? `step ${at + 1} of ${steps.length}` : "";
}

function drawPad(steps, at) {
  const {context, width, height} = cleared(pad), muted = rgb(theme("--muted"));
  context.fillStyle = theme("--dot");
  for (let x = 16; x < width; x += 24) for (let y = 16; y < height; y += 24) context.fillRect(x, y, 2, 2);
  element("hint").hidden = Boolean(stroke);
  element("hint").style.display = stroke ? "none" : "";
  if (!stroke?.begin) return;
  context.lineWidth = 5;
  context.lineCap = context.lineJoin = "round";
  const card = rgb(theme("--card")), {begin} = stroke;
  let from = begin, corner = begin;
  steps.forEach((step, t) => { // in the colour of what the network took it for then
    const colour = mix(muted, colours[step.label], step.probabilities[step.label]);
    const to = {x: (corner.x + step.x) / 2, y: (corner.y + step.y) / 2}; // halfway, so that corners are round
    context.strokeStyle = css(t > at ? mix(card, colour, 0.3) : colour);
    context.beginPath();
    context.moveTo(from.x, from.y);
    context.quadraticCurveTo(corner.x, corner.y, to.x, to.y);
    context.stroke();
    from = to;
    corner = step;
  });
  const pen = shown === null ? stroke.last : steps[at];
  context.fillStyle = theme("--text");
  context.beginPath();
  context.arc(pen.x, pen.y, stroke.isDone && shown === null ? 0 : 6, 0, 7);
  context.fill();
}

function drawBars(step) {
  rows.forEach(({row, bar, percent: text}, label) => {
    const p = step?.probabilities[label] ?? 0;
    bar.style.transform = `scaleX(${p})`;
    text.textContent = step ? percent(p) : "";
    row.classList.toggle("is-best", step?.label === label);
  });
  const verdict = element("verdict");
  verdict.textContent = step ? facts.classes[step.label] : "";
  if (step) {
    verdict.style.color = COLOURS[step.label];
    verdict.append(Object.assign(document.createElement("small"), {textContent: percent(step.probabilities[step.label])}));
  }
}

function drawShares(steps) {
  const {context, width, height} = cleared(shares), w = stepWidth(width);
  steps.forEach((step, t) => {
    let top = 0;
    step.probabilities.forEach((p, label) => {
      context.fillStyle = COLOURS[label];
      context.fillRect(t * w, height * top, w + 0.5, height * p + 0.5);
      top += p;
    });
  });
}

const picture = document.createElement("canvas"); // one pixel for each unit and step

function drawStates(steps) {
  const {context, width, height} = cleared(states), n = facts.n_units;
  if (!steps.length) return;
  const [negative, zero, positive] = ["--negative", "--zero", "--positive"].map((name) => rgb(theme(name)));
  const image = new ImageData(steps.length, n);
  steps.forEach(({hidden}, t) => facts.order.forEach((unit, row) => {
    const h = hidden[unit] / 32768;
    image.data.set([...mix(zero, h < 0 ? negative : positive, Math.abs(h)), 255], 4 * (row * steps.length + t));
  }));
  picture.width = steps.length;
  picture.height = n;
  picture.getContext("2d").putImageData(image, 0, 0);
  context.imageSmoothingEnabled = false;
  context.drawImage(picture, 0, 0, steps.length * stepWidth(width), height);
}

function drawMarker(strip, at) {
  const context = strip.getContext("2d"), w = stepWidth(strip.clientWidth);
  context.fillStyle = theme("--text");
  context.fillRect((at + 0.5) * w - 0.75, 0, 1.5, strip.clientHeight);
}

function showSpeed() {
  const n = 1000, times = [];
  network.begin();
  for (let k = 0; k < 5; k++) { // until the browser has compiled it
    const begin = performance.now();
    for (let t = 0; t < n; t++) network.step(Math.cos(t), Math.sin(t));
    times.push(1000 * (performance.now() - begin) / n);
  }
  element("speed").textContent = `A step takes some ${Math.max(1, Math.round(Math.min(...times)))} µs in this browser.`;
}

const ready = load().then((loaded) => {
  network = loaded;
  showSpeed();
  plan();
});
ready.catch(() => { element("hint").textContent = "This browser cannot run WebAssembly, which the network is compiled to."; });
addEventListener("resize", plan);
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", plan);
