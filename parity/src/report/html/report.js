"use strict";
(() => {
  const search = document.getElementById("search");
  const route = document.getElementById("route");
  const place = document.getElementById("place");
  const items = [...document.querySelectorAll(".filtered")];
  const texts = new Map(items.map((item) => [item, item.textContent.toLowerCase()]));

  // Hides what does not fit the filters, and says how many causes and requests are left.
  function apply() {
    const wanted = search.value.trim().toLowerCase();
    let shown = 0;
    for (const item of items) {
      const fits =
        (!route.value || item.dataset.route === route.value) &&
        (!place.value || !("place" in item.dataset) || item.dataset.place.split(" ").includes(place.value)) &&
        (!wanted || texts.get(item).includes(wanted));
      item.hidden = !fits;
      if (fits && item.tagName === "DETAILS") shown += 1;
    }
    document.getElementById("shown").textContent = `${shown} shown`;
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

  for (const control of [search, route, place]) control.addEventListener("input", apply);
  document.getElementById("filters").addEventListener("submit", (event) => event.preventDefault());
  window.addEventListener("hashchange", open);
  window.addEventListener("beforeprint", () => items.forEach((item) => { if (!item.hidden) item.open = true; }));
  apply();
  open();
})();
