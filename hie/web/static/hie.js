"use strict";

// Printing, and the end of an opened record: when its time is over nothing stays on the screen.
for (const button of document.querySelectorAll("[data-print]")) {
  button.addEventListener("click", () => window.print());
}

const opening = document.querySelector("[data-until]");
if (opening) {
  const until = Date.parse(opening.dataset.until);
  const look = () => {
    if (Date.now() >= until) {
      document.getElementById("content").replaceChildren();
      window.location.reload();
    }
  };
  window.setInterval(look, 5000);
  // A page that comes back from the browser's memory was not sent anew: ask for it again.
  window.addEventListener("pageshow", (event) => event.persisted && window.location.reload());
}

// A reviewer's decision by number key, unless something is being written.
const keys = document.querySelector("[data-keys]");
if (keys) {
  const choices = keys.querySelectorAll("input[type=radio]");
  document.addEventListener("keydown", (event) => {
    const writing = event.target.matches("textarea, input:not([type=radio])");
    const choice = choices[Number(event.key) - 1];
    if (choice && !writing && !event.ctrlKey && !event.altKey && !event.metaKey) {
      choice.checked = true;
      choice.focus();
    }
  });
}
