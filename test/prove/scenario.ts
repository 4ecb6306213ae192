import type { OwnServers, ServerWishes } from './servers/own-servers';

/** What a scenario may use of the run that it is part of. */
export interface Surroundings {
  /** Folder of the compiled apps. */
  readonly dist: string;
  /** For files of this run; gone with it. */
  readonly workFolder: string;
  /** Where the apps' records go. */
  readonly logFolder: string;
  readonly seed: number;
  /** The large figures instead of the short ones. */
  readonly isLong: boolean;
  /** PostgreSQL and Redis that several scenarios use side by side: not to be stopped, killed or flushed. */
  readonly sharedServers: () => Promise<OwnServers>;
  /** Servers of this scenario's own. */
  readonly ownServers: (wishes?: ServerWishes) => Promise<OwnServers>;
  /** Something that must be ended with the run, however that ends. */
  readonly atEnd: (end: () => Promise<void>) => void;
  /** Tells the person who waits how far it has come. */
  readonly say: (line: string) => void;
}

/** A column of the table: a number, with what stands beside it for people. */
export interface Figure {
  readonly count: number;
  readonly note?: string;
}

/** Something that a scenario claims beyond its columns of zeros. */
export interface Claim {
  readonly holds: boolean;
  /** What is claimed, with the figures that were found. */
  readonly what: string;
}

/** One row of the table. */
export interface Row {
  readonly tokens: number;
  readonly refreshes: number;
  readonly faults: number;
  readonly lapses: Figure;
  readonly doubleSpends: Figure;
  readonly familiesLost: Figure;
  readonly silentLosses: Figure;
  /** `null`: nothing to recover from. */
  readonly recoveryMs: number | null;
  /** What else is worth knowing, in a few words. */
  readonly note: string;
  readonly claims: readonly Claim[];
  /** What must not be and was; the first few are told. */
  readonly violations: readonly string[];
}

/** The figures of a row that is about something else. */
export const NOT_COUNTED: Pick<Row, 'lapses' | 'doubleSpends' | 'familiesLost' | 'silentLosses'> = {
  lapses: { count: 0, note: 'not counted' },
  doubleSpends: { count: 0, note: 'not counted' },
  familiesLost: { count: 0, note: 'not counted' },
  silentLosses: { count: 0, note: 'not counted' },
};

/** The same of a row that has no tokens at all. */
export const NO_TOKENS = { tokens: 0, refreshes: 0, ...NOT_COUNTED, recoveryMs: null } as const;

/** A named situation and its proof. */
export interface Scenario {
  readonly name: string;
  /** One sentence: what must hold. */
  readonly proves: string;
  /** How much of the machine it takes: 4 is all of it, so that nothing else runs beside; 0.5 waits nearly all of its time. */
  readonly weight: 0.5 | 1 | 2 | 3 | 4;
  readonly run: (surroundings: Surroundings) => Promise<Row>;
}
