// Two texts side by side, the lines and words that differ marked.

// JSON on many lines without reading its values: a number keeps the digits it was written with.
export function pretty(text) {
  try { JSON.parse(text); } catch { return text; }
  let out = "", depth = 0;
  const line = () => "\n" + "  ".repeat(depth);
  for (const [token] of text.matchAll(/"(?:[^"\\]|\\.)*"|[{}[\],:]|[^\s{}[\],:"]+/g)) {
    if (token === "{" || token === "[") { depth++; out += token + line(); }
    else if (token === "}" || token === "]") {
      depth--;
      out = /[{[]\s*$/.test(out) ? out.trimEnd() + token : out + line() + token;
    }
    else if (token === ",") out += token + line();
    else if (token === ":") out += ": ";
    else out += token;
  }
  return out;
}

// Pairs of parts: [left, right], equal where both are the same; null where one side has none.
function align(left, right) {
  let from = 0, leftEnd = left.length, rightEnd = right.length;
  const head = [], tail = [];
  while (from < leftEnd && from < rightEnd && left[from] === right[from]) { head.push([left[from], right[from]]); from++; }
  while (leftEnd > from && rightEnd > from && left[leftEnd - 1] === right[rightEnd - 1]) {
    leftEnd--; rightEnd--;
    tail.unshift([left[leftEnd], right[rightEnd]]);
  }
  return [...head, ...middle(left.slice(from, leftEnd), right.slice(from, rightEnd)), ...tail];
}

// Longest common subsequence; where that would be too much work, part by part in order.
function middle(left, right) {
  if (left.length * right.length > 4e6) return changed(left, right);
  const width = right.length + 1;
  const common = new Uint32Array((left.length + 1) * width);
  for (let i = left.length - 1; i >= 0; i--)
    for (let j = right.length - 1; j >= 0; j--)
      common[i * width + j] = left[i] === right[j]
        ? common[(i + 1) * width + j + 1] + 1
        : Math.max(common[(i + 1) * width + j], common[i * width + j + 1]);
  const pairs = [];
  let i = 0, j = 0, gone = [], come = [];
  while (i < left.length || j < right.length) {
    if (i < left.length && j < right.length && left[i] === right[j]) {
      pairs.push(...changed(gone, come), [left[i++], right[j++]]);
      gone = []; come = [];
    } else if (j === right.length || (i < left.length && common[(i + 1) * width + j] >= common[i * width + j + 1])) gone.push(left[i++]);
    else come.push(right[j++]);
  }
  return [...pairs, ...changed(gone, come)];
}

const changed = (left, right) =>
  Array.from({ length: Math.max(left.length, right.length) }, (_, n) => [left[n] ?? null, right[n] ?? null]);

// The text with what differs from the other side in <mark>.
function marked(own, other) {
  if (own === null || other === null) return [own ?? ""];
  const words = text => text.match(/\w+|\s+|[^\w\s]/g) ?? [];
  return align(words(own), words(other)).filter(([word]) => word !== null).map(([word, counterpart]) => {
    if (word === counterpart) return word;
    const mark = document.createElement("mark");
    mark.textContent = word;
    return mark;
  });
}

const CONTEXT = 3;

// A table of both sides; long stretches without a difference are folded.
export function sideBySide(left, right) {
  const pairs = align(left.split("\n"), right.split("\n"));
  const near = new Set();
  pairs.forEach(([a, b], n) => { if (a !== b) for (let k = n - CONTEXT; k <= n + CONTEXT; k++) near.add(k); });
  const table = document.createElement("table");
  table.className = "sides";
  const head = table.createTHead().insertRow();
  for (const name of ["reference", "candidate"]) {
    const th = document.createElement("th");
    th.textContent = name;
    head.append(th);
  }
  const body = table.createTBody();
  let folded = 0;
  const unfold = () => {
    if (!folded) return;
    const row = body.insertRow();
    row.className = "fold";
    const cell = row.insertCell();
    cell.colSpan = 2;
    cell.textContent = `${folded} equal lines`;
    folded = 0;
  };
  pairs.forEach(([a, b], n) => {
    if (pairs.length > 2 * CONTEXT + 6 && !near.has(n)) { folded++; return; }
    unfold();
    const row = body.insertRow();
    if (a === b) { row.insertCell().textContent = a; row.insertCell().textContent = b; return; }
    row.className = "changed";
    row.insertCell().append(...marked(a, b));
    row.insertCell().append(...marked(b, a));
  });
  unfold();
  return table;
}
