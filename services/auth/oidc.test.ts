import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { Code } from "@connectrpc/connect";
import { refusal, startAuth } from "../../tests/support/auth-service.ts";
import { type People, startIdentityProvider } from "../../tests/support/identity-provider.ts";

/** Auth with a real provider beside it. */
async function startBoth(t: TestContext, people: People, options: { namesInIdToken?: boolean } = {}) {
  const provider = await startIdentityProvider(t, people, options);
  const { issuer, clientId, clientSecret, redirectUri } = provider;
  const auth = await startAuth(t, { oidc: { issuer, clientId, clientSecret, redirectUri } });
  const { client } = auth;

  /** What comes back to the client after the player was at the provider. */
  async function visit(name: string) {
    const { authorizationUrl, state } = await client.startOidcLogin({});
    const answer = await provider.logIn(authorizationUrl, name);
    assert.equal(answer.get("state"), state);
    return { code: answer.get("code")!, state };
  }
  const logIn = async (name: string) => client.completeOidcLogin({ ...(await visit(name)), clientVersion: "web" });
  return { ...auth, provider, visit, logIn };
}

test("login by a real OpenID Connect provider", async (t) => {
  const auth = await startBoth(t, {
    "sub-1": { preferred_username: "Zoë", email: "zoe@example.com" },
    "sub-2": { preferred_username: "zoe" },
    "sub-3": { preferred_username: "admin", email: "boss@example.com" },
    "sub-4": {},
    "sub-5": { email: "oak.shield@example.com" },
  });
  const { client, visit, logIn } = auth;
  const stateInvalid = refusal(Code.Unauthenticated, "oidc_state_invalid");
  const codeInvalid = refusal(Code.Unauthenticated, "oidc_code_invalid");

  await t.test("the player is sent to the provider with PKCE, a state and a nonce", async () => {
    const { authorizationUrl, state } = await client.startOidcLogin({});
    const { origin, searchParams } = new URL(authorizationUrl);
    assert.equal(origin, auth.provider.issuer.origin);
    assert.equal(searchParams.get("state"), state);
    assert.equal(searchParams.get("response_type"), "code");
    assert.equal(searchParams.get("code_challenge_method"), "S256");
    for (const name of ["code_challenge", "nonce"]) assert.match(searchParams.get(name)!, /^[\w-]{43}$/);
  });

  await t.test("who comes for the first time gets an account, and the same one ever after", async () => {
    const first = await logIn("sub-1");
    assert.equal(first.user?.username, "Zoe");
    const again = await logIn("sub-1");
    assert.deepEqual(again.user, first.user);
    assert.equal((await client.validateToken({ accessToken: first.accessToken })).active, true);
    assert.ok((await client.refreshToken({ refreshToken: first.refreshToken })).accessToken);
    const events = await auth.eventsOf(first.user!.userId, 3);
    assert.deepEqual(
      events.map(({ type }) => type),
      ["player_registered", "player_login", "player_login"],
    );
    const { sessions } = await auth.clientOf(first.accessToken).listSessions({});
    assert.deepEqual(
      sessions.map(({ clientVersion }) => clientVersion),
      ["web", "web"],
    );
  });

  await t.test("a name that is taken gives nobody another's account", async () => {
    const { user } = await logIn("sub-2");
    assert.match(user!.username, /^zoe-[0-9a-f]{4}$/);
    assert.match((await logIn("sub-3")).user!.username, /^player(-|$)/);
    assert.match((await logIn("sub-4")).user!.username, /^player(-|$)/);
    assert.equal((await logIn("sub-5")).user!.username, "oak_shield");
  });

  await t.test("an account made by a provider has no password", async () => {
    await assert.rejects(
      client.authenticate({ username: "Zoe", password: "anything" }),
      refusal(Code.Unauthenticated, "credentials_wrong"),
    );
  });

  await t.test("a state is good once", async () => {
    const answer = await visit("sub-1");
    await client.completeOidcLogin(answer);
    await assert.rejects(client.completeOidcLogin(answer), stateInvalid);
  });

  await t.test("a state that was never given is refused, and the right one is still good", async () => {
    const { code, state } = await visit("sub-1");
    await assert.rejects(client.completeOidcLogin({ code, state: `${state}x` }), stateInvalid);
    assert.ok((await client.completeOidcLogin({ code, state })).accessToken);
  });

  await t.test("a wrong code is refused, and its state is used up", async () => {
    const { code, state } = await visit("sub-1");
    await assert.rejects(client.completeOidcLogin({ code: "nonsense", state }), codeInvalid);
    await assert.rejects(client.completeOidcLogin({ code, state }), stateInvalid);
  });

  await t.test("a code that belongs to another login is refused: the verifier doesn't fit", async () => {
    const [mine, theirs] = [await visit("sub-1"), await visit("sub-2")];
    await assert.rejects(client.completeOidcLogin({ code: theirs.code, state: mine.state }), codeInvalid);
  });

  await t.test("the same person coming twice at once gets one account", async () => {
    const answers = [await visit("sub-6"), await visit("sub-6")];
    const logins = await Promise.all(answers.map((answer) => client.completeOidcLogin(answer)));
    assert.equal(logins[0]?.user?.userId, logins[1]?.user?.userId);
  });

  await t.test("while the provider is away a login is UNAVAILABLE, by password it works", async () => {
    const { code, state } = await visit("sub-1");
    await auth.provider.stop();
    await assert.rejects(client.completeOidcLogin({ code, state }), refusal(Code.Unavailable, "oidc_provider_away"));
    assert.ok((await auth.joinAs()).accessToken);
    auth.clock.advance(3_600_000);
    await assert.rejects(client.startOidcLogin({}), refusal(Code.Unavailable, "oidc_provider_away"));
  });
});

test("names are also taken from the ID token", async (t) => {
  const { logIn } = await startBoth(t, { one: { preferred_username: "tokenless" } }, { namesInIdToken: true });
  assert.equal((await logIn("one")).user?.username, "tokenless");
});

test("without a provider its login is refused", async (t) => {
  const { client } = await startAuth(t);
  const refused = refusal(Code.FailedPrecondition, "oidc_not_configured");
  await assert.rejects(client.startOidcLogin({}), refused);
  await assert.rejects(client.completeOidcLogin({ code: "c", state: "s" }), refused);
});
