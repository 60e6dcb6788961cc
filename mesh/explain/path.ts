/** What the edge makes of a path before anything else reads it. */
export type NormalPath =
  | { path: string; query: string }
  /** An escaped slash: the client is sent to the path without. */
  | { redirect: string }
  /** The edge answers with this status. */
  | { refused: number; why: string }
  /** It is no path: 400 over HTTP/1.1, and the end of the stream over HTTP/2. */
  | { malformed: string };

/**
 * Envoy's `normalize_path`, `merge_slashes` and `UNESCAPE_AND_REDIRECT`, in its order: fragment, escaped slashes, dot segments and
 * needless escapes, slashes. A test compares it with a real Envoy.
 */
export function normalizePath(target: string): NormalPath {
  if (!target.startsWith("/")) return { malformed: "the path does not begin with /" };
  if (target.includes("#")) return { refused: 400, why: "a path may hold no #" };
  const cut = target.indexOf("?");
  const raw = cut < 0 ? target : target.slice(0, cut);
  const query = cut < 0 ? "" : target.slice(cut);
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
  if (/[\u0000-\u0020\u007f]/.test(raw)) return { malformed: "a path may hold no blank" };
  if (/%00/.test(raw)) return { refused: 400, why: "a path may hold no %00" };
  const unescaped = raw.replaceAll(/%2f/gi, "/").replaceAll(/%5c/gi, "\\");
  const path = withoutDots(unescaped.replaceAll("\\", "/")).replaceAll(/\/{2,}/g, "/");
  return unescaped === raw ? { path, query } : { redirect: path + query };
}

/** As Envoy's URL library: `.` and `..` also when escaped, escapes of plain characters undone, characters that may not stand there escaped. */
function withoutDots(path: string): string {
  const plain = path
    .replaceAll(/%([0-9a-f]{2})/gi, (escaped, hex) => {
      const character = String.fromCharCode(Number.parseInt(hex, 16));
      return /[A-Za-z0-9\-._~]/.test(character) ? character : escaped;
    })
    .replaceAll(/["<>`{|}^]|\P{ASCII}/gu, (characters) => encodeURIComponent(characters));
  const segments: string[] = [];
  const parts = plain.split("/").slice(1);
  for (const [index, part] of parts.entries()) {
    const last = index === parts.length - 1;
    if (part === "..") segments.pop();
    if (part === "." || part === "..") {
      if (last) segments.push("");
    } else segments.push(part);
  }
  return `/${segments.join("/")}`;
}
