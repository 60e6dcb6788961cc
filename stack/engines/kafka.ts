import { spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { existsSync, mkdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { addresses, format } from "../../mesh/local/topology.ts";
import { Fault } from "../fault.ts";
import { provision } from "../provision/index.ts";
import type { CreateEngine } from "./engine.ts";
import { findJava } from "./java.ts";
import { ensureTopics } from "./kafka-topics.ts";

/** Apache Kafka, one node that is broker and controller (KRaft), with the project's topics. */
export const createKafka: CreateEngine = ({ stateDir, network }) => {
  const { kafka, kafkaController } = addresses(network);
  const dir = join(stateDir, "kafka");
  const properties = join(dir, "server.properties");
  const logging = join(dir, "log4j2.yaml");
  let prepared = false;
  return {
    name: "kafka",
    stopDeadlineMs: 20_000,
    async launch(tell) {
      prepared = false;
      const java = await findJava();
      const jars = await provision("kafka", tell);
      const classPath = join(jars, "*");
      mkdirSync(dir, { recursive: true });
      writeFileSync(properties, settings(format(kafka), format(kafkaController), join(dir, "data")));
      writeFileSync(logging, loggingConfig);
      if (!existsSync(join(dir, "data/meta.properties")))
        await formatStorage(java, classPath, properties, logging, dir);
      return {
        file: java,
        args: [
          "-Xms128m",
          "-Xmx512m",
          // One small heap on a shared machine: the serial collector needs the least memory and start-up work.
          "-XX:+UseSerialGC",
          // What the second compiler would gain, a broker of one machine never earns back: without it, it is there with half the work.
          "-XX:TieredStopAtLevel=1",
          "-Djava.awt.headless=true",
          `-Dlog4j2.configurationFile=${logging}`,
          "-cp",
          classPath,
          "kafka.Kafka",
          properties,
        ],
        cwd: dir,
      };
    },
    async probe() {
      if (!prepared) await ensureTopics(format(kafka));
      prepared = true;
    },
  };
};

/** Where clients begin. */
export const kafkaBrokers = (network: number): string => format(addresses(network).kafka);

function settings(broker: string, controller: string, data: string): string {
  const lines = {
    "process.roles": "broker,controller",
    "node.id": 1,
    "controller.quorum.bootstrap.servers": controller,
    listeners: `BROKER://${broker},CONTROLLER://${controller}`,
    "advertised.listeners": `BROKER://${broker},CONTROLLER://${controller}`,
    "listener.security.protocol.map": "BROKER:PLAINTEXT,CONTROLLER:PLAINTEXT",
    "inter.broker.listener.name": "BROKER",
    "controller.listener.names": "CONTROLLER",
    "log.dirs": data,
    "auto.create.topics.enable": false,
    "offsets.topic.replication.factor": 1,
    "offsets.topic.num.partitions": 6,
    "transaction.state.log.replication.factor": 1,
    "transaction.state.log.min.isr": 1,
    "transaction.state.log.num.partitions": 6,
    "share.coordinator.state.topic.replication.factor": 1,
    "share.coordinator.state.topic.min.isr": 1,
    // After a kill the node is refused until its own old session has ended.
    "broker.heartbeat.interval.ms": 500,
    "broker.session.timeout.ms": 2_000,
    // A consumer that joins gets its partitions at once.
    "group.initial.rebalance.delay.ms": 0,
  };
  return `${Object.entries(lines)
    .map(([name, value]) => `${name}=${value}`)
    .join("\n")}\n`;
}

const loggingConfig = `Configuration:
  status: error
  Appenders:
    Console:
      name: out
      PatternLayout: { pattern: "%d{ISO8601} %p %c{1}: %m%n" }
  Loggers:
    Root: { level: warn, AppenderRef: { ref: out } }
`;

/** Once, before the first start: a node refuses folders that have no cluster id. */
async function formatStorage(
  java: string,
  classPath: string,
  properties: string,
  logging: string,
  dir: string,
): Promise<void> {
  rmSync(join(dir, "data"), { recursive: true, force: true });
  const id = randomBytes(16).toString("base64url");
  const main = [
    "-cp",
    classPath,
    "kafka.tools.StorageTool",
    "format",
    "--standalone",
    `--cluster-id=${id}`,
    "-c",
    properties,
  ];
  const options = ["-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", `-Dlog4j2.configurationFile=${logging}`];
  const child = spawn(java, [...options, ...main], { cwd: dir, stdio: ["ignore", "pipe", "pipe"] });
  let output = "";
  for (const stream of [child.stdout, child.stderr]) {
    stream.on("data", (chunk) => {
      output += chunk;
    });
  }
  const code = await new Promise((resolve, reject) => child.on("error", reject).on("close", resolve));
  if (code !== 0) throw new Fault(`kafka: its storage could not be laid: ${output.trim().split("\n").at(-1)}`);
}
