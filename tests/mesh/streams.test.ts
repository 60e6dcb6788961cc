import assert from "node:assert/strict";
import { once } from "node:events";
import type { ClientHttp2Stream } from "node:http2";
import { after, before, describe, test } from "node:test";
import { call, open } from "../../mesh/cases/call.ts";
import { type Mesh, startMesh } from "../../mesh/cases/mesh.ts";

let mesh: Mesh;
before(async () => {
  mesh = await startMesh();
});
after(() => mesh?.[Symbol.asyncDispose]());

const path = "/game.chat.v1.ChatService/SendMessage";

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

  test("a message stream lasts longer than any timeout", async () => {
    const session = await open({ to: mesh.at.edge });
    const authorization = `Bearer ${await mesh.issuer.token("listener", ["chat:read"])}`;
    const more = { "content-type": "application/connect+json", "x-stream": "1", authorization };
    const stream = session.request({ ":method": "POST", ":path": "/api/v1/chat/SubscribeMessages", ...more });
    await once(stream, "response");
    // as long as the longest of the timeouts beside it
    const slow = { "content-type": "application/json", "x-hang": "1" };
    await call({ to: mesh.at.edge, path: "/game.auth.v1.AuthService/RefreshToken", headers: slow, body: "{}" });
    stream.write("still here");
    assert.equal((await once(stream, "data")).toString(), "still here");
    session.destroy();
  });
});
