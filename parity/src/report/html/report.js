"use strict";
(() => {
  const controls = ["search", "route", "place"].map((id) => document.getElementById(id));
  const [search, route, place] = controls;
  const items = [...document.querySelectorAll(".filtered")];
  const routes = [...document.querySelectorAll("#routes tbody tr")];
  const texts = new Map(items.map((item) => [item, item.textContent.toLowerCase()]));

  // Hides what does not fit the filters, and says how many causes and requests are left.
  function apply() {
    const wanted = search.value.trim().toLowerCase();
    const shown = [];
    for (const item of items) {
      const fits =
        (!route.value || item.dataset.route === route.value) &&
        (!place.value || !("place" in item.dataset) || item.dataset.place.split(" ").includes(place.value)) &&
        (!wanted || texts.get(item).includes(wanted));
      item.hidden = !fits;
      if (fits && item.tagName === "DETAILS") shown.push(item);
    }
    for (const row of routes) row.hidden = Boolean(route.value) && row.dataset.route !== route.value;
    document.getElementById("shown").textContent = `${shown.length} shown`;
    // Who searched and found little wants to see it.
    if (wanted && shown.length <= 3) for (const item of shown) item.open = true;
  }

  // The address says what is shown, so that a view can be passed on: report.html?route=…&search=…
  function readAddress() {
    const asked = new URLSearchParams(location.search);
    for (const control of controls) control.value = asked.get(control.id) ?? "";
  }

  function writeAddress() {
    const kept = new URLSearchParams();
    for (const control of controls) if (control.value) kept.set(control.id, control.value);
    history.replaceState(null, "", `?${kept}${location.hash}`);
  }

  // A link to a request opens it.
  function open() {
    const target = location.hash && document.getElementById(decodeURIComponent(location.hash.slice(1)));
    if (target && target.tagName === "DETAILS") {
      target.hidden = false;
      target.open = true;
      target.scrollIntoView();
    }
  }

  for (const control of controls) {
    control.addEventListener("input", () => {
      apply();
      writeAddress();
    });
  }
  document.getElementById("filters").addEventListener("submit", (event) => event.preventDefault());
  window.addEventListener("hashchange", open);
  window.addEventListener("beforeprint", () => items.forEach((item) => { if (!item.hidden) item.open = true; }));
  readAddress();
  apply();
  open();
})();
