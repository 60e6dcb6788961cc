import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import http from "node:http";
import { join } from "node:path";
import { describe, test } from "node:test";
import { promisify } from "node:util";
import { Code, ConnectError } from "@connectrpc/connect";
import { ChatService } from "#gen/game/chat/v1/chat_service_pb.ts";
import { createEdgeClient, protocols } from "../support/clients.ts";
import { joinGame } from "../support/players.ts";
import { edgeOf, type Platform } from "./platform.ts";

const run = promisify(execFile);
const buf = join(import.meta.dirname, "../../node_modules/.bin/buf");

/** A plain POST as any HTTP/1.1 client makes it. */
export function post(url: string, body: string, headers: http.OutgoingHttpHeaders = {}) {
  return new Promise<{ status: number; headers: http.IncomingHttpHeaders; text: string }>((resolve, reject) => {
    const request = http.request(url, { method: "POST", headers: { "content-type": "application/json", ...headers } });
    request.on("error", reject);
    request.on("response", async (response) => {
      let text = "";
      for await (const chunk of response) text += chunk;
      resolve({ status: response.statusCode!, headers: response.headers, text });
    });
    request.end(body);
  });
}

/** The same call by every way in, and the same refusals. */
export function protocolsAlike(platform: Platform): void {
  describe("protocols", () => {
    for (const protocol of protocols) {
      test(`${protocol}: a message is sent, listed, and streamed`, async () => {
        const ada = await joinGame(edgeOf(platform), { protocol });
        const channel = `zone/${ada.username}`;
        const { message } = await ada.chat.sendMessage({ channel, text: `by ${protocol}` });
        assert.equal(message?.messageId, 1n);
        const ending = new AbortController();
        const seen: string[] = [];
        const stream = ada.chat.subscribeMessages(
          { subscriptions: [{ channel, afterMessageId: 0n }] },
          { signal: ending.signal },
        );
        try {
          for await (const { event } of stream) {
            if (event.case !== "message") continue;
            seen.push(String(event.value.content.value));
            ending.abort();
          }
        } catch (error) {
          assert.equal(ConnectError.from(error).code, Code.Canceled);
        }
        assert.deepEqual(seen, [`by ${protocol}`]);
      });

      test(`${protocol}: each refusal has its own code`, async () => {
        const ada = await joinGame(edgeOf(platform), { protocol });
        const stranger = createEdgeClient(ChatService, edgeOf(platform), { protocol });
        const forger = createEdgeClient(ChatService, edgeOf(platform), {
          protocol,
          token: `${ada.accessToken.slice(0, -6)}AAAAAA`,
        });
        const refusals: [string, () => Promise<unknown>, Code][] = [
          ["no token", () => stranger.sendMessage({ channel: "world", text: "x" }), Code.Unauthenticated],
          ["a forged token", () => forger.sendMessage({ channel: "world", text: "x" }), Code.Unauthenticated],
          ["no permission", () => ada.chat.broadcastNotification({ text: "x" }), Code.PermissionDenied],
          ["an empty text", () => ada.chat.sendMessage({ channel: "world", text: "" }), Code.InvalidArgument],
          [
            "501 characters",
            () => ada.chat.sendMessage({ channel: "world", text: "x".repeat(501) }),
            Code.InvalidArgument,
          ],
          ["a channel that can't be", () => ada.chat.sendMessage({ channel: "moon", text: "x" }), Code.InvalidArgument],
          [
            "a whisper to nobody",
            () => ada.chat.sendMessage({ channel: `whisper/${crypto.randomUUID()}`, text: "x" }),
            Code.NotFound,
          ],
          [
            "a message of 100 KB",
            () => ada.chat.sendMessage({ channel: "world", text: "x".repeat(100_000) }),
            Code.ResourceExhausted,
          ],
        ];
        for (const [name, call, code] of refusals)
          await assert.rejects(call(), (error) => {
            assert.equal(Code[ConnectError.from(error).code], Code[code], `${name}: ${error}`);
            return true;
          });
      });
    }

    test("plain JSON on /api/v1/chat/SendMessage", async () => {
      const ada = await joinGame(edgeOf(platform));
      const authorization = `Bearer ${ada.accessToken}`;
      const body = JSON.stringify({ channel: `zone/${ada.username}`, text: "by REST" });
      const answer = await post(`${edgeOf(platform)}/api/v1/chat/SendMessage`, body, { authorization });
      assert.equal(answer.status, 200, answer.text);
      assert.equal(JSON.parse(answer.text).message.text, "by REST");
      assert.match(String(answer.headers["x-trace-id"]), /^[0-9a-f]{32}$/);
      const refused = await post(`${edgeOf(platform)}/api/v1/chat/SendMessage`, body);
      assert.equal(refused.status, 401);
      assert.match(String(refused.headers["x-trace-id"]), /^[0-9a-f]{32}$/, "a refusal too can be looked up");
      assert.equal(JSON.parse(refused.text).code, "unauthenticated");
    });

    test("what a client says about itself in our headers is not believed", async () => {
      const ada = await joinGame(edgeOf(platform));
      const bob = await joinGame(edgeOf(platform));
      const body = JSON.stringify({ channel: `zone/${ada.username}`, text: "who am I" });
      const headers = {
        authorization: `Bearer ${ada.accessToken}`,
        "x-user-id": bob.userId,
        "x-user-name": bob.username,
      };
      const answer = await post(`${edgeOf(platform)}/api/v1/chat/SendMessage`, body, headers);
      assert.equal(JSON.parse(answer.text).message.sender.userId, ada.userId);
      const alone = await post(`${edgeOf(platform)}/api/v1/chat/SendMessage`, body, { "x-user-id": bob.userId });
      assert.equal(alone.status, 401);
    });

    test("buf curl needs no schema: reflection answers at the edge", async () => {
      const { stdout } = await run(buf, ["curl", "--http2-prior-knowledge", edgeOf(platform), "--list-methods"]);
      assert.match(stdout, /game\.chat\.v1\.ChatService\/SendMessage/);
      assert.match(stdout, /game\.auth\.v1\.AuthService\/Authenticate/);
    });
  });
}
