import { isAlias, isMap, isScalar, isSeq, LineCounter, type Node, parseDocument, type Scalar } from "yaml";

/** The policy with one thing changed. */
export interface Mutant {
  /** Relative to the folder of the policy. */
  file: string;
  line: number;
  /** What was changed, for a person. */
  what: string;
  /** The whole file, changed (JSON, which is YAML too); undefined: it is gone. */
  text: string | undefined;
}

type Path = (string | number)[];
// biome-ignore lint/suspicious/noExplicitAny: an Istio object
type Objekt = any;

/** What a value may wrongly become. */
const otherValues: Record<string, string> = {
  STRICT: "PERMISSIVE",
  TLSV1_2: "TLSV1_0",
  TLSV1_3: "TLSV1_2",
  ROUND_ROBIN: "RANDOM",
  LEAST_REQUEST: "ROUND_ROBIN",
  REGISTRY_ONLY: "ALLOW_ANY",
  MERGE_SLASHES: "NONE",
  ALLOW: "DENY",
};

/** Lists whose items are rules: each of them may be missing. */
const ruleLists = new Set([
  ...["rules", "to", "paths", "methods", "principals", "http", "match", "configPatches", "mutations", "descriptors"],
  ...["rate_limits", "mappers", "audiences", "outputClaimToHeaders", "claim_to_headers", "servers", "health_checks"],
  ...["allow_origin_string_match", "hosts"],
]);

/** Fields that restrict: without one, more is allowed. */
const restrictions = new Set(["when", "from", "timeout", "retries", "rewrite", "outlierDetection", "perTryTimeout"]);

/** What says which object or Envoy is meant, and not what the rule is. */
const notRules = new Set([
  "apiVersion",
  "kind",
  "metadata",
  "selector",
  "workloadSelector",
  "@type",
  "logFormat",
  "labels",
]);

/** Every mutant of a file of the policy: each number, value, restriction and rule changed in turn. */
export function mutantsOf(file: string, text: string): Mutant[] {
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, merge: true });
  const found: Mutant[] = [];
  const add = (node: unknown, what: string, change: (object: Objekt) => void) => {
    const object = document.toJS(); // what several places share stays one object, so all of them change
    change(object);
    const line = lines.linePos((node as Node).range?.[0] ?? 0).line;
    found.push({ file, line, what, text: JSON.stringify(object) });
  };
  const visit = (node: unknown, path: Path): void => {
    if (isAlias(node)) return;
    if (isMap(node))
      for (const { key, value } of node.items) {
        const name = String((key as Scalar).value);
        if (notRules.has(name) || (path.at(-1) === "patch" && name !== "value")) continue;
        if (isConfigMatch(path, name)) continue;
        // who must have a claim must have a token: without its source such a rule is the same rule
        const same = name === "from" && node.has("when");
        if (restrictions.has(name) && !same) add(key, `without ${name}`, (object) => delete at(object, path)[name]);
        if (path.at(-1) === "uri" && name === "exact")
          add(key, `widened to all that begin with ${value}`, (object) => {
            at(object, path.slice(0, -1)).uri = { prefix: String((value as Scalar).value) };
          });
        visit(value, [...path, name]);
      }
    else if (isSeq(node))
      node.items.forEach((item, i) => {
        if (ruleLists.has(String(path.at(-1))) && node.items.length > 1)
          add(isAlias(item) ? node : item, `without ${label(item)}`, (object) => at(object, path).splice(i, 1));
        visit(item, [...path, i]);
      });
    else if (isScalar(node)) {
      for (const [value, how] of otherScalars(node.value, path))
        add(
          node,
          `${path
            .filter((part) => typeof part === "string")
            .slice(-2)
            .join(".")}: ${node.value} ${how} ${value}`,
          (object) => {
            at(object, path.slice(0, -1))[path.at(-1)!] = value;
          },
        );
    }
  };
  visit(document.contents, []);
  const own = /^kind: /m.test(text);
  return own ? [{ file, line: 1, what: "without the whole object", text: undefined }, ...found] : found;
}

/** What else a number, flag, value or path could be. */
function otherScalars(value: unknown, path: Path): [unknown, string][] {
  if (typeof value === "boolean") return [[!value, "->"]];
  if (typeof value === "number") return [[value === 0 ? 2 : value * 2, "->"]];
  if (typeof value !== "string") return [];
  const other = otherValues[value];
  if (other) return [[other, "->"]];
  const amount = /^(\d+(?:\.\d+)?)(s|ms|)$/.exec(value);
  if (amount) return [[`${Number(amount[1]) * 2 || 2}${amount[2]}`, "->"]];
  if (path.includes("paths") && value.startsWith("/") && !value.endsWith("*"))
    return [[value.replace(/[^/]+$/, "*"), "widened to"]];
  if (path.at(-2) === "methods" && value === "POST") return [["*", "widened to"]];
  if (path.at(-2) === "values" || path.at(-2) === "principals") return [["*", "widened to"]];
  return [];
}

/** Where an EnvoyFilter is applied is no rule: a wrong place is no filter, which is a mutant of its own. */
const isConfigMatch = (path: Path, name: string) => path.at(-2) === "configPatches" && name !== "patch";

const at = (object: Objekt, path: Path): Objekt => path.reduce((part, key) => part[key], object);

const label = (item: unknown): string => {
  const text = String(isScalar(item) ? item.value : (JSON.stringify(item) ?? item));
  return text.length > 60 ? `${text.slice(0, 60)}...` : text;
};
