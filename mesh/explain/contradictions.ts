import type { Step } from "../cases/format.ts";
import type { PolicyObject } from "./policy.ts";
import type { Prediction } from "./predict.ts";

/** Where a prediction and what the case expects part, in words; empty when they agree. */
export function contradictions(step: Step, prediction: Prediction): string[] {
  const { expect } = step;
  const found: string[] = [];
  const total = step.repeat * step.users;
  const differ = (what: string, wanted: unknown, got: unknown) =>
    found.push(`${what}: the case expects ${wanted}, the model says ${got}`);
  if (expect.connection === "refused" && !prediction.answers.has(-1)) differ("connection", "none", "an answer");
  if (expect.connection === undefined && expect.status !== undefined && !expect.answers && !expect.bucket) {
    const got = [...prediction.answers]
      .map(([status, count]) => (total > 1 ? `${count} x ${status}` : status))
      .join(", ");
    if (prediction.answers.get(expect.status) !== total) differ("status", expect.status, got);
  }
  for (const [status, { from, to }] of expect.answers ?? []) {
    const count = prediction.answers.get(status) ?? 0;
    if (count < from || count > to) differ(`answers ${status}`, `${from}-${to}`, count);
  }
  if (expect.bucket) {
    const { size, perSecond, shared } = expect.bucket;
    const passed = prediction.answers.get(200) ?? 0;
    if (shared ? passed >= size : passed !== Math.min(size, total)) differ("bucket", size, passed);
    const rate = prediction.perSecond;
    if (rate !== undefined && Math.abs(rate - perSecond) > 0.01) differ("tokens per second", perSecond, rate);
  }
  if (expect.code !== undefined && expect.code !== prediction.code) differ("code", expect.code, prediction.code);
  if (expect.refusedBy !== undefined && !isObject(prediction.refusedBy, expect.refusedBy))
    differ("refusedBy", expect.refusedBy, prediction.refusedBy?.position.file ?? "nobody");
  if (expect.upstream !== undefined && expect.upstream !== prediction.upstream)
    differ("upstream", expect.upstream, prediction.upstream);
  if (expect.seen?.path !== undefined && expect.seen.path !== prediction.upstreamPath)
    differ("path", expect.seen.path, prediction.upstreamPath);
  if (
    expect.attempts !== undefined &&
    expect.answers === undefined &&
    expect.bucket === undefined &&
    expect.attempts !== prediction.attempts
  )
    differ("attempts", expect.attempts, prediction.attempts);
  const wait = prediction.seconds;
  // the tries have pauses between them, which are Envoy's to choose
  if (expect.seconds && wait !== undefined && (wait < expect.seconds.from - 0.2 || wait > expect.seconds.to))
    differ("seconds", `${expect.seconds.from}-${expect.seconds.to}`, wait);
  return found;
}

/** Whether `name`, a file below mesh/istio/ or `Kind/name`, is this object. */
const isObject = (object: PolicyObject | undefined, name: string): boolean =>
  object !== undefined && (object.position.file === `mesh/istio/${name}` || `${object.kind}/${object.name}` === name);
