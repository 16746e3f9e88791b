// One's own account: passkeys, password, sessions; for those who look after accounts, the accounts of others.
import { call, leave } from "./console-api.js";
import { makePasskey, passkeysPossible } from "./console-passkey.js";
import { withStepUp } from "./console-stepup.js";

const words = JSON.parse(document.body.dataset.words);
const { role, name, home } = document.body.dataset;
const language = document.documentElement.lang;
const notice = document.getElementById("notice");
const day = (at) => new Date(at).toLocaleDateString(language === "ar" ? "ar-JO" : "en-GB", { day: "numeric", month: "long", year: "numeric" });
const hour = (at) => new Date(at).toLocaleTimeString(language === "ar" ? "ar-JO" : "en-GB", { hour: "2-digit", minute: "2-digit" });

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

function element(kind, text, rest = {}) {
  return Object.assign(document.createElement(kind), { textContent: text, ...rest });
}

// What cannot be undone is pressed twice.
function twice(button, act) {
  const said = button.textContent;
  button.addEventListener("click", async () => {
    if (button.dataset.sure === undefined) {
      button.dataset.sure = "";
      button.textContent = words.really;
      setTimeout(() => {
        delete button.dataset.sure;
        button.textContent = said;
      }, 5000);
      return;
    }
    button.disabled = true;
    await act();
    button.disabled = false;
  });
  return button;
}

// ---- passkeys

const passkeys = document.getElementById("passkeys");
const add = document.getElementById("add-passkey");

async function showPasskeys() {
  if (!passkeys) return;
  const answer = await call("GET", "session/passkeys");
  if (!well(answer)) return;
  document.getElementById("no-passkeys").hidden = answer.body.passkeys.length > 0;
  passkeys.replaceChildren(...answer.body.passkeys.map((one) => {
    const row = element("li", "");
    const facts = element("div", "");
    const used = one.used_at ? `${words.used_on} ${day(one.used_at)}` : words.never_used;
    facts.append(element("strong", words[one.label]), element("p", `${words.added_on} ${day(one.created_at)} · ${used}`, { className: "quiet small" }));
    row.append(facts, twice(element("button", words.remove, { type: "button" }), async () => {
      if (!well(await withStepUp(() => call("DELETE", `session/passkeys/${one.id}`)))) return;
      say(words.passkey_removed, false);
      await showPasskeys();
    }));
    return row;
  }));
}

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
  await showPasskeys();
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
twice(everywhere, async () => {
  if (well(await call("DELETE", "sessions"))) leave();
});

// ---- the accounts of others

const accounts = document.getElementById("accounts");
const made = document.getElementById("made");

async function showAccounts() {
  if (!accounts) return;
  const answer = await call("GET", "staff");
  if (!well(answer)) return;
  accounts.replaceChildren(...answer.body.accounts.map(rowOf));
}

function rowOf(one) {
  const row = element("li", "");
  const facts = element("div", "");
  const line = [words[`role_${one.role}`], one.desks.join(" · ") || words.every_desk, `${words.passkeys}: ${one.passkeys}`];
  const title = element("strong", "");
  title.append(element("bdi", one.username));
  facts.append(title, element("p", line.join(" · "), { className: "quiet small" }));
  if (!one.active) facts.append(element("p", words.out_of_service, { className: "chip strong" }));
  if (one.recovery_by) {
    const asked = element("p", `${words.asked_by} `, { className: "small" });
    asked.append(element("bdi", one.recovery_by), ` ${words.until} ${hour(one.recovery_until)}`);
    facts.append(asked);
  }
  const acts = element("div", "", { className: "acts" });
  const path = `staff/${encodeURIComponent(one.username)}`;
  const button = (said, act, kind = "") => acts.append(twice(element("button", said, { type: "button", className: kind }), act));
  const other = one.username !== name;
  if (other && one.recovery_by && one.recovery_by !== name) {
    button(words.confirm_recovery, async () => {
      const answer = await withStepUp(() => call("POST", `${path}/recovery/confirm`));
      if (!well(answer)) return;
      for (const place of made.querySelectorAll("[data-made]")) place.textContent = answer.body[place.dataset.made];
      made.hidden = false;
      made.scrollIntoView({ block: "nearest" });
      await showAccounts();
    }, "main");
  }
  if (other && role === "admin") {
    const done = (answer) => well(answer) && showAccounts();
    if (one.recovery_by) button(words.take_back_recovery, async () => done(await call("DELETE", `${path}/recovery`)));
    else button(words.ask_recovery, async () => done(await withStepUp(() => call("POST", `${path}/recovery`))));
    if (one.active) button(words.put_out, async () => done(await withStepUp(() => call("POST", `${path}/deactivate`))));
  }
  row.append(facts, acts);
  return row;
}

document.getElementById("made-done")?.addEventListener("click", () => {
  for (const place of made.querySelectorAll("[data-made]")) place.textContent = "";
  made.hidden = true;
});

await Promise.all([showPasskeys(), showAccounts(), showAuthenticator()]);
for (const button of [everywhere, password.querySelector("button")]) button.disabled = false;
if (add && passkeysPossible()) add.querySelector("button").disabled = false;
document.body.dataset.ready = "";
