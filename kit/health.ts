import { statfs } from "node:fs/promises";
import { availableParallelism, freemem, loadavg, totalmem } from "node:os";

export type Status = "healthy" | "degraded" | "unhealthy" | "critical";

/** One component's state at this moment. */
export interface Check {
  name: string;
  status: Status;
  duration_ms: number;
  message?: string;
}

/** What `GET /healthz` answers. */
export interface HealthReport {
  status: Status;
  timestamp: string;
  total_check_duration_ms: number;
  service_info: { name: string; version: string; uptime_seconds: number };
  checks: Check[];
}

/** Looks at one component. Throwing means unhealthy, with the error's message. */
export type Probe = () => Promise<{ status: Status; message?: string } | undefined>;

const order: Status[] = ["healthy", "degraded", "unhealthy", "critical"];
const timeoutMs = 2_000;

/** Runs all probes side by side, those of the machine included. The worst component is the whole's status. */
export async function reportHealth(
  service: { name: string; version: string },
  probes: Record<string, Probe>,
): Promise<HealthReport> {
  const start = performance.now();
  const all = Object.entries({ ...probes, memory: memoryProbe, cpu: cpuProbe, disk: diskProbe });
  const checks = await Promise.all(all.map(([name, probe]) => check(name, probe)));
  const worst = Math.max(...checks.map((one) => order.indexOf(one.status)));
  return {
    status: order[worst]!,
    timestamp: new Date().toISOString(),
    total_check_duration_ms: round(performance.now() - start),
    service_info: { ...service, uptime_seconds: Math.floor(process.uptime()) },
    checks,
  };
}

async function check(name: string, probe: Probe): Promise<Check> {
  const start = performance.now();
  const timeout = Promise.withResolvers<never>();
  const timer = setTimeout(() => timeout.reject(new Error(`no answer within ${timeoutMs} ms`)), timeoutMs);
  try {
    const found = (await Promise.race([probe(), timeout.promise])) ?? { status: "healthy" };
    return { name, ...found, duration_ms: round(performance.now() - start) };
  } catch (error) {
    const message = error instanceof Error && error.message ? error.message : "away";
    return { name, status: "unhealthy", duration_ms: round(performance.now() - start), message };
  } finally {
    clearTimeout(timer);
  }
}

/** A database that takes over a second for a query is degraded. */
export function databaseProbe(database: { ping(): Promise<number> }): Probe {
  return async () => {
    const ms = await database.ping();
    return ms > 1_000 ? { status: "degraded", message: `a query took ${Math.round(ms)} ms` } : undefined;
  };
}

function share(used: number, degraded: number, critical: number, what: string) {
  const message = `${Math.round(used * 100)} % of the ${what} in use`;
  if (used > critical) return { status: "critical" as const, message };
  return used > degraded ? { status: "degraded" as const, message } : undefined;
}

const memoryProbe: Probe = async () => share(1 - freemem() / totalmem(), 0.8, 0.9, "memory");

/** Work that waits, in processors: twice as much as there are is degraded. */
const cpuProbe: Probe = async () => {
  const load = loadavg()[0]! / availableParallelism();
  return load > 2 ? { status: "degraded", message: `load ${load.toFixed(1)} a processor` } : undefined;
};

const diskProbe: Probe = async () => {
  const { blocks, bavail } = await statfs(".");
  return share(1 - bavail / blocks, 0.9, 0.97, "disk");
};

const round = (ms: number) => Math.round(ms * 10) / 10;
