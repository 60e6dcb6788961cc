import { randomBytes } from "node:crypto";
import http from "node:http";
import type { AddressInfo } from "node:net";
import type { TestContext } from "node:test";
import { exportJWK, generateKeyPair } from "jose";
import Provider from "oidc-provider";

/** What the provider knows of its people, by the name that they log in with. */
export type People = Record<string, { preferred_username?: string; email?: string }>;

export interface IdentityProvider {
  issuer: URL;
  clientId: string;
  clientSecret: string;
  redirectUri: URL;
  /** Goes where a browser would, logs in as `name` and consents. Resolves with what comes to the redirect URI. */
  logIn(authorizationUrl: string, name: string): Promise<URLSearchParams>;
  /** Takes it off the network. */
  stop(): Promise<void>;
}

/**
 * Starts a real OpenID Connect provider on a free port. It demands PKCE.
 *
 * @param options.namesInIdToken whether names come in the ID token, or at the userinfo endpoint only, as the standard has it.
 */
export async function startIdentityProvider(
  t: TestContext,
  people: People,
  options: { namesInIdToken?: boolean } = {},
): Promise<IdentityProvider> {
  const server = http.createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const issuer = new URL(`http://127.0.0.1:${(server.address() as AddressInfo).port}`);
  const client = { clientId: "game", clientSecret: randomBytes(32).toString("hex") };
  const redirectUri = new URL("https://game.example.com/callback");
  const { privateKey } = await generateKeyPair("RS256", { extractable: true });
  const signingKey = { ...(await exportJWK(privateKey)), use: "sig", alg: "RS256" };

  const provider = quietly(
    () =>
      new Provider(issuer.origin, {
        clients: [
          { client_id: client.clientId, client_secret: client.clientSecret, redirect_uris: [redirectUri.href] },
        ],
        pkce: { required: () => true },
        claims: { openid: ["sub"], profile: ["preferred_username"], email: ["email"] },
        conformIdTokenClaims: !options.namesInIdToken,
        findAccount: (_context: unknown, id: string) => ({
          accountId: id,
          claims: () => ({ sub: id, ...people[id] }),
        }),
        jwks: { keys: [signingKey] },
        cookies: { keys: [randomBytes(16).toString("hex")] },
        ttl: { AccessToken: 60, AuthorizationCode: 60, Grant: 60, IdToken: 60, Interaction: 60, Session: 60 },
      }),
  );
  server.on("request", provider.callback());

  const stop = async () => {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  };
  t.after(stop);
  return { issuer, ...client, redirectUri, stop, logIn: (url, name) => browse(url, name, redirectUri) };
}

/** Follows redirects with cookies and fills in the provider's forms, until it is sent to `redirectUri`. */
async function browse(start: string, name: string, redirectUri: URL): Promise<URLSearchParams> {
  const cookies = new Map<string, string>();
  let url = new URL(start);
  let form: URLSearchParams | undefined;
  for (let steps = 0; steps < 12; steps++) {
    const response = await fetch(url, {
      redirect: "manual",
      headers: { cookie: [...cookies].map(([key, value]) => `${key}=${value}`).join("; ") },
      ...(form && { method: "POST", body: form }),
    });
    for (const cookie of response.headers.getSetCookie()) {
      const [, key, value] = /^([^=]+)=([^;]*)/.exec(cookie)!;
      cookies.set(key!, value!);
    }
    const page = await response.text();
    const location = response.headers.get("location");
    form = undefined;
    if (location) url = new URL(location, url);
    else form = fillIn(page, name);
    if (url.href.startsWith(redirectUri.href)) return url.searchParams;
  }
  throw new Error("the provider's pages lead nowhere");
}

function fillIn(page: string, name: string): URLSearchParams {
  const prompt = /name="prompt" value="(\w+)"/.exec(page)?.[1];
  if (!prompt) throw new Error(`the provider shows no form: ${page.replace(/<[^>]+>|\s+/g, " ").slice(0, 500)}`);
  return new URLSearchParams({ prompt, login: name, password: "any" });
}

/** The provider warns that its login page is for tests. That is what this one is for. */
function quietly<T>(work: () => T): T {
  const { warn, info } = console;
  Object.assign(console, { warn() {}, info() {} });
  try {
    return work();
  } finally {
    Object.assign(console, { warn, info });
  }
}
