/** Where an item of which the catalogue says nothing any more ends. */
const defaultStack = 1_000;

/**
 * Whether so many more of an item fit into a bag.
 *
 * @param bag how many different items it holds, and how many of this one.
 * @param limits how many different items a bag can hold, and how many of this one.
 */
export function fits(
  bag: { kinds: number; quantity: number },
  more: number,
  { capacity, stack = defaultStack }: { capacity: number; stack?: number | undefined },
): boolean {
  return bag.quantity + more <= stack && (bag.quantity > 0 || bag.kinds < capacity);
}
