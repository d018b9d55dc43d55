// Everything shown comes from traffic: it is only ever set as text, never as markup.
import { draw } from "./chart.js";
import { pretty, sideBySide } from "./diff.js";

const $ = id => document.getElementById(id);
const EVERY = 2000;
const EXAMPLES = 5;

const STAGES = {
  "off": ["Off", "reference serves, nothing is mirrored"],
  "shadow": ["Shadow", "reference serves, candidate is compared"],
  "canary": ["Canary", "candidate serves a share of users"],
  "cutover": ["Cutover", "candidate serves, nothing is mirrored"],
  "reverse-shadow": ["Reverse shadow", "candidate serves, reference is compared"],
};
const LEFT_OUT = {
  sampled_out: "sampled out", declined: "declined", dropped: "dropped",
  timed_out: "timed out", errored: "errored", not_comparable: "not comparable",
};

let token = "";
let shown = {};

// Asking and telling

async function ask(path, options = {}) {
  const headers = { ...options.headers, ...(token && { Authorization: `Bearer ${token}` }) };
  const answer = await fetch(path, { ...options, headers });
  if (answer.status === 401) {
    $("access").hidden = false;
    $("content").hidden = true;
    throw new Error(token ? "this is not the admin token" : "the admin token is required");
  }
  const body = await answer.json();
  if (!answer.ok) throw new Error(body.error ?? `${path} answered ${answer.status}`);
  return body;
}

const tell = (path, body) =>
  ask(path, { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body) });

async function attempt(action) {
  try {
    await action();
    $("problem").hidden = true;
  } catch (error) {
    $("problem").textContent = error instanceof TypeError ? "the proxy does not answer" : error.message;
    $("problem").hidden = false;
    $("freshness").textContent = "not current";
  }
}

async function refresh() {
  const route = $("latency-route").value;
  const [status, verdicts, clusters, audit, noise, latency] = await Promise.all([
    "/api/status", "/api/verdicts", "/api/clusters", "/api/audit", "/api/noise",
    `/api/latency?route=${encodeURIComponent(route)}`].map(path => ask(path)));
  shown = { status, verdicts, clusters, audit };
  $("access").hidden = true;
  $("content").hidden = false;
  showStage(status);
  showFigures(status);
  showRoutes();
  showClusters();
  showNoise(noise);
  showAudit(audit.audit);
  showFooter(status);
  offerRoutes(status.routes);
  draw($("latency"), latency);
  $("freshness").textContent = `as of ${new Date().toLocaleTimeString()}`;
  if (!status.balanced) throw new Error("the accounting identity does not hold: report this as a fault of the proxy");
}

// Building

function element(name, text, className) {
  const made = document.createElement(name);
  if (text !== undefined) made.textContent = text;
  if (className) made.className = className;
  return made;
}

const count = number => (number ?? 0).toLocaleString("en");
const standing = ({ stage, canary_percent }) => stage === "canary" ? `canary ${canary_percent} %` : stage;
const moment = text => new Date(text).toLocaleString([], { dateStyle: "short", timeStyle: "medium" });
const leftOut = counts => Object.keys(LEFT_OUT).reduce((sum, key) => sum + counts[key], 0);
const share = (part, whole) => whole ? `${(part / whole * 100).toFixed(part === whole ? 0 : 2)} %` : "–";

// Stage

function showStage(status) {
  $("stage").textContent = standing(status);
  $("stage").className = `pill ${status.stage}`;
  $("replica").textContent = status.replica ?? "";
  $("kill").disabled = status.stage === "off";
  $("ladder").replaceChildren(...Object.entries(STAGES).map(([stage, [name, meaning]]) => {
    const button = element("button", undefined, stage === status.stage ? `here ${stage}` : stage);
    button.type = "button";
    button.dataset.stage = stage;
    if (stage === status.stage) button.setAttribute("aria-current", "step");
    button.append(element("b", stage === "canary" && stage === status.stage ? `Canary, ${status.canary_percent} %` : name), element("small", meaning));
    button.onclick = () => propose(stage);
    const item = element("li");
    item.append(button);
    return item;
  }));
}

