import { homedir } from "node:os";
import { join } from "node:path";

/** The checkout. */
export const root: string = join(import.meta.dirname, "..");

/** Where `npm start` keeps its data, secrets and logs. */
export const defaultStateDir: string = join(root, ".state");

/** Where engines are kept for all checkouts of this user. */
export const cacheDir: string = join(process.env.XDG_CACHE_HOME || join(homedir(), ".cache"), "game-mesh");
