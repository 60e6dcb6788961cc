import { relative } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { type Address, format, runReplicas, runVersion } from "../../mesh/local/topology.ts";
import { rootCertificate } from "../certificates.ts";
import { serveControl } from "../control.ts";
import { elapsed } from "../elapsed.ts";
import { loadExternal, replacedBy } from "../external.ts";
import { Fault, lineOf } from "../fault.ts";
import { listeners } from "../members.ts";
import { endTools } from "../provision/tool.ts";
import { openSecrets } from "../secrets.ts";
import { type Stack, startStack } from "../stack.ts";
import { endLeftovers, isRunning, readState, removeState } from "../state.ts";
import { loginPlayers } from "./players.ts";
import { followPolicy } from "./policy.ts";
import { createScreen, type Screen } from "./screen.ts";
import { statusOf } from "./status.ts";
import { drawWelcome } from "./welcome.ts";

/** One Ctrl-C may arrive twice: from the terminal, and handed on by npm. */
const sameKeyMs = 700;

/** `npm start`: begins the platform and stays until it is told to end. */
export async function start(
  stateDir: string,
  { fresh, network, versions }: { fresh: boolean; network: number; versions: readonly string[] },
): Promise<number> {
  for (const version of versions) runBeside(version);
  const started = Date.now();
  const screen = createScreen(started);
  const running = readState(stateDir);
  if (isRunning(running)) {
    throw new Fault(
      `it runs already, for ${elapsed(Date.now() - Date.parse(running?.started ?? ""))} (pid ${running?.owner.pid}): npm run status, npm run stop`,
    );
  }
  const ended = await endLeftovers(stateDir);
  if (ended.length > 0) screen.line("platform", `the last one was killed; ended what it had left: ${ended.join(", ")}`);
  if (fresh) {
    removeState(stateDir);
    screen.line("platform", "begins anew: all data is removed");
  }

  const stop = Promise.withResolvers<string>();
  let stack: Stack | undefined;
  let asked = 0;
  const onSignal = (signal: string) => {
    if (asked > 0 && Date.now() - asked > sameKeyMs) {
      stack?.kill();
      process.exit(130);
    }
    asked ||= Date.now();
    stop.resolve(signal);
  };
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) process.on(signal, onSignal);

  const external = loadExternal(process.env);
  stack = await startStack({ stateDir, network, external, onEnvoy: (line) => screen.line("envoy", line) });
  for (const name of replacedBy(external)) screen.line(name, "yours is used, as the environment says", "good");
  for (const process of stack.processes) screen.watch(process);
  const policy = followPolicy(stack, screen);
  const control = await serveControl(stateDir, openSecrets(`${stateDir}/secrets`), {
    status: () => statusOf(stack, places(stack)),
    policy: policy.lines,
    async restart(name) {
      const found = stack.process(name);
      await found.restart();
      await found.waitReady();
    },
    stop: () => stop.resolve("npm run stop"),
  });
  const leaving = new AbortController();
  void welcome(stack, screen, started, leaving.signal);

  const reason = await stop.promise;
  leaving.abort();
  console.log();
  screen.line("platform", reason === "SIGINT" ? "stopping (Ctrl-C again kills)" : `stopping (${reason})`);
  endTools();
  await Promise.all([policy.stop(), stack.stop()]);
  control.close();
  screen.line("platform", "stopped; the data stays for the next start");
  return 0;
}

/** `chat=v2`: a second version of chat runs beside the first. `world=2`: two replicas of world run. */
function runBeside(text: string): void {
  const [service = "", what = ""] = text.split("=");
  try {
    if (/^\d+$/.test(what)) runReplicas(service, Number(what));
    else runVersion(service, what);
  } catch (error) {
    throw new Fault(`--with ${text}: ${lineOf(error)}`);
  }
}

const places = (stack: Stack): Map<string, string> => {
  const specs = stack.processes.map(({ name }) => ({ name }));
  const first = new Map<string, string>();
  for (const { name } of specs) {
    const [address] = listeners(stack.network, [{ name }]).values();
    if (address) first.set(name, format(address));
  }
  return first;
};

/** Says where to go, as soon as players can log in and talk. */
async function welcome(stack: Stack, screen: Screen, started: number, signal: AbortSignal): Promise<void> {
  const { at, stateDir } = stack;
  const edge = `http://${format(at.edge)}`;
  for (const name of ["edge", "auth", "auth-sidecar", "chat", "chat-sidecar"]) {
    // Whatever has failed may be mended and restarted.
    while (!signal.aborted && stack.process(name).status !== "ready") await pause(100);
  }
  while (!signal.aborted) {
    try {
      const players = await loginPlayers(edge, stateDir);
      const late = (name: string, at: Address) => {
        const process = stack.processes.find((one) => one.name === name);
        const place = {
          url: `http://${format(at)}`,
          ready: process?.status === "ready",
          detail: process?.detail ?? "",
        };
        return process && { [name]: place };
      };
      const lines = drawWelcome({
        edge,
        edgeTls: `https://${format(at.edgeTls)}`,
        admin: `http://${format(at.admin({ name: "edge", service: "edge", index: 0, role: "router" }))}`,
        ...late("jaeger", at.jaeger),
        ...late("temporal", at.temporalUi),
        rootCertificate: relative(process.cwd(), rootCertificate(stateDir)),
        players,
        tookMs: Date.now() - started,
      });
      console.log(lines.join("\n"));
      break;
    } catch {
      await pause(200);
    }
  }
  const late = stack.processes.filter(({ status }) => status !== "ready").map(({ name }) => name);
  if (late.length === 0 || signal.aborted) return;
  while (!signal.aborted && stack.processes.some(({ status }) => status !== "ready")) await pause(200);
  if (!signal.aborted) screen.line("platform", `complete: ${late.join(", ")} joined`, "good");
}
