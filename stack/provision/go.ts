import { join } from "node:path";
import { elapsed } from "../elapsed.ts";
import type { Engine, OnProgress } from "./engine.ts";
import { which } from "./engine.ts";
import { runTool } from "./tool.ts";

/** Leaves out of a program what only debuggers read. */
export const smaller = ["-trimpath", "-ldflags", "-s -w"];

/** Compiles with low priority: what is already up stays quick. */
export async function go(
  name: string,
  args: string[],
  onProgress: OnProgress,
  at: { cwd?: string; bin?: string },
): Promise<void> {
  const started = Date.now();
  let what = "compiling";
  const tell = () => {
    const took = Date.now() - started;
    onProgress(took < 5_000 ? `${what} (only once, some minutes)` : `${what}, ${elapsed(took)} (only once)`);
  };
  const ticker = setInterval(tell, 30_000);
  tell();
  try {
    await runTool("go", args, {
      ...(at.cwd && { cwd: at.cwd }),
      nice: true,
      env: { ...process.env, GOFLAGS: at.bin ? "-mod=mod" : "-mod=readonly", ...(at.bin && { GOBIN: at.bin }) },
      onLine(line) {
        // -v names each package when its turn comes; none of the lines about downloads comes after that.
        const now = line.startsWith("go: downloading")
          ? "downloading the sources"
          : /^\S+$/.test(line)
            ? "compiling"
            : what;
        if (now === what) return;
        what = now;
        tell();
      },
      missing: `${name} is compiled once: install Go 1.25 or newer, or set ${name.toUpperCase()}_BIN to a program of yours`,
      failed: `${name}: go could not build it`,
      telling: (lines) => lines.findLast((line) => !line.startsWith("go: downloading") && /\s/.test(line.trim())),
    });
  } finally {
    clearInterval(ticker);
  }
}

/** An engine that has no build in a registry; the module in the folder of its name pins its sources. */
const tool = (name: string, version: string, command: string): Engine => ({
  name,
  version,
  path: name,
  find: () => which(name),
  install: (folder, onProgress) =>
    go(name, ["build", "-v", "-buildvcs=false", ...smaller, "-o", join(folder, name), command], onProgress, {
      cwd: join(import.meta.dirname, name),
    }),
});

/** Keeps traces. */
export const jaeger: Engine = tool("jaeger", "1.76.0", "github.com/jaegertracing/jaeger/cmd/jaeger");

/** A main branch commit of the 1.31 line: the Go proxy does not serve Istio's release tags. */
const istioVersion = "0.0.0-20260827124520-eed52ebb66ad";

const istio = (name: string, command: string): Engine => ({
  name,
  version: istioVersion.slice(-12),
  path: command.split("/").at(-1)!,
  install: (folder, onProgress) =>
    go(
      name,
      ["install", "-v", ...smaller, "-tags", "vtprotobuf,disable_pgv", `istio.io/istio/${command}@v${istioVersion}`],
      onProgress,
      { bin: folder },
    ),
});

/** Compiles the mesh policy. */
export const istiod: Engine = istio("istiod", "pilot/cmd/pilot-discovery");

/** Validates the mesh policy. */
export const istioctl: Engine = istio("istioctl", "istioctl/cmd/istioctl");
