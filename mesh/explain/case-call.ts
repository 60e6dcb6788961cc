import type { Step } from "../cases/format.ts";
import { type Call, type Claims, makeUnsignedToken, type Signature } from "./call.ts";

/** What each protocol sends with a call. */
const contentTypes: Record<Step["protocol"], string> = {
  json: "application/json",
  http1: "application/json",
  connect: "application/json",
  "connect-proto": "application/proto",
  "connect-stream": "application/connect+json",
  grpc: "application/grpc",
  "grpc-web": "application/grpc-web+proto",
};

/** The claims that differ from a good token's, by what is wrong with it. */
const faultyClaims: Partial<Record<NonNullable<Step["token"]>, (now: number) => Claims>> = {
  expired: (now) => ({ exp: now - 3600 }),
  "not-yet-valid": (now) => ({ nbf: now + 3600 }),
  "other-issuer": () => ({ iss: "another-issuer" }),
  "other-audience": () => ({ aud: "another-audience" }),
};

/** The claims of a good token of somebody with these permissions. */
export function goodClaims(sub: string, permissions: readonly string[], now = Date.now() / 1000): Claims {
  return {
    iss: "game-auth-service",
    aud: "game",
    sub,
    name: sub,
    sid: `session of ${sub}`,
    permissions,
    exp: now + 900,
  };
}

/** A step of a case as the model takes it: the call on `path` by the user numbered `user`. */
export function callOf(step: Step, path = step.path, user = 0): Call {
  const headers = new Map([["content-type", contentTypes[step.protocol]]]);
  let signature: Signature = "good";
  let token = "";
  if (step.as) {
    const now = Date.now() / 1000;
    const claims = goodClaims(`${step.as.name}~${user}`, step.as.permissions, now);
    const fault = step.token;
    token = makeUnsignedToken({ ...claims, ...(fault && faultyClaims[fault]?.(now)) });
    if (fault === "garbage") token = "not-a-token";
    if (fault === "unsigned") token = token.replace(/[^.]*$/, "");
    if (fault === "forged" || fault === "unknown-key") signature = fault;
    if (fault !== "not-sent") headers.set("authorization", `Bearer ${token}`);
  }
  const filled = (text: string) => text.replaceAll("{token}", token);
  for (const [name, value] of step.headers) headers.set(name.toLowerCase(), filled(value));
  return {
    method: step.method,
    target: filled(path),
    headers,
    http1: step.protocol === "http1",
    client: `address ${step.address || "of the case"}`,
    signature,
  };
}
