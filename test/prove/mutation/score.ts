/** The part of a report that is read here (mutation-testing-report-schema 3). */
export interface MutationReport {
  readonly files: Readonly<Record<string, { readonly source: string; readonly mutants: readonly Mutant[] }>>;
}

interface Mutant {
  readonly mutatorName: string;
  /** What stands there instead. */
  readonly replacement?: string;
  readonly status: MutantStatus;
  readonly location: { readonly start: Position; readonly end: Position };
}

/** Both count from 1. */
interface Position {
  readonly line: number;
  readonly column: number;
}

type MutantStatus =
  'Killed' | 'Timeout' | 'Survived' | 'NoCoverage' | 'RuntimeError' | 'CompileError' | 'Ignored' | 'Pending';

/** How the tests did, counted as Stryker counts. */
export interface MutationScore {
  /** All that are counted: mutants that do not run at all tell nothing, and those that a comment excuses are left out. */
  readonly mutants: number;
  readonly killed: number;
  readonly timedOut: number;
  /** Where tests noticed nothing, a line for each. */
  readonly survivors: readonly string[];
  readonly uncounted: number;
  /** The share that was found, in per cent; 0 if there were no mutants. */
  readonly percent: number;
}

const LONGEST_CODE = 80;

export function scoreOf({ files }: MutationReport): MutationScore {
  const all = Object.entries(files).flatMap(([name, { source, mutants }]) =>
    mutants.map((mutant) => ({ name, source, mutant })),
  );
  const having = (...statuses: MutantStatus[]): typeof all =>
    all.filter(({ mutant }) => statuses.includes(mutant.status));
  const killed = having('Killed').length;
  const timedOut = having('Timeout').length;
  const survivors = having('Survived', 'NoCoverage').map(({ name, source, mutant }) => told(name, source, mutant));
  const mutants = killed + timedOut + survivors.length;
  return {
    mutants,
    killed,
    timedOut,
    survivors,
    uncounted: all.length - mutants,
    percent: mutants === 0 ? 0 : ((killed + timedOut) / mutants) * 100,
  };
}

function told(name: string, source: string, { mutatorName, replacement, status, location }: Mutant): string {
  const { line, column } = location.start;
  const change = `${shortened(codeAt(source, location))} → ${shortened(replacement ?? '')}`;
  return `${name}:${line}:${column} ${mutatorName}: ${change}${status === 'NoCoverage' ? ' (no test comes here)' : ''}`;
}

function codeAt(source: string, { start, end }: Mutant['location']): string {
  const lines = source.split('\n').slice(start.line - 1, end.line);
  const last = lines.pop() ?? '';
  return [...lines, last.slice(0, end.column - 1)].join('\n').slice(start.column - 1);
}

function shortened(code: string): string {
  const line = code.replaceAll(/\s+/g, ' ').trim();
  return line.length > LONGEST_CODE ? `${line.slice(0, LONGEST_CODE)}…` : line;
}
