import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { MUTATED_LIBS, type MutatedLib } from '../mutation/lib';
import { runStryker } from '../mutation/run-stryker';
import type { MutationScore } from '../mutation/score';
import { NO_TOKENS, type Row, type Scenario, type Surroundings } from '../scenario';

async function mutate(lib: MutatedLib, { logFolder, atEnd, say }: Surroundings): Promise<Row> {
  const score = await runStryker(lib, logFolder, atEnd);
  const { survivors } = score;
  writeFileSync(path.join(logFolder, 'survivors.txt'), survivors.map((line) => `${line}\n`).join(''));
  if (survivors.length > 0) say(`${survivors.length} mutants survive, survivors.txt tells which`);
  return rowOf(lib, score);
}

/** A lib's row of the table. */
export function rowOf({ name, leastScore }: MutatedLib, score: MutationScore): Row {
  const { mutants, timedOut, survivors, uncounted, percent } = score;
  const holds = percent >= leastScore;
  const found = `${mutants - survivors.length} of ${mutants} mutants found, ${percent.toFixed(1)} %`;
  return {
    ...NO_TOKENS,
    faults: mutants,
    note: `${found}; ${timedOut} by a timeout, ${uncounted} not counted`,
    claims: [{ holds, what: `at least ${leastScore} % of the mutants of libs/${name} are found (${found})` }],
    violations: holds ? [] : survivors,
  };
}

export const mutation: readonly Scenario[] = MUTATED_LIBS.map((lib) => ({
  name: `mutation-${lib.name}`,
  proves: `of all small changes to the rules of libs/${lib.name}, its own tests find ${lib.leastScore} % or more`,
  weight: 1,
  run: (surroundings) => mutate(lib, surroundings),
}));
