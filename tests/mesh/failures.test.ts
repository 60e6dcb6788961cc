import assert from "node:assert/strict";
import { once } from "node:events";
import { after, before, describe, test } from "node:test";
import { until } from "../support/until.ts";
import { type Answer, call, open } from "./support/call.ts";
import { type Mesh, startMesh } from "./support/mesh.ts";

let mesh: Mesh;
before(async () => {
  mesh = await startMesh();
});
after(() => mesh?.[Symbol.asyncDispose]());

const headers = { "content-type": "application/json" };
const permissions = [
  "session:manage",
  "auth:admin",
  "account:read",
  "account:write",
  "chat:read",
  "chat:send",
  "chat:party",
  "chat:broadcast",
];

/** One call with every permission; `more` headers tell the echo how to behave. */
async function send(path: string, more: Record<string, string> = {}): Promise<Answer> {
  const authorization = `Bearer ${await mesh.issuer.token("ann", permissions)}`;
  return call({
    to: mesh.at.edge,
    from: mesh.clientAddress(),
    path,
    headers: { ...headers, authorization, ...more },
    body: "{}",
  });
}

/** How often a call with this id reached its service. */
const attempts = (service: string, id: string) => {
  const workloads = service === "chat" ? ["chat", "chat-2"] : [service];
  return workloads.flatMap((name) => mesh.echo(name).received).filter((received) => received.headers["x-call"] === id)
    .length;
};

describe("a service that answers 503", () => {
  const cases: [service: string, rpc: string, tries: number][] = [
    ["auth", "AuthService/ValidateToken", 3],
    ["auth", "AuthService/Authenticate", 1],
    ["account", "AccountService/GetUserProfile", 2],
    ["account", "AccountService/UpdateUserProfile", 1],
    ["chat", "ChatService/ListMessages", 2],
    ["chat", "ChatService/SendMessage", 1],
    ["chat", "ChatService/SubscribeMessages", 1],
  ];
  for (const [service, rpc, tries] of cases)
    for (const path of [`/game.${service}.v1.${rpc}`, `/api/v1/${service}/${rpc.split("/")[1]}`])
      test(`${path} is tried ${tries === 1 ? "once: it may have done something" : `${tries} times`}`, async () => {
        const answer = await send(path, { "x-call": path, "x-status": "503" });
        assert.equal(answer.status, 503);
        assert.equal(attempts(service, path), tries);
        // a good call in between: five failures in a row would close the service
        assert.equal((await send(path, { "x-status": "200" })).status, 200);
      });
});

describe("a service that takes too long", { concurrency: true }, () => {
  const cases: [service: string, rpc: string, seconds: number, tries: number][] = [
    ["auth", "AuthService/Authenticate", 10, 1],
    ["auth", "AuthService/ListSessions", 10, 3], // three tries of 3 s, and the pauses between them
    ["account", "AccountService/UpdateUserProfile", 5, 1],
    ["account", "AccountService/GetUserProfile", 4, 2], // two tries of 2 s
    ["chat", "ChatService/SendMessage", 5, 1],
    ["chat", "ChatService/ListMessages", 4, 2],
  ];
  for (const [service, rpc, seconds, tries] of cases)
    test(`${rpc} ends after ${seconds} s`, async () => {
      const started = performance.now();
      const answer = await send(`/game.${service}.v1.${rpc}`, { "x-call": rpc, "x-hang": "1" });
      const elapsed = (performance.now() - started) / 1000;
      assert.equal(answer.status, 504);
      assert.equal(answer.json().code, "deadline_exceeded");
      assert.ok(elapsed > seconds - 1.1 && elapsed < seconds + 1.5, `${elapsed} s`);
      assert.equal(attempts(service, rpc), tries);
    });

  test("a message stream lasts longer than any timeout", async () => {
    const session = await open({ to: mesh.at.edge });
    const authorization = `Bearer ${await mesh.issuer.token("listener", ["chat:read"])}`;
    const more = { "content-type": "application/connect+json", "x-stream": "1", authorization };
    const stream = session.request({ ":method": "POST", ":path": "/api/v1/chat/SubscribeMessages", ...more });
    await once(stream, "response");
    // as long as the longest of the timeouts beside it
    await send("/game.auth.v1.AuthService/RefreshToken", { "x-hang": "1" });
    stream.write("still here");
    assert.equal((await once(stream, "data")).toString(), "still here");
    session.destroy();
  });
});

describe("a service that fails again and again", () => {
  const path = "/game.account.v1.AccountService/UpdateUserProfile";

  test("is closed after five failures in a row, and asked again once it is well", async () => {
    const echo = mesh.echo("account");
    echo.status = 503;
    await until("the service is closed", async () => {
      const before = echo.received.length;
      const { status } = await send(path);
      assert.equal(status, 503);
      return echo.received.length === before;
    });
    echo.status = 200;
    await until("the service is open again", async () => (await send(path)).status === 200, 15_000);
  });

  test("that is away: 503 at once, while the others answer", async () => {
    await mesh.stopEcho("account");
    const started = performance.now();
    const answer = await send(path);
    assert.equal(answer.status, 503);
    assert.equal(answer.json().code, "unavailable");
    assert.ok(performance.now() - started < 2000);
    assert.equal((await send("/api/v1/chat/SendMessage")).status, 200);
  });

  test("one replica of two that dies is passed by", async () => {
    await mesh.stopEcho("chat-2");
    await until("all calls reach the other", async () => {
      const answers = await Promise.all(Array.from({ length: 10 }, () => send("/api/v1/chat/CreateParty")));
      return answers.every((answer) => answer.status === 200 && answer.json().upstream === "chat");
    });
  });
});