// Asks who and why, then changes the stage; `kill` goes by the switch.
function propose(stage, kill = false) {
  const dialog = $("change");
  const [name, meaning] = STAGES[stage];
  dialog.className = kill ? "fail" : stage;
  $("change-title").textContent = kill ? "Kill switch" : `Change to ${name.toLowerCase()}`;
  $("change-meaning").textContent = kill ? "All users go back to the reference at once, and nothing is mirrored." : `From the next request on: ${meaning}.`;
  $("change-confirm").textContent = kill ? "Switch off" : "Change";
  $("percent-label").hidden = stage !== "canary";
  $("percent").required = stage === "canary";
  $("percent").disabled = stage !== "canary";
  $("percent").value = shown.status.canary_percent;
  $("reason").value = "";
  $("change-problem").textContent = "";
  dialog.querySelector("form").onsubmit = event => {
    event.preventDefault();
    const who = { actor: $("actor").value, reason: $("reason").value };
    const percent = stage === "canary" ? { percent: Number($("percent").value) } : {};
    const told = kill ? tell("/api/kill", who) : tell("/api/stage", { stage, ...percent, ...who });
    told.then(() => { dialog.close(); attempt(refresh); }, error => { $("change-problem").textContent = error.message; });
  };
  dialog.showModal();
  ($("actor").value ? $("reason") : $("actor")).focus();
}

function showAudit(lines) {
  const items = lines.toReversed().map(line => {
    const item = element("li");
    const change = element("span");
    change.append(element("span", standing(line.from), `badge ${line.from.stage}`), " → ", element("span", standing(line.to), `badge ${line.to.stage}`));
    const why = element("span", line.reason);
    why.append(element("span", ` — ${line.actor}`, "quiet"));
    item.append(element("time", moment(line.at), "quiet"), change, why);
    return item;
  });
  $("audit").replaceChildren(...(items.length ? items : [element("li", "No change yet.", "quiet")]));
}

// Figures

function showFigures({ counts, mirror, open }) {
  const left = leftOut(counts);
  const reasons = Object.entries(LEFT_OUT).filter(([key]) => counts[key]).map(([key, name]) => `${count(counts[key])} ${name}`);
  const figures = [
    ["Seen", count(counts.seen), open ? `${count(open)} under way` : ""],
    ["Compared", count(counts.compared), share(counts.compared, counts.seen)],
    ["Agree", share(counts.match + counts.tolerated, counts.compared), counts.tolerated ? `${count(counts.tolerated)} by a reviewed rule` : ""],
    ["Diverged", count(counts.diverged), `${count(shown.clusters.clusters.length)} causes`, counts.diverged > 0],
    ["Not compared", count(left), reasons.join(", ")],
    ["Mirror", mirror ? `${mirror.held} / ${mirror.capacity}` : "none", mirror ? `breaker ${mirror.breaker}` : "no candidate", mirror?.breaker === "open"],
  ];
  $("figures").replaceChildren(...figures.map(([name, value, note, alarm]) => {
    const figure = element("div", undefined, alarm ? "alarm" : "");
    const number = element("dd", value);
    number.append(element("small", note));
    figure.append(element("dt", name), number);
    return figure;
  }));
}

function showFooter({ journal, sink, recording, step_backs, version }) {
  const backs = Object.values(step_backs).reduce((sum, number) => sum + number, 0);
  $("footer").textContent = [
    `version ${version}`,
    `journal: ${count(journal.written)} written, ${count(journal.dropped)} dropped${journal.failing ? ", cannot be written" : ""}`,
    sink && `sink: ${sink.state}, ${count(sink.written)} written, ${count(sink.waiting)} waiting, ${count(sink.dropped)} dropped`,
    recording && `recording: ${count(recording.written)} written, ${count(recording.dropped)} dropped${recording.full ? ", full" : ""}`,
    backs && `stepped back ${count(backs)} times`,
  ].filter(Boolean).join(" · ");
}

// Routes

