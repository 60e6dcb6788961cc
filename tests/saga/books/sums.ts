/** Numbers that are added up by key; what was never touched is 0. */
export class Sums {
  readonly #sums = new Map<string, bigint>();

  add(key: string, n: number | bigint): void {
    this.#sums.set(key, this.of(key) + BigInt(n));
  }

  of(key: string): bigint {
    return this.#sums.get(key) ?? 0n;
  }

  /** Each key whose sum is not the same in both. */
  *differing(other: Sums): Generator<[key: string, here: bigint, there: bigint]> {
    for (const key of new Set([...this.#sums.keys(), ...other.#sums.keys()])) {
      if (this.of(key) !== other.of(key)) yield [key, this.of(key), other.of(key)];
    }
  }

  entries(): IterableIterator<[string, bigint]> {
    return this.#sums.entries();
  }
}

/** One key of several parts. */
export const keyOf = (...parts: string[]): string => parts.join(" ");
