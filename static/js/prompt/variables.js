// {{variables}}: one field for each name in the texts, filled by typing or by pasting one JSON object.
"use strict";

const variables = (() => {
  const MOST = 200; // fields; drafting.py: MAX_VARIABLES
  const section = document.getElementById("variables");
  const list = document.getElementById("variable-list");
  const pasting = document.getElementById("paste-json");
  const pasteError = document.getElementById("paste-error");
  const fields = () => [...list.querySelectorAll("textarea")];
  const nameOf = (field) => field.name.slice("variable-".length);
  const rows = new Map(fields().map((field) => [nameOf(field), field.closest(".variable")]));
  const fieldOf = (name) => rows.get(name)?.querySelector("textarea");
  const valueOf = (name) => fieldOf(name)?.value || "";

  function rowFor(name) {
    if (rows.has(name)) return rows.get(name);
    const row = document.getElementById("variable-template").content.querySelector(".variable").cloneNode(true);
    const [label, field] = [row.querySelector("label"), row.querySelector("textarea")];
    label.textContent = name;
    label.htmlFor = field.id = `v-${name}`;
    field.name = `variable-${name}`;
    list.append(row);
    rows.set(name, row);
    return row;
  }

  // One row per name, in the order of the texts. A value outlives its name, for when it comes back.
  function sync() {
    const all = new Set(messages.inOrder().flatMap((textarea) => editors.read(textarea).names));
    const names = [...all].slice(0, MOST);
    section.querySelector("[data-many]").hidden = all.size <= MOST;
    const shown = names.map(rowFor);
    shown.forEach((row, at) => {
      row.hidden = false;
      if (list.children[at] !== row) list.insertBefore(row, list.children[at] || null);
    });
    for (const [name, row] of rows) {
      if (names.includes(name)) continue;
      row.hidden = true;
      if (valueOf(name)) continue;
      row.remove();
      rows.delete(name);
    }
    section.hidden = !names.length;
    showEmpties();
  }

  function showEmpties() {
    const shown = [...rows.values()].filter((row) => !row.hidden);
    const empty = shown.filter((row) => !row.querySelector("textarea").value);
    for (const row of shown) row.classList.toggle("is-empty", empty.includes(row));
    const pill = section.querySelector("[data-empties]");
    pill.hidden = !empty.length;
    pill.lastElementChild.textContent = site.words("empty", { n: empty.length });
  }

  // After a value changed: the paint of the places where it stands, and all that counts it.
  function changed() {
    showEmpties();
    for (const textarea of editors.all()) if (editors.read(textarea).names.length) editors.paint(textarea);
  }

  // The rows of these form fields and no others, without values.
  function shape(given) {
    for (const row of rows.values()) row.remove();
    rows.clear();
    for (const [name] of given) if (name.startsWith("variable-")) rowFor(name.slice("variable-".length));
  }

  // Pasting --------------------------------------------------------------------------------

  function objectIn(text) {
    try {
      const value = JSON.parse(text);
      return value && typeof value === "object" && !Array.isArray(value) ? value : null;
    } catch {
      return null;
    }
  }

  // Answers how many of the names were filled; what is no text goes in as JSON.
  function fill(values) {
    const found = Object.entries(values).filter(([name]) => rows.has(name) && !rows.get(name).hidden);
    if (!found.length) return 0;
    const before = found.map(([name]) => [name, valueOf(name)]);
    const put = (pairs) => {
      for (const [name, value] of pairs) {
        if (fieldOf(name)) fieldOf(name).value = typeof value === "string" ? value : JSON.stringify(value);
      }
      changed();
      draft.refresh();
      draft.changed();
    };
    put(found);
    const others = Object.keys(values).length - found.length;
    const rest = others ? ` ${site.words("unknown_names", { n: others })}` : "";
    site.toast(site.words("filled", { n: found.length }) + rest, { undo: () => put(before) });
    return found.length;
  }

  list.addEventListener("paste", (event) => {
    const values = objectIn(event.clipboardData.getData("text/plain"));
    if (values && fill(values)) event.preventDefault();
  });
  pasting.addEventListener("input", (event) => {
    event.stopPropagation(); // it is no part of the draft
    const text = pasting.value.trim();
    const values = objectIn(text);
    const isFilled = Boolean(values && fill(values));
    if (isFilled) pasting.value = "";
    const words = !text || isFilled ? "" : values ? site.words("no_such_names")
      : site.words("no_object");
    pasteError.textContent = words;
    if (words) pasting.setAttribute("aria-invalid", "true");
    else pasting.removeAttribute("aria-invalid");
  });
  list.addEventListener("input", changed);

  return { changed, shape, sync, valueOf };
})();
