import { execFile } from "node:child_process";
import { join } from "node:path";
import { promisify } from "node:util";
import { Fault } from "../fault.ts";
import { isExecutable, which } from "../provision/engine.ts";

const needed = 17;

/** The java of JAVA_HOME or PATH. */
export async function findJava(): Promise<string> {
  const home = process.env.JAVA_HOME && join(process.env.JAVA_HOME, "bin/java");
  const java = home && (await isExecutable(home)) ? home : await which("java");
  const otherwise = `install Java ${needed} or newer, or set KAFKA_BROKERS to brokers of yours`;
  if (!java) throw new Fault(`kafka runs on Java, which is missing: ${otherwise}`);
  const { stderr } = await promisify(execFile)(java, ["-version"]);
  const major = Number(/version "(\d+)/.exec(stderr)?.[1]);
  if (major < needed) throw new Fault(`kafka does not run on Java ${major}: ${otherwise}`);
  return java;
}
