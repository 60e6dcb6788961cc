import type { Secrets } from "../secrets.ts";
import type { ProcessSpec } from "../supervisor.ts";

/** Where an engine of a stack keeps its data, who uses it and in which network it listens. */
export interface EngineContext {
  /** The stack's own folder; an engine uses `<stateDir>/<engine>/`. */
  stateDir: string;
  network: number;
  secrets: Secrets;
  /** The services that get a database, a Redis user. */
  services: readonly string[];
}

/** Makes the process of an engine. */
export type CreateEngine = (context: EngineContext) => ProcessSpec;
