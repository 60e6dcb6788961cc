import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { type Answer, call } from "./support/call.ts";
import { type Mesh, sidecarToken, startMesh } from "./support/mesh.ts";
import { createIssuer, now, unsignedToken } from "./support/tokens.ts";

let mesh: Mesh;
before(async () => {
  mesh = await startMesh();
});
after(() => mesh?.[Symbol.asyncDispose]());

/** A plain JSON call to the edge from an address of its own. */
const post = (path: string, headers: Record<string, string> = {}, method = "POST"): Promise<Answer> => {
  const body = method === "POST" ? { body: "{}" } : {};
  return call({
    to: mesh.at.edge,
    from: mesh.clientAddress(),
    path,
    method,
    headers: { ...json, ...headers },
    ...body,
  });
};
const json = { "content-type": "application/json" };
const bearer = (token: string) => ({ authorization: `Bearer ${token}` });
const tokenOf = async (user: string, ...permissions: string[]) => bearer(await mesh.issuer.token(user, permissions));

/** Who may call what, and who answers: RPC, permission (none: no token needed). */
const rpcs: [service: string, rpc: string, permission?: string][] = [
  ["auth", "AuthService/Register"],
  ["auth", "AuthService/Authenticate"],
  ["auth", "AuthService/ValidateToken"],
  ["auth", "AuthService/RefreshToken"],
  ["auth", "AuthService/StartOidcLogin"],
  ["auth", "AuthService/CompleteOidcLogin"],
  ["auth", "AuthService/Logout", "session:manage"],
  ["auth", "AuthService/ListSessions", "session:manage"],
  ["auth", "AuthService/RotateSigningKey", "auth:admin"],
  ["account", "AccountService/GetUserProfile", "account:read"],
  ["account", "AccountService/UpdateUserProfile", "account:write"],
  ["chat", "ChatService/ListMessages", "chat:read"],
  ["chat", "ChatService/SubscribeMessages", "chat:read"],
  ["chat", "ChatService/SendMessage", "chat:send"],
  ["chat", "ChatService/CreateParty", "chat:party"],
  ["chat", "ChatService/InviteToParty", "chat:party"],
  ["chat", "ChatService/RespondToPartyInvite", "chat:party"],
  ["chat", "ChatService/LeaveParty", "chat:party"],
  ["chat", "ChatService/BroadcastNotification", "chat:broadcast"],
];
const everyPermission = rpcs.map(([, , permission]) => permission).filter((permission) => permission !== undefined);

describe("every RPC, by its own path and by its REST path", () => {
  for (const [service, rpc, permission] of rpcs) {
    const rpcPath = `/game.${service}.v1.${rpc}`;
    for (const path of [rpcPath, `/api/v1/${service}/${rpc.split("/")[1]}`]) {
      test(`${path} reaches ${service}${permission ? ` with ${permission}` : " without a token"}`, async () => {
        const answer = await post(path, permission ? await tokenOf("ann", permission) : {});
        assert.equal(answer.status, 200, answer.body.toString());
        assert.match(answer.json().upstream!, new RegExp(`^${service}(-\\d)?$`));
        assert.equal(answer.json().path, rpcPath);
      });

      if (permission === undefined) continue;
      test(`${path} without a token: 401`, async () => {
        assertRefused(await post(path), 401, "unauthenticated");
      });
      test(`${path} with every permission but ${permission}: 403`, async () => {
        const others = everyPermission.filter((other) => other !== permission);
        assertRefused(await post(path, await tokenOf("ann", ...others)), 403, "permission_denied");
      });
    }
  }

  test("chat's calls go to its replicas in turn", async () => {
    const headers = await tokenOf("turns", "chat:read");
    const answers = await Promise.all(Array.from({ length: 8 }, () => post("/api/v1/chat/ListMessages", headers)));
    const upstreams = answers.map((answer) => answer.json().upstream).sort();
    assert.deepEqual(upstreams, [...Array(4).fill("chat"), ...Array(4).fill("chat-2")]);
  });
});

