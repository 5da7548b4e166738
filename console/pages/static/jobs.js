// The page of all jobs: how many are chosen, and all of them at once.

import { start } from "./live.js";

function boxes() {
  return [...document.querySelectorAll("#jobs input[name=names]")];
}

function tellChosen() {
  const form = document.getElementById("jobs");
  if (!form) return;
  const all = form.querySelector("[data-all]");
  const bar = form.querySelector("[data-bar]");
  const chosen = boxes().filter((box) => box.checked).length;
  if (all) {
    all.hidden = false;
    all.checked = chosen > 0 && chosen === boxes().length;
    all.indeterminate = chosen > 0 && !all.checked;
  }
  if (bar) {
    bar.hidden = chosen === 0;
    bar.querySelector("[data-chosen]").textContent = chosen === 1 ? "1 job chosen" : `${chosen} jobs chosen`;
  }
}

document.addEventListener("change", (event) => {
  if (event.target.matches("[data-all]")) {
    for (const box of boxes()) box.checked = event.target.checked;
  }
  if (event.target.closest("#jobs")) tellChosen();
});

start(tellChosen);
