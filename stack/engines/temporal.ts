import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { Connection } from "@temporalio/client";
import { addresses, format } from "../../mesh/local/topology.ts";
import { provision } from "../provision/index.ts";
import type { CreateEngine } from "./engine.ts";

/** Where the platform's workflows run. One of the person's own has it already. */
export const temporalNamespace = "game";

/** How long an ended saga can be looked at, and a purchase's request key is known to Temporal. */
const retentionSeconds = 7 * 24 * 3600;

/** Temporal with its web UI. Its one file holds every workflow, so they go on after any restart. */
export const createTemporal: CreateEngine = ({ stateDir, network }) => {
  const { temporal, temporalUi, temporalHttp, temporalMetrics } = addresses(network);
  return {
    name: "temporal",
    async launch(tell) {
      const file = await provision("temporal", tell);
      const dir = join(stateDir, "temporal");
      mkdirSync(dir, { recursive: true, mode: 0o700 });
      const settings = {
        "db-filename": join(dir, "temporal.db"),
        namespace: temporalNamespace,
        ip: temporal.host,
        port: String(temporal.port),
        "ui-port": String(temporalUi.port),
        "http-port": String(temporalHttp.port),
        "metrics-port": String(temporalMetrics.port),
        // Temporal's own default asks the disk three times for each write that it must not lose.
        "sqlite-pragma": "journal_mode=wal",
        "dynamic-config-value": [
          // After ten lost tasks of a workflow, of a worker that was killed say, Temporal would try only every ten minutes.
          'history.workflowTaskRetryMaxInterval="5s"',
          // Lets clocks of several servers differ by 1 s, so that no timer is shorter. Here is one.
          'history.timerProcessorMaxTimeShift="20ms"',
        ],
        "log-level": "error",
      };
      const args = Object.entries(settings).flatMap(([name, values]) =>
        [values].flat().flatMap((value) => [`--${name}`, value]),
      );
      return { file, args: ["server", "start-dev", ...args], cwd: dir };
    },
    probe: () => keepForDays(format(temporal)),
  };
};

/** Throws while the server does not answer; then sets how long it keeps what has ended. */
async function keepForDays(address: string): Promise<void> {
  const connection = await Connection.connect({ address, connectTimeout: "2s" });
  try {
    await connection.withDeadline(Date.now() + 3_000, () =>
      connection.workflowService.updateNamespace({
        namespace: temporalNamespace,
        config: { workflowExecutionRetentionTtl: { seconds: retentionSeconds as never } },
      }),
    );
  } finally {
    await connection.close();
  }
}
