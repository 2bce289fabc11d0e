// Votes: a thumb for an answer, and the best answer of a run. They show at once, are sent one after the
// other, and go back to what the server has where it did not take them.
"use strict";

(() => {
  const VALUES = { up: 1, down: -1 };
  const OTHER = { up: "down", down: "up" };
  let sending = Promise.resolve();
  let underWay = 0;

  const buttonOf = (column, word) => column.querySelector(`.col__foot > [data-vote="${word}"]`);
  const isPressed = (button) => button.getAttribute("aria-pressed") === "true";

  function show(column, word, isOn) {
    buttonOf(column, word).setAttribute("aria-pressed", isOn);
    if (word === "best") column.classList.toggle("is-chosen", isOn);
  }

  // What the server has: `data-voted`, which comes with every column.
  function kept(column) {
    return new Set(column.dataset.voted.split(" ").filter(Boolean));
  }

  function showKept() {
    if (underWay) return;
    for (const column of run.columns()) {
      const words = kept(column);
      for (const word of ["up", "down", "best"]) show(column, word, words.has(word));
    }
  }

  // What a word in one column puts out: the other thumb there, or the best of its run elsewhere.
  function putOut(column, word) {
    if (word !== "best") return [[column, OTHER[word]]];
    const isBeside = (other) => other !== column && other.dataset.run === column.dataset.run;
    return run.columns().filter(isBeside).map((other) => [other, "best"]);
  }

  function vote(button) {
    const column = button.closest(".col");
    const word = button.dataset.vote;
    const isOn = !isPressed(button);
    if (isOn) for (const [other, gone] of putOut(column, word)) show(other, gone, false);
    show(column, word, isOn);
    if (word === "best" && document.activeElement !== button) {
      const letter = column.querySelector(".letter").textContent;
      site.announce(site.words(isOn ? "is_best" : "is_not_best", { letter }));
    }
    underWay += 1;
    const { call, voteAt } = column.dataset;
    sending = sending.then(() => send(column, call, voteAt, word, isOn));
  }

  async function send(column, call, address, word, isOn) {
    const body = new FormData();
    if (word === "best") body.append("best", Number(isOn));
    else body.append("value", isOn ? VALUES[word] : 0);
    try {
      const answer = await site.post(address, body);
      if (answer.status !== 204) throw new Error(answer.status);
      keep(column, call, word, isOn);
    } catch (error) {
      if (error.message !== "signed out") site.toast(site.words("vote_not_kept"), { isError: true });
    }
    underWay -= 1;
    showKept();
  }

  // Another call may be in the column by now; the vote is still that one's.
  function keep(column, call, word, isOn) {
    if (isOn) for (const [other, gone] of putOut(column, word)) note(other, gone, false);
    if (column.dataset.call === call) note(column, word, isOn);
  }

  function note(column, word, isOn) {
    const words = kept(column);
    words[isOn ? "add" : "delete"](word);
    column.dataset.voted = [...words].join(" ");
  }

  document.addEventListener("click", (event) => {
    const button = event.target.closest(".col__foot > [data-vote]");
    if (button) vote(button);
  });
  document.addEventListener("run:changed", showKept);
})();
