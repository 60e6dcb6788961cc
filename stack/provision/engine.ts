import { access, constants } from "node:fs/promises";
import { delimiter, join } from "node:path";

/** Told what is going on: `downloading`, `compiling, 2m 10s (only once)`. */
export type OnProgress = (line: string) => void;

/** Something that the platform runs and that this project doesn't hold. */
export interface Engine {
  name: string;
  version: string;
  /** What it gives, as a path inside its folder; `.` is the folder. */
  path: string;
  /** One that the person has already and that will do. */
  find?: () => Promise<string | undefined>;
  /** Puts it into an empty folder. */
  install: (folder: string, onProgress: OnProgress) => Promise<void>;
}

/** The path of an executable on PATH. */
export async function which(program: string): Promise<string | undefined> {
  for (const folder of (process.env.PATH ?? "").split(delimiter)) {
    const path = join(folder || ".", program);
    if (await isExecutable(path)) return path;
  }
  return undefined;
}

/** Whether `path` can be run by this user. */
export const isExecutable = (path: string): Promise<boolean> =>
  access(path, constants.X_OK).then(
    () => true,
    () => false,
  );