function offerRoutes(routes) {
  const select = $("latency-route");
  const known = new Set([...select.options].map(option => option.value));
  for (const { route } of routes) if (!known.has(route)) select.append(element("option", route));
}

function verdictCell({ verdict, need_more, reason, counts }) {
  const cell = element("td");
  cell.append(element("span", verdict, `badge ${verdict}`));
  if (verdict === "insufficient") cell.append(element("small", `${count(need_more)} more clean pairs of ${count(need_more + counts.candidate.clean)}`));
  if (reason) cell.append(element("small", reason.replaceAll("_", " ")));
  return cell;
}

function outcomesCell(counts) {
  const bar = element("div", undefined, "bar");
  const parts = { match: counts.match, tolerated: counts.tolerated, diverged: counts.diverged, left: leftOut(counts) };
  bar.title = Object.entries(parts).map(([name, number]) => `${name === "left" ? "not compared" : name} ${count(number)}`).join(", ");
  for (const [name, number] of Object.entries(parts)) {
    if (!number) continue;
    const part = element("i", undefined, name);
    part.style.flexGrow = number;
    bar.append(part);
  }
  const cell = element("td", undefined, "outcomes");
  cell.append(bar);
  return cell;
}

const NOTHING = { seen: 0, compared: 0, match: 0, tolerated: 0, diverged: 0, ...Object.fromEntries(Object.keys(LEFT_OUT).map(key => [key, 0])) };
const RANK = { fail: 0, insufficient: 1, pass: 2 };

function showRoutes() {
  const { verdicts } = shown;
  const counts = new Map(verdicts.counts.map(({ route, counts }) => [route, counts]));
  const find = $("find").value.toLowerCase();
  const wanted = verdicts.routes
    .map(route => ({ ...route, account: counts.get(route.route) ?? NOTHING }))
    .filter(({ route, verdict, account }) => route.toLowerCase().includes(find)
      && (!$("verdict").value || verdict === $("verdict").value)
      && (account.seen > 0 || $("idle").checked))
    .sort((a, b) => RANK[a.verdict] - RANK[b.verdict] || b.account.seen - a.account.seen || a.route.localeCompare(b.route));
  $("scope").textContent = verdicts.replicas > 1 ? `over ${verdicts.replicas} replicas` : "";
  $("no-routes").hidden = wanted.length > 0;
  $("routes").replaceChildren(...wanted.map(route => {
    const { account } = route;
    const row = element("tr");
    row.dataset.route = route.route;
    const name = element("th", route.route);
    name.scope = "row";
    row.append(name, verdictCell(route), outcomesCell(account));
    for (const [number, alarm] of [[account.seen], [account.compared], [account.tolerated], [account.diverged, account.diverged > 0], [leftOut(account)]])
      row.append(element("td", count(number), alarm ? "number alarm" : "number"));
    row.append(element("td", route.counts.candidate.clean + route.counts.candidate.diverged ? share(route.excess.upper, 1) : "–", "number"));
    return row;
  }));
}

// Causes

const clusterViews = new Map();

function clusterView(id) {
  const view = element("details", undefined, "card cluster");
  view.dataset.cluster = id;
  view.append(element("summary"), element("div", undefined, "examples"));
  view.ontoggle = () => { if (view.open) attempt(() => showExamples(view, id)); };
  clusterViews.set(id, view);
  return view;
}

function showClusters() {
  const find = $("find").value.toLowerCase();
  const verdicts = new Map(shown.verdicts.routes.map(route => [route.route, route.verdict]));
  const wanted = shown.clusters.clusters.filter(({ title, cluster }) =>
    `${cluster.route} ${title}`.toLowerCase().includes(find)
    && (!$("verdict").value || verdicts.get(cluster.route) === $("verdict").value));
  const views = wanted.map(({ title, cluster }) => {
    const view = clusterViews.get(cluster.id) ?? clusterView(cluster.id);
    view.querySelector("summary").replaceChildren(
      element("span", count(cluster.requests), "count"), element("b", cluster.route), element("span", title),
      element("span", `first ${moment(cluster.first_seen)}, last ${moment(cluster.last_seen)}`, "quiet push"));
    return view;
  });
  const list = $("clusters");
  // Moved only where the order changed: a view that is moved loses its focus.
  views.forEach((view, n) => { if (list.children[n] !== view) list.insertBefore(view, list.children[n] ?? null); });
  while (list.children.length > views.length) list.lastChild.remove();
  $("no-clusters").hidden = shown.clusters.clusters.length > 0;
}

