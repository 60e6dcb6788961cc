import { Kafka, logLevel } from "kafkajs";
import "../../kit/kafka.ts"; // keeps kafkajs quiet

/** What the services publish to; consumers of one user's events rely on the number of partitions staying what it is. */
export const topics: readonly string[] = ["game-events", "analytics-events", "saga-events", "chat-events"];

/** A client of the platform itself, which gives up at the first failure. */
export const connectKafka = (brokers: string): Kafka =>
  new Kafka({
    brokers: [brokers],
    clientId: "platform",
    logLevel: logLevel.NOTHING,
    connectionTimeout: 1_000,
    retry: { retries: 0 },
  });

/** Makes the topics that are not there yet. Throws while the broker does not answer. */
export async function ensureTopics(brokers: string): Promise<void> {
  const admin = connectKafka(brokers).admin();
  try {
    await admin.connect();
    const present = await admin.listTopics();
    const missing = topics.filter((topic) => !present.includes(topic));
    if (missing.length === 0) return;
    await admin.createTopics({
      topics: missing.map((topic) => ({ topic, numPartitions: 6, replicationFactor: 1 })),
      waitForLeaders: true,
    });
  } finally {
    await admin.disconnect();
  }
}
