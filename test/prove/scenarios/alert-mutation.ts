import { mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { runAlertMutants, type AlertScore } from '../alerts/run-mutants';
import { NO_TOKENS, type Row, type Scenario, type Surroundings } from '../scenario';

async function mutateAlerts({ workFolder, logFolder, atEnd, say }: Surroundings): Promise<Row> {
  const stop = new AbortController();
  atEnd(() => Promise.resolve(stop.abort()));
  const score = await runAlertMutants(path.join(workFolder, 'alerts'), stop.signal);
  const { survivors } = score;
  mkdirSync(logFolder, { recursive: true });
  writeFileSync(path.join(logFolder, 'survivors.txt'), survivors.map((line) => `${line}\n`).join(''));
  if (survivors.length > 0) say(`${survivors.length} changes of alerts go unnoticed, survivors.txt tells which`);
  return rowOfAlerts(score);
}

/** The row of the table. */
export function rowOfAlerts({ alerts, mutants, survivors }: AlertScore): Row {
  const found = `${mutants - survivors.length} of ${mutants} changes of ${alerts} alerts noticed`;
  const holds = mutants > 0 && survivors.length === 0;
  return {
    ...NO_TOKENS,
    faults: mutants,
    note: found,
    claims: [{ holds, what: `every change of an alert turns its own tests red (${found})` }],
    violations: survivors,
  };
}

export const alertMutation: readonly Scenario[] = [
  {
    name: 'alert-mutation',
    proves: 'an alert that never fires, always fires, or fires at another point does not pass its own tests',
    weight: 1,
    run: mutateAlerts,
  },
];
