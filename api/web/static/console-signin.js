import { call } from "./console-api.js";

const form = document.getElementById("sign-in");
const problem = document.getElementById("problem");
const words = JSON.parse(form.dataset.words);

form.addEventListener("submit", async (event) => {
  event.preventDefault();
  const button = form.querySelector("button");
  button.disabled = true;
  problem.hidden = true;
  const { ok, code } = await call("POST", "session", {
    username: form.username.value,
    password: form.password.value,
    totp: form.totp.value,
  });
  if (ok) {
    form.reset();
    location.replace(form.dataset.home);
    return;
  }
  problem.textContent = words[`problem_${code}`] ?? words.problem_other;
  problem.hidden = false;
  button.disabled = false;
  form.totp.value = "";
  form.totp.focus();
});

form.querySelector("button").disabled = false; // before this script is there, the form would go nowhere
