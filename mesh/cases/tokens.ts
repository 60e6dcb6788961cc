import { exportJWK, generateKeyPair, type JWTPayload, SignJWT } from "jose";

/** What a token says, beside what every token of the game says. */
export interface Claims extends JWTPayload {
  permissions?: string[];
}

/** Signs tokens and publishes the key to verify them, as auth does. */
export interface Issuer {
  /** The JSON of the key set. */
  jwks: string;
  /** A token of `user` with these permissions; `claims` and `kid` replace what a good one has. */
  token(user: string, permissions?: string[], claims?: Claims, kid?: string): Promise<string>;
}

/** An issuer with one new key, named `kid`. */
export async function createIssuer(kid = "key-1"): Promise<Issuer> {
  const { privateKey, publicKey } = await generateKeyPair("ES256", { extractable: true });
  const key = { ...(await exportJWK(publicKey)), kid, alg: "ES256", use: "sig" };
  return {
    jwks: JSON.stringify({ keys: [key] }),
    token: (user, permissions = [], claims = {}, named = kid) =>
      new SignJWT({
        iss: "game-auth-service",
        aud: "game",
        sub: user,
        name: `name of ${user}`,
        sid: `session of ${user}`,
        permissions,
        iat: now(),
        exp: now() + 900,
        ...claims,
      })
        .setProtectedHeader({ alg: "ES256", kid: named })
        .sign(privateKey),
  };
}

/** A token that nobody signed (`alg: none`). */
export function unsignedToken(user: string): string {
  const part = (value: object) => Buffer.from(JSON.stringify(value)).toString("base64url");
  const claims = { iss: "game-auth-service", aud: "game", sub: user, permissions: ["auth:admin"], exp: now() + 900 };
  return `${part({ alg: "none" })}.${part(claims)}.`;
}

/** This moment, in seconds, as tokens count. */
export const now = () => Math.floor(Date.now() / 1000);
