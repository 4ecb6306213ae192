const GAP = '  ';
/** What stands in a cell that has nothing to say. */
export const NOTHING = '-';

/** Text in columns, each as wide as its widest cell. */
export function table(head: readonly string[], rows: readonly (readonly string[])[]): string[] {
  const widths = head.map((title, column) => Math.max(title.length, ...rows.map((row) => row[column]?.length ?? 0)));
  return [head, ...rows].map((cells) =>
    cells
      .map((cell, column) => cell.padEnd(widths[column] ?? 0))
      .join(GAP)
      .trimEnd(),
  );
}

/** A time in a cell, to the second. */
export function time(at: Date | null): string {
  return at === null ? NOTHING : at.toISOString().replace(/\.\d{3}Z$/, 'Z');
}
