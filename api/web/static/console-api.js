// Calls to /api/v1. An answer is {ok, body, code}: code is the last word of a problem's type, never shown as it is.

export async function call(method, path, body) {
  let response;
  try {
    response = await fetch(`/api/v1/${path}`, {
      method,
      headers: body === undefined ? {} : { "Content-Type": "application/json" },
      body: body === undefined ? undefined : JSON.stringify(body),
      credentials: "same-origin",
      cache: "no-store",
      signal: AbortSignal.timeout(20000), // a network that is gone without a word
    });
  } catch {
    return { ok: false, code: "store-away", body: null };
  }
  const read = response.status === 204 ? null : await response.json().catch(() => null);
  if (response.ok) return { ok: true, code: "", body: read };
  return { ok: false, code: String(read?.type ?? "").split(":").pop(), body: null };
}

export function leave() {
  location.replace(`/console/sign-in?lang=${document.documentElement.lang}`);
}
