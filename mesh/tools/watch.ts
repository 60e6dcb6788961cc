import { join } from "node:path";
import { versions } from "../local/topology.ts";
import { Ended } from "./background.ts";
import { Refused } from "./freeze.ts";
import { policyDir } from "./paths.ts";
import { brokenSeal } from "./seal.ts";
import { type Compiler, createCompiler } from "./watch-compiler.ts";
import { type Finding, istioctlFindings, istiodFindings, locate, yamlFindings } from "./watch-findings.ts";
import { type Laid, layRunning } from "./watch-lay.ts";
import { changedFiles, onPolicyEvents, type PolicyText, readPolicy, writePolicy } from "./watch-source.ts";
import { openWorkFolder } from "./work-folder.ts";

/** Whose policy to follow, and which Envoys follow it. */
export interface WatchOptions {
  /** The folder that a person edits; mesh/istio/ unless given. */
  policy?: string;
  stateDir: string;
  network: number;
  /** The path of istioctl. istiod and Envoy are there too. */
  istioctl: string;
  /** Told of every edit, once it is live or refused. */
  onEdit: (edit: Edit) => void;
  /** When to start istiod and its Envoys, so that the first edit is as quick as the others; else that edit starts them. */
  warmUp?: Promise<unknown>;
}

/** What follows a policy. */
export interface Watching {
  /** Resolves when istiod and its Envoys run, if they are to be warmed up. */
  warm: Promise<void>;
  stop(): Promise<void>;
}

/** What came of an edit. */
export interface Edit {
  /** The files that differ from the policy that was live before, relative to the folder. */
  files: string[];
  /** What was laid; undefined when the edit was refused and the policy of before stays. */
  laid?: Laid;
  /** Why not. */
  findings: Finding[];
  /** From when the edit was seen until it was live or refused, in milliseconds. */
  tookMs: number;
}

const nothing: Laid = { workloads: [], listeners: [], restart: [] };

/** An editor may write a file in several steps. */
const quietMs = 30;

/**
 * Follows the policy: each edit is compiled, by the real istiod and Envoys, and laid before the running Envoys. What istiod or an Envoy
 * refuses changes nothing. Nothing is written to the checkout.
 */
export function watchMesh(options: WatchOptions): Watching {
  const { policy = policyDir, onEdit } = options;
  const stopping = new AbortController();
  const compiler = createCompiler();
  let live = readPolicy(policy);
  let seen = live;
  let running: { giveUp: AbortController; ended: Promise<void> } | undefined;
  let timer: NodeJS.Timeout | undefined;
  let changedAt = 0;
  let stale = false; // what the Envoys run on is not what `live` compiles to

  const later = () => {
    if (!timer) changedAt = performance.now();
    clearTimeout(timer);
    timer = setTimeout(look, quietMs);
  };
  const look = () => {
    timer = undefined;
    const now = readPolicy(policy);
    if (changedFiles(seen, now).length > 0) begin(now);
  };
  function begin(now: PolicyText): void {
    seen = now;
    const before = running;
    before?.giveUp.abort(); // nobody wants its result any more
    const giveUp = new AbortController();
    running = { giveUp, ended: follow(now, changedAt, giveUp.signal, before?.ended) };
  }
  async function follow(now: PolicyText, since: number, signal: AbortSignal, before: Promise<void> | undefined) {
    await before;
    if (signal.aborted) return;
    const files = changedFiles(live, now);
    const back = files.length === 0 && !stale; // what was refused was taken back
    const result = back ? { laid: nothing, findings: [] } : await tryPolicy(options, compiler, live, now, signal);
    if (signal.aborted && !result.laid) return;
    if (result.laid) [live, stale] = [now, false];
    onEdit({ files, tookMs: performance.now() - since, ...result });
  }

  async function warmUp(): Promise<void> {
    await options.warmUp;
    if (!options.warmUp || running || stopping.signal.aborted) return;
    // an edit waits for it; and what is wrong is told of the edit that meets it
    const ended = compiler.warmUp(live, stopping.signal).catch(() => {});
    running = { giveUp: new AbortController(), ended };
    await ended;
  }

  const unwatch = onPolicyEvents(policy, later);
  const warm = (async () => {
    // envoy/ may be older than the policy, and it knows nothing of second versions
    stale = versions().length > 0 || (policy === policyDir && (await brokenSeal()) !== undefined);
    if (stale && !stopping.signal.aborted && !running) {
      changedAt = performance.now();
      begin(seen);
    } else await warmUp();
  })().catch(() => {});
  return {
    warm,
    async stop() {
      stopping.abort();
      unwatch();
      clearTimeout(timer);
      running?.giveUp.abort();
      await running?.ended;
      await compiler[Symbol.asyncDispose]();
    },
  };
}

async function tryPolicy(
  { stateDir, network, istioctl }: WatchOptions,
  compiler: Compiler,
  live: PolicyText,
  now: PolicyText,
  signal: AbortSignal,
): Promise<Pick<Edit, "laid" | "findings">> {
  const files = changedFiles(live, now).filter((file) => now.has(file));
  const asked = files.length > 0 ? files : [...now.keys()];
  const at = locate(live, now);
  const syntax = yamlFindings(now, asked);
  if (syntax.length > 0) return { findings: syntax };

  await using work = await openWorkFolder("mesh-watch");
  try {
    const [policy, compiled] = [join(work.path, "policy"), join(work.path, "compiled")];
    writePolicy(now, policy);
    const refused = new AbortController();
    const validated = istioctlFindings(istioctl, policy, asked, at).then((findings) => {
      if (findings.length > 0) refused.abort();
      return findings;
    });
    const compiling = compiler.compile(now, compiled, AbortSignal.any([signal, refused.signal])).then(
      () => undefined,
      (error: unknown) => error,
    );
    const [findings, error] = await Promise.all([validated, compiling]);
    if (findings.length > 0) return { findings };
    if (error) return { findings: findingsOf(error, asked, at) };
    if (signal.aborted) return { findings: [] };
    return { laid: await layRunning({ stateDir, network, compiled }), findings: [] };
  } catch (error) {
    return { findings: findingsOf(error, asked, at) };
  }
}

function findingsOf(
  error: unknown,
  files: readonly string[],
  at: (file: string, reason: string) => Finding,
): Finding[] {
  const words = error instanceof Error ? error.message : String(error);
  const parsed = error instanceof Ended ? istiodFindings(words, files, at) : [];
  if (parsed.length > 0) return parsed;
  const lines = words.split("\n").filter((line) => line.trim());
  const reason = (error instanceof Refused ? lines.slice(0, 2).join(" ") : lines[0]) ?? "it does not say why";
  return files.slice(0, 1).map((file) => at(file, reason));
}
