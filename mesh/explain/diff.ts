import { isDeepStrictEqual } from "node:util";
import type { Case } from "../cases/format.ts";
import { contradictions } from "./contradictions.ts";
import { type Fact, factsOf, routedPaths } from "./facts.ts";
import { at, type Field } from "./field.ts";
import { type Policy, type PolicyObject, titleOf } from "./policy.ts";
import { type Prediction, predict } from "./predict.ts";

/** A value that was changed in a policy file. */
export interface ObjectChange {
  object: string;
  /** Where in the object: `http[1].timeout`. */
  key: string;
  before: string;
  after: string;
  at: string;
}

/** What differs for the calls of some paths. */
export interface CallChange {
  /** The RPC when all its forms change alike, else the path. */
  calls: string[];
  topic: string;
  before: string;
  after: string;
  at: string;
}

/** A case whose answer is another one now. */
export interface CaseChange {
  subject: Case;
  before: string;
  after: string;
  /** Whether it then fails. */
  fails: boolean;
}

const nothing = "-";

/** The values that differ, object by object. */
export function changedObjects(before: Policy, after: Policy): ObjectChange[] {
  const all = (policy: Policy) => [...policy.objects, ...(policy.meshConfig ? [policy.meshConfig] : [])];
  const index = (policy: Policy) =>
    new Map(all(policy).map((object) => [`${object.kind}/${object.namespace}/${object.name}`, object]));
  const [olds, news] = [index(before), index(after)];
  return [...new Set([...olds.keys(), ...news.keys()])].sort().flatMap((id) => {
    const [old, current] = [olds.get(id), news.get(id)];
    if (!old) return [whole(current!, "no object", "new object")];
    if (!current) return [whole(old, "an object", "removed")];
    return changedLeaves(titleOf(current), old.root, current.root);
  });
}

const whole = (object: PolicyObject, before: string, after: string): ObjectChange => ({
  ...{ object: titleOf(object), key: "", before, after },
  at: at(object.position),
});

function changedLeaves(object: string, old: Field, current: Field): ObjectChange[] {
  const [before, after] = [leaves(old), leaves(current)];
  return [...new Set([...before.keys(), ...after.keys()])]
    .filter((key) => before.get(key)?.text !== after.get(key)?.text)
    .map((key) => {
      const [was, is] = [before.get(key), after.get(key)];
      const position = (is ?? was)!.at;
      return {
        object,
        key: shortKey(key),
        before: was?.text ?? nothing,
        after: is?.text ?? nothing,
        at: position,
      };
    });
}

/** Every scalar with its path. A list of texts is one value, so that an insertion is one change and not many. */
function leaves(field: Field, path = "", into = new Map<string, { text: string; at: string }>()) {
  const entries = field.entries();
  const items = field.items();
  const texts = field.texts();
  if (items.length > 0 && texts.length === items.length)
    into.set(path, { text: texts.join(", "), at: at(field.position) });
  else if (entries.length + items.length === 0)
    into.set(path, { text: field.text() ?? JSON.stringify(field.value) ?? "", at: at(field.position) });
  for (const [key, value] of entries) leaves(value, path ? `${path}.${key}` : key, into);
  if (texts.length < items.length)
    for (const [index, item] of items.entries()) leaves(item, `${path}[${nameOf(item) ?? index}]`, into);
  return into;
}

/** Without what every EnvoyFilter has in between. */
const shortKey = (key: string) => key.replace(/^spec\./, "").replace(/\.patch\.value(\.typed_config)?/, "");

/** Items that have a name keep it when another is put before them. */
const nameOf = (item: Field) => item.text("name") ?? item.text("uri", "exact");

/** What the change means for the calls of each path. */
export function changedCalls(before: Policy, after: Policy): CallChange[] {
  const paths = [...new Set([...routedPaths(before), ...routedPaths(after)])];
  const changes = new Map<string, CallChange & { paths: string[] }>();
  for (const path of paths) {
    const [old, current] = [factsOf(before, path), factsOf(after, path)];
    const appears = !old.has("upstream") !== !current.has("upstream");
    for (const topic of new Set([...old.keys(), ...current.keys()])) {
      const [was, is] = [old.get(topic), current.get(topic)];
      if (was?.says === is?.says) continue;
      // of a call that comes or goes, the route says enough, and on which terms
      if (appears && !["route", "permission", "timeout"].includes(topic)) continue;
      remember(changes, path, topic, was, is);
    }
  }
  return [...changes.values()].map(({ paths: changed, ...change }) => ({ ...change, calls: rpcNames(changed, paths) }));
}

function remember(
  changes: Map<string, CallChange & { paths: string[] }>,
  path: string,
  topic: string,
  was?: Fact,
  is?: Fact,
) {
  const generic = topic === "path" ? path : "";
  const key = [topic, was?.says, is?.says, generic].join("\n");
  const change = changes.get(key) ?? {
    ...{ calls: [], paths: [], topic, before: was?.says ?? nothing, after: is?.says ?? nothing },
    at: (is ?? was)!.at,
  };
  change.paths.push(path);
  changes.set(key, change);
}

/** `chat.SendMessage` for its two paths; a path that changes alone is named in full. */
function rpcNames(changed: readonly string[], all: readonly string[]): string[] {
  const names = Map.groupBy(changed, rpcOf);
  const expected = Map.groupBy(all, rpcOf);
  return [...names].flatMap(([name, paths]) => (paths.length === expected.get(name)!.length ? [name] : paths));
}

function rpcOf(path: string): string {
  const found = /^\/(?:game\.(\w+)\.v\d+\.\w+|api\/v\d+\/(\w+))\/(\w+)$/.exec(path);
  return found ? `${found[1] ?? found[2]}.${found[3]}` : path;
}

/** The cases whose answer differs by the model. */
export function changedCases(before: Policy, after: Policy, cases: readonly Case[]): CaseChange[] {
  return cases.flatMap((subject) => {
    const [old, current] = [predict(before, subject), predict(after, subject)];
    const index = old.findIndex((prediction, step) => !isDeepStrictEqual(plain(prediction), plain(current[step]!)));
    if (index < 0) return [];
    const fails = subject.steps.some(
      (step, number) => step.expect.within === undefined && contradictions(step, current[number]!).length > 0,
    );
    return [{ subject, before: inWords(old[index]!), after: inWords(current[index]!), fails }];
  });
}

const plain = ({ refusedBy, ...rest }: Prediction) => ({ ...rest, by: refusedBy && titleOf(refusedBy) });

function inWords({ answers, code, refusedBy, upstream, attempts, seconds }: Prediction): string {
  const name = (status: number) => (status < 0 ? "no answer" : String(status));
  const counts = [...answers];
  const tally =
    counts.length === 1
      ? name(counts[0]![0])
      : counts.map(([status, count]) => `${count} x ${name(status)}`).join(", ");
  const who = refusedBy ? ` by ${titleOf(refusedBy)}` : upstream ? ` from ${upstream}` : "";
  return `${tally}${code && counts.length === 1 ? ` ${code}` : ""}${who}${attempts > 1 ? `, ${attempts} tries` : ""}${seconds ? `, after ${seconds} s` : ""}`;
}
