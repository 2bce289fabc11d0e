// The messages and the example pairs: added, moved, taken out and brought back.
"use strict";

const messages = (() => {
  const byId = (id) => document.getElementById(id);
  const lists = { messages: byId("messages"), examples: byId("examples") };
  const fold = byId("examples-fold");
  const itemsOf = (list) => [...list.children];
  const roleOf = (item) => item.querySelector(".msg__role").value;

  function fresh(list) {
    const template = byId(list === lists.messages ? "message-template" : "example-template");
    return template.content.querySelector("[data-item]").cloneNode(true);
  }

  // Names, ids and labels say which place an item has.
  function renumber(list) {
    const items = itemsOf(list);
    items.forEach((item, at) => {
      for (const field of item.querySelectorAll("[name]")) {
        field.name = field.name.replace(/\d+$/, at + 1);
        if (field.id) field.id = field.name;
      }
      for (const labelled of item.querySelectorAll("[aria-label]")) {
        labelled.setAttribute("aria-label", labelled.getAttribute("aria-label").replace(/\d+/, at + 1));
      }
      for (const number of item.querySelectorAll("[data-number]")) number.textContent = at + 1;
      item.querySelector("[data-up]").disabled = at === 0;
      item.querySelector("[data-down]").disabled = at === items.length - 1;
      item.querySelector("[data-remove]").disabled = list === lists.messages && items.length === 1;
    });
    if (list === lists.messages) return;
    fold.hidden = !items.length;
    fold.querySelector("[data-pairs]").textContent = site.words("pairs", { n: items.length });
  }

  function nameEditor(select) {
    const word = select.selectedOptions[0].textContent;
    select.closest(".msg").querySelector("textarea").setAttribute("aria-label", site.words("message_of", { role: word }));
  }

  function add(list) {
    const item = fresh(list);
    const last = list.lastElementChild;
    list.append(item);
    if (list === lists.messages) {
      item.querySelector(".msg__role").value = last && roleOf(last) === "user" ? "assistant" : "user";
      nameEditor(item.querySelector(".msg__role"));
    } else {
      fold.open = true;
    }
    renumber(list);
    item.querySelector("textarea").focus();
    changedIn(list);
  }

  // The neighbour moves, not the item: focus and scroll positions stay.
  function move(button, item) {
    const list = item.parentElement;
    if (button.dataset.up !== undefined) item.after(item.previousElementSibling);
    else item.before(item.nextElementSibling);
    renumber(list);
    if (button.disabled) item.querySelector("[data-up]:enabled, [data-down]:enabled")?.focus();
    item.scrollIntoView({ block: "nearest" });
    site.announce(site.words(`${nounOf(list)}_moved`, { place: itemsOf(list).indexOf(item) + 1, all: list.children.length }));
    changedIn(list);
  }

  const nounOf = (list) => list === lists.messages ? "message" : "example";

  function remove(item) {
    const list = item.parentElement;
    const next = item.nextElementSibling;
    const beside = next || item.previousElementSibling;
    item.remove();
    renumber(list);
    (beside?.querySelector("[data-remove]:enabled, textarea") || promptForm.querySelector("[data-add=examples]")).focus();
    const undo = () => {
      if (next?.parentElement === list) next.before(item);
      else list.append(item);
      renumber(list);
      item.querySelector("textarea").focus();
      changedIn(list);
    };
    site.toast(site.words(`${nounOf(list)}_removed`), { undo });
    changedIn(list);
  }

  function changedIn(list) {
    if (list === lists.examples) mistakes.settleExamples();
    draft.refresh();
    draft.changed();
  }

  promptForm.addEventListener("click", (event) => {
    const button = event.target.closest("button");
    const item = button?.closest("[data-item]");
    if (button?.dataset.add) add(lists[button.dataset.add]);
    else if (item && ("up" in button.dataset || "down" in button.dataset)) move(button, item);
    else if (item && "remove" in button.dataset) remove(item);
  });

  // As many items as these fields are for; their values follow.
  function shape(fields) {
    const names = fields.map(([name]) => name);
    for (const [list, pattern] of [[lists.messages, /^message-\d+$/], [lists.examples, /^example-user-\d+$/]]) {
      const many = names.filter((name) => pattern.test(name)).length;
      while (list.children.length > many) list.lastElementChild.remove();
      while (list.children.length < many) list.append(fresh(list));
      for (const tag of list.querySelectorAll(".tag--image")) tag.remove();
      renumber(list);
    }
  }

  // The editors in the order in which their texts are sent: the system message, examples, the rest.
  function inOrder() {
    const said = itemsOf(lists.messages);
    const start = said.findIndex((item) => roleOf(item) !== "system");
    const at = start < 0 ? said.length : start;
    const items = [...said.slice(0, at), ...itemsOf(lists.examples), ...said.slice(at)];
    return items.flatMap((item) => [...item.querySelectorAll("textarea")]);
  }

  function showAll() {
    Object.values(lists).forEach(renumber);
    promptForm.querySelectorAll(".msg__role").forEach(nameEditor);
  }

  return { inOrder, nameEditor, shape, showAll };
})();
