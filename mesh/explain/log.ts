import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { sidecars } from "../local/topology.ts";
import { projectDir } from "../tools/paths.ts";

/** A call as an Envoy's access log has it (mesh/istio/mesh-config.yaml says what each field is). */
export interface LogLine {
  /** `edge`, or the workload whose sidecar wrote it. */
  workload: string;
  time: string;
  trace_id: string;
  user_id: string | null;
  client: string | null;
  peer: string | null;
  method: string | null;
  path: string | null;
  route: string | null;
  content_type: string | null;
  status: number;
  grpc_status: number | null;
  flags: string | null;
  details: string | null;
  duration_ms: number;
  attempts: number | null;
  upstream: string | null;
  upstream_cluster: string | null;
  upstream_failure: string | null;
}

/** The folder where `npm start` writes its logs. */
export const logDir = join(projectDir, ".state/logs");

/** Log text of `workload` as calls, oldest first; whatever is no call is left out. */
export function parseLog(workload: string, text: string): LogLine[] {
  return text.split("\n").flatMap((line) => {
    if (!line.startsWith("{")) return [];
    try {
      return [{ ...(JSON.parse(line) as LogLine), workload }];
    } catch {
      return []; // the line that is being written
    }
  });
}

/** The calls in the logs of the edge and of every sidecar; undefined when the platform never ran here. */
export function readLogs(dir = logDir): LogLine[] | undefined {
  if (!existsSync(join(dir, "edge.log"))) return undefined;
  const files: [workload: string, file: string][] = [["edge", "edge.log"]];
  for (const { name } of sidecars) files.push([name, `${name}-sidecar.log`]);
  // the older half of a log that was turned over comes first
  return files.flatMap(([workload, file]) =>
    [`${file}.1`, file].flatMap((name) => {
      const path = join(dir, name);
      return existsSync(path) ? parseLog(workload, readFileSync(path, "utf8")) : [];
    }),
  );
}
