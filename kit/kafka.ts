import { createRequire } from "node:module";
import { connect, type Socket } from "node:net";
import { type Consumer, Kafka, type KafkaMessage, logLevel, type Producer } from "kafkajs";
import type { Log } from "./log.ts";
import { pause } from "./pause.ts";

/**
 * The only file that knows kafkajs. The library is not maintained any more, so what it needs to be trusted stands here too:
 * its request queue at rest, an end to its waiting, a new producer or consumer for one that failed, its noise.
 */

export interface OutgoingMessage {
  topic: string;
  key: string;
  value: string;
  headers: Record<string, string>;
}

export interface IncomingMessage {
  topic: string;
  partition: number;
  offset: string;
  value: string;
  headers: Record<string, string>;
}

export interface KafkaProducer {
  /** Resolves when every in-sync replica has the messages, in their order. Any error means: later. */
  send(messages: OutgoingMessage[]): Promise<void>;
}

export interface KafkaConsumer {
  /** Whether it is a member of its group at this moment. */
  running(): boolean;
  stop(): Promise<void>;
}

export interface KafkaClient {
  producer: KafkaProducer;
  /** Handles the messages of `topics`, those of one partition one after another. It comes back by itself after any loss. */
  consume(group: string, topics: string[], handle: (message: IncomingMessage) => Promise<void>): KafkaConsumer;
  /** Throws when no broker answers. */
  ping(): Promise<undefined>;
  stop(): Promise<void>;
}

restRequestQueue();

interface ClientOptions {
  brokers: string[];
  clientId: string;
  log: Log;
}

/** Sending again is always right, so this only has to be longer than a slow broker takes. */
const sendDeadlineMs = 30_000;

/** Connects when it is first needed; the brokers need not be there yet. */
export function createKafkaClient(options: ClientOptions): KafkaClient {
  let sender: Sender | undefined;
  const consumers = new Set<KafkaConsumer>();

  async function send(messages: OutgoingMessage[]): Promise<void> {
    sender ??= openSender(options);
    const current = sender;
    const topics = Map.groupBy(messages, (message) => message.topic);
    const topicMessages = [...topics].map(([topic, group]) => ({ topic, messages: group }));
    try {
      await within(
        sendDeadlineMs,
        current.connected.then(() => current.producer.sendBatch({ acks: -1, topicMessages })),
      );
    } catch (error) {
      // The broker may have taken what it could not acknowledge any more. kafkajs would give the same sequence number to the next batch,
      // which is refused when it is another one, and so would be all that follow. A new producer begins to count anew.
      if (sender === current) sender = undefined;
      current.session.cut();
      throw error;
    }
  }

  return {
    producer: { send },
    consume(group, topics, handle) {
      const consumer = keepConsuming(options, group, topics, handle);
      consumers.add(consumer);
      return consumer;
    },
    async ping() {
      const { kafka, cut } = openSession(options);
      try {
        await kafka.admin({ retry: { retries: 0 } }).connect();
        return undefined;
      } finally {
        cut();
      }
    },
    async stop() {
      await Promise.all([...consumers].map((consumer) => consumer.stop()));
      sender?.session.cut();
    },
  };
}

/** kafkajs, and the connections that it makes. */
interface Session {
  kafka: Kafka;
  /** Ends all connections and allows no others: whatever kafkajs waits for fails, and a consumer that was given up can't rejoin its group. */
  cut(): void;
}

function openSession({ brokers, clientId, log }: ClientOptions): Session {
  const sockets = new Set<Socket>();
  let over = false;
  const kafka = new Kafka({
    clientId,
    brokers,
    connectionTimeout: 2_000,
    requestTimeout: 10_000,
    retry: { initialRetryTime: 200, maxRetryTime: 3_000, retries: 4 },
    logLevel: logLevel.ERROR,
    logCreator: () => (entry) => log.debug({ kafka: entry.log.message, namespace: entry.namespace }, "kafkajs"),
    socketFactory({ host, port, onConnect }) {
      if (over) throw new Error("the connection to Kafka was given up");
      const socket = connect({ host, port, keepAlive: true, keepAliveInitialDelay: 60_000 }, onConnect);
      sockets.add(socket);
      return socket.on("close", () => sockets.delete(socket));
    },
  });
  return {
    kafka,
    cut() {
      over = true;
      for (const socket of sockets) socket.destroy(new Error("the connection to Kafka was given up"));
    },
  };
}

interface Sender {
  session: Session;
  producer: Producer;
  connected: Promise<void>;
}

function openSender(options: ClientOptions): Sender {
  const session = openSession(options);
  const producer = session.kafka.producer({ allowAutoTopicCreation: false, idempotent: true, maxInFlightRequests: 1 });
  return { session, producer, connected: producer.connect() };
}

function within<T>(ms: number, work: Promise<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error(`Kafka has not answered within ${ms} ms`)), ms);
    void work.then(resolve, reject).finally(() => clearTimeout(timer));
  });
}

/** How often a group is told how far its member has come. What it handled since comes again when it dies: the inbox knows it. */
const commitMs = 500;
const sessionTimeoutMs = 6_000;
/** How long the members of a group wait for one that is busy. kafkajs gives an attempt to join 5 s more. */
const rebalanceTimeoutMs = 30_000;
/** After so long without a sign a consumer is given up. One that only joins slowly would leave a ghost in the group, for which the next has to wait. */
const silenceMs = { joining: 60_000, member: 3 * sessionTimeoutMs };