describe("what is not routed", () => {
  for (const path of [
    "/",
    "/nowhere",
    "/api/v1/chat",
    "/api/v1/chat/NoSuchMethod",
    "/game.chat.v1.ChatService/NoSuchMethod",
    "/game.combat.v1.CombatService/CastSkill",
    "/readyz",
    "/.well-known/jwks.json",
    "/grpc.health.v1.Health/Check",
  ])
    test(`${path}: 404, with a token or without`, async () => {
      assertRefused(await post(path), 404, "unimplemented");
      assertRefused(await post(path, await tokenOf("ann", ...everyPermission)), 404, "unimplemented");
    });

  test("/healthz is answered by the edge itself", async () => {
    const answer = await post("/healthz", {}, "GET");
    assert.equal(answer.status, 200);
    assert.deepEqual(answer.json(), { status: "healthy" });
  });

  test("a path with an escaped slash is sent back to be asked for without", async () => {
    const { status, headers } = await post("/game.chat.v1.ChatService%2FSendMessage");
    assert.equal(status, 307);
    assert.equal(headers.location, "/game.chat.v1.ChatService/SendMessage");
  });

  test("a GET reaches only what has no side effects", async () => {
    const headers = await tokenOf("ann", "chat:read", "chat:send");
    assert.equal((await post("/api/v1/chat/ListMessages?message=e30", headers, "GET")).status, 200);
    assertRefused(await post("/api/v1/chat/SendMessage?message=e30", headers, "GET"), 403, "permission_denied");
    // its message is a token: it must not stand in a URL, which traces and proxies keep
    assertRefused(await post("/api/v1/auth/ValidateToken?message=e30", {}, "GET"), 401, "unauthenticated");
  });
});

describe("a token", () => {
  const path = "/api/v1/chat/SendMessage";
  const bad: [what: string, token: () => Promise<string> | string][] = [
    ["of another key of the same name", async () => (await createIssuer()).token("ann", ["chat:send"])],
    ["of an unknown key", async () => (await createIssuer("other")).token("ann", ["chat:send"])],
    ["that nobody signed", () => unsignedToken("ann")],
    ["that is expired", () => mesh.issuer.token("ann", ["chat:send"], { exp: now() - 120 })],
    ["of another issuer", () => mesh.issuer.token("ann", ["chat:send"], { iss: "someone-else" })],
    ["for another audience", () => mesh.issuer.token("ann", ["chat:send"], { aud: "another-game" })],
    ["that is not valid yet", () => mesh.issuer.token("ann", ["chat:send"], { nbf: now() + 600 })],
    ["that is none", () => "not-a-token"],
  ];
  for (const [what, token] of bad)
    test(`${what}: 401, also where none is needed`, async () => {
      const headers = bearer(await token());
      assertRefused(await post(path, headers), 401, "unauthenticated");
      assertRefused(await post("/api/v1/auth/Authenticate", headers), 401, "unauthenticated");
    });

  test("in the query or under another scheme is no token", async () => {
    const token = await mesh.issuer.token("ann", ["chat:send"]);
    assertRefused(await post(`${path}?access_token=${token}`), 401, "unauthenticated");
    assertRefused(await post(path, { authorization: `Basic ${token}` }), 401, "unauthenticated");
  });

  test("becomes headers for the service, which never sees the token itself", async () => {
    const headers = await tokenOf("ann", "chat:send");
    const seen = (await post(path, headers)).json().headers!;
    assert.equal(seen["x-user-id"], "ann");
    assert.equal(seen["x-user-name"], "name of ann");
    assert.equal(seen["x-session-id"], "session of ann");
    assert.equal(seen.authorization, undefined);
  });
});

