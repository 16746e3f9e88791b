// A second factor shown just now: asked for when the server says that an act needs one, then the act is tried again.
import { call } from "./console-api.js";
import { passkeysPossible, usePasskey } from "./console-passkey.js";

const dialog = document.getElementById("step-up");
const form = dialog.querySelector("form");
const problem = form.querySelector("[role=alert]");
const byPasskey = form.querySelector(".by-passkey");
const words = JSON.parse(dialog.dataset.words);
let settle = null;

export async function withStepUp(act) {
  const first = await act();
  if (first.ok || first.code !== "step-up-needed") return first;
  return (await ask()) ? act() : { ok: false, code: "cancelled", body: null };
}

async function ask() {
  form.reset();
  problem.hidden = true;
  const own = byPasskey && passkeysPossible() ? await call("GET", "session/passkeys") : null;
  if (byPasskey) byPasskey.hidden = !own?.ok || own.body.passkeys.length === 0;
  dialog.showModal();
  return new Promise((done) => (settle = done));
}

function leave(proved) {
  form.reset();
  dialog.close();
  settle?.(proved);
  settle = null;
}

async function show(body) {
  const { ok, code } = await call("POST", "session/step-up", body);
  if (ok) return leave(true);
  say(body.passkey && code === "refused" ? "passkey-refused" : code);
  form.elements.totp.value = "";
}

function say(code) {
  problem.textContent = words[`problem_${code}`] ?? words.problem_other;
  problem.hidden = false;
}

form.addEventListener("submit", (event) => {
  event.preventDefault();
  show({ password: form.elements.password.value, totp: form.elements.totp.value });
});

form.addEventListener("click", async (event) => {
  const by = event.target.closest("[data-by]")?.dataset.by;
  if (by === "cancel") leave(false);
  if (by !== "passkey") return;
  const { ok, code, body } = await call("POST", "session/step-up/options");
  if (!ok) return say(code);
  const answer = await usePasskey(body.publicKey);
  if (answer.passkey) await show({ passkey: answer.passkey });
  else say(answer.code);
});

dialog.addEventListener("cancel", () => leave(false)); // Escape
