// What every page does: times that the reader understands, a key for the search, and the part that changes kept fresh.

const PART = "X-Rota-Part";
const FIRST_MS = 2000;
const LONGEST_MS = 30000;

// --- Times ---------------------------------------------------------------------------------------------------------

const relative = new Intl.RelativeTimeFormat(undefined, { numeric: "auto" });
const exact = new Intl.DateTimeFormat(undefined, { dateStyle: "full", timeStyle: "long" });
const shortDate = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "short" });
const longDate = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "medium" });
const clock = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23" });

const hour = new Intl.DateTimeFormat(undefined, {
  weekday: "short", day: "numeric", month: "short", hour: "2-digit", minute: "2-digit", hourCycle: "h23",
});

const STEPS = [[60, "second", 1], [3600, "minute", 60], [86400, "hour", 3600], [86400 * 7, "day", 86400]];

function inWords(date) {
  const seconds = (date - Date.now()) / 1000;
  const size = Math.abs(seconds);
  const step = STEPS.find(([limit]) => size < limit);
  if (!step) return shortDate.format(date);
  return relative.format(Math.trunc(seconds / step[2]), step[1]);
}

function wordsFor(element, date) {
  if ("clock" in element.dataset) return clock.format(date);
  if ("hour" in element.dataset) return hour.format(date);
  const words = inWords(date);
  if (!("both" in element.dataset)) return words;
  const full = longDate.format(date);
  return Math.abs(date - Date.now()) < 7 * 86400 * 1000 ? `${full} (${words})` : full;
}

function lengthOf(seconds) {
  if (seconds < 60) return `${Math.floor(seconds)} s`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min ${Math.floor(seconds % 60)} s`;
  return `${Math.floor(seconds / 3600)} h ${Math.floor((seconds % 3600) / 60)} min`;
}

function setText(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

export function tellTimes(root = document) {
  for (const element of root.querySelectorAll("time[datetime]")) {
    const date = new Date(element.dateTime);
    if (Number.isNaN(date.getTime())) continue;
    setText(element, wordsFor(element, date));
    if (!element.title) element.title = exact.format(date);
  }
  for (const element of root.querySelectorAll("[data-since]")) {
    setText(element, lengthOf(Math.max(0, (Date.now() - new Date(element.dataset.since)) / 1000)));
  }
}

// Fields for times are in the reader's zone, unless the address says another one.
function tellZones() {
  const here = Intl.DateTimeFormat().resolvedOptions().timeZone;
  if (!here) return;
  for (const form of document.querySelectorAll("form:has(input[data-zone])")) {
    const zone = form.querySelector("input[data-zone]");
    if (zone.value === "") zone.value = here;
    for (const label of form.querySelectorAll("[data-form-zone]")) setText(label, `(${zone.value})`);
  }
}

// --- The part that changes -------------------------------------------------------------------------------------------

function keyOf(node) {
  return node.nodeType === Node.ELEMENT_NODE ? node.dataset.key ?? node.id ?? "" : "";
}

// Makes `from` like `to` and touches only what differs: focus, chosen boxes, open details and scrolling stay.
function morph(from, to) {
  if (from.nodeType !== to.nodeType || from.nodeName !== to.nodeName || keyOf(from) !== keyOf(to)) {
    from.replaceWith(to);
    return;
  }
  if (from.nodeType !== Node.ELEMENT_NODE) {
    if (from.data !== to.data) from.data = to.data;
    return;
  }
  // Their text is ours as long as they mean the same moment.
  if (from.nodeName === "TIME" && from.dateTime === to.dateTime) return;
  if (from.dataset.since && from.dataset.since === to.dataset.since) return;
  morphAttributes(from, to);
  morphChildren(from, to);
}

function morphAttributes(from, to) {
  for (const { name, value } of to.attributes) {
    if (from.getAttribute(name) !== value) from.setAttribute(name, value);
  }
  for (const { name } of [...from.attributes]) {
    // What a script or the reader has set is not the server's to take away.
    if (!to.hasAttribute(name) && name !== "open" && name !== "title") from.removeAttribute(name);
  }
}

function morphChildren(from, to) {
  const known = new Map([...from.children].map((child) => [keyOf(child), child]).filter(([key]) => key));
  let at = from.firstChild;
  for (const wanted of [...to.childNodes]) {
    const key = keyOf(wanted);
    const match = key ? known.get(key) : at && !keyOf(at) ? at : null;
    if (!match) {
      from.insertBefore(wanted, at);
      continue;
    }
    if (match === at) at = at.nextSibling;
    else from.insertBefore(match, at);
    morph(match, wanted);
  }
  while (at) {
    const next = at.nextSibling;
    at.remove();
    at = next;
  }
}

function startLive(region, refreshed) {
  const lost = document.querySelector("[data-connection]");
  let tag = null;
  let failures = 0;
  let timer = 0;

  async function refresh() {
    clearTimeout(timer);
    if (document.hidden) return;
    try {
      const headers = { [PART]: "1", ...(tag ? { "If-None-Match": tag } : {}) };
      const answer = await fetch(location.href, { headers, cache: "no-store", redirect: "error" });
      if (answer.status === 401) return location.reload();
      if (answer.status !== 304 && !answer.ok) throw new Error(String(answer.status));
      if (answer.status === 200) {
        tag = answer.headers.get("ETag");
        const wanted = document.createElement("template");
        wanted.innerHTML = await answer.text();
        const banner = wanted.content.querySelector("[data-banner]");
        banner.remove();
        morph(document.querySelector("[data-banner]"), banner);
        morphChildren(region, wanted.content);
        tellTimes(document.querySelector("[data-banner]"));
        tellTimes(region);
        refreshed(region);
      }
      failures = 0;
    } catch {
      failures += 1;
    }
    lost.hidden = failures < 2;
    timer = setTimeout(refresh, Math.min(FIRST_MS * 2 ** Math.min(failures, 4), LONGEST_MS));
  }

  document.addEventListener("visibilitychange", () => {
    if (!document.hidden) refresh();
  });
  timer = setTimeout(refresh, FIRST_MS);
  return refresh;
}

// --- Keys --------------------------------------------------------------------------------------------------------------

function listenForKeys() {
  // The field of the page itself goes before the one that every page has.
  const search = document.querySelector("main [data-search]") ?? document.querySelector("[data-search]");
  document.addEventListener("keydown", (event) => {
    const typing = event.target.closest?.("input, textarea, select, [contenteditable]");
    if (event.key === "/" && !typing && !event.ctrlKey && !event.metaKey && !event.altKey && search) {
      event.preventDefault();
      search.focus();
      search.select();
    }
    if (event.key === "Escape") {
      if (event.target === search) search.blur();
      for (const open of document.querySelectorAll("details.confirm[open]")) open.open = false;
    }
  });
  document.addEventListener("click", (event) => {
    for (const open of document.querySelectorAll("details.confirm[open]")) {
      if (!open.contains(event.target)) open.open = false;
    }
  });
}

// `refreshed(region)` is called at the start and after each change.
export function start(refreshed = () => {}) {
  tellTimes();
  tellZones();
  document.querySelector(".top [aria-current]")?.scrollIntoView({ block: "nearest", inline: "nearest" });
  setInterval(tellTimes, 1000);
  listenForKeys();
  const region = document.querySelector("[data-live]");
  if (!region) return () => {};
  refreshed(region);
  return startLive(region, refreshed);
}

// Pages without a script of their own load this file itself.
if (document.querySelector("script[type=module]")?.src.endsWith("/live.js")) start();
