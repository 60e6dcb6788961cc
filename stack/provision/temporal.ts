import { copyFileSync, cpSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { Fault } from "../fault.ts";
import type { Engine } from "./engine.ts";
import { go, smaller } from "./go.ts";
import { runTool } from "./tool.ts";

const cli = "github.com/temporalio/cli";
const cwd = join(import.meta.dirname, "temporal");

/**
 * Runs sagas: the CLI holds the whole server, which is 1.29.1. Newer ones carry a replace directive, which a tool module can't follow.
 *
 * One on PATH is not taken, for it serves at 127.0.0.1 only: its parts listen where `--ip` says and call each other at 127.0.0.1 all the
 * same. In ours they call where they listen, so that each stack has one in its own network.
 */
export const temporal: Engine = {
  name: "temporal",
  version: "1.5.1-2",
  path: "temporal",
  async install(folder, onProgress) {
    onProgress("downloading the sources");
    const modfile = await mendSources(folder);
    const options = ["-v", "-buildvcs=false", ...smaller, "-modfile", modfile, "-o", join(folder, "temporal")];
    await go("temporal", ["build", ...options, `${cli}/cmd/temporal`], onProgress, { cwd });
    rmSync(join(folder, "sources"), { recursive: true });
  },
};

/** Lays a copy of the CLI's sources with that one line mended into `folder`, and a go.mod that builds with it. */
async function mendSources(folder: string): Promise<string> {
  const downloaded = await runTool("go", ["mod", "download", "-json", cli], {
    cwd,
    missing: "temporal is compiled once: install Go 1.25 or newer, or set TEMPORAL_BIN to a program of yours",
    failed: "temporal: its sources could not be downloaded",
  });
  const { Dir } = JSON.parse(downloaded.slice(downloaded.indexOf("{"))) as { Dir: string };
  const sources = join(folder, "sources");
  cpSync(Dir, sources, { recursive: true });
  // What Go downloads can't be written, nor can copies of it.
  await runTool("chmod", ["-R", "u+w", sources], { missing: "no chmod", failed: "temporal: chmod" });
  const file = join(sources, "temporalcli/devserver/server.go");
  const parts = readFileSync(file, "utf8").split("localhost, conf.Services");
  if (parts.length !== 5) throw new Fault(`temporal: ${file} is not the one that is to be mended`);
  writeFileSync(file, parts.join("MaybeEscapeIPv6(s.FrontendIP), conf.Services"));

  const modfile = join(sources, "build.mod");
  writeFileSync(modfile, `${readFileSync(join(cwd, "go.mod"), "utf8")}\nreplace ${cli} => ${sources}\n`);
  copyFileSync(join(cwd, "go.sum"), join(sources, "build.sum"));
  return modfile;
}
