import { setTimeout as delay } from "node:timers/promises";
import { eventually } from "../tools/background.ts";
import type { Received } from "./echo.ts";
import { contradictions } from "./facts.ts";
import type { Case, Step } from "./format.ts";
import { differences, type Outcome } from "./judge.ts";
import type { Mesh } from "./mesh.ts";
import { connectFor, createTokens, type Line, type Tokens } from "./send.ts";

/** A case whose answer is not the expected one. */
export interface Failure {
  failed: Case;
  /** Its step that went wrong. */
  step: Step | undefined;
  differences: string[];
}

/** How the cases are run. */
export interface RunOptions {
  /** Ends the run with the first failure. */
  stopAtFirst?: boolean;
  /** Told of each case when it has ended. */
  onDone?: (done: Case, failure: Failure | undefined) => void;
}

/**
 * Runs the cases on a mesh and gives those that fail. Cases that leave every service well run beside each other; those of one service in which it
 * fails follow each other, with good calls between them, as five failures in a row would close it; those that take it away come last.
 */
export async function runCases(mesh: Mesh, cases: Case[], options: RunOptions = {}): Promise<Failure[]> {
  const failures: Failure[] = [];
  const tokens = await createTokens(mesh.issuer);
  const stopped = () => options.stopAtFirst === true && failures.length > 0;
  const run = async (next: Case) => {
    if (stopped()) return;
    const failure = await runCase(mesh, tokens, next);
    if (failure) failures.push(failure);
    options.onDone?.(next, failure);
  };
  const runAll = async (group: Case[], width: number) => {
    const queue = group.values();
    await Promise.all(
      Array.from({ length: width }, async () => {
        for (const next of queue) await run(next);
      }),
    );
  };
  const of = (kind: Kind) => cases.filter((each) => kindOf(each) === kind);
  const failing = Map.groupBy([...of("failing"), ...of("hanging")], serviceOf);
  await Promise.all([
    runAll(of("quiet"), 8),
    ...[...failing.values()].map(async (lane) => {
      const each = async (next: Case) => {
        await run(next);
        await recover(mesh, tokens, next);
      };
      for (const next of lane.filter((one) => kindOf(one) === "failing")) await each(next);
      const hanging = lane.filter((one) => kindOf(one) === "hanging");
      // fewer than five at once
      for (let i = 0; i < hanging.length; i += 4) await Promise.all(hanging.slice(i, i + 4).map(each));
    }),
  ]);
  if (stopped()) return failures;
  const disturbing = of("disturbing");
  // those that need the same service away share its absence; those that close a service have it for themselves
  const groups = Map.groupBy(disturbing, (each) => each.while.join() || each.at);
  for (const group of groups.values()) {
    if (stopped()) break;
    const away = group[0]!.while;
    for (const name of away) await mesh.stopEcho(name);
    if (away.length === 0) await healthChecked(mesh, group[0]!);
    await runAll(group, 4);
    for (const name of away) await mesh.startEcho(name);
    await mesh.settled();
    for (const each of group) await recover(mesh, tokens, each);
  }
  return failures;
}

/** Waits for the next health check of a service: one that comes between its failures and what they lead to would open it again. */
async function healthChecked(mesh: Mesh, { steps }: Case): Promise<void> {
  const step = steps[0]!;
  const service = step.to.startsWith("edge") ? serviceOf({ steps }) : step.to;
  const checks = () => mesh.counter(`${service}\\.game.*health_check\\.success`, step.from);
  const before = await checks();
  if (before === 0) return; // nobody asks for it
  await eventually(async () => {
    if ((await checks()) === before) throw new Error(`nobody has asked for the health of ${service}`);
  });
}

/**
 * As `runCases`, and those that fail are run once more, each alone: a crowd of calls is too much for a busy machine at times, and then
 * its services are closed as the policy says. `onAgain` is told of each.
 */
export async function judgeCases(
  mesh: Mesh,
  cases: Case[],
  onAgain: (failure: Failure) => void = () => {},
): Promise<Failure[]> {
  const failures: Failure[] = [];
  for (const failure of await runCases(mesh, cases)) {
    onAgain(failure);
    await mesh.settled();
    failures.push(...(await runCases(mesh, [failure.failed])));
  }
  return failures;
}

type Kind = "quiet" | "failing" | "hanging" | "disturbing";

function kindOf({ steps, while: away }: Case): Kind {
  // 500 is no failure of the service
  const failing = steps.filter(({ upstream }) => (upstream?.answers ?? 0) > 500);
  const inRow = failing.reduce((sum, { repeat }) => sum + repeat, 0);
  if (away.length > 0 || inRow >= 5) return "disturbing";
  if (steps.some(({ upstream }) => upstream?.hangs)) return "hanging";
  return failing.length > 0 ? "failing" : "quiet";
}

