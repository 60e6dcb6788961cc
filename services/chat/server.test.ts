import assert from "node:assert/strict";
import http2 from "node:http2";
import { type TestContext, test } from "node:test";
import { toBinary } from "@bufbuild/protobuf";
import { Code, createClient, type Interceptor } from "@connectrpc/connect";
import { createConnectTransport, createGrpcTransport } from "@connectrpc/connect-node";
import { Redis } from "ioredis";
import { ChatService, SubscribeMessagesRequestSchema } from "#gen/game/chat/v1/chat_service_pb.ts";
import { refuseEndedSessions } from "#kit/interceptors.ts";
import { createLog } from "#kit/log.ts";
import { startServer } from "#kit/serve.ts";
import { startEngines } from "../../tests/support/stack.ts";
import { until } from "../../tests/support/until.ts";
import { createChatService } from "./chat.ts";
import { createSubscribeBytes } from "./subscribe-bytes.ts";
import {
  assertRefused,
  draftOf,
  handleEvent,
  numbered,
  type Player,
  player,
  startReplica,
  subscribe,
  textsOf,
} from "./test-replica.ts";

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
      byteStreams: { [`/${ChatService.typeName}/SubscribeMessages`]: createSubscribeBytes(replica) },
      interceptors: [refuseEndedSessions(replica.sessions)],
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

  const protocols = { json: false, connect: true, grpc: "grpc" } as const;
  /** A client that calls `server` as `who`; JSON takes the usual way, the others that of bytes. */
  const clientOf = (server: { address: { port: number } }, protocol: keyof typeof protocols, who: Player) => {
    const identify: Interceptor = (next) => (request) => {
      request.header.set("x-user-id", who.userId);
      request.header.set("x-session-id", who.sessionId);
      return next(request);
    };
    const options = { baseUrl: baseUrl(server), interceptors: [identify] };
    const transport =
      protocol === "grpc"
        ? createGrpcTransport(options)
        : createConnectTransport({ ...options, httpVersion: "2", useBinaryFormat: protocols[protocol] });
    return createClient(ChatService, transport);
  };

  for (const protocol of Object.keys(protocols) as (keyof typeof protocols)[]) {
    await t.test(`${protocol}: streams end with UNAVAILABLE when it stops, and are resumed elsewhere`, async (t) => {
      const channel = `zone/stop-${protocol}`;
      const first = await start(t);
      const stream = await subscribe(clientOf(first, protocol, bob), [channel]);
      await replica.post(channel, draftOf("one", ann));
      assert.deepEqual(textsOf(await stream.messages(1)), ["one"]);
      const stopped = first.stop();
      await assertRefused(stream.event(), Code.Unavailable);
      await stopped;
      await replica.post(channel, draftOf("two", ann));
      const resumed = await subscribe(clientOf(await start(t), protocol, bob), [channel], { [channel]: 1 });
      t.after(resumed.close);
      assert.deepEqual(textsOf(await resumed.messages(1)), ["two"]);
    });

    await t.test(`${protocol}: what may not be subscribed is refused, and a session's end ends a stream`, async (t) => {
      const server = await start(t);
      const leo = player("leo");
      const client = clientOf(server, protocol, leo);
      await assertRefused(subscribe(client, ["zone/a", "zone/a"]), Code.InvalidArgument, "subscribed_twice");
      await assertRefused(subscribe(client, []), Code.InvalidArgument);
      const party = "party/00000000-0000-4000-8000-000000000000";
      await assertRefused(subscribe(client, [party]), Code.PermissionDenied, "not_a_member");
      const stream = await subscribe(client, ["zone/a"]);
      t.after(stream.close);
      const expireTime = { seconds: BigInt(Math.ceil(Date.now() / 1_000) + 900), nanos: 0 };
      const ended = { case: "sessionEnded", value: { sessionId: leo.sessionId, expireTime } } as const;
      await handleEvent(replica, leo.userId, ended);
      await assertRefused(stream.event(), Code.Unauthenticated, "session_ended");
      await assertRefused(subscribe(client, ["zone/a"]), Code.Unauthenticated, "session_ended");
    });
  }

  await t.test("whoever is behind reads everything in order, and all hear the same, however they listen", async (t) => {
    const server = await start(t);
    const [plain, bytes] = [clientOf(server, "json", ann), clientOf(server, "connect", bob)];
    const streams = [await subscribe(plain, ["zone/same"]), await subscribe(bytes, ["zone/same"])];
    for (const stream of streams) t.after(stream.close);
    await Promise.all(numbered("", 500).map((n) => replica.post("zone/same", draftOf(n, ann))));
    const [one, other] = await Promise.all(streams.map((stream) => stream.messages(500)));
    assert.deepEqual(
      one!.map(({ messageId }) => Number(messageId)),
      numbered("", 500).map(Number),
    );
    assert.deepEqual(other, one);
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
