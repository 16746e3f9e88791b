// The number behind a talk: asked for with a reason, shown for two minutes at most, gone with the talk.
import { call } from "./console-api.js";
import { withStepUp } from "./console-stepup.js";

const SHOWN_FOR = 120000;

const dialog = document.getElementById("contact");
const form = dialog.querySelector("form");
const problem = form.querySelector("[role=alert]");
const shown = form.querySelector(".shown");
const number = shown.querySelector("bdi");
const asked = [form.querySelector(".why"), form.querySelector("[type=submit]"), form.querySelector("[data-by=cancel]")];
const answered = [shown, form.querySelector("[data-by=done]")];
const words = JSON.parse(dialog.dataset.words);
let talk = null;
let asking = 0; // an answer that comes after the dialog was closed is thrown away
let goes = 0;

function turn(given) {
  for (const part of asked) part.hidden = given;
  for (const part of answered) part.hidden = !given;
}

function wipe() {
  asking += 1;
  clearTimeout(goes);
  number.textContent = "";
  talk = null;
}

// The number first: the event of closing comes a moment after the dialog has gone.
function end() {
  wipe();
  dialog.close();
}

document.addEventListener("click", (event) => {
  const button = event.target.closest('[data-act="contact"], [data-contact]');
  if (!button) return;
  talk = button.closest(".talk");
  form.reset();
  problem.hidden = true;
  turn(false);
  const card = document.querySelector(`.card[data-id="${CSS.escape(talk.dataset.handoff)}"]`);
  if (card?.dataset.call !== undefined) form.elements.reason.value = "call_wish";
  if (button.dataset.contact) form.elements.reason.value = "safe_contact";
  dialog.showModal();
});

form.addEventListener("submit", async (event) => {
  event.preventDefault();
  const mine = ++asking;
  const reason = form.elements.reason.value;
  const path = `handoffs/${talk.dataset.handoff}/contact`;
  const { ok, code, body } = await withStepUp(() => call("POST", path, { reason }));
  if (mine !== asking || code === "cancelled") return;
  problem.hidden = ok;
  if (!ok) {
    problem.textContent = words[`problem_${code}`] ?? words.problem_other;
    return;
  }
  number.textContent = body.number;
  turn(true);
  answered[1].focus();
  goes = setTimeout(end, SHOWN_FOR);
});

form.addEventListener("click", (event) => {
  if (event.target.closest("[data-by]")) end();
});
dialog.addEventListener("close", wipe);

// safety.md: after an exit nothing of the talk stays. A talk that is over has lost its menu; where a safe contact was
// agreed, that alone can still be asked for.
setInterval(() => {
  if (dialog.open && !(talk?.isConnected && talk.querySelector(".menu, .safe-contact:not([hidden])"))) end();
}, 500);
