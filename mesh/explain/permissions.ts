import type { Claims } from "./call.ts";
import { at, type Field, type Position } from "./field.ts";
import { ofKind, type Policy, type PolicyObject, selects } from "./policy.ts";

/** Who asks for what, as the permissions see it. */
export interface Asked {
  method: string;
  path: string;
  host?: string;
  /** The claims of a verified token. */
  claims?: Claims;
  /** Who calls by mutual TLS: `cluster.local/ns/game/sa/edge`. */
  principal?: string;
}

/** What the permissions of a workload say. */
export type PermissionFinding =
  | { allowed: true; object?: PolicyObject; at?: Position; why: string }
  | { allowed: false; object: PolicyObject; at: Position; why: string; remedy: string };

/** Judges a call by the AuthorizationPolicies of the workloads of `app`: DENY first; then some ALLOW must fit, if there is any. */
export function judgePermission(policy: Policy, app: string, asked: Asked): PermissionFinding {
  const policies = ofKind(policy, "AuthorizationPolicy").filter((object) => selects(object, app));
  const action = (object: PolicyObject) => object.spec?.text("action") ?? "ALLOW";
  for (const object of policies.filter((candidate) => action(candidate) === "DENY"))
    for (const rule of rulesOf(object))
      if (lacking(rule, asked) === undefined)
        return {
          allowed: false,
          object,
          at: rule.position,
          why: "a rule denies it",
          remedy: "a call that the rule does not name",
        };

  const allows = policies.filter((candidate) => action(candidate) === "ALLOW");
  if (allows.length === 0) return { allowed: true, why: "no policy limits who may call" };
  const rules = allows.flatMap((object) => rulesOf(object).map((rule) => ({ object, rule })));
  for (const { object, rule } of rules)
    if (lacking(rule, asked) === undefined)
      return { allowed: true, object, at: rule.position, why: needOf(rule, asked) };

  const nearest = rules
    .map(({ object, rule }) => ({ object, rule, lack: lacking(rule, asked)! }))
    .filter(({ lack }) => lack.rank > 0)
    .sort((one, other) => other.lack.rank - one.lack.rank)[0];
  if (nearest) {
    const { object, lack } = nearest;
    return { allowed: false, object, at: lack.at, why: lack.why, remedy: lack.remedy };
  }
  // the only policy for just this workload is where a rule would be looked for; else it is the one that closes everything
  const own = allows.filter(({ spec }) => spec?.get("selector") !== undefined);
  const closed = own.length === 1 ? own[0]! : (allows.find((object) => rulesOf(object).length === 0) ?? allows[0]!);
  return {
    ...{ allowed: false, object: closed, at: closed.position, why: `no rule for ${app} names this path` },
    remedy: `a rule in an AuthorizationPolicy of ${app} that names ${asked.path}`,
  };
}

const rulesOf = ({ spec }: PolicyObject): Field[] => spec?.items("rules") ?? [];

/** What a call lacks to fit a rule. The higher the rank, the more of the rule did fit; 0: another path. */
interface Lack {
  rank: number;
  at: Position;
  why: string;
  remedy: string;
}

