// One click to enter a practice world. There is no password, and no field for one.
import { call } from "./console-api.js";

const doors = [...document.querySelectorAll("[data-name]")];
const problem = document.getElementById("problem");

for (const door of doors) {
  door.addEventListener("click", async () => {
    for (const each of doors) each.disabled = true;
    problem.hidden = true;
    const { ok } = await call("POST", "practice/session", { name: door.dataset.name });
    if (ok) return location.replace(document.body.dataset.home);
    problem.hidden = false;
    for (const each of doors) each.disabled = false;
    door.focus();
  });
  door.disabled = false;
}
