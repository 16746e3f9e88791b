// One's own account: passkeys, password, sessions; for those who look after accounts, the accounts of others.
import { call, leave } from "./console-api.js";
import { leaveWhenSignedOut, tellTimes } from "./console-fragments.js";
import { makePasskey, passkeysPossible } from "./console-passkey.js";
import { withStepUp } from "./console-stepup.js";

const words = JSON.parse(document.body.dataset.words);
const { home } = document.body.dataset;
const language = document.documentElement.lang;
const notice = document.getElementById("notice");
const locale = language === "ar" ? "ar-JO" : "en-GB";
const formats = {
  day: (at) => at.toLocaleDateString(locale, { day: "numeric", month: "long", year: "numeric" }),
  hour: (at) => at.toLocaleTimeString(locale, { hour: "2-digit", minute: "2-digit" }),
};

function say(text, bad) {
  notice.textContent = text;
  notice.classList.toggle("bad", bad);
  notice.hidden = !text;
  if (text) notice.scrollIntoView({ block: "nearest" });
}

// True if it went well; else it has been said why not.
function well({ ok, code }) {
  if (ok || code === "cancelled") return ok;
  if (code === "signed-out") leave();
  else say(words[`problem_${code}`] ?? words.problem_other, true);
  return false;
}

// What cannot be undone is pressed twice. True the second time.
function sure(button) {
  if (button.dataset.sure !== undefined) return true;
  const said = button.textContent;
  button.dataset.sure = "";
  button.textContent = words.really;
  setTimeout(() => {
    delete button.dataset.sure;
    button.textContent = said;
  }, 5000);
  return false;
}

async function once(button, act) {
  if (button.disabled || !sure(button)) return;
  button.disabled = true;
  await act();
  button.disabled = false;
}

// A list as the server draws it; what its buttons do, by their names.
function list(id, acts) {
  const place = document.getElementById(id);
  if (!place) return null;
  const settle = () => {
    tellTimes(place, formats);
    for (const button of place.querySelectorAll("button:disabled")) button.disabled = false;
  };
  let acted = false;
  place.addEventListener("htmx:afterSwap", () => {
    settle();
    // The button that was pressed has gone with the old list: who came by keyboard goes on at the head of the section.
    if (acted && document.activeElement === document.body) place.parentElement.querySelector("h2").focus();
    acted = false;
  });
  place.addEventListener("htmx:afterRequest", ({ detail: { successful, xhr } }) => {
    if (!successful && xhr.status !== 401) say(words["problem_store-away"] ?? words.problem_other, true);
  });
  place.addEventListener("click", (event) => {
    const button = event.target.closest("button[data-act]");
    if (!button) return;
    once(button, () => {
      acted = true;
      return acts[button.dataset.act](encodeURIComponent(button.dataset.of));
    });
  });
  htmx.process(place);
  settle();
  return place;
}

const drawAnew = (place) => htmx.trigger(place, "changed");

// ---- passkeys

const passkeys = list("passkeys", {
  async "remove-passkey"(id) {
    if (!well(await withStepUp(() => call("DELETE", `session/passkeys/${id}`)))) return;
    say(words.passkey_removed, false);
    drawAnew(passkeys);
  },
});
const add = document.getElementById("add-passkey");

add?.addEventListener("submit", async (event) => {
  event.preventDefault();
  say("", false);
  const label = add.elements.label.value;
  const options = await withStepUp(() => call("POST", "session/passkeys/options"));
  if (!well(options)) return;
  const made = await makePasskey(options.body.publicKey);
  if (!made.passkey) return say(words[`problem_${made.code}`], true);
  const kept = await call("POST", "session/passkeys", { label, passkey: made.passkey });
  if (!well(kept.code === "refused" ? { ok: false, code: "passkey-refused" } : kept)) return;
  say(words.passkey_added, false);
  drawAnew(passkeys);
});

// ---- password and sessions

const password = document.getElementById("password");
password.addEventListener("submit", async (event) => {
  event.preventDefault();
  const body = { password: password.elements.password.value, new_password: password.elements.new_password.value };
  if (password.elements.totp?.required) body.totp = password.elements.totp.value;
  const answer = await call("POST", "session/password", body);
  if (!well(answer)) return;
  password.reset();
  if (!passkeys) return location.replace(home); // there was nothing else to be done here before
  say(words.password_changed, false);
});

// After a recovery: the secret of the new authenticator, which nobody has seen before and nobody sees again.
async function showAuthenticator() {
  const enrol = document.getElementById("enrol");
  if (!enrol) return;
  const { ok, body } = await call("POST", "session/authenticator");
  if (!ok) return;
  document.getElementById("enrol-uri").textContent = body.otpauth;
  enrol.hidden = document.getElementById("enrol-code").hidden = false;
  password.elements.totp.required = true;
}

const everywhere = document.getElementById("everywhere");
everywhere.addEventListener("click", () => once(everywhere, async () => {
  if (well(await call("DELETE", "sessions"))) leave();
}));

// ---- the accounts of others

const made = document.getElementById("made");
const done = (answer) => well(answer) && drawAnew(accounts);
const accounts = list("accounts", {
  async "confirm-recovery"(name) {
    const answer = await withStepUp(() => call("POST", `staff/${name}/recovery/confirm`));
    if (!well(answer)) return;
    for (const place of made.querySelectorAll("[data-made]")) place.textContent = answer.body[place.dataset.made];
    made.hidden = false;
    made.scrollIntoView({ block: "nearest" });
    drawAnew(accounts);
  },
  "ask-recovery": async (name) => done(await withStepUp(() => call("POST", `staff/${name}/recovery`))),
  "take-back-recovery": async (name) => done(await call("DELETE", `staff/${name}/recovery`)),
  "put-out": async (name) => done(await withStepUp(() => call("POST", `staff/${name}/deactivate`))),
});

document.getElementById("made-done")?.addEventListener("click", () => {
  for (const place of made.querySelectorAll("[data-made]")) place.textContent = "";
  made.hidden = true;
});

leaveWhenSignedOut();
await showAuthenticator();
for (const button of [everywhere, password.querySelector("button")]) button.disabled = false;
if (add && passkeysPossible()) add.querySelector("button").disabled = false;
document.body.dataset.ready = "";
