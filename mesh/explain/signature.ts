import { readFile } from "node:fs/promises";
import { connect } from "node:http2";
import { join } from "node:path";
import { createLocalJWKSet, errors, type JSONWebKeySet, jwtVerify } from "jose";
import { addresses, format, workload } from "../local/topology.ts";
import { projectDir } from "../tools/paths.ts";
import type { Signature } from "./call.ts";

/** Who signed a token, by the keys that auth of the running platform gives out; `unchecked` when none runs. */
export async function checkSignature(token: string): Promise<Signature> {
  const keys = await fetchKeys().catch(() => undefined);
  return keys ? judgeSignature(token, keys) : "unchecked";
}

/** Who signed a token, by these keys. Its times and claims are not looked at. */
export async function judgeSignature(token: string, keys: JSONWebKeySet): Promise<Signature> {
  try {
    // a date at which no token is expired: that is judged elsewhere
    await jwtVerify(token, createLocalJWKSet(keys), {
      currentDate: new Date(0),
      clockTolerance: Number.MAX_SAFE_INTEGER,
    });
    return "good";
  } catch (error) {
    if (error instanceof errors.JWKSNoMatchingKey) return "unknown-key";
    return error instanceof errors.JWSSignatureVerificationFailed ? "forged" : "good";
  }
}

/** The key set, from the app of auth itself; it takes calls with its sidecar's token only. */
async function fetchKeys(): Promise<JSONWebKeySet> {
  const auth = workload("auth");
  const sidecarToken = await readFile(join(projectDir, ".state/mesh/auth/certs/sidecar-token"), "utf8");
  const session = connect(`http://${format(addresses(0).app(auth))}`);
  try {
    return await new Promise((resolve, reject) => {
      session.on("error", reject);
      session.setTimeout(2000, () => reject(new Error("auth does not answer")));
      const stream = session.request({ ":path": "/.well-known/jwks.json", "x-sidecar-token": sidecarToken.trim() });
      let body = "";
      stream.setEncoding("utf8").on("data", (chunk) => {
        body += chunk;
      });
      stream.on("error", reject).on("end", () => {
        try {
          resolve(JSON.parse(body));
        } catch (error) {
          reject(error);
        }
      });
    });
  } finally {
    session.destroy();
  }
}