/** Runs one consumer after another: kafkajs gives up for good on some errors and may hang on others. */
function keepConsuming(
  options: ClientOptions,
  groupId: string,
  topics: string[],
  handle: (message: IncomingMessage) => Promise<void>,
): KafkaConsumer {
  const { log } = options;
  const stopping = new AbortController();
  let joined = false;

  async function consumeOnce(): Promise<void> {
    const { kafka, cut } = openSession(options);
    const consumer = kafka.consumer({
      groupId,
      sessionTimeout: sessionTimeoutMs,
      rebalanceTimeout: rebalanceTimeoutMs,
      heartbeatInterval: 2_000,
      allowAutoTopicCreation: false,
      retry: { initialRetryTime: 200, maxRetryTime: 2_000, retries: 4, restartOnFailure: async () => false },
    });
    const progress = createProgress((offsets) => consumer.commitOffsets(offsets));
    const ended = new AbortController();
    let lastSign = Date.now();
    let patienceMs = silenceMs.joining;
    const sign = () => {
      lastSign = Date.now();
      patienceMs = silenceMs.member;
      if (!joined) log.info({ group: groupId, topics }, "the consumer is in its group");
      joined = true;
    };
    consumer.on(consumer.events.GROUP_JOIN, () => {
      // Another may have its partitions now, and be further.
      progress.forget();
      sign();
    });
    consumer.on(consumer.events.HEARTBEAT, sign);
    consumer.on(consumer.events.FETCH, () => {
      lastSign = Date.now();
    });
    consumer.on(consumer.events.REBALANCING, () => {
      lastSign = Date.now();
      patienceMs = silenceMs.joining;
    });
    consumer.on(consumer.events.CRASH, () => ended.abort());
    const watchdog = setInterval(() => {
      if (Date.now() - lastSign > patienceMs) ended.abort();
    }, 1_000);
    const stop = () => ended.abort();
    stopping.signal.addEventListener("abort", stop);
    const end = new Promise<void>((resolve) => ended.signal.addEventListener("abort", () => resolve()));
    const work = async () => {
      await consumer.connect();
      await consumer.subscribe({ topics, fromBeginning: true });
      await run(consumer, async (message) => {
        await handle(message);
        progress.note(message);
      });
      await end;
    };
    try {
      // The watchdog ends an attempt to join, too.
      await Promise.race([work(), end]);
    } finally {
      clearInterval(watchdog);
      await progress.stop();
      stopping.signal.removeEventListener("abort", stop);
      if (joined && !stopping.signal.aborted)
        log.warn({ group: groupId }, "the consumer has lost its group, joining again");
      joined = false;
      await Promise.race([consumer.disconnect().catch(() => undefined), pause(5_000)]);
      cut();
    }
  }

  async function keep(): Promise<void> {
    for (let failures = 0; !stopping.signal.aborted; failures++) {
      const start = Date.now();
      await consumeOnce().catch((error: Error) => log.debug({ group: groupId, err: error.message }, "consumer"));
      if (Date.now() - start > 30_000) failures = 0;
      await pause(Math.min(250 * 2 ** failures, 2_000), stopping.signal);
    }
  }

  const running = keep();
  return {
    running: () => joined,
    async stop() {
      // Only a member has a group to leave; an attempt to become one would be waited for in vain.
      const leave = joined ? running : undefined;
      stopping.abort();
      await leave;
    },
  };
}

type Offset = Pick<IncomingMessage, "topic" | "partition" | "offset">;

/** Commits how far a consumer is, every half second: kafkajs would after each message that comes alone, which costs more than its handling. */
function createProgress(commit: (offsets: Offset[]) => Promise<void>) {
  const next = new Map<string, Offset>();
  async function flush(): Promise<void> {
    const offsets = [...next.values()];
    next.clear();
    if (offsets.length === 0) return;
    await commit(offsets).catch(() => {
      for (const offset of offsets) if (!next.has(keyOf(offset))) next.set(keyOf(offset), offset);
    });
  }
  const timer = setInterval(() => void flush(), commitMs);
  return {
    note({ topic, partition, offset }: Offset) {
      const following = { topic, partition, offset: String(BigInt(offset) + 1n) };
      next.set(keyOf(following), following);
    },
    forget: () => next.clear(),
    async stop() {
      clearInterval(timer);
      await Promise.race([flush(), pause(2_000)]);
    },
  };
}

const keyOf = ({ topic, partition }: Offset) => `${topic}/${partition}`;

function run(consumer: Consumer, handle: (message: IncomingMessage) => Promise<void>): Promise<void> {
  return consumer.run({
    autoCommit: false,
    partitionsConsumedConcurrently: 3,
    eachMessage: async ({ topic, partition, message, heartbeat }) => {
      const beat = setInterval(() => void heartbeat().catch(() => undefined), 2_000);
      try {
        await handle({
          topic,
          partition,
          offset: message.offset,
          value: message.value?.toString() ?? "",
          headers: headersOf(message),
        });
      } finally {
        clearInterval(beat);
      }
    },
  });
}

function headersOf(message: KafkaMessage): Record<string, string> {
  return Object.fromEntries(Object.entries(message.headers ?? {}).map(([name, value]) => [name, String(value)]));
}

/** kafkajs 2.2.4 re-arms a timer of negative length as long as it lives: 5 % of a core at rest, and a warning on standard error. */
function restRequestQueue(): void {
  const RequestQueue = createRequire(import.meta.url)("kafkajs/src/network/requestQueue/index.js");
  const schedule = RequestQueue.prototype.scheduleCheckPendingRequests;
  RequestQueue.prototype.scheduleCheckPendingRequests = function (this: {
    pending: unknown[];
    throttledUntil: number;
  }) {
    if (this.pending.length === 0 && this.throttledUntil <= Date.now()) return;
    schedule.call(this);
  };
}
