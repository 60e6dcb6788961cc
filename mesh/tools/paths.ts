import { globSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

/** The root of the project. */
export const projectDir = fileURLToPath(new URL("../../", import.meta.url));
/** The policy, as a cluster takes it. */
export const policyDir = join(projectDir, "mesh/istio");
/** What istiod made of it. */
export const frozenDir = join(projectDir, "envoy");

/** The Istio objects of the policy in the folder `policy`, relative to it, sorted. */
export const objectFiles = (policy: string): string[] => globSync("*/*.yaml", { cwd: policy }).sort();

/** The Istio objects of the policy, relative to the project, sorted. */
export const policyFiles = (): string[] => glob("mesh/istio/*/*.yaml");

/** Everything that decides what a compile writes, relative to the project, sorted. */
export const compileInputs = (): string[] => [
  ...glob("mesh/istio/**/*.yaml"),
  ...glob("mesh/local/mesh-config.yaml"),
  ...["local/machine", "local/topology", "tools/bootstrap", "tools/freeze", "tools/istiod", "tools/kube-stub"].map(
    (name) => `mesh/${name}.ts`,
  ),
];

/** The frozen files below `dir`, relative to it, sorted. */
export const frozenFiles = (dir: string): string[] => globSync("*/*.json", { cwd: dir }).sort();

const glob = (pattern: string) => globSync(pattern, { cwd: projectDir }).sort();
