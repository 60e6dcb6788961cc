import { copyFileSync, cpSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { Fault } from "../fault.ts";
import type { Engine } from "./engine.ts";
import { go, smaller } from "./go.ts";
import { runTool } from "./tool.ts";

const cli = "github.com/temporalio/cli";
const cwd = join(import.meta.dirname, "temporal");

/** What is wrong in the sources: in a file of a module, `wrong` stands so many times. */
const mends = [
  {
    // Its parts listen where `--ip` says, and call each other at 127.0.0.1 all the same.
    module: cli,
    file: "temporalcli/devserver/server.go",
    wrong: "localhost, conf.Services",
    right: "MaybeEscapeIPv6(s.FrontendIP), conf.Services",
    times: 4,
  },
  {
    // A query whose caller leaves as its first row comes is never closed. From then on SQLite answers `interrupted (9)` to everybody: one
    // client that gives up at the wrong moment ends Temporal for all. Newer versions close it in the same way.
    module: "modernc.org/sqlite",
    file: "sqlite.go",
    wrong: "r, err = nil, ctx.Err()\n\t\t} else if",
    right: "if r != nil {\n\t\t\t\tr.Close()\n\t\t\t}\n\t\t\tr, err = nil, ctx.Err()\n\t\t} else if",
    times: 1,
  },
];

/**
 * Runs sagas: the CLI holds the whole server, which is 1.29.1. Newer ones carry a replace directive, which a tool module can't follow.
 *
 * One on PATH is not taken, for it is not mended: {@link mends}. In ours the parts call each other where they listen, so that each stack has
 * one in its own network.
 */
export const temporal: Engine = {
  name: "temporal",
  version: "1.5.1-3",
  path: "temporal",
  async install(folder, onProgress) {
    onProgress("downloading the sources");
    const modfile = await mendSources(folder);
    const options = ["-v", "-buildvcs=false", ...smaller, "-modfile", modfile, "-o", join(folder, "temporal")];
    await go("temporal", ["build", ...options, `${cli}/cmd/temporal`], onProgress, { cwd });
    rmSync(join(folder, "sources"), { recursive: true });
  },
};

/** Lays copies of those modules, mended, into `folder`, and a go.mod that builds with them. */
async function mendSources(folder: string): Promise<string> {
  const sources = join(folder, "sources");
  const replaced: string[] = [];
  for (const [i, { module, file, wrong, right, times }] of mends.entries()) {
    const downloaded = await runTool("go", ["mod", "download", "-json", module], {
      cwd,
      missing: "temporal is compiled once: install Go 1.25 or newer, or set TEMPORAL_BIN to a program of yours",
      failed: "temporal: its sources could not be downloaded",
    });
    const { Dir } = JSON.parse(downloaded.slice(downloaded.indexOf("{"))) as { Dir: string };
    const copy = join(sources, String(i));
    cpSync(Dir, copy, { recursive: true });
    // What Go downloads can't be written, nor can copies of it.
    await runTool("chmod", ["-R", "u+w", copy], { missing: "no chmod", failed: "temporal: chmod" });
    const parts = readFileSync(join(copy, file), "utf8").split(wrong);
    if (parts.length !== times + 1) throw new Fault(`temporal: ${module}/${file} is not the one that is to be mended`);
    writeFileSync(join(copy, file), parts.join(right));
    replaced.push(`replace ${module} => ${copy}`);
  }
  const modfile = join(sources, "build.mod");
  writeFileSync(modfile, `${readFileSync(join(cwd, "go.mod"), "utf8")}\n${replaced.join("\n")}\n`);
  copyFileSync(join(cwd, "go.sum"), join(sources, "build.sum"));
  return modfile;
}
