import { globSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { LineCounter, parseDocument, type YAMLMap } from "yaml";
import { projectDir } from "../tools/paths.ts";
import { any, list, map, number, oneOf, Reader, type Shape, text } from "./reader.ts";

/** What can be wrong with a token. */
export const tokenFaults = [
  ...["expired", "forged", "unknown-key", "unsigned", "other-issuer", "other-audience"],
  ...["not-yet-valid", "garbage", "not-sent"],
] as const satisfies readonly string[];
export const protocols = ["json", "http1", "connect", "connect-proto", "connect-stream", "grpc", "grpc-web"] as const;

/** At least and at most. */
export interface Range {
  from: number;
  to: number;
}

/** A header's value, a pattern for it, or null: there must be none. */
export type HeaderValue = string | RegExp | null;

/** Who calls: the name is made unique for each case when it runs. */
export interface Player {
  name: string;
  permissions: string[];
}

/** What must come of a call; what is not said may be anything. See README.md. */
export interface Expectation {
  status?: number;
  code?: string;
  refusedBy?: string;
  answers?: Map<number, Range>;
  /** A token bucket: what it holds at first, and what it gets in a second. Shared: the steps before took from it too. */
  bucket?: { size: number; perSecond: number; shared: boolean };
  upstream?: string;
  workloads?: Map<string, Range>;
  headers: Map<string, HeaderValue>;
  seen?: { path?: string; headers: Map<string, HeaderValue> };
  body?: string;
  attempts?: number;
  seconds?: Range;
  connection?: "refused";
  /** Seconds. */
  within?: number;
}

/** One call, or one repeated. See README.md. */
export interface Step {
  /** `file:line`, relative to the project. */
  at: string;
  method: string;
  path: string;
  as?: Player;
  token?: (typeof tokenFaults)[number];
  protocol: (typeof protocols)[number];
  headers: Map<string, string>;
  address: string;
  /** The other paths that repeated calls take in turn. */
  inTurn: string[];
  repeat: number;
  users: number;
  oneByOne: boolean;
  to: string;
  from?: string;
  certificate?: string;
  tls?: "1.1" | "1.2" | "1.3";
  upstream?: { answers?: number; hangs?: boolean };
  expect: Expectation;
}

/** What an Envoy must hold, where a call would have to wait a minute to show it: at a path of a resource, this value. */
export interface Fact {
  at: string;
  workload: string;
  kind: "cluster" | "filter" | "route" | "bootstrap";
  name: string;
  path: string;
  value: string;
}

/** A case: unique by its name. */
export interface Case {
  name: string;
  /** `file:line`, relative to the project. */
  at: string;
  /** Policy objects that it shows, beside those that its paths and `refusedBy` name. */
  about: string[];
  /** Workloads whose app is away. */
  while: string[];
  steps: Step[];
  holds: Fact[];
}

/** So that a slip of the pen is an error and not an hour. */
export const limits = { bytes: 256 * 1024, cases: 500, steps: 20, repeat: 5000, users: 2000, seconds: 60, name: 160 };

/** All cases below tests/mesh/cases/, or of `files`. @throws Error with `file:line` and what is wrong. */
export function loadCases(files = globSync("tests/mesh/cases/*.yaml", { cwd: projectDir }).sort()): Case[] {
  const cases = files.flatMap((file) => parseCases(file, readFileSync(join(projectDir, file), "utf8")));
  const names = new Map<string, string>();
  for (const { name, at } of cases) {
    if (names.has(name)) throw new Error(`${at}: there is a case named "${name}" at ${names.get(name)}`);
    names.set(name, at);
  }
  return cases;
}

/** The cases of one file. `file` is for messages. @throws Error with `file:line` and what is wrong. */
export function parseCases(file: string, content: string): Case[] {
  if (content.length > limits.bytes) throw new Error(`${file}:1: over ${limits.bytes} bytes: split it`);
  const lines = new LineCounter();
  const document = parseDocument(content, { lineCounter: lines, uniqueKeys: true });
  const [fault] = document.errors;
  if (fault) throw new Error(`${file}:${lines.linePos(fault.pos[0]).line}: ${fault.message.split("\n")[0]}`);
  const reader = new Reader(file, lines, document);
  const top = reader.map(document.contents, { players: map, cases: list });
  const players = new Map<string, string[]>();
  for (const [name, node] of reader.entries(top.players)) players.set(name, reader.texts(node));
  const nodes = reader.items(top.cases);
  if (nodes.length > limits.cases) reader.fail(top.cases, `over ${limits.cases} cases: split the file`);
  return nodes.flatMap((node) => readCase(reader, players, node));
}

const stepShape: Shape = {
  ...{ call: text, as: text, token: oneOf(tokenFaults), protocol: oneOf(protocols), headers: map, address: text },
  ...{ repeat: number(1, limits.repeat), users: number(1, limits.users), oneByOne: oneOf([true, false]) },
  ...{ to: text, from: text, certificate: text, upstream: map, expect: map },
  inTurn: list,
  tls: oneOf(["1.1", "1.2", "1.3"]),
};
const caseShape: Shape = { ...stepShape, name: text, calls: list, about: list, while: list, holds: map, steps: list };
const expectShape: Shape = {
  ...{
    status: number(100, 599),
    code: text,
    refusedBy: text,
    answers: map,
    bucket: text,
    upstream: text,
    workloads: map,
  },
  ...{ headers: map, seen: map, body: text, attempts: number(0, 100), seconds: any, connection: oneOf(["refused"]) },
  within: number(1, limits.seconds),
};

function readCase(reader: Reader, players: Map<string, string[]>, node: unknown): Case[] {
  const fields = reader.map(node, caseShape);
  const at = reader.at(node);
  const name = reader.required(node, fields.name, "name") as string;
  if (name.length > limits.name) reader.fail(node, `the name has over ${limits.name} characters`);
  const base = { name, at, about: reader.texts(fields.about), while: reader.texts(fields.while), holds: [] as Fact[] };
  if (fields.holds !== undefined) return [{ ...base, steps: [], holds: readFacts(reader, fields.holds) }];
  if ([fields.call, fields.calls, fields.steps].filter((field) => field !== undefined).length !== 1)
    reader.fail(node, "a case has one of call, calls, steps");
  if (fields.steps !== undefined) {
    const steps = reader.items(fields.steps);
    if (steps.length > limits.steps) reader.fail(fields.steps, `over ${limits.steps} steps`);
    return [{ ...base, steps: steps.map((step) => readStep(reader, players, step, stepShape)) }];
  }
  const calls = fields.calls === undefined ? [fields.call as string] : reader.texts(fields.calls);
  return calls.map((call) => {
    const step = readStep(reader, players, node, caseShape, call);
    return { ...base, name: `${name}: ${call}`, steps: [step] };
  });
}

/** `workload kind name: { path: value }`. */
function readFacts(reader: Reader, node: unknown): Fact[] {
  return reader.entries(node).flatMap(([where, paths]) => {
    const [, workload, kind, name] =
      /^(\S+) (cluster|filter|route|bootstrap)(?: (\S+))?$/.exec(where) ??
      reader.fail(paths, `"${where}" is not "workload kind name"`);
    return reader.entries(paths).map(([path, value]) => ({
      at: reader.at(value),
      workload: workload!,
      kind: kind as Fact["kind"],
      name: name ?? "",
      path,
      value: reader.plain(value) ?? "",
    }));
  });
}

function readStep(reader: Reader, players: Map<string, string[]>, node: unknown, shape: Shape, each?: string): Step {
  const fields = reader.map(node, shape);
  const call = each ?? (reader.required(node, fields.call, "call") as string);
  const [, method, path] = /^([A-Z]+) (\S+)$/.exec(call) ?? reader.fail(node, `"${call}" is not "METHOD path"`);
  const as = fields.as as string | undefined;
  const permissions = as === undefined ? undefined : players.get(as);
  if (as !== undefined && !permissions) reader.fail(node, `no player of this file is named ${as}`);
  if (fields.token !== undefined && !permissions) reader.fail(node, "a token fault needs a player: as");
  const to = (fields.to as string | undefined) ?? "edge";
  const inside = fields.from !== undefined || fields.certificate !== undefined;
  if (inside === /^edge(-tls)?$/.test(to))
    reader.fail(node, "to a service goes who has from or certificate, and nobody else");
  const repeat = (fields.repeat as number | undefined) ?? 1;
  const users = (fields.users as number | undefined) ?? 1;
  const behaviour = reader.map(fields.upstream, { answers: number(100, 599), hangs: oneOf([true]) });
  return {
    at: reader.at(node),
    method: method!,
    path: path!,
    ...(as !== undefined && permissions && { as: { name: as, permissions } }),
    ...(fields.token !== undefined && { token: fields.token as (typeof tokenFaults)[number] }),
    protocol: (fields.protocol as (typeof protocols)[number] | undefined) ?? "json",
    headers: new Map(reader.entries(fields.headers).map(([key, value]) => [key, spelledOut(reader.plain(value))])),
    address: (fields.address as string | undefined) ?? "",
    inTurn: reader.texts(fields.inTurn),
    repeat,
    users,
    oneByOne: fields.oneByOne === true,
    to,
    ...(fields.from !== undefined && { from: fields.from as string }),
    ...(fields.certificate !== undefined && { certificate: fields.certificate as string }),
    ...(fields.tls !== undefined && { tls: fields.tls as "1.1" | "1.2" | "1.3" }),
    ...(fields.upstream !== undefined && { upstream: behaviour as { answers?: number; hangs?: boolean } }),
    expect: readExpectation(reader, reader.required(node, fields.expect, "expect") as YAMLMap, repeat * users),
  };
}

function readExpectation(reader: Reader, node: YAMLMap, total: number): Expectation {
  const { answers, bucket, workloads, headers, seen, seconds, ...rest } = reader.map(node, expectShape);
  if (reader.entries(node).length === 0) reader.fail(node, "expects nothing");
  const saw = reader.map(seen, { path: text, headers: map });
  if (rest.code !== undefined && rest.refusedBy === undefined && rest.upstream === undefined)
    reader.fail(node, "a refusal names the policy object that refuses: refusedBy");
  return {
    ...(rest as Partial<Expectation>),
    ...(answers !== undefined && {
      answers: new Map(reader.entries(answers).map(([status, count]) => [Number(status), reader.range(count)])),
    }),
    ...(bucket !== undefined && readBucket(reader, node, bucket as string, total)),
    ...(workloads !== undefined && {
      workloads: new Map(reader.entries(workloads).map(([name, count]) => [name, reader.range(count)])),
    }),
    ...(seconds !== undefined && { seconds: reader.range(seconds) }),
    headers: headerValues(reader, headers),
    ...(seen !== undefined && {
      seen: {
        ...(saw.path !== undefined && { path: saw.path as string }),
        headers: headerValues(reader, saw.headers),
      },
    }),
  };
}

/** A bucket lets at least its size through, of the first step: so much is true however long the calls take. */
function readBucket(reader: Reader, node: unknown, value: string, total: number): Partial<Expectation> {
  const [, size, perSecond, shared] =
    /^(\d+) \+ (\d+)\/s( shared)?$/.exec(value) ??
    reader.fail(node, 'a bucket is written "20 + 10/s" or "20 + 10/s shared"');
  const least = shared ? 0 : Math.min(total, Number(size));
  return {
    bucket: { size: Number(size), perSecond: Number(perSecond), shared: shared !== undefined },
    answers: new Map([
      [200, { from: least, to: total }],
      [429, { from: 0, to: total - least }],
    ]),
  };
}

function headerValues(reader: Reader, node: unknown): Map<string, HeaderValue> {
  return new Map(
    reader.entries(node).map(([name, value]) => {
      const plain = reader.plain(value);
      const pattern = /^\/(.*)\/$/.exec(plain ?? "");
      return [name.toLowerCase(), pattern ? new RegExp(pattern[1]!) : plain];
    }),
  );
}

/** `x * 100` is a hundred times x. */
function spelledOut(value: string | null): string {
  const repeated = /^(\S+) \* (\d{1,6})$/.exec(value ?? "");
  return repeated ? repeated[1]!.repeat(Number(repeated[2])) : (value ?? "");
}
