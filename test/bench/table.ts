/** One line of the table: what the hub does, beside the least that could be done on this machine at this hour. */
export interface Row {
  readonly what: string;
  readonly hub: string;
  readonly floor: string;
  readonly ratio: string;
}

const HEAD: Row = { what: '', hub: 'hub', floor: 'floor', ratio: 'hub : floor' };

/** The rows as one table for a terminal. */
export function formatTable(rows: readonly Row[]): string {
  const all = [HEAD, ...rows];
  const width = (column: keyof Row) => Math.max(...all.map((row) => row[column].length));
  const widths = { what: width('what'), hub: width('hub'), floor: width('floor'), ratio: width('ratio') };
  const line = (row: Row) =>
    [
      row.what.padEnd(widths.what),
      row.hub.padStart(widths.hub),
      row.floor.padStart(widths.floor),
      row.ratio.padStart(widths.ratio),
    ]
      .join('  ')
      .trimEnd();
  const rule = '-'.repeat(widths.what + widths.hub + widths.floor + widths.ratio + 6);
  return [line(HEAD), rule, ...rows.map(line)].join('\n');
}

/** Two figures of one unit, and how many times the floor's the hub's is. */
export function row(what: string, hub: number, floor: number | null, unit: string): Row {
  const show = (figure: number) => `${round(figure)} ${unit}`;
  return {
    what,
    hub: show(hub),
    floor: floor === null ? '' : show(floor),
    ratio: floor === null || floor === 0 ? '' : `${(hub / floor).toFixed(2)}`,
  };
}

function round(figure: number): string {
  if (figure >= 100) return figure.toFixed(0);
  return figure >= 10 ? figure.toFixed(1) : figure.toFixed(2);
}
