// The way out, on pages that have no talk to end first.
import { call, leave } from "./console-api.js";

document.getElementById("sign-out")?.addEventListener("click", async () => {
  await call("DELETE", "session");
  leave();
});
