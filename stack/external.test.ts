import assert from "node:assert/strict";
import { once } from "node:events";
import { mkdtempSync } from "node:fs";
import { connect, createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import pg from "pg";
import { services } from "../mesh/local/topology.ts";
import { startEngine } from "../tests/support/stack.ts";
import { until } from "../tests/support/until.ts";
import { adminUrl } from "./engines/postgres.ts";
import { loadExternal, replacedBy } from "./external.ts";
import { openSecrets } from "./secrets.ts";
import { startStack } from "./stack.ts";
import { removeState } from "./state.ts";

test("each engine that the environment names is not started, and the services are sent to it", async (t) => {
  const external = loadExternal({
    DATABASE_URL: "postgres://{service}:pw@db:5432/game_{service}",
    REDIS_URL: "redis://cache:6379",
    KAFKA_BROKERS: "a:9092,b:9092",
    TEMPORAL_ADDRESS: "saga:7233",
    OTEL_EXPORTER_OTLP_ENDPOINT: "http://127.0.0.1:4318",
  });
  assert.deepEqual(replacedBy(external), ["postgres", "redis", "kafka", "temporal", "jaeger"]);
  const stateDir = mkdtempSync(join(tmpdir(), "external-"));
  t.after(() => removeState(stateDir));
  const stack = await startStack({ stateDir, external, only: ["postgres", "redis", "kafka", "temporal", "jaeger"] });
  t.after(() => stack.stop());
  assert.deepEqual(stack.processes, []);
  assert.equal(stack.databaseUrl("chat"), "postgres://chat:pw@db:5432/game_chat");
  assert.equal(stack.redisUrl("chat"), "redis://cache:6379");
  assert.equal(stack.kafkaBrokers, "a:9092,b:9092");
  assert.equal(stack.temporalAddress, "saga:7233");
  assert.equal(stack.otlpEndpoint, "http://127.0.0.1:4318");
});

test("a server of the person's own gets a role and a database for every service", async (t) => {
  const own = await startEngine(t, "postgres");
  const secrets = openSecrets(join(own.stateDir, "secrets"));
  const databaseUrl = adminUrl({ stateDir: own.stateDir, network: own.network, secrets, services });
  const stateDir = mkdtempSync(join(tmpdir(), "external-"));
  t.after(() => removeState(stateDir));
  const stack = await startStack({ stateDir, external: { databaseUrl }, only: [] });
  t.after(() => stack.stop());
  const answer = await until("the service's login works", async () => {
    const client = new pg.Client(stack.databaseUrl("chat"));
    await client.connect();
    const { rows } = await client.query("select current_user as name, current_database() as at");
    await client.end();
    return rows[0];
  });
  assert.deepEqual(answer, { name: "chat", at: "chat" });
});

test("the Envoys' spans reach a collector of the person's own", async (t) => {
  const stateDir = mkdtempSync(join(tmpdir(), "external-"));
  t.after(() => removeState(stateDir));
  const stack = await startStack({ stateDir, external: { otlpEndpoint: "http://127.251.0.1:4318" }, only: [] });
  t.after(() => stack.stop());
  const collector = createServer({ allowHalfOpen: true }, (socket) => socket.pipe(socket)).listen(4317, "127.251.0.1");
  t.after(() => collector.close());
  await once(collector, "listening");
  const { host, port } = stack.at.otlpGrpc;
  const socket = connect(port, host);
  t.after(() => socket.destroy());
  socket.end("span");
  assert.equal(String((await once(socket, "data", { signal: AbortSignal.timeout(10_000) }))[0]), "span");
});
