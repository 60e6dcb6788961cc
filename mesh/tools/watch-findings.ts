import { execFile } from "node:child_process";
import { basename, join } from "node:path";
import { promisify } from "node:util";
import { LineCounter, parseAllDocuments } from "yaml";
import { firstChange, type PolicyText } from "./watch-source.ts";

/** What is wrong with an edit, and where. */
export interface Finding {
  /** Relative to the folder of the policy. */
  file: string;
  /** From 1. Where nobody names one, the first line that was edited. */
  line: number;
  /** One line, in the words of whoever refuses. */
  reason: string;
}

/** What istiod reads; it passes over any other kind in silence. */
const kinds = new Set(
  `AuthorizationPolicy DestinationRule EnvoyFilter Gateway PeerAuthentication ProxyConfig RequestAuthentication ServiceEntry Sidecar
   Telemetry VirtualService WasmPlugin WorkloadEntry WorkloadGroup`.split(/\s+/),
);

/** Texts that are no YAML, and objects that istiod would pass over. */
export function yamlFindings(policy: PolicyText, files: readonly string[]): Finding[] {
  return files.flatMap((file) => {
    const lines = new LineCounter();
    const documents = parseAllDocuments(policy.get(file) ?? "", { lineCounter: lines, prettyErrors: false });
    return (Array.isArray(documents) ? documents : []).flatMap((document) => {
      const wrong = document.errors[0];
      if (wrong) return [{ file, line: lines.linePos(wrong.pos[0]).line, reason: wrong.message }];
      if (file === "mesh-config.yaml" || document.contents === null) return [];
      const kind = document.get("kind");
      if (kinds.has(String(kind))) return [];
      const at = document.getIn(["kind"], true) as { range?: [number, number, number] } | undefined;
      return [{ file, line: lines.linePos(at?.range?.[0] ?? 0).line, reason: `Istio has no kind ${kind ?? "here"}` }];
    });
  });
}

/** What istioctl finds wrong with `files` in the folder `folder`; of all that it warns of only what nobody would apply. */
export async function istioctlFindings(
  istioctl: string,
  folder: string,
  files: readonly string[],
  at: (file: string, reason: string) => Finding,
): Promise<Finding[]> {
  const asked = files.map(async (file) => {
    if (file === "mesh-config.yaml") return [];
    const { stdout, stderr } = await run(istioctl, ["validate", "-f", join(folder, file)]).catch((error) => error);
    const found = `${stdout}\n${stderr}`.split("\n").flatMap((line) => {
      const said = /^\s*\* (?:[A-Za-z]+\/[^:]*: )?(?<reason>.*)$/.exec(line)?.groups?.reason;
      return said ? [said] : [];
    });
    const failed = /^Error: /m.test(stderr);
    // a warning of an unknown field is of a patch that istiod leaves out in silence
    return found
      .filter(
        (reason) => /unknown field|can't unmarshal/.test(reason) || (failed && !reason.includes("exposes internal")),
      )
      .map((reason) => at(file, reason));
  });
  return (await Promise.all(asked)).flat();
}

const run = promisify(execFile);

/** What istiod's log says of the files that it could not read. It knows them by their names alone. */
export function istiodFindings(
  output: string,
  files: readonly string[],
  at: (file: string, reason: string) => Finding,
) {
  const said = [...output.matchAll(/Failed to parse config\/([^:]+): (.+)/g)];
  return said.flatMap(([, name, reason]) => {
    const file = files.find((candidate) => basename(candidate) === name);
    return file && reason ? [at(file, reason)] : [];
  });
}

/** Finds the line that a refusal means: that of a name in its words among the lines that differ from `before`, else the first of these. */
export function locate(before: PolicyText, after: PolicyText) {
  return (file: string, reason: string): Finding => {
    const [old, now] = [before.get(file) ?? "", after.get(file) ?? ""];
    const known = new Set(old.split("\n"));
    const lines = now.split("\n");
    const words = [...reason.matchAll(/"([^"]+)"|\b([A-Za-z_][\w.]{3,})\b/g)].map(
      ([, quoted, word]) => quoted ?? word!,
    );
    const named = lines.findIndex((line) => !known.has(line) && words.some((word) => line.includes(word)));
    const line = named === -1 ? (firstChange(old, now) ?? 1) : named + 1;
    return { file, line, reason: plain(reason) };
  };
}

/** Without what says only who speaks. */
const plain = (reason: string): string =>
  reason.replace(
    /^(Envoy filter: |can't unmarshal Any nested proto \S+: |cannot parse proto message(?: for \S+)?: |configuration is invalid: )+/g,
    "",
  );