describe("headers that only the mesh sets", () => {
  const forged = {
    "x-user-id": "someone-else",
    "x-user-role": "admin",
    "x-session-id": "stolen",
    "x-internal": "1",
    "x-sidecar-token": "guessed",
    "x-envoy-retry-on": "5xx",
    "x-envoy-max-retries": "100",
  };

  test("are removed from a call without a token", async () => {
    const seen = (await post("/api/v1/auth/Authenticate", forged)).json().headers!;
    for (const name of Object.keys(forged)) assert.notEqual(seen[name], forged[name as keyof typeof forged], name);
    assert.equal(seen["x-user-id"], undefined);
  });

  test("are replaced by what the token says", async () => {
    const headers = { ...forged, ...(await tokenOf("ann", "chat:send")) };
    const seen = (await post("/api/v1/chat/SendMessage", headers)).json().headers!;
    assert.equal(seen["x-user-id"], "ann");
    assert.equal(seen["x-session-id"], "session of ann");
    for (const name of ["x-user-role", "x-internal", "x-envoy-retry-on", "x-envoy-max-retries"])
      assert.equal(seen[name], undefined, name);
  });

  test("do not make a caller known", async () => {
    assertRefused(await post("/api/v1/chat/SendMessage", forged), 401, "unauthenticated");
  });

  test("x-sidecar-token is the sidecar's own", async () => {
    const seen = (await post("/api/v1/auth/Authenticate", forged)).json().headers!;
    assert.equal(seen["x-sidecar-token"], sidecarToken);
  });
});

describe("a browser page", () => {
  const preflight = (origin: string) =>
    post(
      "/api/v1/chat/SendMessage",
      {
        origin,
        "access-control-request-method": "POST",
        "access-control-request-headers": "authorization,connect-protocol-version,content-type,x-grpc-web",
      },
      "OPTIONS",
    );

  for (const origin of ["https://game.example.com", "https://admin.example.com"])
    test(`of ${origin} may call, with the headers of Connect and gRPC-web`, async () => {
      const { status, headers } = await preflight(origin);
      assert.equal(status, 200);
      assert.equal(headers["access-control-allow-origin"], origin);
      assert.equal(headers["access-control-allow-methods"], "GET, POST, PUT, DELETE");
      const allowed = String(headers["access-control-allow-headers"]).split(/, */);
      for (const name of [
        "content-type",
        "authorization",
        "connect-protocol-version",
        "connect-timeout-ms",
        "x-grpc-web",
        "grpc-timeout",
        "x-user-agent",
      ])
        assert.ok(allowed.includes(name), name);
    });

  test("of our origin may read grpc-status and retry-after, also of a refusal", async () => {
    const { status, headers } = await post("/api/v1/chat/SendMessage", { origin: "https://game.example.com" });
    assert.equal(status, 401);
    assert.equal(headers["access-control-allow-origin"], "https://game.example.com");
    const exposed = String(headers["access-control-expose-headers"]).split(/, */);
    for (const name of ["grpc-status", "grpc-message", "grpc-status-details-bin", "retry-after"])
      assert.ok(exposed.includes(name), name);
  });

  for (const origin of [
    "https://evil.example.com",
    "http://game.example.com",
    "https://game.example.com.evil.com",
    "null",
  ])
    test(`of ${origin} may not, and its preflight reaches no service`, async () => {
      const before = mesh.echo("chat").received.length + mesh.echo("chat-2").received.length;
      const { headers } = await preflight(origin);
      assert.equal(headers["access-control-allow-origin"], undefined);
      assert.equal(mesh.echo("chat").received.length + mesh.echo("chat-2").received.length, before);
    });

  test("cannot use OPTIONS to pass by the permissions", async () => {
    assertRefused(await post("/api/v1/chat/SendMessage", {}, "OPTIONS"), 401, "unauthenticated");
  });
});

/** An error of the edge as Connect writes it. */
function assertRefused(answer: Answer, status: number, code: string) {
  assert.equal(answer.status, status, answer.body.toString());
  assert.equal(answer.headers["content-type"], "application/json");
  const error = answer.json();
  assert.equal(error.code, code);
  assert.equal(typeof error.message, "string");
  assert.deepEqual(Object.keys(error).sort(), ["code", "message"]);
}
