// The page of one run: its log as it grows, and no more questions once it has ended.

import { start, tellTimes } from "./live.js";

const MOST_LINES = 5000;
const NEAR_END = 40;

const box = document.querySelector("[data-log]");
const list = box.querySelector("ol");
let after = Number(box.dataset.after);
let busy = false;
let finished = false;

function lineOf(line) {
  const item = document.createElement("li");
  item.className = line.level;
  item.id = `line-${line.seq}`;
  const time = document.createElement("time");
  time.dateTime = line.at;
  time.dataset.clock = "";
  for (const [name, content] of [["at", time], ["level", line.level], ["text", line.message]]) {
    const part = document.createElement("span");
    part.className = name;
    part.append(content);
    item.append(part);
  }
  return item;
}

async function readOn() {
  if (busy || finished) return;
  busy = true;
  // Asked before the lines are: what an ended run said is never missed.
  const ended = document.querySelector("[data-ended]") !== null;
  try {
    const answer = await fetch(`${box.dataset.log}&after=${after}&limit=500`, { cache: "no-store" });
    if (!answer.ok) return;
    const { items } = await answer.json();
    const atEnd = list.scrollHeight - list.scrollTop - list.clientHeight < NEAR_END;
    list.append(...items.map(lineOf));
    if (items.length) {
      after = items.at(-1).seq;
      list.hidden = false;
      box.querySelector("[data-empty]").hidden = true;
      tellTimes(list);
      if (atEnd) list.scrollTop = list.scrollHeight;
    }
    finished = (ended && items.length === 0) || list.children.length > MOST_LINES;
  } finally {
    busy = false;
  }
}

start();
setInterval(() => {
  if (!document.hidden) readOn().catch(() => {});
}, 1000);
