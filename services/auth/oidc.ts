import { createHash } from "node:crypto";
import type { Redis } from "ioredis";
import * as client from "openid-client";
import { refuse } from "./refusals.ts";

/** The outside provider, and this service as its client. */
export interface OidcSettings {
  issuer: URL;
  clientId: string;
  /** Absent for a public client, which has PKCE alone. */
  clientSecret: string | undefined;
  redirectUri: URL;
}

/** Who somebody is at the provider. Only issuer and subject are proof of anything. */
export interface OidcIdentity {
  issuer: string;
  subject: string;
  preferredUsername: string | undefined;
  email: string | undefined;
}

/** Login by an OpenID Connect provider: authorization code with PKCE (S256), state and nonce. */
export interface Oidc {
  /** Where the player's browser goes. @throws ConnectError FAILED_PRECONDITION, UNAVAILABLE */
  start(): Promise<{ authorizationUrl: string; state: string }>;
  /** What the provider says of who came back. A state is good once. @throws ConnectError UNAUTHENTICATED, UNAVAILABLE */
  complete(code: string, state: string): Promise<OidcIdentity>;
}

/** How long a player may take at the provider. */
const stateLifeS = 600;
/** For one request to the provider: the player's call has a deadline too. */
const timeoutS = 3;
/** How long what the provider says of itself is believed. */
const metadataLifeMs = 3_600_000;

interface Pending {
  codeVerifier: string;
  nonce: string;
}

/** @param settings absent when no provider is configured: then every call is refused. */
export function createOidc(settings: OidcSettings | undefined, redis: Redis, clock: () => Date): Oidc {
  let discovered: { configuration: client.Configuration; time: number } | undefined;

  /** The provider need not be there when this service starts. */
  async function discover(): Promise<client.Configuration> {
    if (!settings) throw refuse("oidc_not_configured", "no identity provider is configured");
    const now = clock().getTime();
    if (discovered && now - discovered.time < metadataLifeMs) return discovered.configuration;
    const { issuer, clientId, clientSecret } = settings;
    const authentication = clientSecret ? client.ClientSecretBasic(clientSecret) : client.None();
    const execute = issuer.protocol === "http:" ? [client.allowInsecureRequests] : [];
    const options = { execute, timeout: timeoutS };
    const configuration = await client
      .discovery(issuer, clientId, undefined, authentication, options)
      .catch((error) => Promise.reject(providerAway(error)));
    discovered = { configuration, time: now };
    return configuration;
  }

  // A state is as good as a password for ten minutes, so it isn't stored as it is.
  const keyOf = (state: string) => `auth:oidc:${createHash("sha256").update(state).digest("base64url")}`;

  return {
    async start() {
      const configuration = await discover();
      const state = client.randomState();
      const pending: Pending = { codeVerifier: client.randomPKCECodeVerifier(), nonce: client.randomNonce() };
      await redis.set(keyOf(state), JSON.stringify(pending), "EX", stateLifeS);
      const url = client.buildAuthorizationUrl(configuration, {
        redirect_uri: settings!.redirectUri.href,
        scope: "openid profile email",
        state,
        nonce: pending.nonce,
        code_challenge: await client.calculatePKCECodeChallenge(pending.codeVerifier),
        code_challenge_method: "S256",
      });
      return { authorizationUrl: url.href, state };
    },

    async complete(code, state) {
      const configuration = await discover();
      const kept = await redis.getdel(keyOf(state));
      if (!kept) throw refuse("oidc_state_invalid", "this login was not started here, or too long ago, or is done");
      const { codeVerifier, nonce } = JSON.parse(kept) as Pending;
      const url = new URL(settings!.redirectUri);
      url.searchParams.set("code", code);
      url.searchParams.set("state", state);
      const server = configuration.serverMetadata();
      // RFC 9207's `iss` tells several providers apart. There is one, so clients need not hand it on.
      if (server.authorization_response_iss_parameter_supported) url.searchParams.set("iss", server.issuer);
      const checks = {
        pkceCodeVerifier: codeVerifier,
        expectedState: state,
        expectedNonce: nonce,
        idTokenExpected: true,
      };
      const answer = await client
        .authorizationCodeGrant(configuration, url, checks)
        .catch((error) => Promise.reject(refusalOf(error)));
      const claims = answer.claims()!;
      const said = { issuer: claims.iss, subject: claims.sub };
      if (claims.preferred_username || claims.email) return { ...said, ...namesIn(claims) };
      // Many say at the userinfo endpoint only what somebody is called.
      if (!server.userinfo_endpoint) return { ...said, ...namesIn({}) };
      const info = await client
        .fetchUserInfo(configuration, answer.access_token, claims.sub)
        .catch((error) => Promise.reject(refusalOf(error)));
      return { ...said, ...namesIn(info) };
    },
  };
}

function namesIn({ preferred_username, email }: Record<string, unknown>) {
  const textOf = (claim: unknown) => (typeof claim === "string" ? claim : undefined);
  return { preferredUsername: textOf(preferred_username), email: textOf(email) };
}

/** Faults of the code or of the player's login, not of the provider. */
const playersFaults = new Set([
  "OAUTH_JWT_CLAIM_COMPARISON_FAILED",
  "OAUTH_JWT_TIMESTAMP_CHECK_FAILED",
  "OAUTH_INVALID_RESPONSE",
]);

function refusalOf(error: unknown): Error {
  const code = (error as { code?: string }).code ?? "";
  const refused = error instanceof client.ResponseBodyError && error.error === "invalid_grant";
  if (refused || playersFaults.has(code))
    return refuse("oidc_code_invalid", "the identity provider does not accept this login", { cause: nameOnly(error) });
  // Our own id or secret is wrong, or the like: somebody has to look at the log.
  if (error instanceof client.ResponseBodyError && error.status < 500) return nameOnly(error);
  return providerAway(error);
}

const providerAway = (error: unknown) =>
  refuse("oidc_provider_away", "the identity provider is away, try again", { retryAfterS: 5, cause: nameOnly(error) });

/** The error without what came with it, which may be tokens and claims. */
function nameOnly(error: unknown): Error {
  const { message, code, error: reason, cause } = error as Error & { code?: string; error?: string };
  const deeper = cause instanceof Error ? `: ${cause.message}` : "";
  return new Error(`identity provider: ${[reason, code, message].filter(Boolean).join(" ")}${deeper}`);
}
