// Pages whose rows can be chosen: how many are, how much that is, and all of them at once.

import { start } from "./live.js";

const UNITS = ["B", "KB", "MB", "GB", "TB"];

function boxesOf(form) {
  return [...form.querySelectorAll("td.tick input[type=checkbox]")];
}

function sizeOf(bytes) {
  let value = bytes;
  let unit = 0;
  while (value >= 1000 && unit < UNITS.length - 1) {
    value /= 1000;
    unit += 1;
  }
  return `${value.toFixed(unit ? 1 : 0)} ${UNITS[unit]}`;
}

function wordsFor(chosen, noun) {
  const words = chosen.length === 1 ? `1 ${noun} chosen` : `${chosen.length} ${noun}s chosen`;
  const sizes = chosen.map((box) => box.dataset.bytes).filter(Boolean);
  return sizes.length ? `${words}, ${sizeOf(sizes.reduce((sum, bytes) => sum + Number(bytes), 0))}` : words;
}

function tellChosen() {
  const form = document.querySelector("form[data-choosing]");
  if (!form) return;
  const all = form.querySelector("[data-all]");
  const bar = form.querySelector("[data-bar]");
  const boxes = boxesOf(form);
  const chosen = boxes.filter((box) => box.checked);
  if (all) {
    all.hidden = false;
    all.checked = chosen.length > 0 && chosen.length === boxes.length;
    all.indeterminate = chosen.length > 0 && !all.checked;
  }
  if (bar) {
    bar.hidden = chosen.length === 0;
    bar.querySelector("[data-chosen]").textContent = wordsFor(chosen, form.dataset.choosing);
  }
}

document.addEventListener("change", (event) => {
  const form = event.target.closest("form[data-choosing]");
  if (!form) return;
  if (event.target.matches("[data-all]")) {
    for (const box of boxesOf(form)) box.checked = event.target.checked;
  }
  tellChosen();
});

start(tellChosen);
