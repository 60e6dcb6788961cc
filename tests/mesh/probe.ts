import { execSync } from "node:child_process";
import { startMesh } from "./support/mesh.ts";

const m = await startMesh();
for (const pid of execSync(`pgrep -P ${process.pid} envoy`).toString().trim().split("\n"))
  console.log(
    pid,
    execSync(`ls -l /proc/${pid}/fd | grep -c inotify`).toString().trim(),
    execSync(`readlink /proc/${pid}/cwd`).toString().trim(),
  );
await m[Symbol.asyncDispose]();
