import { styleText } from "node:util";
import { elapsed } from "../elapsed.ts";
import type { Player } from "./players.ts";

/** An engine that joins when it is compiled. */
interface Late {
  url: string;
  ready: boolean;
  detail: string;
}

/** What the first screen needs to know. */
export interface Welcome {
  /** `http://host:port`. */
  edge: string;
  edgeTls: string;
  /** The edge's admin page. */
  admin: string;
  /** Jaeger's address; without it, spans go elsewhere. */
  jaeger?: Late;
  /** Temporal's web UI; without it, sagas run elsewhere. */
  temporal?: Late;
  /** The root certificate, for the TLS port. */
  rootCertificate: string;
  players: [Player, Player];
  tookMs: number;
}

/** What a person sees when the platform takes calls: where it is, and calls to paste into another shell. */
export function drawWelcome({
  edge,
  edgeTls,
  admin,
  jaeger,
  temporal,
  rootCertificate,
  players,
  tookMs,
}: Welcome): string[] {
  const [ann, bob] = players;
  const bold = (text: string) => styleText("bold", text);
  const dim = (text: string) => styleText("dim", text);
  const place = (name: string, url: string, words: string) =>
    `  ${name.padEnd(10)} ${styleText("cyan", url.padEnd(26))} ${dim(words)}`;
  const late = (name: string, at: Late | undefined, words: string) =>
    at ? [place(name, at.url, at.ready ? words : `not yet: ${at.detail || "starting"}`)] : [];
  const curl = (token: string, path: string, body: string) => [
    `curl -s ${edge}/api/v1/${path} -H "authorization: Bearer $${token}" \\`,
    `  -H 'content-type: application/json' -d '${body}'`,
  ];
  return [
    "",
    `${styleText(["bold", "green"], "The game takes calls.")} ${dim(`after ${elapsed(tookMs)}`)}`,
    "",
    place("Edge", edge, "Connect, gRPC, gRPC-web and JSON"),
    place("with TLS", edgeTls, `--cacert ${rootCertificate}`),
    ...late("Jaeger", jaeger, "every call as one trace: npm run trace -- <id>"),
    ...late("Temporal", temporal, "every purchase and trade, step by step"),
    place("Envoy", admin, "the edge's own admin page: clusters, counters, configuration"),
    "",
    `Two players are logged in for 15 minutes, ${bold(ann.username)} and ${bold(bob.username)}. Paste this into another shell:`,
    "",
    `export ANN=${ann.accessToken}`,
    `export BOB=${bob.accessToken}`,
    "",
    dim("# Ann says something to the world"),
    ...curl("ANN", "chat/SendMessage", '{"channel":"world","text":"hello"}'),
    dim("# Bob reads it"),
    ...curl("BOB", "chat/ListMessages", '{"channel":"world"}'),
    dim("# Ann buys a sword: paid, delivered and logged, or nothing of it"),
    ...curl("ANN", "inventory/PurchaseItem", '{"requestId":"1","itemId":"iron_sword","quantity":1}'),
    "",
    dim(
      "npm run demo · npm run status · npm run logs -- -f chat · npm run restart -- chat · Ctrl-C ends it, the data stays",
    ),
    "",
  ];
}
