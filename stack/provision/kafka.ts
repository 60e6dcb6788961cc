import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { Fault } from "../fault.ts";
import type { Engine } from "./engine.ts";
import { runTool } from "./tool.ts";

/** Apache Kafka's jars. The version is that of kafka/pom.xml, and a revision that counts other changes of that file. */
export const kafka: Engine = {
  name: "kafka",
  version: "4.3.1-2",
  path: ".",
  async install(folder, onProgress) {
    onProgress("downloading");
    await runTool(
      "mvn",
      [
        "-q",
        "-B",
        "-C",
        "-f",
        join(import.meta.dirname, "kafka/pom.xml"),
        "dependency:copy-dependencies",
        `-DoutputDirectory=${folder}`,
      ],
      {
        missing: "kafka comes by Maven: install Maven (mvn), or set KAFKA_BROKERS to brokers of yours",
        failed: "kafka: Maven could not download it",
        telling: (lines) => lines.find((line) => line.startsWith("[ERROR]"))?.replace("[ERROR] ", ""),
      },
    );
    const jars = await readdir(folder);
    if (!jars.some((jar) => jar.startsWith("kafka_"))) throw new Fault("kafka: Maven left no jars");
  },
};
