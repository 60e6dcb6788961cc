import { mkdir, readdir, rename, rm } from "node:fs/promises";
import { join } from "node:path";
import { type Engine, which } from "./engine.ts";
import { runTool } from "./tool.ts";

/**
 * Checks and tests alert rules. Debian has it in the package of the whole server, which is taken apart and not installed: that would
 * start it. The version is whichever the machine's Debian has.
 */
export const promtool: Engine = {
  name: "promtool",
  version: "debian",
  path: "promtool",
  find: () => which("promtool"),
  async install(folder, onProgress) {
    const work = join(folder, "work");
    await mkdir(join(work, "lists/partial"), { recursive: true });
    onProgress("downloading");
    await download(work);
    const packed = (await readdir(work)).find((name) => name.endsWith(".deb"))!;
    await runTool("dpkg", ["-x", join(work, packed), work], {
      missing: "promtool comes in a Debian package: dpkg is missing, set PROMTOOL_BIN to a program of yours",
      failed: "promtool: its package could not be opened",
    });
    await rename(join(work, "usr/bin/promtool"), join(folder, "promtool"));
    await rm(work, { recursive: true });
  },
};

/** Downloads by the package lists of the machine; when they are missing or stale, by fresh ones of its own. */
async function download(folder: string): Promise<void> {
  const apt = (...args: string[]) =>
    runTool("apt-get", ["-q", "-o", "APT::Sandbox::User=", ...args], {
      cwd: folder,
      missing: "promtool comes in a Debian package: apt-get is missing, set PROMTOOL_BIN to a program of yours",
      failed: "promtool: apt-get could not download prometheus",
      telling: (lines) => lines.find((line) => /^E:/.test(line)),
    });
  try {
    await apt("download", "prometheus");
  } catch {
    const own = ["-o", `Dir::State::lists=${join(folder, "lists")}`, "-o", `Dir::Cache=${folder}`];
    await apt(...own, "update");
    await apt(...own, "download", "prometheus");
  }
}
