import { type ParseArgsConfig, parseArgs } from "node:util";

/**
 * The arguments of a command. `--help` prints its usage and ends it; for what it does not know it ends with 2, and says so.
 *
 * @param usage for a person: how to call it, its options and what they are when not given.
 */
export function readArguments<T extends ParseArgsConfig>(usage: string, config: T): ReturnType<typeof parseArgs<T>> {
  try {
    const options = { ...config.options, help: { type: "boolean", short: "h" } as const };
    const read = parseArgs({ ...config, options });
    if ("help" in read.values) {
      console.log(usage);
      process.exit(0);
    }
    return read as ReturnType<typeof parseArgs<T>>;
  } catch (error) {
    const [what] = (error as Error).message.split(/\.\s/, 1);
    console.error(`${what}\n\n${usage}`);
    process.exit(2);
  }
}

/** A whole number of at least `min` and at most `max`; anything else ends the command. */
export function wholeNumber(name: string, text: string, min = 0, max = Number.MAX_SAFE_INTEGER): number {
  const value = Number(text);
  if (text.trim() !== "" && Number.isSafeInteger(value) && value >= min && value <= max) return value;
  console.error(`--${name} is a whole number from ${min}${max < Number.MAX_SAFE_INTEGER ? ` to ${max}` : " on"}`);
  process.exit(2);
}
