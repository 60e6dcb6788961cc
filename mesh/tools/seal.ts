import { createHash } from "node:crypto";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { compileInputs, frozenDir, frozenFiles, projectDir } from "./paths.ts";

const sealName = "policy.sha256";

/** Writes to `envoy/policy.sha256` of which inputs the frozen files of `dir` were made, and what they are. */
export async function writeSeal(dir: string): Promise<void> {
  await writeFile(join(dir, sealName), await seal(dir));
}

/** Whether the frozen files and all they are made of are as they were when they were compiled; else what was changed alone. */
export async function brokenSeal(): Promise<string | undefined> {
  const [written, actual] = await Promise.all([readFile(join(frozenDir, sealName), "utf8"), seal(frozenDir)]);
  if (written === actual) return undefined;
  const changed = actual
    .split("\n")
    .filter((line) => line && !written.includes(line))
    .map((line) => line.split("  ")[1]);
  return `changed since the last compile: ${changed.join(", ") || "a file is gone"}`;
}

/** One line for each input, in the form of sha256sum, and one for all frozen files together. */
async function seal(dir: string): Promise<string> {
  const inputs = await Promise.all(
    compileInputs().map(async (file) => `${hash(await readFile(join(projectDir, file)))}  ${file}\n`),
  );
  const frozen = await Promise.all(
    frozenFiles(dir).map(async (file) => `${file}\n${await readFile(join(dir, file), "utf8")}`),
  );
  return `${inputs.join("")}${hash(frozen.join(""))}  envoy/*/*.json\n`;
}

const hash = (content: Buffer | string) => createHash("sha256").update(content).digest("hex");
