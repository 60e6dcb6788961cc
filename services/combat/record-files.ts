import { createWriteStream, mkdirSync } from "node:fs";
import { join } from "node:path";

/** A file for the log of each zone: `<zone>-<start>.log`. They are not kept small: it is for a day of looking for a fault. */
export function recordTo(folder: string): (zoneId: string) => (line: string) => void {
  mkdirSync(folder, { recursive: true });
  return (zoneId) => {
    const file = createWriteStream(join(folder, `${zoneId}-${Date.now()}.log`));
    // Without its log the fight goes on.
    file.on("error", () => undefined);
    return (line) => void file.write(`${line}\n`);
  };
}
