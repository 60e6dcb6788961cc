/**
 * `npm run mesh:explain -- GET /api/v1/world/Move --as player1`: what the policy makes of a call, without sending it.
 * `npm run mesh:explain -- <trace id>`: what it made of a real one. Ends with 0 when the call passes, with 1 when it is refused, with 2
 * when it cannot tell.
 */
import { setTimeout as delay } from "node:timers/promises";
import { readArguments } from "../../stack/arguments.ts";
import type { Call } from "./call.ts";
import { explainCall } from "./explain-call.ts";
import { explainTrace } from "./explain-trace.ts";
import { credentials } from "./people.ts";
import { loadPolicy } from "./policy.ts";
import { checkSignature } from "./signature.ts";

const usage = `usage: npm run mesh:explain -- METHOD PATH [options]      what the policy makes of a call, without sending it
       npm run mesh:explain -- TRACE                     what it made of a real call (header x-trace-id, or trace_id in a log)

  --as NAME            player1, moderator1, admin1 (a name begins with its role), or nobody; without it: nobody
  --permissions A,B    a token with just these permissions
  --token JWT          this token; its signature is checked when the platform runs
  --header NAME=VALUE  a header more; as often as needed. content-type=application/grpc makes it a gRPC call
  --http1              by HTTP/1.1 instead of HTTP/2`;

/** Says why there is no answer, and ends. */
function giveUp(message: string): never {
  console.error(message);
  process.exit(2);
}

const { values, positionals } = readArguments(usage, {
  allowPositionals: true,
  options: {
    as: { type: "string" },
    permissions: { type: "string" },
    token: { type: "string" },
    header: { type: "string", multiple: true },
    http1: { type: "boolean" },
  },
});
const [first = "", target] = positionals;
try {
  if (positionals.length === 1 && /^[0-9a-f]{32}$/i.test(first)) {
    const { lines, passes } = await explainFresh(first.toLowerCase());
    if (passes === undefined) giveUp(lines.join("\n"));
    console.log(lines.join("\n"));
    process.exitCode = passes ? 0 : 1;
  } else if (positionals.length === 2 && /^[A-Z]+$/.test(first)) {
    const { lines, passes } = explainCall(loadPolicy(), ...(await readCall(first, target!)));
    console.log(lines.join("\n"));
    process.exitCode = passes ? 0 : 1;
  } else giveUp(usage);
} catch (error) {
  giveUp((error as Error).message);
}

/** An Envoy writes its log each second, so a trace that nobody knows may only be new. */
async function explainFresh(trace: string) {
  const policy = loadPolicy();
  const deadline = performance.now() + 2500;
  for (;;) {
    const report = explainTrace(policy, trace);
    if (report.passes !== undefined || performance.now() > deadline) return report;
    await delay(250);
  }
}

async function readCall(method: string, path: string): Promise<[Call, string]> {
  const permissions = values.permissions?.split(",").filter((one) => one !== "");
  const { authorization, who, signature } = credentials({ as: values.as, permissions, token: values.token });
  const headers = new Map([["content-type", "application/json"]]);
  if (authorization !== undefined) headers.set("authorization", authorization);
  for (const header of values.header ?? []) {
    const cut = header.indexOf("=");
    if (cut < 1) giveUp(`--header ${header}: it is NAME=VALUE`);
    headers.set(header.slice(0, cut).toLowerCase(), header.slice(cut + 1));
  }
  const checked = values.token === undefined ? signature : await checkSignature(values.token);
  return [{ method, target: path, headers, http1: values.http1 === true, client: "its own", signature: checked }, who];
}
