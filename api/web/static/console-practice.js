// The band of a practice world: lets somebody come, and shows what there was to see when a talk has ended.
import { call } from "./console-api.js";

const EVERY = 2500;
const band = document.querySelector(".practice-band");
const words = JSON.parse(band.dataset.words);
const someone = document.getElementById("practice-someone");
const back = document.getElementById("practice-back");
const dialog = document.getElementById("practice-dialog");
const looked = document.getElementById("practice-looked");
const said = document.getElementById("practice-said");

let known = null; // talks that had ended before; null until the first look
let unseen = [];
let latest = [];
let quiet = null;

function say(text) {
  said.textContent = text;
  said.hidden = false;
  clearTimeout(quiet);
  quiet = setTimeout(() => (said.hidden = true), 6000);
}

async function look() {
  let response;
  try {
    response = await fetch(`/console/practice/looks?lang=${document.documentElement.lang}`, {
      credentials: "same-origin",
      cache: "no-store",
      signal: AbortSignal.timeout(10000),
    });
  } catch {
    return;
  }
  if (!response.ok) return;
  const page = new DOMParser().parseFromString(await response.text(), "text/html").querySelector(".looks");
  if (!page) return;
  latest = [...page.querySelectorAll(".look")];
  const fresh = known ? latest.filter((one) => !known.has(one.dataset.id)) : [];
  known = new Set(latest.map((one) => one.dataset.id));
  unseen = [...fresh, ...unseen];
  back.hidden = latest.length === 0;
  back.querySelector(".practice-count").textContent = unseen.length || "";
  document.dispatchEvent(new CustomEvent("practice", { detail: page }));
  if (fresh.length && free()) open();
}

// Not in the way of somebody who is writing to another, or for whom somebody waits in danger.
function free() {
  const busy = '.card[data-mine="yes"][data-state="claimed"], .card.p0[data-owned="no"][data-state="queued"]';
  return document.getElementById("queue") && !document.querySelector(`${busy}, dialog[open]`);
}

function open() {
  looked.replaceChildren(...(unseen.length ? unseen : latest.slice(0, 1)).map((one) => document.importNode(one, true)));
  unseen = [];
  back.querySelector(".practice-count").textContent = "";
  if (!dialog.open) dialog.showModal();
}

back.addEventListener("click", open);

someone.addEventListener("click", async () => {
  someone.disabled = true;
  const { ok, code } = await call("POST", "practice/people", {});
  say(ok ? words.practice_on_its_way : (words[`practice_problem_${code}`] ?? words.practice_problem));
  setTimeout(() => (someone.disabled = false), 1000);
  look();
});

look();
setInterval(look, EVERY);
