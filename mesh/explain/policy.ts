import { execFileSync } from "node:child_process";
import { globSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { projectDir } from "../tools/paths.ts";
import { type Field, type Position, readYaml } from "./field.ts";

/** An Istio object, or the mesh config, which is none but governs too. */
export interface PolicyObject {
  kind: string;
  name: string;
  namespace: string;
  /** The first line of the object: what it is named is found there. */
  position: Position;
  spec: Field | undefined;
  root: Field;
}

/** All of mesh/istio/, each value with its line. */
export interface Policy {
  objects: PolicyObject[];
  meshConfig: PolicyObject | undefined;
}

const folder = "mesh/istio";

/** The policy as it stands in these files (path relative to the project -> text). */
export function readPolicy(files: ReadonlyMap<string, string>): Policy {
  const objects: PolicyObject[] = [];
  let meshConfig: PolicyObject | undefined;
  for (const [file, text] of files)
    for (const root of readYaml(file, text)) {
      const kind = root.text("kind");
      const named = { name: root.text("metadata", "name") ?? "", namespace: root.text("metadata", "namespace") ?? "" };
      const position = root.get("kind")?.position ?? root.position;
      if (kind) objects.push({ kind, ...named, position, spec: root.get("spec"), root });
      else if (file.endsWith("/mesh-config.yaml"))
        meshConfig = { kind: "MeshConfig", name: "mesh", namespace: "", position, spec: root, root };
    }
  return { objects, meshConfig };
}

/** The policy as it is saved now, or in the commit `revision`. */
export function loadPolicy(revision?: string): Policy {
  return readPolicy(policyTexts(revision));
}

/** The files of mesh/istio/, path relative to the project -> text, as they are saved now or in the commit `revision`. */
export const policyTexts = (revision?: string): Map<string, string> =>
  revision === undefined ? savedFiles() : committedFiles(revision);

function savedFiles(): Map<string, string> {
  const names = globSync(`${folder}/**/*.yaml`, { cwd: projectDir }).sort();
  return new Map(names.map((name) => [name, readFileSync(join(projectDir, name), "utf8")]));
}

function committedFiles(revision: string): Map<string, string> {
  const git = (...args: string[]) =>
    execFileSync("git", args, { cwd: projectDir, encoding: "utf8", stdio: ["ignore", "pipe", "pipe"] });
  const names = git("ls-tree", "-r", "--name-only", revision, "--", `${folder}/`).split("\n").filter(isYaml).sort();
  return new Map(names.map((name) => [name, git("show", `${revision}:${name}`)]));
}

const isYaml = (name: string) => name.endsWith(".yaml");

/** The objects of a kind, in the order in which istiod takes them: by name. */
export function ofKind(policy: Policy, kind: string): PolicyObject[] {
  return policy.objects
    .filter((object) => object.kind === kind)
    .sort((one, other) => (one.name < other.name ? -1 : one.name > other.name ? 1 : 0));
}

/** Whether an object is for the workloads of `app`: its selector says so, or it has none. */
export function selects({ spec }: PolicyObject, app: string): boolean {
  const labels = spec?.get("selector", "matchLabels") ?? spec?.get("workloadSelector", "labels");
  return labels === undefined || labels.text("app") === app;
}

/** A patch of an EnvoyFilter, with the object that it belongs to. */
export interface Patch {
  object: PolicyObject;
  applyTo: string;
  match: Field | undefined;
  operation: string;
  value: Field;
}

/** The patches for the Envoys of `app` whose `applyTo` is this. */
export const patches = (policy: Policy, app: string, applyTo: string): Patch[] =>
  remembered(policy, `patches ${app} ${applyTo}`, () => findPatches(policy, app, applyTo));

const memory = new WeakMap<Policy, Map<string, unknown>>();

/** What `find` found the first time that `policy` was asked for `key`: a policy doesn't change. */
export function remembered<T>(policy: Policy, key: string, find: () => T): T {
  const known = memory.get(policy) ?? new Map<string, unknown>();
  memory.set(policy, known);
  if (!known.has(key)) known.set(key, find());
  return known.get(key) as T;
}

function findPatches(policy: Policy, app: string, applyTo: string): Patch[] {
  const context =
    app === "edge" ? ["GATEWAY", "ANY", undefined] : ["SIDECAR_INBOUND", "SIDECAR_OUTBOUND", "ANY", undefined];
  return ofKind(policy, "EnvoyFilter")
    .filter((object) => selects(object, app))
    .flatMap((object) =>
      (object.spec?.items("configPatches") ?? []).flatMap((patch) => {
        const value = patch.get("patch", "value");
        const match = patch.get("match");
        if (patch.text("applyTo") !== applyTo || !value || !context.includes(match?.text("context"))) return [];
        return [{ object, applyTo, match, operation: patch.text("patch", "operation") ?? "", value }];
      }),
    );
}

/** `Kind name`, as messages call an object. */
export const titleOf = ({ kind, name }: PolicyObject): string => `${kind} ${name}`;
