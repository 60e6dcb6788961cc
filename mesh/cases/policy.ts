import { readFileSync } from "node:fs";
import { join } from "node:path";
import { parse } from "yaml";
import { policyFiles, projectDir } from "../tools/paths.ts";
import type { Case, Step } from "./format.ts";

/** An object of the policy. */
export interface PolicyObject {
  /** Relative to the project. */
  file: string;
  /** `Kind/name`. */
  name: string;
  lines: string[];
}

/** The objects of mesh/istio/, and the settings of the mesh as `MeshConfig/mesh`. */
export function loadPolicy(): PolicyObject[] {
  return [...policyFiles(), "mesh/istio/mesh-config.yaml"].map((file) => {
    const content = readFileSync(join(projectDir, file), "utf8");
    const { kind = "MeshConfig", metadata = { name: "mesh" } } = parse(content);
    return { file, name: `${kind}/${metadata.name}`, lines: content.split("\n") };
  });
}

/** The object that `refusedBy` of a case means. */
export const objectOf = (policy: PolicyObject[], refusedBy: string): PolicyObject | undefined =>
  policy.find(({ file, name }) => name === refusedBy || file === `mesh/istio/${refusedBy}`);

/** Where to look when a step goes wrong, each as `file:line`: what refuses, else what names the path. */
export function concerned(policy: PolicyObject[], { path, expect }: Step): string[] {
  const [plain] = path.split("?") as [string];
  const lineIn = ({ lines }: PolicyObject) => 1 + lines.findIndex((line) => line.includes(plain));
  const refusing = expect.refusedBy === undefined ? undefined : objectOf(policy, expect.refusedBy);
  if (refusing) return [`${refusing.file}:${lineIn(refusing) || 1}`];
  return policy.filter((object) => lineIn(object) > 0).map((object) => `${object.file}:${lineIn(object)}`);
}

/** The objects that a case is about: what it says in `about` and `refusedBy`, and what names its paths. */
export function covered(policy: PolicyObject[], { about, steps }: Case): PolicyObject[] {
  const named = [...about, ...steps.flatMap(({ expect }) => expect.refusedBy ?? [])];
  const objects = named.map((name) => objectOf(policy, name)).filter((object) => object !== undefined);
  const paths = new Set(steps.map(({ path }) => path.split("?")[0]!).filter((path) => path.length > 1));
  const naming = policy.filter(({ lines }) => lines.some((line) => [...paths].some((path) => line.includes(path))));
  return [...new Set([...objects, ...naming])];
}
