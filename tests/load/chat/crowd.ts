/**
 * Listeners and speakers on one channel, a process of its own: it counts what is delivered, and looks into what the first listener gets alone, so that it costs
 * little beside the server. It reads what to do, a Crowd as JSON, from standard input, and prints what came of it.
 */
import { randomUUID } from "node:crypto";
import { readFileSync } from "node:fs";
import http2 from "node:http2";
import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import { SubscribeMessagesRequestSchema, SubscribeMessagesResponseSchema } from "#gen/game/chat/v1/chat_service_pb.ts";
import { quantile } from "../bots/tally.ts";

export interface Crowd {
  kind: "chat" | "socket-io";
  host: string;
  port: number;
  listeners: number;
  /** Messages that are being sent at once. */
  inFlight: number;
  seconds: number;
}

export interface Heard {
  messages: number;
  deliveries: number;
  seconds: number;
  /** From saying to hearing, in milliseconds, as the first listener has it. */
  p50: number;
  p99: number;
}

interface Room {
  say(text: string): Promise<void>;
  close(): void;
}

/** @param heard is called with the number of messages that came, and with a text when the first listener got it. */
type Enter = (crowd: Crowd, heard: (count: number, text?: string) => void) => Promise<Room>;

/** Streams a connection, as many share the one between a sidecar and its service. */
const streamsPerConnection = 50;
/** One says so much before another speaks, within what the spam filter lets anybody say. */
const messagesPerSpeaker = 20;
const path = (method: string) => `/game.chat.v1.ChatService/${method}`;
const identity = () => ({ "x-user-id": randomUUID(), "x-user-name": "ann", "x-session-id": randomUUID() });

const enterChat: Enter = async ({ host, port, listeners }, heard) => {
  const url = `http://${host}:${port}`;
  const sessions = Array.from({ length: Math.ceil(listeners / streamsPerConnection) + 1 }, () => http2.connect(url));
  const request = toBinary(
    SubscribeMessagesRequestSchema,
    create(SubscribeMessagesRequestSchema, { subscriptions: [{ channel: "zone/bench" }] }),
  );
  const envelope = Buffer.alloc(5 + request.length);
  envelope.writeUInt32BE(request.length, 1);
  envelope.set(request, 5);
  const listen = (i: number) =>
    new Promise<void>((resolve, reject) => {
      const stream = sessions[1 + Math.floor(i / streamsPerConnection)]!.request({
        ":method": "POST",
        ":path": path("SubscribeMessages"),
        "content-type": "application/connect+proto",
        "connect-protocol-version": "1",
        ...identity(),
      });
      let rest: Buffer = Buffer.alloc(0);
      let count = 0;
      stream.on("error", reject);
      stream.on("data", (chunk: Buffer) => {
        rest = rest.length > 0 ? Buffer.concat([rest, chunk]) : chunk;
        let at = 0;
        const before = count;
        while (rest.length - at >= 5 && rest.length - at >= 5 + rest.readUInt32BE(at + 1)) {
          const size = rest.readUInt32BE(at + 1);
          if (i === 0 && count > 0) {
            const { event } = fromBinary(SubscribeMessagesResponseSchema, rest.subarray(at + 5, at + 5 + size));
            if (event.case === "message") heard(0, String(event.value.content.value));
          }
          at += 5 + size;
          count++;
        }
        rest = rest.subarray(at);
        // The first one says that the subscription is in force.
        if (before === 0 && count > 0) resolve();
        heard(count - Math.max(before, 1));
      });
      stream.end(envelope);
    });
  await Promise.all(Array.from({ length: listeners }, (_, i) => listen(i)));
  let said = 0;
  let speaker = identity();
  return {
    say: (text) =>
      new Promise((resolve, reject) => {
        if (said++ % messagesPerSpeaker === 0) speaker = identity();
        const headers = {
          ":method": "POST",
          ":path": path("SendMessage"),
          "content-type": "application/json",
          ...speaker,
        };
        const stream = sessions[0]!.request(headers);
        stream.on("response", ({ ":status": status }) => {
          if (status !== 200) reject(new Error(`a message was answered with ${status}`));
        });
        stream.on("error", reject);
        stream.resume().on("end", () => resolve());
        stream.end(JSON.stringify({ channel: "zone/bench", text }));
      }),
    close() {
      for (const session of sessions) session.destroy();
    },
  };
};

/** Engine.IO's and Socket.IO's protocols, as much of them as it takes: `2` is a ping, `42` an event, `43` an answer. */
const enterSocketIo: Enter = async ({ host, port, listeners }, heard) => {
  const answers = new Map<number, () => void>();
  const connect = (i: number) =>
    new Promise<WebSocket>((resolve, reject) => {
      const socket = new WebSocket(`ws://${host}:${port}/socket.io/?EIO=4&transport=websocket`);
      socket.onerror = () => reject(new Error("no connection"));
      socket.onmessage = ({ data }: { data: string }) => {
        if (data.startsWith("42")) {
          heard(1);
          if (i === 0) heard(0, JSON.parse(data.slice(2))[1].text);
        } else if (data.startsWith("43")) answers.get(Number.parseInt(data.slice(2), 10))?.();
        else if (data === "2") socket.send("3");
        else if (data.startsWith("0")) socket.send("40");
        else if (data.startsWith("40")) resolve(socket);
      };
    });
  const sockets = await Promise.all(Array.from({ length: listeners }, (_, i) => connect(i)));
  let said = 0;
  return {
    say: (text) =>
      new Promise((resolve) => {
        const id = said++;
        answers.set(id, () => {
          answers.delete(id);
          resolve();
        });
        sockets[id % sockets.length]!.send(`42${id}${JSON.stringify(["say", text])}`);
      }),
    close() {
      for (const socket of sockets) socket.close();
    },
  };
};

async function measure(crowd: Crowd): Promise<Heard> {
  let deliveries = 0;
  const ages: number[] = [];
  const room = await (crowd.kind === "chat" ? enterChat : enterSocketIo)(crowd, (count, text) => {
    deliveries += count;
    if (text) ages.push(performance.now() - Number(text.split(" ")[1]));
  });
  const start = performance.now();
  const end = start + crowd.seconds * 1_000;
  let messages = 0;
  const speak = async () => {
    while (performance.now() < end) {
      await room.say(`hello ${performance.now()} to everybody`);
      messages++;
    }
  };
  await Promise.all(Array.from({ length: crowd.inFlight }, speak));
  const seconds = (performance.now() - start) / 1_000;
  const counted = deliveries;
  room.close();
  return { messages, deliveries: counted, seconds, p50: quantile(ages, 0.5), p99: quantile(ages, 0.99) };
}

console.log(JSON.stringify(await measure(JSON.parse(readFileSync(0, "utf8")))));
process.exit(0);