async function showExamples(view, id) {
  const { divergences } = await ask(`/api/divergences?cluster=${encodeURIComponent(id)}&limit=${EXAMPLES}`);
  const examples = divergences.map(({ divergence }) => example(divergence));
  view.querySelector(".examples").replaceChildren(...(examples.length ? examples : [element("p", "Its examples are no longer kept; the journal may have them.", "quiet")]));
}

function example({ at, request, reference, candidate, rows, diverged }) {
  const block = element("div", undefined, "example");
  const line = element("p");
  line.append(element("code", `${request.method} ${request.target}`), element("span", ` ${moment(at)}`, "quiet"));
  const changes = element("ul", undefined, "changes");
  for (const { place, path, reference: before, candidate: after } of diverged) {
    const change = element("li");
    change.append(element("code", path || place), " ", element("del", before ?? "absent"), " → ", element("ins", after ?? "absent"));
    changes.append(change);
  }
  block.append(line, changes, sideBySide(written(reference), written(candidate)));
  if (rows) block.append(element("p", "Rows", "quiet"), sideBySide(pretty(JSON.stringify(rows.reference)), pretty(JSON.stringify(rows.candidate))));
  return block;
}

function written({ status, headers, body, body_base64 }) {
  const fields = headers.map(([name, value]) => `${name.toLowerCase()}: ${value}`).sort();
  const text = body ?? (body_base64 ? `base64 ${body_base64}` : "");
  return [status, ...fields, "", pretty(text)].join("\n");
}

// What the reference does not hold still: proposals, none of them in force

function showNoise({ learning, counts, proposals, unexplained }) {
  $("noise").hidden = !learning;
  $("noise-scope").textContent = `${count(counts.compared)} reads asked twice of the reference; nothing here is in force before somebody signs it`;
  $("noise-export").hidden = !proposals.length;
  $("no-proposals").hidden = proposals.length + unexplained.length > 0;
  const learnt = [
    ...proposals.map(({ rule }) => [rule.routes.join(", "), rule.paths.join(", "), JSON.stringify(rule.equivalence), rule.evidence]),
    ...unexplained.map(({ route, path, place, kinds, evidence }) => [route, path || place, `none explains it: ${kinds.join(", ")}`, evidence]),
  ];
  $("proposals").replaceChildren(...learnt.map(([route, place, rule, { n, rate, interval }]) => {
    const row = element("tr");
    const [where, proposed] = [element("td"), element("td")];
    where.append(element("code", place));
    proposed.append(element("code", rule));
    row.append(element("th", route), where, proposed, element("td", count(n), "number"), element("td", share(rate, 1), "number"),
      element("td", interval.map(bound => share(bound, 1)).join(" to "), "number"));
    return row;
  }));
}

async function exportProposals() {
  const headers = token ? { Authorization: `Bearer ${token}` } : {};
  const answer = await fetch("/api/noise.toml", { headers });
  if (!answer.ok) throw new Error(`/api/noise.toml answered ${answer.status}`);
  const link = element("a");
  link.href = URL.createObjectURL(await answer.blob());
  link.download = "proposals.toml";
  link.click();
  URL.revokeObjectURL(link.href);
}

// Steering

$("access").onsubmit = event => {
  event.preventDefault();
  token = $("token").value;
  attempt(refresh);
};
$("kill").onclick = () => propose("off", true);
$("noise-export").onclick = () => attempt(exportProposals);
$("change-cancel").onclick = () => $("change").close();
for (const id of ["find", "verdict", "idle"]) $(id).oninput = () => { showRoutes(); showClusters(); };
$("latency-route").oninput = () => attempt(refresh);

async function forever() {
  await attempt(refresh);
  setTimeout(forever, EVERY);
}
forever();
