import { errors, type JWTVerifyGetKey, jwtVerify, SignJWT } from "jose";
import { algorithm, type KeyRing } from "./keys.ts";
import type { Permission } from "./permissions.ts";

/** How long an access token is good. */
export const accessTokenLifeMs = 15 * 60_000;

/** What the edge asks for in mesh/istio/. */
const issuer = "game-auth-service";
const audience = "game";

/** What an access token says. */
export interface Claims {
  userId: string;
  username: string;
  sessionId: string;
  permissions: string[];
}

/** Makes and reads access tokens: JWTs signed with the key ring's keys. */
export interface AccessTokens {
  /** @throws ConnectError UNAVAILABLE when no signing key is at hand. */
  issue(claims: Claims & { permissions: Permission[] }): Promise<{ token: string; expireTime: Date }>;
  /** What a token of ours says, or why it is not good. Its session may have ended all the same. */
  read(token: string): Promise<(Claims & { expireTime: Date }) | "invalid" | "expired">;
}

export function createAccessTokens(keys: Pick<KeyRing, "signer" | "verifier">, clock: () => Date): AccessTokens {
  const findKey: JWTVerifyGetKey = ({ kid }) => {
    const key = keys.verifier(kid ?? "");
    if (!key) throw new errors.JWKSNoMatchingKey();
    return key;
  };
  return {
    async issue({ userId, username, sessionId, permissions }) {
      const { keyId, privateKey } = keys.signer();
      // JWTs count in whole seconds.
      const now = Math.floor(clock().getTime() / 1_000);
      const expiry = now + accessTokenLifeMs / 1_000;
      const token = await new SignJWT({ name: username, sid: sessionId, permissions })
        .setProtectedHeader({ alg: algorithm, kid: keyId, typ: "JWT" })
        .setIssuer(issuer)
        .setAudience(audience)
        .setSubject(userId)
        .setIssuedAt(now)
        .setExpirationTime(expiry)
        .sign(privateKey);
      return { token, expireTime: new Date(expiry * 1_000) };
    },
    async read(token) {
      try {
        const { payload } = await jwtVerify<{ name: string; sid: string; permissions: string[] }>(token, findKey, {
          algorithms: [algorithm],
          issuer,
          audience,
          requiredClaims: ["sub", "name", "sid", "permissions", "exp"],
          currentDate: clock(),
        });
        return {
          userId: payload.sub!,
          username: payload.name,
          sessionId: payload.sid,
          permissions: payload.permissions,
          expireTime: new Date(payload.exp! * 1_000),
        };
      } catch (error) {
        if (error instanceof errors.JWTExpired) return "expired";
        if (error instanceof errors.JOSEError) return "invalid";
        throw error;
      }
    },
  };
}
