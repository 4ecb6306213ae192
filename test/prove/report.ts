import type { Figure, Row } from './scenario';

/** What came of a scenario: its row, or why it has none. */
export type Outcome =
  | { readonly name: string; readonly seconds: number; readonly row: Row }
  | { readonly name: string; readonly seconds: number; readonly error: Error };

const HEADINGS = [
  'scenario',
  'tokens',
  'refreshes',
  'faults',
  'lapses',
  'double spends',
  'families lost',
  'silent losses',
  'recovery',
  '',
  'beside it',
];

/** True if everything that must be zero is zero, and all claims hold. */
export function isProven(outcome: Outcome): boolean {
  if ('error' in outcome) return false;
  const { lapses, doubleSpends, familiesLost, silentLosses, claims, violations } = outcome.row;
  const zeros = [lapses, doubleSpends, familiesLost, silentLosses].every(({ count }) => count === 0);
  return zeros && violations.length === 0 && claims.every(({ holds }) => holds);
}

/** The one table, as text. */
export function formatTable(outcomes: readonly Outcome[]): string {
  const cells = [HEADINGS, ...outcomes.map(cellsOf)];
  const widths = HEADINGS.map((_, column) => Math.max(...cells.map((row) => row[column]?.length ?? 0)));
  return cells
    .map((row) =>
      row
        .map((cell, column) =>
          isNumeric(column) ? cell.padStart(widths[column] ?? 0) : cell.padEnd(widths[column] ?? 0),
        )
        .join('  ')
        .trimEnd(),
    )
    .join('\n');
}

/** What is wrong, scenario by scenario; empty if nothing is. */
export function formatTroubles(outcomes: readonly Outcome[], mostOfEach = 8): string {
  return outcomes
    .filter((outcome) => !isProven(outcome))
    .map((outcome) => [`${outcome.name}:`, ...troublesOf(outcome, mostOfEach).map((line) => `  ${line}`)].join('\n'))
    .join('\n');
}

function troublesOf(outcome: Outcome, most: number): string[] {
  if ('error' in outcome) return (outcome.error.stack ?? outcome.error.message).split('\n').slice(0, 30);
  const { claims, violations } = outcome.row;
  const left = violations.length - most;
  return [
    ...claims.filter(({ holds }) => !holds).map(({ what }) => `not so: ${what}`),
    ...violations.slice(0, most),
    ...(left > 0 ? [`and ${left} more`] : []),
  ];
}

function cellsOf(outcome: Outcome): string[] {
  if ('error' in outcome) return [outcome.name, ...Array<string>(8).fill('-'), 'FAILED', 'it did not come to its end'];
  const { row } = outcome;
  return [
    outcome.name,
    String(row.tokens),
    String(row.refreshes),
    String(row.faults),
    shown(row.lapses),
    shown(row.doubleSpends),
    shown(row.familiesLost),
    shown(row.silentLosses),
    row.recoveryMs === null
      ? '-'
      : Number.isFinite(row.recoveryMs)
        ? `${(row.recoveryMs / 1000).toFixed(1)} s`
        : 'never',
    isProven(outcome) ? 'ok' : 'FAILED',
    row.note,
  ];
}

function shown({ count, note }: Figure): string {
  return note === undefined ? String(count) : `${count} (${note})`;
}

function isNumeric(column: number): boolean {
  return column > 0 && column < 9;
}
