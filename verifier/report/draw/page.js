"use strict";
// The page of verifier: filters, opening a case, stepping through backprop. Texts become text nodes; only drawings and formulas, read as XML, become markup.
(() => {
const byId = (id) => document.getElementById(id);
const rows = [...document.querySelectorAll("tr.case")];
for (const row of rows) { // what the table says, for filters and for who cannot see it
  const [status, , verdict, , codes] = [...row.cells].map((c) => c.textContent);
  Object.assign(row.dataset, { status, verdict, codes: codes.split(" ").filter((w) => /^V\d+$/.test(w)).join(" ") });
  row.querySelector("button").setAttribute("aria-expanded", "false");
}
const reading = unpacked(byId("details").textContent);
let lines = null, serial = 0;

// ---------------------------------------------------------------- elements

function make(tag, options, ...children) {
  const node = document.createElement(tag);
  for (const [key, value] of Object.entries(options || {})) {
    if (value === undefined || value === "" || value === false) continue;
    if (key === "class") node.className = value; else node.setAttribute(key, value === true ? "" : value);
  }
  node.append(...children.filter((c) => c !== undefined && c !== null && c !== ""));
  return node;
}

function button(text, act, options) {
  const node = make("button", { type: "button", ...options }, text);
  node.addEventListener("click", act);
  return node;
}

function drawn(text) { // SVG or MathML, read strictly: what is no XML is not shown, and nothing in it can run
  const read = new DOMParser().parseFromString(text, "application/xml");
  if (read.querySelector("parsererror")) return document.createTextNode("");
  for (const node of [read.documentElement, ...read.querySelectorAll("*")]) {
    if (["script", "foreignObject", "iframe", "style"].includes(node.localName)) { node.remove(); continue; }
    for (const { name } of [...node.attributes]) if (/^on|href$|^style$/i.test(name)) node.removeAttribute(name);
  }
  return document.importNode(read.documentElement, true);
}

const math = (text) => drawn('<math xmlns="http://www.w3.org/1998/Math/MathML" displaystyle="true">' + text + "</math>");

function scrolled(label, node) { // wide tables scroll in a region of their own, which keys can reach
  return make("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": label }, node);
}

function table(label, heads, body) {
  const head = make("tr", {}, ...heads.map((h) => make("th", { scope: "col", class: h.startsWith(">") ? "num" : "" }, h.replace(/^>/, ""))));
  return scrolled(label, make("table", { "aria-label": label }, make("thead", {}, head), make("tbody", {}, ...body)));
}

const cell = (text, css) => make("td", { class: css }, text);
const badge = (text, kind) => make("span", { class: "badge " + kind }, text.replaceAll("_", "-"));

function titled(text, ...children) {
  const id = "s" + serial++;
  return make("section", { "aria-labelledby": id }, make("h3", { id }, text), ...children);
}

function copier(text, what) { // "" where this browser lets no page copy
  if (!navigator.clipboard) return "";
  const copy = button("Copy", () => navigator.clipboard.writeText(text).then(() => { copy.textContent = "Copied"; copy.setAttribute("aria-label", "Copied: " + what); }), { "aria-label": "Copy " + what });
  return copy;
}

const command = (text) => make("div", { class: "command" }, make("code", {}, text), copier(text, "the command " + text));

// ---------------------------------------------------------------- the parts of a case

function finding(f) {
  const kind = f.expected ? "is-known" : "is-" + f.severity;
  const node = make("div", { class: "finding " + kind },
    make("h4", {}, badge(f.code, f.expected ? "known" : f.severity === "error" ? "fail" : "warn"), f.name + (f.expected ? " (the case expects it)" : "")),
    make("p", {}, f.message), make("p", { class: "mono" }, f.place + (f.at ? "   at " + f.at : "")));
  if (f.source && f.source.trim()) {
    const start = f.column - 1, end = Math.min(f.source.length, start + Math.max(1, f.width));
    node.append(make("pre", { tabindex: "0", "aria-label": "The line" }, String(f.line).padStart(4) + "  ", f.source.slice(0, start), make("mark", {}, f.source.slice(start, end)), f.source.slice(end)));
  } else if (f.statement) node.append(make("pre", { tabindex: "0", "aria-label": "The statement" }, f.statement));
  if (f.repair) node.append(make("pre", { tabindex: "0", "aria-label": "The repair" }, ...f.repair[0] === f.repair[1].split("\n")[0] ? [" ", f.repair[0] + "\n"] : [make("span", { class: "minus" }, "- " + f.repair[0])], ...f.repair[1].split("\n").filter((l) => l && l !== f.repair[0]).map((l) => make("span", { class: "plus" }, "+ " + l))),
    make("p", { class: "note" }, (f.repair[1] ? "With this line" : "Without this line") + " its gradients are certified to be right at the points of the case, at others, and for another gradient that flows in."));
  if (f.details.length) node.append(make("ul", { class: "figures mono" }, ...f.details.map((d) => make("li", {}, d))));
  node.append(command(f.command), command("python -m verifier explain " + f.code));
  return node;
}

function better(b) {
  const said = (label, ...children) => make("pre", { tabindex: "0", "aria-label": label }, ...children);
  const marked = (text, css, sign) => text.split("\n").map((l) => make("span", { class: css }, sign + l));
  const rows = b.rows.map(([where, formula, points, ...figures]) => make("tr", {}, make("td", { class: "mono" }, where, formula && make("span", { class: "formula-of" }, formula)), cell(points, "num"), ...figures.map((f) => cell(f, "num"))));
  const patch = b.patch ? [said("The patch", ...b.patch.replace(/\n$/, "").split("\n").map((l) => make("span", { class: /^\+(?!\+\+ )/.test(l) ? "plus" : /^-(?!-- )/.test(l) ? "minus" : "same" }, l))),
    make("div", { class: "command" }, make("span", { class: "note" }, b.patch.startsWith("--- a/") ? "for git apply, or patch -p1" : "for patch, with the name of the file"), copier(b.patch, "the patch of " + b.who))] : [];
  return make("div", { class: "finding is-better" },
    make("h4", {}, `${b.who}${b.format === "float64" ? "" : ", " + b.format} `, badge(b.before[0], b.before[1]), " \u2192 ", badge(b.after[0], b.after[1]), make("span", { class: "note" }, " at worst")),
    make("p", { class: "mono" }, b.place),
    said("The line and the better one", ...marked(b.old, "minus", "- "), ...marked(b.new, "plus", "+ ")),
    make("p", {}, make("strong", {}, b.proof), b.words ? ": " + b.words : "", `. It takes ${b.cost} times the time of this statement.`),
    table("Errors before and after of " + b.who, ["inputs", ">points", ">worst ulps before", ">after", ">median before", ">after", ">bits lost before", ">after"], rows),
    make("p", { class: "note" }, "Measured at points that the search had not seen."),
    ...(b.why ? [make("p", { class: "note" }, "There is no patch: " + b.why + ".")] : []),
    ...(patch.length ? [folded("The patch", patch)] : []), b.command ? command(b.command) : "");
}

function formula(f) {
  const left = f.name ? "\u2202f/\u2202" + f.name : "f";
  return make("div", { class: "formula", tabindex: "0", role: "group", "aria-label": f.name ? "The derivative by " + f.name : "The function" }, make("span", { class: "left mono" }, left + " ="), f.mathml ? math(f.mathml) : make("code", {}, f.text));
}

function program(i, guilty) {
  const body = [];
  let half = -1;
  for (const [text, value, exact, ulps, adjoint, backward, line] of i.lines) {
    if (backward !== half) body.push(make("tr", { class: "half" }, make("th", { scope: "rowgroup", colspan: "6" }, (half = backward) ? "backward" : "forward")));
    const bad = line && guilty.get(line);
    body.push(make("tr", { class: bad ? "guilty" : "" }, cell(line ? String(line) : "", "num"), make("td", { class: "mono" }, text, bad ? make("strong", {}, "   \u2190 " + bad) : ""),
      cell(value, "num " + (backward ? "backward" : "forward")), cell(exact, "num"), cell(ulps, "num"), cell(adjoint, "num backward")));
  }
  return table("The program of " + i.name, [">line", "statement", ">value", ">exact", ">ulps", ">adjoint (exact)"], body);
}

function ledger(l) {
  const shares = l.rows.map((r) => Number(r[4])), low = Math.min(0, ...shares), high = Math.max(0, ...shares), span = high - low || 1;
  const body = l.rows.map(([statement, line, own, ulps, share, condition]) => {
    const bar = make("i", { class: Number(share) < 0 ? "less" : "" }), box = make("div", { class: "bar", "aria-hidden": "true" }, bar);
    box.style.setProperty("--zero", (100 * -low / span) + "%");
    bar.style.left = (100 * (Math.min(0, share) - low) / span) + "%";
    bar.style.width = (100 * Math.abs(share) / span) + "%";
    return make("tr", {}, cell(line ? String(line) : "", "num"), cell(statement + (condition ? "   condition " + condition : ""), "mono"), cell(own, "num"), cell(ulps, "num"), cell((100 * Number(share)).toFixed(1) + " %", "num"), make("td", {}, box));
  });
  return make("div", {}, make("h4", {}, `${l.who}${l.format === "float64" ? "" : ", " + l.format}: ${l.ulps} ulp`), make("p", { class: "note" }, "at " + l.at + (l.alike ? `; the same for ${l.alike.join(", ")}, up to the sign` : "")),
    table("Where the error of " + l.who + " comes from", [">line", "statement", ">own rounding", ">effect in ulps", ">share", "as a bar"], body), l.more ? make("p", { class: "note" }, `${l.more} more statements`) : "");
}

// ---------------------------------------------------------------- backprop, gate by gate

const LARGER = 1.3; // with which a circuit's letters have about the size of those around it
const numbers = (text) => (text.match(/-?(inf|nan|\d[\d.]*(e[-+]?\d+)?)/g) || []).map((n) => Number(n.replace("inf", "Infinity")));

function holds(terms, result, combine, size) { // whether an equation is true, as far as the digits that are written can say: six, of arrays three
  const half = result.includes("[") ? 0.005 : 0.000005, given = terms.map(numbers), wanted = numbers(result);
  return wanted.length > 0 && given.every((g) => g.length === wanted.length) && wanted.every((w, k) => {
    const found = given.map((g) => g[k]), all = found.reduce(combine);
    return Object.is(all, w) || Math.abs(all - w) <= 1.01 * half * (size(found, all) + Math.abs(w)) + 4 * Number.MIN_VALUE;
  });
}

// A backward pass that is wrong, or rounds badly, has other numbers than those of the equation: then they stand beside it, and no equals sign is written.
const beside = (figure) => figure.startsWith("(") ? "; exact: " : "; this program has ";
const total = (parts, figure) => (holds(parts, figure, (a, b) => a + b, (found) => found.reduce((a, b) => a + Math.abs(b), 0)) ? " = " : beside(figure)) + figure;
const product = (local, flow, figure) => `local gradient ${local} \u00d7 ${flow}` + (holds([local, flow], figure, (a, b) => a * b, (_, all) => 2 * Math.abs(all)) ? " = " : beside(figure));

function player(i) {
  const gates = i.gates.map(([key, kind, symbol, name, text, args, value, gradient, partials, flows]) => ({ key, kind, symbol, name, text, args, value, gradient, partials, flows, title: name || text || symbol, uses: 0 }));
  gates.forEach((g) => g.args.forEach((a, n) => { if (g.flows[n]) gates[a].uses++; }));
  const inner = gates.filter((g) => g.args.length && g.kind !== "output");
  const frames = [...inner.map((g) => [false, g]), ...gates.filter((g) => g.args.some((_, n) => g.flows[n])).reverse().map((g) => [true, g])];
  let now = frames.length, timer = 0;
  const body = new Map(gates.filter((g) => g.kind !== "output").map((g) => [g, make("tr", {}, cell(g.kind === "input" ? "input" : g.symbol, "mono"), cell((g.name && g.text && g.name !== g.text ? g.name + " = " : "") + (g.text || g.name || g.symbol), "mono"), cell("", "num forward"), cell("", "num backward"))]));
  const board = make("div", { class: "board", role: "status", "aria-live": "polite" });
  const list = table("The gates of " + i.name, ["gate", "what it computes", ">value", ">gradient"], [...body.values()]);
  list.classList.add("gates");
  const drawing = i.circuit ? drawn(i.circuit) : null, picture = [];
  if (drawing && drawing.style) { // readable at a projector: larger where there is room, never smaller
    const width = Number(drawing.getAttribute("width"));
    drawing.style.width = `clamp(${width}px, 100%, ${LARGER * width}px)`;
  }
  for (const node of drawing && drawing.querySelectorAll ? drawing.querySelectorAll("[id]") : []) { // ids are unique in a circuit, not on a page
    picture.push({ node, gate: gates.find((g) => g.key === node.id), source: gates.find((g) => g.key === node.dataset.source), target: gates.find((g) => g.key === node.dataset.target) });
    node.removeAttribute("id");
    const line = node.classList.contains("wire") && node.querySelector("path");
    if (line) { const wide = line.cloneNode(); wide.setAttribute("class", "hit"); line.before(wide); } // a wire is thin: its title is shown in a wider band
  }

  function arrived(until) { // what has flowed into every gate before a frame
    const parts = new Map(gates.map((g) => [g, []]));
    for (const [back, g] of frames.slice(0, until)) if (back) g.args.forEach((a, n) => { if (g.flows[n]) parts.get(gates[a]).push(g.flows[n]); });
    return parts;
  }

  function words(frame, parts) {
    if (!frame) return [make("p", {}, now ? "All values and gradients." : "Nothing is computed yet."), make("p", { class: "note" }, "Next, or the key \u2192: forward, gate by gate, the values; then backward the gradients. Figures in parentheses are exact: the program does not compute them.")];
    const [back, g] = frame;
    if (!back) return [make("p", {}, `Forward, ${now} of ${inner.length}: `, make("code", {}, `${g.symbol}   ${g.title}`)), make("p", { class: "mono" }, g.args.map((a) => gates[a].title + " = " + gates[a].value).join(", ") + "   \u2192   ", make("span", { class: "forward" }, g.value))];
    const step = `Backward, ${now - inner.length} of ${frames.length - inner.length}: `;
    if (g.kind === "output") return [make("p", {}, step + "the gradient that flows into the output is ", make("span", { class: "backward mono" }, g.flows[0] || g.gradient))];
    const said = [make("p", {}, step, make("code", {}, `${g.symbol}   ${g.title}`), "; the gradient that flows in is ", make("span", { class: "backward mono" }, g.gradient))];
    g.args.forEach((a, n) => {
      if (!g.flows[n]) return;
      const all = parts.get(gates[a]), sum = all.length > 1 ? `   adds up: ${all.join(" + ")}${all.length === gates[a].uses ? total(all, gates[a].gradient) : ""}` : "";
      said.push(make("p", { class: "mono" }, `to ${gates[a].title}: ` + (g.partials[n] ? product(g.partials[n], g.gradient, g.flows[n]) : ""), make("span", { class: "backward" }, g.flows[n]), sum));
    });
    return said;
  }

  function show(to, spoken = true) {
    now = Math.max(0, Math.min(frames.length, to));
    const frame = now && (spoken || now < frames.length) ? frames[now - 1] : null, parts = arrived(now);
    const valued = new Set(gates.filter((g) => !g.args.length)), passed = new Set();
    for (const [back, g] of frames.slice(0, now)) (back ? passed : valued).add(g);
    if (now >= inner.length) gates.filter((g) => g.kind === "output").forEach((g) => valued.add(g));
    const whole = (g) => now === frames.length || (g.uses > 0 && parts.get(g).length === g.uses);
    for (const [g, row] of body) {
      row.cells[2].textContent = valued.has(g) ? g.value : "";
      row.cells[3].textContent = whole(g) ? g.gradient : parts.get(g).length ? parts.get(g).join(" + ") + " + \u2026" : "";
      row.className = frame && frame[1] === g ? "now" : "";
    }
    for (const { node, gate, source, target } of picture) {
      node.classList.toggle("is-now", Boolean(frame) && (gate === frame[1] || target === frame[1]) && Boolean(gate || target));
      node.classList.toggle("hide-value", !valued.has(gate || source));
      node.classList.toggle("hide-gradient", now < frames.length && (gate ? !(whole(gate) || (gate.kind === "output" && now > inner.length)) : !(passed.has(target))));
    }
    board.replaceChildren(...words(frame, parts));
    const row = frame && spoken && body.get(frame[1]);
    if (row) list.scrollTop = Math.max(0, row.offsetTop - list.clientHeight / 2);
    const seen = frame && spoken && picture.find((p) => p.gate === frame[1]), region = seen && drawing.closest(".scroll"); // a circuit may be wider than the screen
    if (region) {
      const gate = seen.node.getBoundingClientRect(), view = region.getBoundingClientRect();
      if (gate.left < view.left || gate.right > view.right) region.scrollLeft += (gate.left + gate.right - view.left - view.right) / 2;
    }
  }

  function play() {
    if (timer) { clearInterval(timer); timer = 0; run.textContent = "Play"; return; }
    if (now >= frames.length) show(0);
    run.textContent = "Pause";
    timer = setInterval(() => { show(now + 1); if (now >= frames.length) play(); }, 1500);
  }
  const run = button("Play", play);
  const box = make("div", { class: "player", role: "group", tabindex: "0", "aria-label": "Backprop of " + i.name + ", gate by gate" },
    make("div", { class: "steps" }, button("Start", () => show(0)), button("Back", () => show(now - 1)), button("Next", () => show(now + 1)), run, button("End", () => show(frames.length, false)), make("span", { class: "note" }, "keys: \u2190 \u2192 Home End")),
    board, drawing ? make("figure", { class: "picture" }, scrolled("The circuit of " + i.name, drawing)) : "", ...(i.notes || []).map((n) => make("p", { class: "note" }, n)), folded("The gates as a table", [list]));
  box.addEventListener("keydown", (event) => {
    const to = { ArrowRight: now + 1, ArrowLeft: now - 1, Home: 0, End: frames.length }[event.key];
    if (to === undefined || event.ctrlKey || event.altKey || event.metaKey) return;
    event.preventDefault();
    show(to, event.key !== "End");
  });
  show(frames.length, false);
  return box;
}

// ---------------------------------------------------------------- a case

function sheet(c) {
  const found = [];
  if (c.about) found.push(make("p", {}, c.about));
  if (c.source) found.push(make("p", { class: "note" }, "Source: " + c.source));
  if (c.basis) found.push(make("p", { class: "note" }, "Basis: " + c.basis + (c.by ? ", computed by " + c.by : "")));
  if (c.findings) found.push(titled("Findings", ...c.findings.map(finding)));
  if (c.better) found.push(titled(c.better.length > 1 ? "Better lines" : "A better line", ...c.better.map(better)));
  if (c.unimproved) found.push(titled("A better line", make("p", { class: "note" }, c.unimproved[0].toUpperCase() + c.unimproved.slice(1) + ".")));
  if (c.formulas) found.push(titled(c.formulas.length > 1 ? "The function and its gradient" : "The function", ...c.formulas.map(formula)));
  for (const i of c.implementations || []) {
    const guilty = new Map((c.findings || []).filter((f) => f.implementation === i.name && f.severity === "error").map((f) => [f.line, f.code]));
    const parts = [make("p", { class: "note mono" }, `${i.format}, at ${i.at}`)];
    if (i.gates.length) parts.push(make("h4", {}, "The circuit: backprop, gate by gate"), player(i));
    else if (i.circuit) parts.push(make("figure", { class: "picture" }, scrolled("The circuit of " + i.name, drawn(i.circuit))));
    if (i.lines.length) parts.push(make("h4", {}, "Line by line"), program(i, guilty));
    if (parts.length > 1) found.push(titled("The program of " + i.name, ...parts));
  }
  if (c.results) found.push(titled("Gradients", table("Gradients", ["gradient", "verdict", ">computed", ">exact", ">ulps", ">condition", "remarks"],
    c.results.map((r) => make("tr", {}, cell(r.who + (r.format === "float64" ? "" : ", " + r.format), "mono"), make("td", {}, badge(r.verdict, r.kind)), cell(r.computed, "num"), cell(r.exact, "num"), cell(r.ulps, "num"), cell(r.condition, "num"), cell([r.at && "at " + r.at, r.reason].filter(Boolean).join("; "))))),
    c.more ? make("p", { class: "note" }, `${c.more} more, which are no worse; --format json has them all.`) : ""));
  if (c.ledgers) found.push(titled("Where the rounding errors come from", ...c.ledgers.slice(0, 3).map(ledger), c.ledgers.length > 3 ? folded(`${c.ledgers.length - 3} more`, c.ledgers.slice(3).map(ledger)) : ""));
  if (c.plots) found.push(titled("The error over an input", ...c.plots.map((p) => {
    const drawing = drawn(p), title = drawing.querySelector && drawing.querySelector("title");
    if (title) { drawing.setAttribute("role", "img"); drawing.setAttribute("aria-label", title.textContent); }
    return make("figure", { class: "plot" }, scrolled("Plot", drawing), make("figcaption", {}, title ? title.textContent : ""));
  })));
  if (c.bounds) found.push(titled("Bounds for a whole domain", ...[...new Set(c.bounds.map((b) => b.where))].flatMap((where) => [
    make("p", {}, "for all ", make("span", { class: "mono" }, where || "of the domain")),
    table("Bounds", ["gradient", "outcome", ">at most", ">claim", "made by", "remarks"], c.bounds.filter((b) => b.where === where).map((b) => make("tr", {}, cell(`${b.who}, ${b.format}`, "mono"), make("td", {}, badge(b.outcome, b.kind)), cell(b.bound, "num"), cell(b.claim, "num"), make("td", { class: "mono wraps" }, ...b.lines.map((text) => make("div", {}, text))), cell(b.remarks, "wraps")))),
  ]), c.assumed ? make("div", { class: "note" }, "What they rest on:", make("ul", {}, ...c.assumed.map((text) => make("li", {}, text)))) : ""));
  if (c.regions) found.push(titled("Regions that the hunt found", table("Regions", ["gradient", "verdict", "where", "cause", "such as"], c.regions.map((r) => make("tr", {}, cell(r.who, "mono"), make("td", {}, badge(r.verdict, r.kind)), cell(r.where, "mono"), cell(r.cause), cell(r.at, "mono"))))));
  if (c.sweeps) found.push(titled("Many points", table("Many points", ["gradient", ">points", "verdicts", ">median", ">99 %", ">most ulps", "worst at"], c.sweeps.map((s) => make("tr", {}, cell(`${s.who}, ${s.format}`, "mono"), cell(s.points, "num"), make("td", {}, ...s.verdicts.flatMap(([v, n, kind]) => [badge(`${v} ${n}`, kind), " "])), cell(s.median, "num"), cell(s.p99, "num"), cell(s.max, "num"), cell(s.worst, "mono"))))));
  if (c.residuals) found.push(titled("Residuals", table("Residuals", ["difference", ">computed", ">expected", "outcome", "at"], c.residuals.map((r) => make("tr", {}, cell(r.what, "mono"), cell(r.computed, "num"), cell(r.expected, "num"), make("td", {}, r.met === null || r.met === undefined ? "" : badge(r.met ? "as expected" : "differs", r.met ? "pass" : "fail")), cell(r.at, "mono"))))));
  if (c.published) found.push(titled("Published figures", table("Published figures", ["name", ">computed", ">published", "outcome"], c.published.map((p) => make("tr", {}, cell(p.name, "mono"), cell(p.computed, "num"), cell(p.published, "num"), make("td", {}, badge(p.met ? "reproduced" : "differs", p.met ? "pass" : "fail")))))));
  if (c.proofs) found.push(titled("Proofs for all inputs", table("Proofs", ["gradient", "outcome", "where"], c.proofs.map(([who, kind, note]) => make("tr", {}, cell(who, "mono"), cell(kind), cell(note))))));
  if (c.notes || c.left) found.push(titled("Notes", make("ul", {}, ...[...(c.notes || []), ...(c.left || [])].map((n) => make("li", {}, n)))));
  if (c.commands) found.push(titled("In a terminal", ...c.commands.map(command)));
  return make("section", { class: "sheet", "aria-label": c.name }, make("h2", { class: "quiet" }, c.name), ...found);
}

const folded = (text, children) => make("details", {}, make("summary", {}, text), ...children);

async function unpacked(text) {
  const bytes = Uint8Array.from(atob(text.trim()), (c) => c.charCodeAt(0));
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
  return (await new Response(stream).text()).split("\n");
}

function show(row) {
  const next = row.nextElementSibling, control = row.querySelector("button");
  if (next && next.classList.contains("detail")) return next;
  const detail = make("tr", { class: "detail", id: row.id + "d" }, make("td", { colspan: "5" }, sheet(JSON.parse(lines[rows.indexOf(row)]))));
  row.after(detail);
  control.setAttribute("aria-controls", detail.id);
  return detail;
}

function toggle(row, open) {
  const control = row.querySelector("button"), detail = open || row.nextElementSibling?.classList.contains("detail") ? show(row) : null;
  if (detail) detail.hidden = !open;
  row.classList.toggle("open", open);
  control.setAttribute("aria-expanded", String(open));
  remember();
}

// ---------------------------------------------------------------- filters, theme, print, what a reload keeps

const fields = ["status", "verdict", "code", "text"].map(byId);

function filter() {
  const [status, verdict, code, text] = fields.map((f) => f.value.trim().toLowerCase());
  let shown = 0;
  for (const row of rows) {
    const d = row.dataset;
    const fits = (!status || d.status === status) && (!verdict || d.verdict === verdict) && (!code || d.codes.toLowerCase().split(" ").includes(code)) && (!text || row.cells[1].textContent.toLowerCase().includes(text));
    row.hidden = !fits;
    const detail = row.nextElementSibling;
    if (detail && detail.classList.contains("detail")) detail.hidden = !fits || !row.classList.contains("open");
    shown += fits;
  }
  byId("count").textContent = (shown === rows.length ? "" : `${shown} of `) + (rows.length === 1 ? "1 case" : `${rows.length} cases, the worst first`);
  remember();
}

function stored(act) { try { return act(); } catch { return null; } } // a page from a file may have no storage
const key = (row) => row.querySelector(".place").textContent.replace(/ cached$/, "") + " " + row.querySelector("button").textContent;

function remember() {
  stored(() => sessionStorage.setItem("verifier", JSON.stringify({ open: rows.filter((r) => r.classList.contains("open")).map(key), fields: fields.map((f) => f.value), at: window.scrollY })));
}

function recall() {
  const kept = stored(() => JSON.parse(sessionStorage.getItem("verifier")));
  if (!kept) return;
  kept.fields.forEach((value, i) => { fields[i].value = value; if (fields[i].value !== value) fields[i].value = ""; });
  filter();
  rows.filter((r) => kept.open.includes(key(r))).forEach((r) => toggle(r, true));
  window.scrollTo(0, kept.at);
}

const isDark = () => (document.documentElement.dataset.theme || (matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light")) === "dark";
function paint(theme) {
  if (theme) document.documentElement.dataset.theme = theme;
  byId("theme").textContent = isDark() ? "Light" : "Dark";
  byId("theme").setAttribute("aria-pressed", String(isDark()));
}
paint(stored(() => localStorage.getItem("verifier-theme")));
byId("theme").addEventListener("click", () => { const to = isDark() ? "light" : "dark"; paint(to); stored(() => localStorage.setItem("verifier-theme", to)); });
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => paint());

function openAll() { rows.filter((r) => !r.hidden).forEach((r) => toggle(r, true)); document.querySelectorAll("details").forEach((d) => { d.open = true; }); }
window.addEventListener("beforeprint", () => { if (lines) openAll(); });
byId("print").addEventListener("click", async () => { await reading; openAll(); window.print(); });

fields.forEach((f) => f.addEventListener("input", filter));
byId("filters").addEventListener("reset", () => setTimeout(filter));
byId("filters").addEventListener("submit", (event) => event.preventDefault());
document.addEventListener("keydown", (event) => { if (event.key === "/" && !/INPUT|SELECT/.test(event.target.tagName)) { event.preventDefault(); byId("text").focus(); } });
byId("cases").addEventListener("click", async (event) => {
  const control = event.target.closest("tr.case td.name button");
  if (control) { await reading; toggle(control.closest("tr"), control.getAttribute("aria-expanded") !== "true"); }
});

reading.then((read) => {
  lines = read;
  recall();
  if (rows.length === 1 && !rows[0].classList.contains("open")) toggle(rows[0], true);
  document.documentElement.dataset.ready = "yes";
}, () => { byId("count").textContent += ". This browser cannot unpack what the cases show: it needs DecompressionStream (browsers since 2023)."; });

const served = document.querySelector('meta[name="served"]');
if (served) setInterval(async () => {
  try {
    const version = await (await fetch("/version", { cache: "no-store" })).text();
    if (version !== served.content) { remember(); location.reload(); }
  } catch { /* the server is gone: the page stays as it is */ }
}, 700);
})();
