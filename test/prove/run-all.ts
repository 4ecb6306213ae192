import type { Outcome } from './report';
import type { Scenario, Surroundings } from './scenario';

/** All of the machine, in the weight of scenarios. */
const ROOM = 4;

/**
 * Runs scenarios side by side where their weights allow it, in their order: one that finds no room lets those behind it
 * pass that do, so that none of the machine lies idle.
 *
 * @returns what came of them, in the order of the scenarios
 */
export async function runAll(
  scenarios: readonly Scenario[],
  surroundingsOf: (scenario: Scenario) => Surroundings & { readonly clear: () => Promise<void> },
  onEnd: (outcome: Outcome) => void,
): Promise<Outcome[]> {
  const outcomes = new Map<string, Outcome>();
  const running = new Set<Promise<void>>();
  const waiting = [...scenarios];
  let taken = 0;
  while (waiting.length > 0) {
    const next = waiting.findIndex(({ weight }) => taken + weight <= ROOM);
    const [scenario] = next < 0 ? [] : waiting.splice(next, 1);
    if (!scenario) {
      await Promise.race(running);
      continue;
    }
    taken += scenario.weight;
    const run = runOne(scenario, surroundingsOf(scenario)).then((outcome) => {
      outcomes.set(scenario.name, outcome);
      taken -= scenario.weight;
      running.delete(run);
      onEnd(outcome);
    });
    running.add(run);
  }
  await Promise.all(running);
  return scenarios.map(({ name }) => outcomes.get(name)).filter((outcome) => outcome !== undefined);
}

async function runOne(
  scenario: Scenario,
  surroundings: Surroundings & { readonly clear: () => Promise<void> },
): Promise<Outcome> {
  const startedMs = performance.now();
  const seconds = (): number => (performance.now() - startedMs) / 1000;
  try {
    const row = await scenario.run(surroundings);
    return { name: scenario.name, seconds: seconds(), row };
  } catch (error) {
    return { name: scenario.name, seconds: seconds(), error: error as Error };
  } finally {
    await surroundings.clear();
  }
}