const serviceOf = ({ steps }: Pick<Case, "steps">) =>
  /^\/(?:game\.|api\/v1\/)(\w+)/.exec(steps[0]?.path ?? "")?.[1] ?? "";

let runs = 0;

async function runCase(mesh: Mesh, tokens: Tokens, tested: Case): Promise<Failure | undefined> {
  runs += 1;
  const id = runs;
  if (tested.holds.length > 0) {
    const found = await contradictions(mesh, tested.holds);
    return found.length > 0 ? { failed: tested, step: undefined, differences: found } : undefined;
  }
  const addresses = new Map<string, string>();
  const before: Outcome[] = [];
  for (const step of tested.steps) {
    const deadline = performance.now() + (step.expect.within ?? 0) * 1000;
    const address = addresses.get(step.address) ?? mesh.clientAddress();
    addresses.set(step.address, address);
    for (;;) {
      const started = performance.now();
      const outcomes = await runStep(mesh, tokens, step, id, address);
      const found = differences(step, outcomes, plain, before);
      before.push(...outcomes.filter(({ answer }) => answer !== undefined));
      if (found.length === 0) break;
      // one that began in time may have been too early, however late it ended
      if (started > deadline || step.expect.within === undefined) return { failed: tested, step, differences: found };
      await delay(50);
    }
  }
  return undefined;
}

/** A user of the case numbered `id`; `plain` takes the number out again. */
const userOf = (name: string, id: number, index: number) => `${name}~${id}-${index}`;
const plain = (text: string) => text.replaceAll(/~\d+-\d+/g, "");

let calls = 0;

async function runStep(mesh: Mesh, tokens: Tokens, step: Step, id: number, address: string): Promise<Outcome[]> {
  const line = await connectFor(mesh, step, address).catch(() => undefined);
  if (!line)
    return Array.from({ length: step.repeat * step.users }, () => ({
      answer: undefined,
      received: [],
      startedAt: 0,
      seconds: 0,
    }));
  await using _ = line;
  // before the first call, so that the calls are made together
  const signed = await Promise.all(
    Array.from({ length: step.users }, (_, index) => step.as && tokens.of(step, userOf(step.as.name, id, index))),
  );
  const paths = [step.path, ...step.inTurn];
  let next = 0;
  const once = (token: string | undefined) => {
    next += 1;
    return runCall(mesh, step, line, paths[(next - 1) % paths.length]!, token);
  };
  const planned = Array.from({ length: step.repeat }, () => signed).flat();
  const outcomes: Outcome[] = [];
  if (step.oneByOne) for (const token of planned) outcomes.push(await once(token));
  else {
    const waiting = planned.values();
    const width = Math.min(planned.length, 60); // fewer than the streams that the edge takes on a connection
    await Promise.all(
      Array.from({ length: width }, async () => {
        for (const token of waiting) outcomes.push(await once(token));
      }),
    );
  }
  return outcomes;
}

async function runCall(mesh: Mesh, step: Step, line: Line, path: string, token: string | undefined): Promise<Outcome> {
  calls += 1;
  const id = String(calls);
  const filled = (text: string) => text.replaceAll("{token}", token ?? "");
  const headers: Record<string, string> = {
    "x-call": id,
    ...(step.upstream?.answers !== undefined && { "x-status": String(step.upstream.answers) }),
    ...(step.upstream?.hangs && { "x-hang": "1" }),
    ...(token !== undefined && step.token !== "not-sent" && { authorization: `Bearer ${token}` }),
    ...Object.fromEntries([...step.headers].map(([name, value]) => [name, filled(value)])),
  };
  const received: Received[] = [];
  mesh.watch(id, received);
  const started = performance.now();
  const answer = await line.send(filled(path), headers).catch(() => undefined);
  const seconds = (performance.now() - started) / 1000;
  mesh.unwatch(id);
  return { answer, received, startedAt: started / 1000, seconds };
}

/** Good calls of what failed: the failures of the next case don't add up with these. */
async function recover(mesh: Mesh, tokens: Tokens, { steps }: Case): Promise<void> {
  for (const step of new Map(steps.map((step) => [step.path, step])).values()) {
    const { upstream: _, ...good } = step;
    runs += 1;
    await runStep(mesh, tokens, { ...good, repeat: 4, users: 1, oneByOne: true }, runs, mesh.clientAddress());
  }
}

/** Whether a case waits for time to pass, or takes a service away. */
export const isSlow = (each: Case): boolean =>
  ["hanging", "disturbing"].includes(kindOf(each)) || each.steps.some(({ expect }) => (expect.within ?? 0) > 3);
