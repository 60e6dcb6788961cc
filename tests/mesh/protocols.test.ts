import assert from "node:assert/strict";
import { once } from "node:events";
import type { ClientHttp2Stream } from "node:http2";
import { after, before, describe, test } from "node:test";
import { format } from "../../mesh/local/topology.ts";
import { type Answer, call, open } from "./support/call.ts";
import { type Mesh, startMesh } from "./support/mesh.ts";

let mesh: Mesh;
before(async () => {
  mesh = await startMesh();
});
after(() => mesh?.[Symbol.asyncDispose]());

const path = "/game.chat.v1.ChatService/SendMessage";
/** A message without fields, framed as gRPC and Connect streams do. */
const emptyFrame = Buffer.alloc(5);

/** How each protocol writes a call, and an error of the edge. */
interface Protocol {
  name: string;
  headers: Record<string, string>;
  body: string | Buffer;
  errorOf(answer: Answer): string | undefined;
}

const connectError = (answer: Answer) => {
  assert.equal(answer.headers["content-type"], "application/json");
  return answer.json().code;
};
const grpcError = (contentType: string) => (answer: Answer) => {
  assert.equal(answer.status, 200);
  assert.equal(answer.headers["content-type"], contentType);
  assert.equal(answer.body.length, 0);
  assert.ok(answer.headers["grpc-message"]);
  return grpcCodes[String(answer.headers["grpc-status"])];
};
const grpcCodes: Record<string, string> = {
  "7": "permission_denied",
  "8": "resource_exhausted",
  "12": "unimplemented",
  "14": "unavailable",
  "16": "unauthenticated",
};

const protocols: Protocol[] = [
  {
    name: "Connect JSON",
    headers: { "content-type": "application/json", "connect-protocol-version": "1" },
    body: "{}",
    errorOf: connectError,
  },
  {
    name: "Connect binary",
    headers: { "content-type": "application/proto", "connect-protocol-version": "1" },
    body: "",
    errorOf: connectError,
  },
  {
    name: "gRPC",
    headers: { "content-type": "application/grpc", te: "trailers" },
    body: emptyFrame,
    errorOf: grpcError("application/grpc"),
  },
  {
    name: "gRPC-web",
    headers: { "content-type": "application/grpc-web+proto", "x-grpc-web": "1" },
    body: emptyFrame,
    errorOf: grpcError("application/grpc-web+proto"),
  },
];

for (const { name, headers, body, errorOf } of protocols)
  describe(`${name}`, () => {
    const send = (to: string, token?: string) =>
      call({
        to: mesh.at.edge,
        from: mesh.clientAddress(),
        path: to,
        headers: { ...headers, ...(token ? { authorization: `Bearer ${token}` } : {}) },
        body,
      });

    test("a call reaches its service", async () => {
      const answer = await send(path, await mesh.issuer.token(name, ["chat:send"]));
      assert.equal(answer.status, 200);
      if (name === "gRPC") assert.equal(answer.trailers["grpc-status"], "0");
      // gRPC-web has its trailers at the end of the body
      if (name === "gRPC-web") assert.match(answer.body.toString("latin1"), /grpc-status:0\r\n$/);
    });

    test("refusals have the code that the protocol knows", async () => {
      const known = await mesh.issuer.token(name, ["chat:read"]);
      assert.equal(errorOf(await send(path)), "unauthenticated");
      assert.equal(errorOf(await send(path, "not-a-token")), "unauthenticated");
      assert.equal(errorOf(await send(path, known)), "permission_denied");
      assert.equal(errorOf(await send("/game.chat.v1.ChatService/NoSuchMethod", known)), "unimplemented");
    });

    test("a caller over its limit is told so, and when to come back", async () => {
      const token = await mesh.issuer.token(`busy by ${name}`, ["chat:send"]);
      const answers = await Promise.all(Array.from({ length: 30 }, () => send(path, token)));
      const over = answers.filter((answer) => answer.headers["retry-after"] !== undefined);
      assert.ok(over.length > 0);
      for (const answer of over) assert.equal(errorOf(answer), "resource_exhausted");
    });

    test("a service that is away is unavailable", async () => {
      await mesh.stopEcho("account");
      const token = await mesh.issuer.token(name, ["account:write"]);
      assert.equal(errorOf(await send("/game.account.v1.AccountService/UpdateUserProfile", token)), "unavailable");
    });
  });

describe("a stream", () => {
  /** Sends a piece and waits for it to come back: nothing on the way waits for the end of the request. */
  async function echoes(stream: ClientHttp2Stream, piece: string): Promise<void> {
    stream.write(piece);
    const [chunk] = await once(stream, "data");
    assert.equal(chunk.toString(), piece);
  }

  for (const [what, streamPath, contentType] of [
    ["of messages by Connect", "/game.chat.v1.ChatService/SubscribeMessages", "application/connect+json"],
    ["of messages by gRPC", "/game.chat.v1.ChatService/SubscribeMessages", "application/grpc"],
    ["of messages on its REST path", "/api/v1/chat/SubscribeMessages", "application/connect+json"],
    ["of reflection, both ways", "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo", "application/grpc"],
    ["of reflection v1alpha", "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo", "application/grpc"],
  ] as const)
    test(`${what} goes through both Envoys piece by piece`, async () => {
      const session = await open({ to: mesh.at.edge });
      const token = await mesh.issuer.token("listener", ["chat:read"]);
      const stream = session.request({
        ":method": "POST",
        ":path": streamPath,
        "content-type": contentType,
        "x-stream": "1",
        authorization: `Bearer ${token}`,
      });
      await once(stream, "response");
      await echoes(stream, "first");
      await echoes(stream, "second");
      session.destroy();
    });

  test("a body over 1 MiB passes: its size is the service's to judge, in the words of its protocol", async () => {
    const answer = await call({
      to: mesh.at.edge,
      path,
      headers: {
        "content-type": "application/json",
        authorization: `Bearer ${await mesh.issuer.token("big", ["chat:send"])}`,
      },
      body: Buffer.alloc(2 * 1024 * 1024, " "),
    });
    assert.equal(answer.status, 200);
  });

  test("headers over 60 KiB are refused", async () => {
    const headers = { "content-type": "application/json", "x-big": "x".repeat(61 * 1024) };
    const answer = await fetch(`http://${format(mesh.at.edge)}${path}`, { method: "POST", headers, body: "{}" });
    assert.equal(answer.status, 431);
  });
});
