import {
  type Alias,
  type Document,
  isAlias,
  isMap,
  isNode,
  isScalar,
  isSeq,
  LineCounter,
  type Node,
  parseAllDocuments,
} from "yaml";

/** Where something stands in the policy. */
export interface Position {
  /** Relative to the project. */
  file: string;
  line: number;
}

/** `file:line`, as terminals and editors take it. */
export const at = ({ file, line }: Position): string => `${file}:${line}`;

const resolved = new WeakMap<Alias, unknown>();

/** What an alias stands for; to look for its anchor means to walk through the document, so it is done once. */
function resolve(document: Document, node: unknown): unknown {
  if (!isAlias(node)) return node;
  if (!resolved.has(node)) resolved.set(node, node.resolve(document));
  return resolved.get(node);
}

/** A piece of a YAML file that knows its line. An alias is what it stands for: there stands the value that a person would change. */
export class Field {
  readonly #start: number;
  readonly #node: Node | null;
  readonly #of: { file: string; document: Document; lines: LineCounter };

  constructor(of: { file: string; document: Document; lines: LineCounter }, node: unknown) {
    this.#of = of;
    this.#node = resolve(of.document, node) as Node | null;
    this.#start = (isNode(this.#node) ? this.#node : (node as Node | null))?.range?.[0] ?? 0;
  }

  get position(): Position {
    return { file: this.#of.file, line: this.#of.lines.linePos(this.#start).line };
  }

  /** What stands under these keys and indexes; undefined when there is nothing. */
  get(...keys: (string | number)[]): Field | undefined {
    let node: unknown = this.#node;
    for (const key of keys) {
      node = resolve(this.#of.document, node);
      node = isMap(node) || isSeq(node) ? node.get(key, true) : undefined;
      if (node === undefined || node === null) return undefined;
    }
    return new Field(this.#of, node);
  }

  #under(keys: (string | number)[]): Node | null | undefined {
    if (keys.length === 0) return this.#node;
    const field = this.get(...keys);
    return field ? field.#node : undefined;
  }

  /** The items of the list under these keys; none when there is no list. */
  items(...keys: (string | number)[]): Field[] {
    const node = this.#under(keys);
    return isSeq(node) ? node.items.map((item) => new Field(this.#of, item)) : [];
  }

  /** The keys and values of the map under these keys; none when there is no map. */
  entries(...keys: (string | number)[]): [string, Field][] {
    const node = this.#under(keys);
    if (!isMap(node)) return [];
    return node.items.map(({ key, value }) => [
      String(isScalar(key) ? key.value : key),
      new Field(this.#of, value ?? key),
    ]);
  }

  /** The value as plain JavaScript. */
  get value(): unknown {
    return isNode(this.#node) ? this.#node.toJS(this.#of.document) : undefined;
  }

  /** The text under these keys; undefined when there is none. */
  text(...keys: (string | number)[]): string | undefined {
    const node = this.#under(keys);
    return isScalar(node) && node.value !== null ? String(node.value) : undefined;
  }

  /** The number under these keys; undefined when there is none. */
  number(...keys: (string | number)[]): number | undefined {
    const text = this.text(...keys);
    return text === undefined || Number.isNaN(Number(text)) ? undefined : Number(text);
  }

  /** The texts of the list under these keys; none when there is no list. */
  texts(...keys: (string | number)[]): string[] {
    return this.items(...keys).flatMap((item) => item.text() ?? []);
  }
}

/**
 * The documents of a YAML file.
 *
 * @throws Error that begins with `file:line` when it is no YAML.
 */
export function readYaml(file: string, text: string): Field[] {
  const lines = new LineCounter();
  return parseAllDocuments(text, { lineCounter: lines, prettyErrors: false }).map((document) => {
    const [error] = document.errors;
    if (error) throw new Error(`${file}:${lines.linePos(error.pos[0]).line}: ${error.message}`);
    return new Field({ file, document, lines }, document.contents);
  });
}
