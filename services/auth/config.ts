import { integer, loadVariables, optionalText, processVariables, text, type Variable } from "#kit/config.ts";
import type { OidcSettings } from "./oidc.ts";

/** The only reader of the environment in this service. */
export function loadConfig(env: NodeJS.ProcessEnv) {
  const { oidcIssuer, oidcClientId, oidcClientSecret, oidcRedirectUri, ...config } = loadVariables(
    {
      ...processVariables,
      /** A file with 64 hex digits: the key that seals the signing keys in the database. */
      keyFile: text("AUTH_KEY_FILE"),
      /** A file with the password of the user `admin`. Absent: there is no such user. */
      adminPasswordFile: optionalText("AUTH_ADMIN_PASSWORD_FILE"),
      /** Seconds from publishing a signing key to signing with it; longer than the edge keeps an old set. */
      keyActivationS: integer("AUTH_KEY_ACTIVATION_S", 30, 0, 86_400),
      /** Days after which a signing key is replaced. */
      keyMaxAgeDays: integer("AUTH_KEY_MAX_AGE_DAYS", 30, 1, 3_650),
      /** Passwords hashed at once: each takes a processor and 19 MiB. libuv has four threads for it. */
      hashParallel: integer("AUTH_HASH_PARALLEL", 2, 1, 4),
      /** Logins that may wait for their turn; more are refused. */
      hashWaiting: integer("AUTH_HASH_WAITING", 64, 0, 10_000),
      oidcIssuer: issuerUrl("OIDC_ISSUER"),
      oidcClientId: optionalText("OIDC_CLIENT_ID"),
      oidcClientSecret: optionalText("OIDC_CLIENT_SECRET"),
      oidcRedirectUri: url("OIDC_REDIRECT_URI"),
    },
    env,
  );
  let oidc: OidcSettings | undefined;
  if (oidcIssuer) {
    if (!oidcClientId || !oidcRedirectUri)
      throw new Error("configuration: OIDC_ISSUER needs OIDC_CLIENT_ID and OIDC_REDIRECT_URI beside it");
    oidc = {
      issuer: oidcIssuer,
      clientId: oidcClientId,
      clientSecret: oidcClientSecret,
      redirectUri: oidcRedirectUri,
    };
  }
  return Object.freeze({ ...config, oidc });
}

function url(name: string): Variable<URL | undefined> {
  const parse = (raw: string) => {
    if (!URL.canParse(raw)) throw new Error("must be a URL");
    return new URL(raw);
  };
  return { name, parse, optional: true };
}

/** Passwords and tokens travel to the provider: without TLS it must be on this machine. */
function issuerUrl(name: string): Variable<URL | undefined> {
  const any = url(name);
  const loopback = /^127(\.\d{1,3}){3}$|^\[::1\]$/;
  const parse = (raw: string) => {
    const issuer = any.parse(raw)!;
    if (issuer.protocol !== "https:" && !(issuer.protocol === "http:" && loopback.test(issuer.hostname)))
      throw new Error("must begin with https://, or with http:// and a loopback address");
    return issuer;
  };
  return { ...any, parse };
}
