// Lists that are sorted, filtered and shortened in place: where the focus goes, and what is said.
"use strict";

(() => {
  const heading = () => document.getElementById("list-t");
  let next = null; // the id of what gets the focus once a row is gone

  // After a delete the focus goes to the next row, else to the heading.
  document.addEventListener("htmx:beforeSwap", ({ detail }) => {
    const form = detail.requestConfig.elt;
    if (detail.shouldSwap && form.matches("[data-goes]")) next = form.closest("tr").nextElementSibling?.id || "list-t";
  });
  document.addEventListener("htmx:afterSettle", ({ detail }) => {
    if (detail.target.id !== "list" && detail.elt.id !== "list") return;
    if (next) {
      const place = document.getElementById(next) || heading();
      next = null;
      (place.querySelector("a[href]") || place).focus();
    } else if (document.activeElement.closest("#filter, .th-btn, nav")) {
      site.announce(heading().textContent);
    }
  });

  document.addEventListener("keydown", (event) => {
    const field = document.getElementById("filter-q");
    if (event.key !== "/" || !field || event.ctrlKey || event.metaKey || event.altKey || site.isOverlayOpen()) return;
    if (document.body.dataset.keys === "off" || event.target.matches("input, textarea, select")) return;
    event.preventDefault();
    field.select();
  });
})();
