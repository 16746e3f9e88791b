import { call } from "./console-api.js";
import { passkeysPossible, usePasskey } from "./console-passkey.js";
import { wipe } from "./console-sealing.js";

const form = document.getElementById("sign-in");
const problem = document.getElementById("problem");
const byPasskey = document.getElementById("by-passkey");
const words = JSON.parse(form.dataset.words);

if (form.dataset.nobody) wipe(); // a session that ran out while no page was open to see it

function entered({ own_password_first: first }) {
  form.reset();
  location.replace(first ? form.dataset.account : form.dataset.home);
}

function say(code) {
  problem.textContent = words[`problem_${code}`] ?? words.problem_other;
  problem.hidden = false;
}

form.addEventListener("submit", async (event) => {
  event.preventDefault();
  const button = form.querySelector("button");
  button.disabled = true;
  problem.hidden = true;
  const { ok, code, body } = await call("POST", "session", {
    username: form.username.value,
    password: form.password.value,
    totp: form.totp.value,
  });
  if (ok) return entered(body);
  say(code);
  button.disabled = false;
  form.totp.value = "";
  form.totp.focus();
});

if (byPasskey && passkeysPossible()) {
  const button = byPasskey.querySelector("button");
  byPasskey.hidden = false;
  button.focus();
  button.addEventListener("click", async () => {
    button.disabled = true;
    problem.hidden = true;
    const options = await call("POST", "session/passkey/options");
    const answer = options.ok ? await usePasskey(options.body.publicKey) : options;
    const { ok, code, body } = answer.passkey ? await call("POST", "session/passkey", { passkey: answer.passkey }) : answer;
    if (ok) return entered(body);
    say(code === "refused" ? "passkey-refused" : code);
    button.disabled = false;
  });
}

form.querySelector("button").disabled = false; // before this script is there, the form would go nowhere
