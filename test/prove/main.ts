import { cpSync, rmSync } from 'node:fs';
import { availableParallelism, loadavg } from 'node:os';
import path from 'node:path';
import { chosen, readCommandLine, type Wish } from './command-line';
import { formatTable, formatTroubles, isProven } from './report';
import { runAll } from './run-all';
import type { Scenario, Surroundings } from './scenario';
import { SCENARIOS } from './scenarios';
import { ROOT } from './servers/launchers';
import { OwnServers, type ServerWishes } from './servers/own-servers';

/** More runnable processes than this for each processor: somebody else works here too. */
const BUSY = 3;

/** The apps' records of the last run, one folder for each scenario. */
const LOGS = path.join(ROOT, '.cache/prove-logs');

/** Things to be ended, the latest first; each is ended once. */
class Endings {
  private ends: (() => Promise<void>)[] = [];

  add(end: () => Promise<void>): void {
    this.ends.push(end);
  }

  async clear(): Promise<void> {
    const ends = this.ends.reverse();
    this.ends = [];
    for (const end of ends) await end().catch((error: unknown) => say(`could not be ended: ${String(error)}`));
  }
}

function say(line: string): void {
  process.stdout.write(`${line}\n`);
}

async function prove(wish: Wish, scenarios: readonly Scenario[]): Promise<boolean> {
  const startedMs = performance.now();
  const clock = (): string => `${((performance.now() - startedMs) / 1000).toFixed(0).padStart(5)} s`;
  say(`Seed ${wish.seed}. ${scenarios.length} scenarios${wish.isLong ? ', the long way' : ''}.`);
  const atLast = new Endings();
  const open = new Set<Endings>([atLast]);
  // a build beside us must not change the apps in the middle
  const workFolder = path.join(ROOT, `.cache/prove-${process.pid}`);
  const dist = path.join(workFolder, 'dist');
  cpSync(path.join(ROOT, 'dist'), dist, { recursive: true });
  atLast.add(() => Promise.resolve(rmSync(workFolder, { recursive: true, force: true })));
  for (const { name } of scenarios) rmSync(path.join(LOGS, name), { recursive: true, force: true });
  stopOnSignals(open);

  let shared: Promise<OwnServers> | undefined;
  const startServers = async (endings: Endings, wishes?: ServerWishes): Promise<OwnServers> => {
    const servers = await OwnServers.start(wishes);
    endings.add(() => servers.stop());
    return servers;
  };
  const surroundingsOf = (scenario: Scenario): Surroundings & { clear: () => Promise<void> } => {
    const endings = new Endings();
    open.add(endings);
    say(`${clock()}  ${scenario.name} starts: ${scenario.proves}`);
    return {
      dist,
      workFolder,
      logFolder: path.join(LOGS, scenario.name),
      seed: wish.seed,
      isLong: wish.isLong,
      sharedServers: () => (shared ??= startServers(atLast)),
      ownServers: (wishes) => startServers(endings, wishes),
      atEnd: (end) => endings.add(end),
      say: (line) => say(`${clock()}  ${scenario.name}: ${line}`),
      clear: () => endings.clear(),
    };
  };
  try {
    const outcomes = await runAll(scenarios, surroundingsOf, (outcome) =>
      say(
        `${clock()}  ${outcome.name} ends after ${outcome.seconds.toFixed(0)} s: ${isProven(outcome) ? 'ok' : 'FAILED'}`,
      ),
    );
    const troubles = formatTroubles(outcomes);
    say(`\n${formatTable(outcomes)}\n`);
    const [load = 0] = loadavg();
    const busy = load > BUSY * availableParallelism();
    if (busy && troubles !== '')
      say(`The machine was busy (load ${load.toFixed(1)}): lapses may be of its making. Run the proof alone.\n`);
    if (troubles !== '')
      say(`${troubles}\n\nSeed ${wish.seed}. The records of all apps lie in ${path.relative(ROOT, LOGS)}.`);
    return outcomes.every(isProven);
  } finally {
    for (const endings of open) await endings.clear();
  }
}

/** Ctrl-C ends everything too; a second one does not wait for it. */
function stopOnSignals(open: ReadonlySet<Endings>): void {
  let isStopping = false;
  const stop = (): void => {
    if (isStopping) process.exit(130);
    isStopping = true;
    void (async () => {
      for (const endings of [...open].reverse()) await endings.clear();
      process.exit(130);
    })();
  };
  process.on('SIGINT', stop);
  process.on('SIGTERM', stop);
}

async function main(): Promise<number> {
  let wish: Wish;
  let scenarios: Scenario[];
  try {
    wish = readCommandLine(process.argv.slice(2), Math.random());
    scenarios = chosen(SCENARIOS, wish.only);
  } catch (error) {
    process.stderr.write(`${(error as Error).message}\n`);
    return 2;
  }
  if (wish.listOnly) {
    for (const { name, proves } of scenarios) say(`${name.padEnd(26)} ${proves}`);
    return 0;
  }
  return (await prove(wish, scenarios)) ? 0 : 1;
}

main().then(
  (code) => process.exit(code),
  (error: unknown) => {
    process.stderr.write(`${(error as Error).stack ?? String(error)}\n`);
    process.exit(1);
  },
);
