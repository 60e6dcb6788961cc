import assert from "node:assert/strict";
import { test } from "node:test";
import { databaseProbe, reportHealth } from "./health.ts";

const service = { name: "shop", version: "1.2.3" };

test("the worst component is the status of the whole", async () => {
  const report = await reportHealth(service, {
    fine: async () => undefined,
    poor: async () => ({ status: "critical", message: "full" }),
  });
  assert.equal(report.status, "critical");
  assert.deepEqual(report.service_info.name, "shop");
  assert.ok(report.checks.every((check) => check.duration_ms >= 0));
});

test("a probe that throws is unhealthy, with its reason", async () => {
  const report = await reportHealth(service, {
    database: async () => {
      throw new Error("connection refused");
    },
  });
  const database = report.checks.find((check) => check.name === "database");
  assert.equal(database?.status, "unhealthy");
  assert.equal(database?.message, "connection refused");
});

test("probes run side by side", async () => {
  let running = 0;
  const both = Promise.withResolvers<void>();
  const probe = async () => {
    if (++running === 2) both.resolve();
    await both.promise;
    return undefined;
  };
  const report = await reportHealth(service, { a: probe, b: probe });
  assert.equal(report.checks.find((check) => check.name === "b")?.status, "healthy");
});

test("a database that takes over a second is degraded", async () => {
  assert.equal((await databaseProbe({ ping: async () => 1_001 })())?.status, "degraded");
  assert.equal(await databaseProbe({ ping: async () => 999 })(), undefined);
});
