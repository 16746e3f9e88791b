// Passkeys in the browser: WebAuthn's JSON in, its JSON out. Written out, since older browsers lack the conversions.

export const passkeysPossible = () => "PublicKeyCredential" in window && Boolean(navigator.credentials);

const bytes = (text) => Uint8Array.from(atob(text.replaceAll("-", "+").replaceAll("_", "/")), (one) => one.charCodeAt(0));
const text = (buffer) => btoa(String.fromCharCode(...new Uint8Array(buffer))).replaceAll("+", "-").replaceAll("/", "_").replace(/=+$/, "");
const named = (list) => (list ?? []).map((one) => ({ ...one, id: bytes(one.id) }));

// An answer is {passkey} or {code}: what the device or its owner did instead.
async function asked(ask, spell) {
  try {
    const made = await ask();
    return { passkey: { id: made.id, rawId: text(made.rawId), type: made.type, response: spell(made.response) } };
  } catch (error) {
    return { code: error.name === "InvalidStateError" ? "passkey-known" : "passkey-cancelled" };
  }
}

export function makePasskey(options) {
  const publicKey = {
    ...options,
    challenge: bytes(options.challenge),
    user: { ...options.user, id: bytes(options.user.id) },
    excludeCredentials: named(options.excludeCredentials),
  };
  return asked(
    () => navigator.credentials.create({ publicKey }),
    (said) => ({ clientDataJSON: text(said.clientDataJSON), attestationObject: text(said.attestationObject) }),
  );
}

export function usePasskey(options) {
  const publicKey = { ...options, challenge: bytes(options.challenge), allowCredentials: named(options.allowCredentials) };
  return asked(
    () => navigator.credentials.get({ publicKey }),
    (said) => ({
      clientDataJSON: text(said.clientDataJSON),
      authenticatorData: text(said.authenticatorData),
      signature: text(said.signature),
      userHandle: said.userHandle ? text(said.userHandle) : null,
    }),
  );
}
