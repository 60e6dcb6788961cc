import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { promisify } from "node:util";
import { PrometheusSerializer } from "@opentelemetry/exporter-prometheus";
import { NodeSDK } from "@opentelemetry/sdk-node";
import { prometheus } from "#kit/prometheus.ts";
import { provision } from "../../stack/provision/index.ts";

const run = promisify(execFile);
const rules = join(import.meta.dirname, "../../charts/game-mesh/rules");

test("the alert rules are well formed, and fire when they should and not otherwise", async () => {
  const promtool = await provision("promtool");
  await run(promtool, ["check", "rules", "sagas.rules.yaml"], { cwd: rules });
  await run(promtool, ["test", "rules", "sagas.test.yaml"], { cwd: rules });
});

test("analytics tells Prometheus every metric that the rules ask for, of every type of saga, from its start on", async (t) => {
  const telemetry = new NodeSDK({ resourceDetectors: [], spanProcessors: [], metricReaders: [prometheus] });
  telemetry.start();
  t.after(() => telemetry.shutdown());
  // A meter that is taken before has nothing to tell.
  const { createSagaMetrics } = await import("../../services/analytics/saga-metrics.ts");
  const waiting = new Map([["trade", 2]]);
  const sagas = createSagaMetrics({ needingRepair: async () => waiting }, ["purchase", "trade"]);
  const told = async () => {
    const { resourceMetrics } = await prometheus.collect();
    const lines = new PrometheusSerializer().serialize(resourceMetrics).split("\n");
    return new Map(lines.filter((line) => line && !line.startsWith("#")).map((line) => split(line)));
  };
  const split = (line: string): [string, number] => {
    const at = line.lastIndexOf(" ");
    return [line.slice(0, at).replace(/,?otel_scope_name="[^"]*"/, ""), Number(line.slice(at + 1))];
  };
  const first = await told();
  assert.equal(first.get('game_saga_completed_total{type="trade"}'), 0);
  assert.equal(first.get('game_saga_needs_repair{type="trade"}'), 2);
  assert.equal(first.get('game_saga_needs_repair{type="purchase"}'), 0);

  const [startTime, statusTime] = [new Date(0), new Date(1_500)];
  const saga = { sagaId: "s", type: "purchase", reason: "", userId: "", traceId: "", startTime, statusTime };
  sagas.count({ ...saga, status: "started", statusTime: startTime }, true);
  sagas.count({ ...saga, status: "completed" }, false);
  const then = await told();
  assert.equal(then.get('game_saga_started_total{type="purchase"}'), 1);
  assert.equal(then.get('game_saga_completed_total{type="purchase"}'), 1);
  assert.equal(then.get('game_saga_duration_seconds_sum{type="purchase"}'), 1.5);

  const text = readFileSync(join(rules, "sagas.rules.yaml"), "utf8");
  const asked = new Set([...text.matchAll(/(?<!:)\bgame_saga_\w+(?![\w:])/g)].map(([name]) => name));
  assert.ok(asked.size >= 5, `the rules ask for ${[...asked].join(", ")}`);
  const names = new Set([...then.keys()].map((key) => key.replace(/\{.*/, "")));
  assert.deepEqual(
    [...asked].filter((name) => !names.has(name)),
    [],
  );
});
