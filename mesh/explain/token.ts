import type { Call, Claims, Request } from "./call.ts";
import type { Position } from "./field.ts";
import { ofKind, type Policy, type PolicyObject, selects } from "./policy.ts";

/** What the edge finds in a request: no token, a good one, or one that it refuses. */
export type TokenFinding =
  | { kind: "none" }
  | { kind: "good"; claims: Claims; object: PolicyObject; at: Position; unchecked: boolean }
  | { kind: "bad"; why: string; remedy: string; status: number; object: PolicyObject; at: Position };

/** Seconds by which Envoy lets clocks differ. */
const clockSkew = 60;

/** Judges the token as `jwt_authn` does and sets the headers that follow from a good one. `now`: seconds since 1970. */
export function judgeToken(policy: Policy, request: Request, call: Call, now = Date.now() / 1000): TokenFinding {
  for (const object of ofKind(policy, "RequestAuthentication").filter((object) => selects(object, "edge")))
    for (const rule of object.spec?.items("jwtRules") ?? []) {
      const token = presented(rule.items("fromHeaders").map(headerOf), request.headers);
      if (token === undefined) continue;
      const bad = (why: string, remedy: string, key: string, status = 401): TokenFinding => ({
        ...{ kind: "bad", why, remedy, status, object },
        at: (rule.get(key) ?? rule).position,
      });
      const claims = decodeToken(token);
      if (!claims) return bad("the token is no JWT", "a token as AuthService/Authenticate gives it", "fromHeaders");
      if (claims.iss !== rule.text("issuer"))
        return bad(
          `the token is of issuer ${JSON.stringify(claims.iss)}, not ${rule.text("issuer")}`,
          `a token of ${rule.text("issuer")}`,
          "issuer",
        );
      if (Number(claims.nbf) > now + clockSkew)
        return bad(`the token is not valid before ${moment(claims.nbf)}`, "waiting until then", "issuer");
      if (claims.exp !== undefined && Number(claims.exp) + clockSkew <= now)
        return bad(`the token expired at ${moment(claims.exp)}`, "a new one, by AuthService/RefreshToken", "issuer");
      const audiences = rule.texts("audiences");
      if (audiences.length > 0 && ![claims.aud].flat().some((aud) => audiences.includes(String(aud))))
        return bad(
          `the token is for the audience ${JSON.stringify(claims.aud)}, not ${audiences.join(" or ")}`,
          `a token for ${audiences.join(" or ")}`,
          "audiences",
          403,
        );
      if (call.signature === "unknown-key")
        return bad("no key of auth's key set fits the token", "a token that auth signed", "jwksUri");
      if (call.signature === "forged")
        return bad("the token's signature is not auth's", "a token that auth signed", "jwksUri");
      for (const pair of rule.items("outputClaimToHeaders"))
        setHeader(request, pair.text("header"), claims[pair.text("claim") ?? ""]);
      // the edge takes the token out, unless it is told to pass it on
      if (rule.text("forwardOriginalToken") !== "true") request.headers.delete("authorization");
      return { kind: "good", claims, object, at: rule.position, unchecked: call.signature === "unchecked" };
    }
  return { kind: "none" };
}

const headerOf = (field: { text(key: string): string | undefined }) => ({
  name: field.text("name")?.toLowerCase() ?? "authorization",
  prefix: field.text("prefix") ?? "",
});

/** The token as Envoy takes it from a header: whatever follows the prefix, wherever that stands. */
function presented(places: { name: string; prefix: string }[], headers: ReadonlyMap<string, string>) {
  for (const { name, prefix } of places.length > 0 ? places : [{ name: "authorization", prefix: "Bearer " }]) {
    const value = headers.get(name);
    const start = value?.indexOf(prefix) ?? -1;
    if (value !== undefined && start >= 0) return value.slice(start + prefix.length).trimStart();
  }
  return undefined;
}

/** The claims of a JWT, whose signature nobody looked at; undefined when it is none. */
export function decodeToken(token: string): Claims | undefined {
  const parts = token.split(".");
  if (parts.length !== 3 || parts.some((part) => !/^[\w-]+$/.test(part))) return undefined;
  try {
    const [header, claims] = parts.slice(0, 2).map((part) => JSON.parse(Buffer.from(part, "base64url").toString()));
    return /^(ES|RS|PS|HS)(256|384|512)$|^EdDSA$/.test(header.alg) && typeof claims === "object" ? claims : undefined;
  } catch {
    return undefined;
  }
}

function setHeader(request: Request, name: string | undefined, value: unknown) {
  const plain = ["string", "number", "boolean"].includes(typeof value) ? String(value) : "";
  if (name && plain !== "") request.headers.set(name.toLowerCase(), plain);
}

const moment = (seconds: unknown) => new Date(Number(seconds) * 1000).toISOString();
