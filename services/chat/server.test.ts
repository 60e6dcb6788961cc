import assert from "node:assert/strict";
import http2 from "node:http2";
import { type TestContext, test } from "node:test";
import { toBinary } from "@bufbuild/protobuf";
import { Code, createClient } from "@connectrpc/connect";
import { createConnectTransport } from "@connectrpc/connect-node";
import { Redis } from "ioredis";
import { ChatService, SubscribeMessagesRequestSchema } from "#gen/game/chat/v1/chat_service_pb.ts";
import { createLog } from "#kit/log.ts";
import { startServer } from "#kit/serve.ts";
import { startEngines } from "../../tests/support/stack.ts";
import { until } from "../../tests/support/until.ts";
import { createChatService } from "./chat.ts";
import { assertRefused, draftOf, numbered, player, startReplica, subscribe, textsOf } from "./test-replica.ts";

/** Streams over real connections. */
test("the server", async (t) => {
  const engines = await startEngines(t, ["postgres", "redis"]);
  const urls = { databaseUrl: engines.databaseUrl("chat"), redisUrl: engines.redisUrl("chat") };
  const replica = await startReplica(t, urls);
  const redis = new Redis(urls.redisUrl);
  redis.on("error", () => undefined);
  t.after(() => redis.disconnect());
  const ann = player("ann");
  const bob = player("bob");

  const start = async (t: TestContext) => {
    const log = createLog("chat");
    log.level = "silent";
    const server = await startServer({
      name: "chat",
      listen: { host: "127.0.0.1", port: 0 },
      log,
      services: [ChatService],
      routes: (router) => router.service(ChatService, createChatService(replica)),
      probes: {},
      started: Promise.resolve(),
    });
    t.after(() => server.stop(0));
    return server;
  };
  const baseUrl = (server: { address: { port: number } }) => `http://127.0.0.1:${server.address.port}`;
  /** How many replicas listen to a channel. */
  const listeningTo = async (channel: string) =>
    ((await redis.pubsub("NUMSUB", `chat:channel:${channel}`)) as [string, number])[1];

  await t.test("its streams end with UNAVAILABLE when it stops, and are resumed elsewhere", async (t) => {
    const client = async () => {
      const server = await start(t);
      const transport = createConnectTransport({
        baseUrl: baseUrl(server),
        httpVersion: "2",
        interceptors: [
          (next) => (request) => {
            request.header.set("x-user-id", bob.userId);
            return next(request);
          },
        ],
      });
      return { server, chat: createClient(ChatService, transport) };
    };
    const first = await client();
    const stream = await subscribe(first.chat, ["zone/stop"]);
    await replica.post("zone/stop", draftOf("one", ann));
    assert.deepEqual(textsOf(await stream.messages(1)), ["one"]);
    const stopped = first.server.stop();
    await assertRefused(stream.event(), Code.Unavailable);
    await stopped;
    await replica.post("zone/stop", draftOf("two", ann));
    const resumed = await subscribe((await client()).chat, ["zone/stop"], { "zone/stop": 1 });
    t.after(resumed.close);
    assert.deepEqual(textsOf(await resumed.messages(1)), ["two"]);
  });

  await t.test(
    "a client that doesn't read is held back, and forgotten when it goes, though nobody ever reads",
    async (t) => {
      const server = await start(t);
      const session = http2.connect(baseUrl(server));
      t.after(() => session.destroy());
      const request = session.request({
        ":method": "POST",
        ":path": "/game.chat.v1.ChatService/SubscribeMessages",
        "content-type": "application/connect+proto",
        "x-user-id": bob.userId,
      });
      const body = toBinary(SubscribeMessagesRequestSchema, {
        $typeName: "game.chat.v1.SubscribeMessagesRequest",
        subscriptions: [{ $typeName: "game.chat.v1.Subscription", channel: "zone/deaf", afterMessageId: 0n }],
      });
      const envelope = Buffer.alloc(5);
      envelope.writeUInt32BE(body.length, 1);
      request.end(Buffer.concat([envelope, body]));
      request.on("error", () => undefined);
      await until("the subscription is in force", async () => (await listeningTo("zone/deaf")) === 1);

      const reader = await replica.fanout.listen(ann.userId, [{ channel: "zone/deaf" }]);
      const text = "x".repeat(500);
      await Promise.all(
        numbered("", 2_000).map((n) => replica.post("zone/deaf", draftOf(n + text.slice(n.length), ann))),
      );
      let read = 0;
      while (read < 2_000) read += (await reader.next(20_000))!.length;
      reader.close();
      assert.equal(await listeningTo("zone/deaf"), 1, "it is still there");
      request.close(http2.constants.NGHTTP2_CANCEL);
      await until("it is forgotten", async () => (await listeningTo("zone/deaf")) === 0);
    },
  );
});
