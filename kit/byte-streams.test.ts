import assert from "node:assert/strict";
import { connect } from "node:http2";
import { type TestContext, test } from "node:test";
import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import { Code, ConnectError, createClient } from "@connectrpc/connect";
import { createConnectTransport, createGrpcTransport } from "@connectrpc/connect-node";
import { PlayRequestSchema, PlayResponseSchema, WorldService } from "#gen/game/world/v1/world_service_pb.ts";
import { until } from "../tests/support/until.ts";
import type { ByteStream, ByteStreamHandler } from "./byte-streams.ts";
import { envelop } from "./envelope.ts";
import { refuse } from "./errors.ts";
import { createLog } from "./log.ts";
import { startServer } from "./serve.ts";

const path = `/${WorldService.typeName}/Play`;
const answer = (zoneId: string) =>
  envelop(toBinary(PlayResponseSchema, create(PlayResponseSchema, { event: { case: "transfer", value: { zoneId } } })));

/** Says each zone id that it is asked to join; `over` ends, `no` is refused, `late` waits for the test. */
const echo =
  (
    open: (stream: ByteStream) => void = () => undefined,
    closed: () => void = () => undefined,
    drained: () => void = () => undefined,
  ): ByteStreamHandler =>
  (stream) => {
    open(stream);
    return {
      message(bytes) {
        const { action } = fromBinary(PlayRequestSchema, bytes);
        const zoneId = action.case === "join" ? action.value.zoneId : "";
        if (zoneId === "no") throw refuse("session_ended", "it is over", { retryAfterS: 7 });
        if (zoneId === "over") stream.end();
        else stream.send(answer(zoneId));
      },
      closed,
      drained,
    };
  };

async function start(t: TestContext, handler: ByteStreamHandler, sidecarTokenFile?: string) {
  const log = createLog("test");
  log.level = "silent";
  const server = await startServer({
    ...{ name: "test", listen: { host: "127.0.0.1", port: 0 }, log, services: [WorldService], probes: {} },
    routes: (router) => {
      router.service(WorldService, {
        async *play() {
          yield { event: { case: "transfer" as const, value: { zoneId: "by the usual way" } } };
        },
      });
    },
    byteStreams: { [path]: handler },
    started: Promise.resolve(),
    sidecarTokenFile,
  });
  t.after(() => server.stop(0));
  const baseUrl = `http://127.0.0.1:${server.address.port}`;
  return { server, baseUrl };
}

const join = (zoneId: string) => ({ action: { case: "join" as const, value: { zoneId } } });
async function* say(...zoneIds: string[]) {
  for (const zoneId of zoneIds) yield join(zoneId);
}

const transports = {
  connect: (baseUrl: string) => createConnectTransport({ baseUrl, httpVersion: "2", useBinaryFormat: true }),
  grpc: (baseUrl: string) => createGrpcTransport({ baseUrl }),
};

for (const [protocol, transport] of Object.entries(transports)) {
  const heard = async (baseUrl: string, requests: AsyncIterable<ReturnType<typeof join>>, headers = {}) => {
    const found: string[] = [];
    for await (const { event } of createClient(WorldService, transport(baseUrl)).play(requests, { headers }))
      found.push(event.case === "transfer" ? event.value.zoneId : "");
    return found;
  };

  test(`${protocol}: messages come and go in order, and the end is told`, async (t) => {
    const { baseUrl } = await start(t, echo());
    const many = Array.from({ length: 500 }, (_, i) => `zone-${i}`);
    assert.deepEqual(await heard(baseUrl, say(...many, "over")), many);
  });

  test(`${protocol}: what a listener throws ends the stream with its code, details and metadata`, async (t) => {
    const { baseUrl } = await start(t, echo());
    const error = ConnectError.from(await heard(baseUrl, say("a", "no")).catch((thrown) => thrown));
    assert.deepEqual([error.code, error.rawMessage, error.details.length], [Code.Unauthenticated, "it is over", 1]);
    assert.equal(error.metadata.get("retry-after"), "7");
  });

  test(`${protocol}: the server's end ends streams with UNAVAILABLE`, async (t) => {
    const opened = Promise.withResolvers<void>();
    const { server, baseUrl } = await start(
      t,
      echo(() => opened.resolve()),
    );
    const hearing = heard(
      baseUrl,
      (async function* () {
        yield join("a");
        await new Promise(() => undefined);
      })(),
    );
    await opened.promise;
    const stopped = server.stop();
    await assert.rejects(hearing, { code: Code.Unavailable });
    await stopped;
  });

  test(`${protocol}: a client that goes away is noticed`, async (t) => {
    const gone = Promise.withResolvers<void>();
    const { baseUrl } = await start(
      t,
      echo(undefined, () => gone.resolve()),
    );
    const leaving = new AbortController();
    const events = createClient(WorldService, transport(baseUrl)).play(
      (async function* () {
        yield join("a");
        await new Promise(() => undefined);
      })(),
      { signal: leaving.signal },
    );
    await events[Symbol.asyncIterator]().next();
    leaving.abort();
    await gone.promise;
  });
}

