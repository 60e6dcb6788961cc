import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { type Answer, call } from "./support/call.ts";
import { type Mesh, startMesh } from "./support/mesh.ts";

let mesh: Mesh;
before(async () => {
  mesh = await startMesh();
});
after(() => mesh?.[Symbol.asyncDispose]());

const headers = { "content-type": "application/json" };

/** `count` calls at once, to the paths in turn: how many were let through, and the refusals. */
async function burst(count: number, paths: string[], from: string, token?: string) {
  const authorization: Record<string, string> = token ? { authorization: `Bearer ${token}` } : {};
  const send = (i: number) =>
    call({
      to: mesh.at.edge,
      from,
      path: paths[i % paths.length]!,
      headers: { ...headers, ...authorization },
      body: "{}",
    });
  const answers = await Promise.all(Array.from({ length: count }, (_, i) => send(i)));
  const refused = answers.filter(({ status }) => status === 429);
  assert.equal(answers.filter(({ status }) => status === 200).length + refused.length, count);
  for (const answer of refused) assert.equal(answer.json().code, "resource_exhausted");
  return { passed: count - refused.length, refused };
}

const retryAfter = (answers: Answer[]) => new Set(answers.map((answer) => answer.headers["retry-after"]));

describe("a login", () => {
  for (const rpc of ["Authenticate", "Register"])
    test(`${rpc}: 10 at once from one address, counted over both paths, then one in 12 s`, async () => {
      const paths = [`/game.auth.v1.AuthService/${rpc}`, `/api/v1/auth/${rpc}`];
      const from = mesh.clientAddress();
      const { passed, refused } = await burst(15, paths, from);
      assert.equal(passed, 10);
      assert.deepEqual(retryAfter(refused), new Set(["12"]));
      assert.equal((await burst(3, paths, mesh.clientAddress())).passed, 3, "another address has its own");
    });

  test("a token or a forged header does not open another bucket", async () => {
    const from = mesh.clientAddress();
    const path = "/api/v1/auth/Authenticate";
    assert.equal((await burst(10, [path], from)).passed, 10);
    assert.equal((await burst(1, [path], from, await mesh.issuer.token("ann"))).passed, 0);
    const forged = { ...headers, "x-forwarded-for": "203.0.113.9", "x-user-id": "someone" };
    assert.equal((await call({ to: mesh.at.edge, from, path, headers: forged, body: "{}" })).status, 429);
  });
});

describe("a chat message", () => {
  const paths = ["/game.chat.v1.ChatService/SendMessage", "/api/v1/chat/SendMessage"];

  test("20 at once by one user, whatever the address; another user has its own", async () => {
    const ann = await mesh.issuer.token("ann", ["chat:send"]);
    const bob = await mesh.issuer.token("bob", ["chat:send"]);
    const from = mesh.clientAddress();
    const { passed, refused } = await burst(40, paths, from, ann);
    atMost(passed, 20, 10);
    assert.deepEqual(retryAfter(refused), new Set(["1"]));
    assert.equal((await burst(15, paths, from, bob)).passed, 15);
  });

  test("the bucket fills again", async () => {
    const token = await mesh.issuer.token("eve", ["chat:send"]);
    const from = mesh.clientAddress();
    await burst(40, paths, from, token);
    const started = performance.now();
    while ((await burst(1, paths, from, token)).passed === 0)
      assert.ok(performance.now() - started < 2000, "no token within 2 s");
  });
});

describe("any call", () => {
  test("an endpoint: 100 at once by one user, and the other endpoints stay open", async () => {
    const token = await mesh.issuer.token("fast", ["account:read", "account:write"]);
    const from = mesh.clientAddress();
    const { passed } = await burst(160, ["/game.account.v1.AccountService/GetUserProfile"], from, token);
    atMost(passed, 100, 50);
    assert.equal((await burst(20, ["/game.account.v1.AccountService/UpdateUserProfile"], from, token)).passed, 20);
  });

  test("all endpoints together: 200 at once by one user", async () => {
    const token = await mesh.issuer.token("everywhere", ["account:read", "account:write", "chat:read", "chat:party"]);
    const paths = ["account/GetUserProfile", "account/UpdateUserProfile", "chat/ListMessages", "chat/LeaveParty"];
    const { passed } = await burst(
      320,
      paths.map((path) => `/api/v1/${path}`),
      mesh.clientAddress(),
      token,
    );
    atMost(passed, 200, 100);
  });

  test("without a token it is the address that counts", async () => {
    const from = mesh.clientAddress();
    const { passed } = await burst(160, ["/game.auth.v1.AuthService/RefreshToken"], from);
    atMost(passed, 100, 50);
    assert.equal((await burst(5, ["/game.auth.v1.AuthService/RefreshToken"], mesh.clientAddress())).passed, 5);
  });

  test("an answer says what is left", async () => {
    const token = await mesh.issuer.token("curious", ["chat:send"]);
    const path = "/api/v1/chat/SendMessage";
    const answer = await call({
      to: mesh.at.edge,
      path,
      headers: { ...headers, authorization: `Bearer ${token}` },
      body: "{}",
    });
    assert.equal(answer.headers["x-ratelimit-limit"], "20");
    assert.equal(answer.headers["x-ratelimit-remaining"], "19");
  });

  test("a call that is refused for its token costs nothing", async () => {
    const token = await mesh.issuer.token("poor", ["chat:read"]);
    const from = mesh.clientAddress();
    const send = () =>
      call({
        to: mesh.at.edge,
        from,
        path: "/api/v1/chat/SendMessage",
        headers: { ...headers, authorization: `Bearer ${token}` },
        body: "{}",
      });
    const answers = await Promise.all(Array.from({ length: 30 }, send));
    assert.deepEqual(new Set(answers.map(({ status }) => status)), new Set([403]));
  });
});

/** A bucket of `size` that gets `perSecond` while the burst lasts, which is far under a second on a slow machine too. */
function atMost(passed: number, size: number, perSecond: number) {
  assert.ok(passed >= size && passed < size + perSecond, `${passed} passed, for a bucket of ${size}`);
}
