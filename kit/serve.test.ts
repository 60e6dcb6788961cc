import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import http2 from "node:http2";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { Code, ConnectError, createClient } from "@connectrpc/connect";
import { createConnectTransport, createGrpcTransport, createGrpcWebTransport } from "@connectrpc/connect-node";
import { AccountService } from "#gen/game/account/v1/account_service_pb.ts";
import { Health, HealthCheckResponse_ServingStatus as Serving } from "#gen/grpc/health/v1/health_pb.ts";
import { createLog } from "./log.ts";
import { startServer } from "./serve.ts";

const path = "/game.account.v1.AccountService/GetUserProfile";

async function serveAccounts(t: TestContext, options: { started?: Promise<unknown>; token?: string } = {}) {
  const folder = mkdtempSync(join(tmpdir(), "serve-"));
  const sidecarTokenFile = options.token && join(folder, "token");
  if (sidecarTokenFile) writeFileSync(sidecarTokenFile, `${options.token}\n`);
  const log = createLog("account");
  log.level = "silent";
  const server = await startServer({
    name: "account",
    log,
    listen: { host: "127.0.0.1", port: 0 },
    services: [AccountService],
    routes: (router) =>
      router.service(AccountService, {
        getUserProfile: ({ userId }) => ({ profile: { userId, displayName: "Ada" } }),
        updateUserProfile() {
          throw new Error("the connection string is postgres://secret");
        },
      }),
    probes: {},
    started: options.started ?? Promise.resolve(),
    sidecarTokenFile,
  });
  t.after(async () => {
    await server.stop();
    rmSync(folder, { recursive: true });
  });
  const baseUrl = `http://127.0.0.1:${server.address.port}`;
  return { server, baseUrl };
}

/** One HTTP/2 exchange, told as status, headers and text. */
async function exchange(baseUrl: string, headers: http2.OutgoingHttpHeaders, body?: string | Buffer) {
  const session = http2.connect(baseUrl);
  try {
    const stream = session.request({ ":method": body === undefined ? "GET" : "POST", ...headers });
    stream.end(body);
    const answer = await new Promise<http2.IncomingHttpHeaders>((resolve, reject) => {
      stream.on("response", resolve);
      stream.on("error", reject);
    });
    let trailers: http2.IncomingHttpHeaders = {};
    stream.on("trailers", (headers) => {
      trailers = headers;
    });
    let text = "";
    for await (const chunk of stream) text += chunk;
    return { status: answer[":status"], headers: answer, trailers, text };
  } finally {
    session.close();
  }
}

const json = { ":path": path, "content-type": "application/json" };
const bad: [name: string, headers: http2.OutgoingHttpHeaders, body: string | Buffer, status: number, code: string][] = [
  ["malformed JSON", json, "{", 400, "invalid_argument"],
  ["a wrong type", json, '{"userId":5}', 400, "invalid_argument"],
  ["an unknown field", json, '{"userid":"x"}', 400, "invalid_argument"],
  ["a value that breaks a rule", json, '{"userId":"x"}', 400, "invalid_argument"],
  ["a message that is too large", json, JSON.stringify({ userId: "x".repeat(70_000) }), 429, "resource_exhausted"],
  [
    "malformed protobuf",
    { ...json, "content-type": "application/proto" },
    Buffer.from([10, 99]),
    400,
    "invalid_argument",
  ],
];
for (const [name, headers, body, status, code] of bad)
  test(`${name} is refused with ${code}`, async (t) => {
    const { baseUrl } = await serveAccounts(t);
    const answer = await exchange(baseUrl, headers, body);
    assert.equal(answer.status, status);
    assert.equal(JSON.parse(answer.text).code, code);
  });

test("malformed protobuf over gRPC is refused with INVALID_ARGUMENT", async (t) => {
  const { baseUrl } = await serveAccounts(t);
  const answer = await exchange(
    baseUrl,
    { ...json, "content-type": "application/grpc" },
    Buffer.from([0, 0, 0, 0, 2, 10, 99]),
  );
  assert.equal(answer.trailers["grpc-status"], "3");
});

test("a content type of another world is refused with 415", async (t) => {
  const { baseUrl } = await serveAccounts(t);
  const answer = await exchange(baseUrl, { ...json, "content-type": "text/xml" }, "<x/>");
  assert.equal(answer.status, 415);
});

test("an unknown method is refused with 404", async (t) => {
  const { baseUrl } = await serveAccounts(t);
  const answer = await exchange(baseUrl, { ...json, ":path": "/game.account.v1.AccountService/Nope" }, "{}");
  assert.equal(answer.status, 404);
});

const transports = {
  connect: createConnectTransport,
  grpc: createGrpcTransport,
  "grpc-web": createGrpcWebTransport,
};
for (const [protocol, create] of Object.entries(transports)) {
  test(`${protocol}: a rule of the schema is enforced, and an unexpected error shows nothing of itself`, async (t) => {
    const { baseUrl } = await serveAccounts(t);
    const client = createClient(AccountService, create({ baseUrl, httpVersion: "2" }));
    assert.equal((await client.getUserProfile({})).profile?.displayName, "Ada");
    await assert.rejects(client.getUserProfile({ userId: "x" }), { code: Code.InvalidArgument });
    const update = { profile: { displayName: "x" }, updateMask: { paths: ["bio"] } };
    await assert.rejects(client.updateUserProfile(update), (error) => {
      assert.ok(error instanceof ConnectError);
      assert.equal(error.code, Code.Internal);
      assert.doesNotMatch(error.message, /secret/);
      return true;
    });
  });
}

test("a call around the sidecar is refused, one through it passes", async (t) => {
  const { baseUrl } = await serveAccounts(t, { token: "let me in" });
  const around = await exchange(baseUrl, json, "{}");
  assert.equal(around.status, 401);
  assert.equal(JSON.parse(around.text).code, "unauthenticated");
  const forged = await exchange(baseUrl, { ...json, "x-sidecar-token": "let me on" }, "{}");
  assert.equal(forged.status, 401);
  const through = await exchange(baseUrl, { ...json, "x-sidecar-token": "let me in" }, "{}");
  assert.equal(through.status, 200);
});

test("a process is alive before its set-up is done, and ready after", async (t) => {
  const setUp = Promise.withResolvers<void>();
  const { baseUrl } = await serveAccounts(t, { started: setUp.promise });
  assert.equal((await exchange(baseUrl, { ":path": "/healthz" })).status, 200);
  assert.equal((await exchange(baseUrl, { ":path": "/readyz" })).status, 503);
  const health = createClient(Health, createGrpcTransport({ baseUrl }));
  const watch = health.watch({ service: AccountService.typeName })[Symbol.asyncIterator]();
  assert.equal((await watch.next()).value?.status, Serving.NOT_SERVING);
  setUp.resolve();
  assert.equal((await watch.next()).value?.status, Serving.SERVING);
  assert.equal((await exchange(baseUrl, { ":path": "/readyz" })).status, 200);
  await assert.rejects(health.check({ service: "game.nope" }), { code: Code.NotFound });
});