test("a call with a timeout, and one in JSON, go the usual way", async (t) => {
  const { baseUrl } = await start(t, echo());
  for (const [json, timeoutMs] of [
    [true, undefined],
    [false, 10_000],
  ] as const) {
    const transport = createConnectTransport({ baseUrl, httpVersion: "2", useBinaryFormat: !json });
    const options = timeoutMs === undefined ? {} : { timeoutMs };
    for await (const { event } of createClient(WorldService, transport).play(say("a"), options))
      assert.equal(event.value?.$typeName === "game.world.v1.Transfer" && event.value.zoneId, "by the usual way");
  }
});

test("a stream around the sidecar is refused", async (t) => {
  // Any file will do for a secret.
  const { baseUrl } = await start(t, echo(), import.meta.filename);
  const events = createClient(WorldService, transports.connect(baseUrl)).play(say("a"))[Symbol.asyncIterator]();
  await assert.rejects(events.next(), { code: Code.Unauthenticated });
});

/** A call by hand: pieces of envelopes as they come. */
async function open(t: TestContext, baseUrl: string) {
  const session = connect(baseUrl);
  t.after(() => session.destroy());
  session.on("error", () => undefined);
  const stream = session.request({ ":method": "POST", ":path": path, "content-type": "application/connect+proto" });
  stream.on("error", () => undefined);
  return stream;
}

test("messages that come in pieces are put together; a compressed or a huge one is refused", async (t) => {
  const { baseUrl } = await start(t, echo());
  const message = toBinary(PlayRequestSchema, create(PlayRequestSchema, join("pieces")));
  const envelope = Buffer.concat([Buffer.from([0, 0, 0, 0, message.length]), message]);
  const whole = await open(t, baseUrl);
  let heard = "";
  whole.on("data", (chunk: Buffer) => {
    heard += chunk.toString("latin1");
  });
  for (const byte of Buffer.concat([envelope, envelope])) whole.write(Buffer.of(byte));
  await until("both are answered", async () => heard.split("pieces").length === 3);
  for (const [head, code] of [
    [[1, 0, 0, 0, 4], "unimplemented"],
    [[0, 0, 16, 0, 0], "resource_exhausted"],
  ] as const) {
    const stream = await open(t, baseUrl);
    stream.write(Buffer.from(head));
    let text = "";
    for await (const chunk of stream) text += chunk;
    assert.match(text, new RegExp(code));
  }
});

test("a reader that stalls makes the stream unready, and reading makes it ready again, which is told once", async (t) => {
  const opened = Promise.withResolvers<ByteStream>();
  let drained = 0;
  const { baseUrl } = await start(
    t,
    echo(
      (stream) => opened.resolve(stream),
      undefined,
      () => drained++,
    ),
  );
  const reader = await open(t, baseUrl);
  reader.pause();
  const stream = await opened.promise;
  const big = answer("x".repeat(10_000));
  await until("it is not ready", async () => {
    if (stream.ready) stream.send(big);
    return !stream.ready;
  });
  assert.equal(drained, 0);
  reader.resume();
  await until("it is ready again", async () => stream.ready);
  assert.equal(drained, 1);
});
