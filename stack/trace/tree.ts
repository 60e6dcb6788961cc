import type { Span } from "./jaeger.ts";

const barWidth = 32;

/**
 * A trace as lines of text: each span under its parent, with its service, its share of the whole as a bar, and how long it took.
 */
export function drawTrace(spans: Span[]): string[] {
  if (spans.length === 0) return [];
  const ids = new Set(spans.map(({ id }) => id));
  const byStart = (a: Span, b: Span) => a.start - b.start;
  const childrenOf = (id: string | undefined) => spans.filter(({ parentId }) => parentId === id).sort(byStart);
  const roots = spans.filter(({ parentId }) => parentId === undefined || !ids.has(parentId)).sort(byStart);

  const begin = Math.min(...spans.map(({ start }) => start));
  const length = Math.max(...spans.map(({ start, duration }) => start + duration)) - begin || 1;
  const rows: { label: string; span: Span }[] = [];
  const add = (span: Span, indent: string, branch: string) => {
    rows.push({ label: `${indent}${branch}${span.service}  ${span.operation}`, span });
    const children = childrenOf(span.id);
    const deeper = branch === "" ? "" : indent + (branch === "└─ " ? "   " : "│  ");
    children.forEach((child, i) => {
      add(child, deeper, i === children.length - 1 ? "└─ " : "├─ ");
    });
  };
  for (const root of roots) add(root, "", "");

  const width = Math.max(...rows.map(({ label }) => label.length));
  return rows.map(({ label, span }) => {
    const from = Math.min(barWidth - 1, Math.floor(((span.start - begin) / length) * barWidth));
    const size = Math.min(barWidth - from, Math.max(1, Math.round((span.duration / length) * barWidth)));
    const bar = `${" ".repeat(from)}${"━".repeat(size)}`.padEnd(barWidth);
    const fault = span.tags.error === true ? "  ✗" : "";
    return `${label.padEnd(width)}  ${bar}  ${milliseconds(span.duration).padStart(9)}${fault}`;
  });
}

const milliseconds = (us: number) => `${(us / 1000).toFixed(us < 10_000 ? 2 : 1)} ms`;
