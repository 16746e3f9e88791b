// The practice room's page: who can come, how people come, and the talks that have ended.
import { call } from "./console-api.js";

const words = JSON.parse(document.querySelector(".practice-band").dataset.words);
const pace = document.getElementById("practice-pace");
const looks = document.getElementById("practice-looks");
const said = document.getElementById("practice-said");

function say(text) {
  said.textContent = text;
  said.hidden = false;
  setTimeout(() => (said.hidden = true), 6000);
}

function tell({ ok, code }, good = "") {
  if (!ok) say(words[`practice_problem_${code}`] ?? words.practice_problem);
  else if (good) say(good);
}

pace.addEventListener("change", async () => {
  const chosen = { pace: pace.elements.pace.value, haste: Number(pace.elements.haste.value) };
  tell(await call("PUT", "practice/pace", chosen));
});

document.getElementById("practice-clear").addEventListener("click", async () => {
  const answer = await call("DELETE", "practice/people");
  if (answer.ok) pace.elements.pace.value = answer.body.pace;
  tell(answer);
});

document.querySelector(".practice-people").addEventListener("click", async (event) => {
  const button = event.target.closest("[data-act=come]");
  if (!button) return;
  tell(await call("POST", "practice/people", { code: button.closest("li").dataset.code }), words.practice_on_its_way);
});

document.addEventListener("practice", ({ detail: page }) => {
  const here = new Set(page.dataset.here.split(" "));
  for (const one of document.querySelectorAll(".practice-people li"))
    one.querySelector(".practice-here").hidden = !here.has(one.dataset.code);
  const ids = (list) => [...list.querySelectorAll(".look")].map((one) => one.dataset.id).join();
  if (ids(page) === ids(looks)) return; // what is being read stays where it is
  looks.replaceChildren(document.importNode(page, true));
});