function lacking(rule: Field, asked: Asked): Lack | undefined {
  const operations = rule.items("to").flatMap((to) => to.get("operation") ?? []);
  if (operations.length > 0) {
    const elsewhere = { rank: 0, at: rule.position, why: "another path", remedy: "" };
    const here = operations.filter((operation) => fitsOneOf(operation, "paths", "notPaths", asked.path));
    if (here.length === 0) return elsewhere;
    if (!here.some((operation) => fitsOneOf(operation, "hosts", "notHosts", asked.host ?? ""))) return elsewhere;
    if (!here.some((operation) => fitsOneOf(operation, "methods", "notMethods", asked.method))) {
      const methods = here.flatMap((operation) => operation.texts("methods")).join(" or ");
      const where = (here[0]!.get("methods") ?? here[0]!).position;
      return {
        rank: 1,
        at: where,
        why: `the method ${asked.method} is not permitted here`,
        remedy: `the method ${methods}`,
      };
    }
  }
  const sources = rule.items("from").flatMap((from) => from.get("source") ?? []);
  const conditions = rule.items("when");
  if (sources.length > 0 && !sources.some((source) => fitsSource(source, asked))) {
    const callers = sources.flatMap((source) => source.texts("principals"));
    const where = (conditions[0] ?? sources[0]!).position;
    if (callers.length > 0) {
      const who = callers.join(" or ");
      return {
        rank: 2,
        at: sources[0]!.position,
        why: `${asked.principal ?? "a caller without mutual TLS"} may not call this`,
        remedy: `a call by ${who}`,
      };
    }
    return {
      rank: 2,
      at: where,
      why: asked.claims ? "the token is of nobody (no sub)" : "the call has no token",
      remedy: `a token${withPermission(conditions)}`,
    };
  }
  for (const condition of conditions)
    if (!fitsCondition(condition, asked)) {
      const wanted = condition.texts("values").join(" or ");
      const what = claimOf(condition) === "permissions" ? `permission ${wanted}` : `${condition.text("key")} ${wanted}`;
      const why = asked.claims ? `the token lacks the ${what}` : `the call lacks ${what}`;
      return { rank: 3, at: condition.position, why, remedy: `a token${withPermission(conditions)}` };
    }
  return undefined;
}

function fitsOneOf(from: Field, wanted: string, unwanted: string, value: string): boolean {
  const list = from.texts(wanted);
  return (
    (list.length === 0 || list.some((one) => fitsGlob(one, value))) &&
    !from.texts(unwanted).some((one) => fitsGlob(one, value))
  );
}

/** Istio's texts: exact, `prefix*`, `*suffix`, and `*` for anything but nothing. */
export function fitsGlob(pattern: string, value: string): boolean {
  if (pattern === "*") return value !== "";
  if (pattern.endsWith("*")) return value.startsWith(pattern.slice(0, -1));
  return pattern.startsWith("*") ? value.endsWith(pattern.slice(1)) : value === pattern;
}

function fitsSource(source: Field, { claims, principal }: Asked): boolean {
  const requester = claims?.iss && claims.sub ? `${claims.iss}/${claims.sub}` : "";
  return (
    fitsOneOf(source, "requestPrincipals", "notRequestPrincipals", requester) &&
    fitsOneOf(source, "principals", "notPrincipals", principal ?? "")
  );
}

const claimOf = (condition: Field) => /^request\.auth\.claims\[(.+)\]$/.exec(condition.text("key") ?? "")?.[1];

function fitsCondition(condition: Field, { claims }: Asked): boolean {
  const claim = claimOf(condition);
  if (claim === undefined)
    throw new Error(
      `${at(condition.position)}: explain knows no condition on ${condition.text("key")} yet: add it here`,
    );
  const held = [claims?.[claim] ?? []].flat().map(String);
  const wanted = condition.texts("values");
  return (
    (wanted.length === 0 || wanted.some((one) => held.some((value) => fitsGlob(one, value)))) &&
    !condition.texts("notValues").some((one) => held.some((value) => fitsGlob(one, value)))
  );
}

function withPermission(conditions: Field[]): string {
  const wanted = conditions
    .filter((condition) => claimOf(condition) === "permissions")
    .flatMap((one) => one.texts("values"));
  return wanted.length > 0 ? ` with the permission ${wanted.join(" or ")}` : "";
}

function needOf(rule: Field, { principal }: Asked): string {
  const permission = withPermission(rule.items("when"));
  if (permission) return `needs a token${permission}: it has it`;
  if (rule.items("from").some((from) => from.texts("source", "principals").length > 0))
    return `${principal} may call this`;
  return rule.items("from").length > 0 ? "needs a token: it has one" : "needs no token";
}

/** What a caller must have for this method and path, for tables: a permission, a token, nothing, or it is closed. */
export function permissionNeeded(policy: Policy, app: string, method: string, path: string) {
  const finding = judgePermission(policy, app, { method, path });
  const where = finding.at ? { at: finding.at } : {};
  if (finding.allowed) return { says: "no token", ...where };
  const permission = /permission (.+)$/.exec(finding.remedy)?.[1];
  return { says: permission ?? (finding.remedy === "a token" ? "any token" : "closed"), ...where };
}
