/** A program that the mesh's tools run. */
export type Program = "envoy" | "istiod" | "istioctl";

/**
 * The path of a program: what `ENVOY_BIN`, `ISTIOD_BIN` or `ISTIOCTL_BIN` names, else what the stack provides (the first time istiod
 * and istioctl are compiled, which takes minutes).
 */
export async function binaryOf(program: Program): Promise<string> {
  const chosen = process.env[`${program.toUpperCase()}_BIN`];
  if (chosen) return chosen;
  const { provision } = await import("../../stack/provision/index.ts");
  return provision(program, (line: string) => console.error(line));
}
